#!/usr/bin/env python3
"""Writes what docs/results/ keeps of a result of tools/bench/examples.py.

    python3 tools/bench/example_report.py RESULT.json docs/results

examples.json has each side's fastest choice of every problem, examples.md a table of them.
"""

import json
import sys
from pathlib import Path


def kept(result):
    rows = [{**row, "choices": {side: found[:1] for side, found in row["choices"].items()}}
            for row in result["rows"]]
    return {**result, "rows": rows}


def table(result):
    lines = [
        "# The examples beside Triton's versions", "",
        f"`{result['command']}`: {result['device']}, driver {result['driver']}, torch "
        f"{result['torch']}, Triton {result['triton']}, commit {result['commit']}. Cold µs, medians; "
        "the fastest choice of each side; every result was checked against fp64 first.", "",
        "| example | sizes | type | Lath | Triton | faster by | Lath's choice | Triton's choice |",
        "|---|---|---|---:|---:|---:|---|---|"]
    for row in result["rows"]:
        lath, triton = row["choices"]["lath"][0], row["choices"]["triton"][0]
        lines.append(
            f"| {row['program']} | {row['sizes']} | {row['dtype']} | {lath['us']:.2f} | "
            f"{triton['us']:.2f} | {triton['us'] / lath['us']:.2f} | `{lath['choice']}` | "
            f"`{triton['choice']}` |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    result = kept(json.loads(Path(sys.argv[1]).read_text()))
    folder = Path(sys.argv[2])
    (folder / "examples.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "examples.md").write_text(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
