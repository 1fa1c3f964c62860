#!/usr/bin/env python3
"""Compares what the emulator counts with what Nsight Compute measures.

    python3 tools/verify/profile.py BIN [-o FOLDER] [--ncu PATH] [--hardware FILE]

BIN is the folder of lath-verify. Runs its `profile` command (one launch of each
kernel of a fixed list) once on the emulator and twice under ncu, prints the two
side by side, and writes into FOLDER (docs/results):

    profiler.md     the tables
    profiler.json   what both counted, metric by metric

--hardware takes the hardware's figures from the profiler.json of an earlier run
instead, so that a changed emulator can be compared where there is no GPU.
ncu's own output is kept in FOLDER/profiler-raw. Python's standard library only.
"""
import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.02

L1 = "l1tex__t_sectors_pipe_lsu_mem_global_op_"
WAVES = "l1tex__data_pipe_lsu_wavefronts_mem_shared"
SASS = "smsp__sass_inst_executed_op_"  # where the predicate of some thread holds
COPY_WAVES = "smsp__sass_l1tex_data_pipe_lsu_wavefronts_mem_shared_op_ldgsts.sum"
OPCODES = "sass__inst_executed_per_opcode"

# What a run needs at the least, and what is worth having where the chip has it.
NEEDED = ["smsp__inst_executed.sum", L1 + "ld.sum", WAVES + ".sum"]
WANTED = [L1 + op + ".sum" for op in
          ("st", "red", "atom", "ldgsts", "ldgsts_cache_access", "ldgsts_cache_bypass")]
WANTED += [WAVES + f"_op_{op}.sum" for op in ("ld", "st", "atom")]
WANTED += ["l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum",
           "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum",
           "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_st.sum",
           "smsp__inst_executed_pipe_tensor_op_hmma.sum"]
WANTED += [f"smsp__inst_executed_op_{op}.sum" for op in
           ("ldgsts", "ldgsts_pred_on_any", "ldsm", "shared_ld", "shared_st", "global_ld",
            "global_st", "global_red", "global_atom", "generic_atom_dot_alu")]
WANTED += [SASS + op + ".sum" for op in
           ("shared_ld", "shared_st", "global_ld", "global_st", "global_red", "global_atom",
            "ldgsts", "ldsm")]
WANTED += [COPY_WAVES]


def fail(message):
    sys.exit(f"profile.py: error: {message}")


class Counters:
    """What the emulator counted of one launch."""

    def __init__(self, counters):
        self.counters = counters

    def access(self, field, *kinds):
        return sum(a[field] for a in self.counters["accesses"] if a["kind"] in kinds)

    def issued(self, *kinds):
        return sum(self.counters["by_kind"].get(k, 0) for k in kinds)


class Hardware:
    """What ncu measured of one launch: metrics by name, None where it has none."""

    def __init__(self, metrics, opcodes):
        self.metrics, self.opcodes = metrics, opcodes

    def sum(self, *names):
        values = [self.metrics[n] for n in names if n in self.metrics]
        return sum(values) if values else None

    @staticmethod
    def first(*values):
        return next((v for v in values if v is not None), None)

    def opcode(self, *names):
        return sum(self.opcodes.get(n, 0) for n in names) if self.opcodes else None


# Group, label, hardware, emulator. The first two groups are memory: the counts
# depend on addresses. The third has the instructions that ptxas makes one for
# one out of PTX, those of memory only where a thread executes them: ptxas makes
# branches of some predicates, and puts loads that nobody executes before copies.
# Not compared: wavefronts of all kinds together, which hold some of the copies',
# shuffles and others. A row whose metric was not measured is left out.
ROWS = [
    ("sectors", "global loads and copies",
     lambda h: h.sum(L1 + "ld.sum"),
     lambda e: e.access("sectors", "ld.global", "cp.async")),
    ("sectors", "global stores",
     lambda h: h.sum(L1 + "st.sum"),
     lambda e: e.access("sectors", "st.global")),
    ("sectors", "global atomics",
     lambda h: h.sum(L1 + "red.sum", L1 + "atom.sum"),
     lambda e: e.access("sectors", "atomic")),
    ("wavefronts", "loads (LDS, LDSM)",
     lambda h: h.sum(WAVES + "_op_ld.sum"),
     lambda e: e.access("wavefronts", "ld.shared", "matrix load")),
    ("wavefronts", "stores (STS)",
     lambda h: h.sum(WAVES + "_op_st.sum"),
     lambda e: e.access("wavefronts", "st.shared", "matrix store")),
    ("wavefronts", "copies (LDGSTS)",
     lambda h: h.sum(COPY_WAVES), lambda e: e.access("wavefronts", "cp.async")),
    ("instructions", "HMMA", lambda h: h.opcode("HMMA"), lambda e: e.issued("mma")),
    ("instructions", "LDGSTS",
     lambda h: h.sum(SASS + "ldgsts.sum"), lambda e: e.access("executed", "cp.async")),
    ("instructions", "LDG",
     lambda h: h.sum(SASS + "global_ld.sum"), lambda e: e.access("executed", "ld.global")),
    ("instructions", "STG",
     lambda h: h.sum(SASS + "global_st.sum"), lambda e: e.access("executed", "st.global")),
    ("instructions", "LDS",
     lambda h: h.sum(SASS + "shared_ld.sum"), lambda e: e.access("executed", "ld.shared")),
    ("instructions", "STS",
     lambda h: h.sum(SASS + "shared_st.sum"), lambda e: e.access("executed", "st.shared")),
    ("instructions", "LDSM",
     lambda h: h.sum(SASS + "ldsm.sum"), lambda e: e.access("executed", "matrix load")),
    ("instructions", "RED and ATOM",
     lambda h: h.first(h.sum(SASS + "global_red.sum", SASS + "global_atom.sum"),
                       h.opcode("RED", "REDG", "ATOM", "ATOMG")),
     lambda e: e.access("executed", "atomic")),
    ("instructions", "BAR", lambda h: h.opcode("BAR"), lambda e: e.issued("barrier")),
    ("instructions", "SHFL", lambda h: h.opcode("SHFL"), lambda e: e.issued("warp-wide")),
]


def number(text):
    """A cell of ncu's CSV as a number; None for what is not one."""
    match = re.match(r"\s*(-?[\d,]+(?:\.\d+)?(?:[eE][+-]?\d+)?)", text or "")
    if not match or not any(c.isdigit() for c in match[1]):
        return None
    value = float(match[1].replace(",", ""))
    return int(value) if value == int(value) else value


def instances(text):
    """'7 (HMMA: 3; LDS: 4)' as {'HMMA': 3, 'LDS': 4}."""
    found = {}
    for name, value in re.findall(r"([A-Z][A-Z0-9_.]*)\s*[:=]\s*([\d,]*\d)", text or ""):
        found[name.split(".")[0]] = found.get(name.split(".")[0], 0) + number(value)
    return found


def launches(text):
    """ncu's CSV as one {'Kernel Name': ..., metric: cell} a launch, in order.

    Takes both of its forms: a column for each metric (--page raw) and a row for
    each metric (--page details). Other lines may surround the table."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith('"ID"')), None)
    if start is None:
        return []
    rows = list(csv.reader(line for line in lines[start:] if line.startswith('"')))
    head, result = rows[0], {}
    for row in rows[1:]:
        cells = dict(zip(head, row))
        if not cells.get("ID", "").strip().isdigit():
            continue  # the row of units
        launch = result.setdefault(int(cells["ID"]), {"Kernel Name": cells.get("Kernel Name", "")})
        if "Metric Name" in cells:
            launch[cells["Metric Name"]] = cells.get("Metric Value", "")
        else:
            launch.update(cells)
    return [result[i] for i in sorted(result)]


def command(arguments, timeout, **options):
    try:
        return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        fail(f"cannot run {arguments[0]}: {error}")


def known_metrics(ncu):
    """The names of this chip's metrics, without suffixes; empty if ncu does not say."""
    done = command([ncu, "--query-metrics"], 25)
    return set(re.findall(r"\b[a-z0-9]+__[a-z0-9_]+\b", done.stdout)) if done else set()


def profiled(ncu, verify, metrics, extra, log):
    """Launches under ncu with these metrics, and the device's name; no launches
    where ncu failed."""
    device = "GPU"
    with tempfile.TemporaryDirectory() as folder:
        done = command([ncu, "--csv", "--page", "raw", "--print-units", "base", "--clock-control",
                        "none", "--log-file", str(log), "--metrics", ",".join(metrics), *extra,
                        str(verify), "profile", "-o", f"{folder}/list.json"], 90)
        if Path(folder, "list.json").exists():
            device = json.loads(Path(folder, "list.json").read_text())["device"]
    text = log.read_text(errors="replace") if log.exists() else ""
    found = launches(text) or launches(done.stdout if done else "")
    if not found:
        print(f"profile.py: ncu gave no table: {(done.stdout if done else 'timeout')[-500:]} "
              f"{text[-1500:]}", file=sys.stderr)
    return found, device


def measure(ncu, verify, folder, kernels):
    """A list of {kernel, metrics, opcodes}, one a launch; the device's name and
    ncu's version.

    Opcodes are those of the first `kernels` launches."""
    raw = folder / "profiler-raw"
    raw.mkdir(parents=True, exist_ok=True)
    version = command([ncu, "--version"], 20)
    known = known_metrics(ncu)
    (raw / "known-metrics.txt").write_text("\n".join(sorted(known)) + "\n")
    wanted = [m for m in WANTED if not known or m.rsplit(".", 1)[0] in known]
    rows, device = profiled(ncu, verify, NEEDED + wanted, [], raw / "metrics.csv")
    if not rows:
        rows, device = profiled(ncu, verify, NEEDED, [], raw / "metrics-few.csv")
    if not rows:
        fail("ncu measured nothing")
    mixes, _ = profiled(ncu, verify, [OPCODES], ["--print-metric-instances", "details",
                                                 "--launch-count", str(kernels)],
                        raw / "opcodes.csv")
    if len(mixes) != kernels:
        print(f"profile.py: {len(mixes)} launches with opcodes instead of {kernels}",
              file=sys.stderr)
        mixes = []
    mixes += [{}] * (len(rows) - len(mixes))
    result = []
    for row, mix in zip(rows, mixes):
        metrics = {m: number(row[m]) for m in NEEDED + WANTED if number(row.get(m)) is not None}
        opcodes = instances(mix.get(OPCODES, ""))
        result.append({"kernel": row["Kernel Name"], "metrics": metrics, "opcodes": opcodes})
    text = version.stdout if version else ""
    version = (re.search(r"Version [\d.]+", text) or [""])[0].replace("Version ", "")
    return result, device, version


def compared(hardware, emulated):
    rows = []
    for group, label, measure_, count in ROWS:
        here, there = count(emulated), measure_(hardware)
        if there is None or not (here or there):
            continue
        difference = (here - there) / there if there else float("inf")
        rows.append({"group": group, "label": label, "hardware": there, "emulator": here,
                     "difference": difference, "agrees": abs(difference) <= TOLERANCE})
    return rows


def cell(value):
    return "–" if value is None else f"{value:,}"


def percent(difference):
    return "only here" if difference == float("inf") else f"{100 * difference:+.2f} %"


def marked(row):
    text = percent(row["difference"])
    return text if row["agrees"] else f"**{text}**"


def line(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def kernel_section(r):
    lines = [f"### {r['name']}\n",
             f"`{r['kernel']}`: {r['sass']} instructions of machine code a launch, "
             f"{cell(r['ptx'])} of PTX.\n",
             line("", "", "hardware", "emulator", "difference"), "|---|---|---:|---:|---:|"]
    lines += [line(w["group"], w["label"], cell(w["hardware"]), cell(w["emulator"]), marked(w))
              for w in r["rows"]]
    return lines + [""]


def page(results, device, ncu):
    kernels = [r for r in results if r["kernel"] != "access"]
    accesses = [r for r in results if r["kernel"] == "access"]
    text = ["# Emulator and profiler\n",
            f"What the emulator counts beside what Nsight Compute {ncu} measures on one "
            f"{device}. `tools/verify/profile.py` writes this page; differences above 2 % are "
            "bold. [How to read it, and why they differ](../emulator.md#against-the-profiler).\n",
            "## Kernels\n",
            line("", "compared", "within 2 %", "largest difference"), "|---|---:|---:|---:|"]
    for group in dict.fromkeys(row[0] for row in ROWS):
        rows = [w for r in kernels for w in r["rows"]
                if w["group"] == group]
        if rows:
            text.append(line(group, len(rows), sum(w["agrees"] for w in rows),
                             percent(max((w["difference"] for w in rows), key=abs))))
    text.append("")
    for r in kernels:
        text += kernel_section(r)
    text += ["## Single accesses\n", "One warp, one such instruction, beside what loads the "
             "addresses and stores the result.\n",
             line("access", "", "hardware", "emulator", "difference"), "|---|---|---:|---:|---:|"]
    for r in accesses:
        text += [line(r["name"], f"{w['group']}, {w['label']}", cell(w["hardware"]),
                      cell(w["emulator"]), marked(w))
                 for w in r["rows"] if w["group"] != "instructions"]
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bin", type=Path, help="folder of lath-verify")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--ncu", default=os.environ.get("NCU", "ncu"))
    parser.add_argument("--hardware", type=Path, help="profiler.json of an earlier run")
    arguments = parser.parse_args()
    verify = arguments.bin.resolve() / "lath-verify"
    if not verify.exists():
        fail(f"there is no {verify}")
    earlier = None
    if arguments.hardware:
        try:
            earlier = json.loads(arguments.hardware.read_text())
        except (OSError, ValueError) as error:
            fail(f"cannot read {arguments.hardware}: {error}")
    elif not shutil.which(arguments.ncu):
        fail(f"there is no {arguments.ncu}; --ncu names another, --hardware takes figures of an "
             "earlier run")
    arguments.output.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory() as folder:
        done = command([str(verify), "profile", "--emulator", "-o", f"{folder}/e.json"], 120)
        if done is None or done.returncode:
            fail(f"the emulator's run failed:\n{done.stdout if done else 'timeout'}")
        emulator = json.loads(Path(folder, "e.json").read_text())

    if earlier:
        measured = [k["hardware"] for k in earlier["kernels"]]
        device, version = earlier["device"], earlier["ncu"]
    else:
        kernels = sum(k["kernel"] != "access" for k in emulator["kernels"])
        measured, device, version = measure(arguments.ncu, verify, arguments.output, kernels)

    if len(measured) != len(emulator["kernels"]):
        fail(f"ncu saw {len(measured)} launches, the emulator {len(emulator['kernels'])}")
    results = []
    for hardware, entry in zip(measured, emulator["kernels"]):
        if entry["kernel"] not in hardware["kernel"]:
            fail(f"expected a launch of {entry['kernel']}, ncu saw {hardware['kernel']}")
        h, e = Hardware(hardware["metrics"], hardware["opcodes"]), Counters(entry["counters"])
        results.append({"name": entry["name"], "kernel": entry["kernel"],
                        "sass": cell(h.sum("smsp__inst_executed.sum")),
                        "ptx": entry["counters"]["instructions"], "rows": compared(h, e)})

    kernels = [{"name": r["name"], "hardware": h, "compared": r["rows"]}
               for h, r in zip(measured, results)]
    (arguments.output / "profiler.json").write_text(
        json.dumps({"device": device, "ncu": version, "kernels": kernels}, indent=1) + "\n")
    text = page(results, device, version)
    (arguments.output / "profiler.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
