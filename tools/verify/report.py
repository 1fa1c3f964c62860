#!/usr/bin/env python3
"""Writes docs/results/ and the table in README.md from what lath-verify measured.

    lath-verify accuracy -o acc.json        (and --packed -o packed.json)
    lath-verify time -m 1,8,16,32,64 -o t.json
    python3 tools/verify/report.py --accuracy acc.json --timing t.json --commit HASH

Either of the two may be left out; its pages then stay as they are.

    accuracy  ->  docs/results/accuracy.md, accuracy.csv
    timing    ->  docs/results/timing.md, timing.json, timing.svg, and README.md
                  between <!-- timing:begin --> and <!-- timing:end -->

Other kernels' times come from docs/results/peers.json (--peers for another).
Python's standard library only.
"""
import argparse
import json
import math
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# As bound() in kernels/weights/Reference.cpp.
BOUNDS = {("f16", False): 1e-3, ("bf16", False): 6e-3,
          ("f16", True): 3e-3, ("bf16", True): 2e-2}
# What a format's name means; those that are not here stand by their name alone.
WEIGHTS = {"u4": "symmetric", "u4z": "zero points", "u4z1": "zero points minus one"}
PAPER = "paper_splitk"
PAPER_KERNELS = (PAPER, "paper_dp")
NAMES = {"cublas_fp16": "cuBLAS fp16", "tinygemm": "tinygemm", "marlin": "Marlin",
         "gemlite": "GemLite", "cutlass55": "CUTLASS 55", "humming": "Humming",
         "paper_splitk": "paper SplitK", "paper_dp": "paper data-parallel"}


def table(head, rows, left=1):
    """A Markdown table; the first `left` columns are flush left."""
    marks = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [head, marks, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def us(value):
    return "–" if value is None else f"{value:.2f}" if value < 20 else f"{value:.1f}"


def ratio(value):
    return "–" if value is None else f"{value:.2f}×"


def geomean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def listed(values):
    return ", ".join(map(str, sorted(set(values))))


# --- Accuracy ----------------------------------------------------------------

SPEC = re.compile(r"m(\d+)n(\d+)k(\d+)g(\d+)(?:s(\d+))?((?:,\w+=[\w-]+)*)$")


def parse_case(case):
    m, n, k, g, s, options = SPEC.match(case["spec"]).groups()
    option = dict(part.split("=") for part in options.split(",") if part)
    split = int(s or 0)
    reduce = option.get("reduce", "none" if split == 1 else "ordered")
    return {"bucket": int(m), "n": int(n), "k": int(k), "g": int(g), "split": split,
            "layout": option.get("layout", "gptq"), "x": option.get("x", "f16"), "w": option.get("w", "u4"), "reduce": reduce,
            "m": case["m"], "error": case["error"], "ok": case["ok"],
            "spec": case["spec"], "seed": case["seed"]}


def write_accuracy(data, commit, folder):
    cases = [parse_case(case) for case in data["cases"]]
    failed = [c for c in cases if not c["ok"]]

    classes = defaultdict(list)
    for c in cases:
        classes[c["layout"], c["x"], c["reduce"]].append(c)
    order = ["none", "ordered", "atomic", "atomic-out"]
    rows = []
    for (layout, x, reduce), group in sorted(
            classes.items(), key=lambda e: (e[0][0], e[0][1] != "f16", order.index(e[0][2]))):
        worst = max(group, key=lambda c: c["error"])
        bound = BOUNDS[x, reduce == "atomic-out"]
        rows.append([layout, x, reduce, len(group), sum(not c["ok"] for c in group),
                     f"{worst['error']:.2e}", f"{bound:.0e}",
                     f"`{worst['spec']}`, m = {worst['m']}"])
    summary = table(["layout", "x", "reduce", "cases", "failed", "worst error", "bound", "at"], rows, 3)

    weights = defaultdict(list)
    for c in cases:
        weights[c["layout"], c["w"], "k" if c["g"] == c["k"] else str(c["g"]),
                c["x"]].append(c)
    def split_errors(group):
        """Worst error of sums in fp32, and of adds into the output."""
        return [f"{max(e):.2e}" if e else "–" for e in
                ([c["error"] for c in group if (c["reduce"] == "atomic-out") == out]
                 for out in (False, True))]
    formats = table(["layout", "weights", "group", "x", "cases", "worst error", "worst, atomic-out"],
                    [[layout, f"{WEIGHTS[w]} (`{w}`)" if w in WEIGHTS else f"`{w}`", g, x, len(group), *split_errors(group)]
                     for (layout, w, g, x), group in sorted(weights.items())], 4)

    shapes = defaultdict(list)
    for c in cases:
        shapes[c["n"], c["k"]].append(c)
    per_shape = table(
        ["N × K", "groups", "m", "cases", "f16", "f16, atomic-out", "bf16", "bf16, atomic-out"],
        [[f"{n} × {k}", listed(c["g"] for c in group), listed(c["m"] for c in group), len(group),
          *split_errors([c for c in group if c["x"] == "f16"]),
          *split_errors([c for c in group if c["x"] == "bf16"])]
         for (n, k), group in sorted(shapes.items())], 3)

    wrong = "" if not failed else "\n## Failed\n\n" + "\n".join(
        f"- `{c['spec']}`, m = {c['m']}: {c['error']:.2e}" for c in failed[:50]) + "\n"
    text = f"""# Accuracy

{len(cases)} cases on {data['device']}, driver {data['driver']}, commit {commit}, seed {data['seed']}; {len(failed)} failed.

```
lath-verify accuracy --seed {data['seed']} -o acc.json
lath-verify accuracy --packed --seed {data['seed']} -o packed.json
python3 tools/verify/report.py --accuracy acc.json packed.json --commit {commit}
```

The error is that of the whole output in the Frobenius norm, √(Σ(out − ref)² / Σref²), against an fp64 product of the same 16-bit inputs and the exactly dequantised weights. The output type alone costs 2e-4 in f16 and 1.7e-3 in bf16. Schedules are those that Lath chooses untuned. Outputs are filled with a NaN pattern before each launch, with one row more than the kernel may write; the row must survive. The second launch is the one compared, so that what the first leaves in workspace and tickets shows. `ordered` kernels are launched more often and must repeat bit for bit.

## By class

{summary}

## By weight format

{formats}

## What was covered

- rows launched: {listed(c['m'] for c in cases)}, with kernels built for {listed(c['bucket'] for c in cases)} rows
- split over blocks: {listed(c['split'] for c in cases)}; reduction: {', '.join(r for r in order if any(c['reduce'] == r for c in cases))}
- x, scales and output: {', '.join(sorted({c['x'] for c in cases}, reverse=True))}
- shapes with tails: N of few columns, K that is no multiple of the K step, rows that are not a kernel's number
- every case with its error: [accuracy.csv](accuracy.csv)

## By shape

Worst errors, of sums in fp32 and of adds into the output.

{per_shape}
{wrong}"""
    (folder / "accuracy.md").write_text(text)
    with open(folder / "accuracy.csv", "w") as file:
        file.write("spec,m,error,ok\n")
        for c in cases:  # a spec has commas
            file.write(f"\"{c['spec']}\",{c['m']},{c['error']:.2e},{int(c['ok'])}\n")
    print(f"accuracy: {len(cases)} cases, {len(failed)} failed")


# --- Timing ------------------------------------------------------------------

class Row:
    """One shape: Lath's default schedule beside the plain read and the peers."""

    def __init__(self, time, peers):
        self.n, self.k, self.m = time["n"], time["k"], time["m"]
        self.lath, self.p10, self.p90 = time["cold_us"], time["p10"], time["p90"]
        self.read, self.schedule = time["plain_read_us"], time["schedule"]
        known = peers.get((self.n, self.k, self.m), {})
        others = {p: t for p, t in known.items() if p not in PAPER_KERNELS}
        self.peer = min(others, key=others.get) if others else None
        self.best = others.get(self.peer)
        self.paper = known.get(PAPER)

    @property
    def shape(self):
        return f"{self.n} × {self.k}"

    @property
    def fraction(self):
        return self.read / self.lath

    @property
    def over_best(self):
        return self.best / self.lath if self.best else None

    @property
    def over_paper(self):
        return self.paper / self.lath if self.paper else None

    @property
    def peer_text(self):
        return f"{us(self.best)} {NAMES.get(self.peer, self.peer)}" if self.best else "–"


def read_rows(data, peers_file):
    peers = {(s["n"], s["k"], s["m"]): s["cold_us"] for s in peers_file["shapes"]}
    rows = [Row(t, peers) for t in data["times"]]
    square = lambda r: (r.n != r.k, r.n * r.k, r.n)
    return sorted(rows, key=lambda r: (r.m, *square(r)))


def means(rows):
    return (geomean(r.over_best for r in rows), geomean(r.over_paper for r in rows),
            geomean(r.fraction for r in rows))


def write_timing_page(rows, data, peers_file, commit, folder):
    sections = []
    for m in sorted({r.m for r in rows}):
        group = [r for r in rows if r.m == m]
        body = table(
            ["N × K", "Lath µs [p10 p90]", "plain read µs", "read / Lath", "best peer µs",
             "over it", "paper SplitK µs", "over it"],
            [[r.shape, f"{us(r.lath)} [{us(r.p10)} {us(r.p90)}]", us(r.read),
              f"{r.fraction:.2f}", r.peer_text, ratio(r.over_best), us(r.paper),
              ratio(r.over_paper)] for r in group])
        best, paper, fraction = means(group)
        line = f"Geometric means: {fraction:.2f} of a plain read"
        if best:
            line += f", {best:.2f}× over the best peer, {paper:.2f}× over the paper's kernel"
            missing = sum(r.best is None for r in group)
            if missing:
                line += f" (of the {len(group) - missing} shapes that have peers' times)"
        sections.append(f"## M = {m}\n\n{body}\n\n{line}.\n")
    schedules = table(["M", "N × K", "schedule"],
                      [[r.m, r.shape, f"`{r.schedule}`"] for r in rows], 3)
    versions = "\n".join(f"- {', '.join(NAMES.get(p, p) for p in name.split(', '))}: {text}"
                         for name, text in peers_file["versions"].items())
    rows_of_m = ",".join(str(m) for m in sorted({r.m for r in rows}))
    packed = data.get("layout") == "packed"
    order = ", [packed](../packed-weights.md)" if packed else " as GPTQ stores them"
    flag = " --packed" if packed else ""
    text = f"""# Timing

Cold microseconds a launch on {data['device']}, driver {data['driver']}, commit {commit}. 4-bit weights{order}, group 128, f16, symmetric; the default schedules. How it is measured: [performance.md](../performance.md).

```
lath-verify time{flag} -m {rows_of_m} -o t.json
python3 tools/verify/report.py --timing t.json --commit {commit}
```

Lath and the plain read were timed in one run, rounds alternating. The plain read is a kernel that reads the 4-bit weights once and does nothing else; it does not read the scales, 3 % more bytes. Peers were timed earlier on a GPU of the same kind ({peers_file['device']}), by the same method, each in its best configuration.

![Times by shape](timing.svg)

{chr(10).join(sections)}
## Schedules

{schedules}

## Peers

{versions}

All their times: [peers.json](peers.json).
"""
    (folder / "timing.md").write_text(text)


def readme_table(rows, data, commit):
    by_m = {m: {r.shape: r for r in rows if r.m == m} for m in (1, 16)}
    shapes = [r.shape for r in rows if r.m == 16]
    lines = []
    for shape in shapes:
        cells = [shape, us(by_m[16][shape].read)]
        for m in (1, 16):
            r = by_m[m].get(shape)
            cells += [f"**{us(r.lath)}**", r.peer_text, us(r.paper)] if r else ["–"] * 3
        lines.append(cells)
    body = table(["N × K", "plain read", "Lath, M = 1", "best peer", "paper SplitK",
                  "Lath, M = 16", "best peer", "paper SplitK"], lines)
    best1, paper1, read1 = means(by_m[1].values())
    best16, paper16, read16 = means(by_m[16].values())
    slower = [r for r in rows if r.over_best and r.over_best < 1]
    where = defaultdict(list)
    for r in slower:
        where[r.m].append(r.shape.replace(" ", ""))
    losses = "; ".join(f"at M = {m} for {', '.join(s)}" for m, s in sorted(where.items()))
    order_words = ("[packed](docs/packed-weights.md) weights"
                   if data.get("layout") == "packed" else "weights as GPTQ stores them")
    return f"""{body}

Cold microseconds on {data['device']}, driver {data['driver']}, commit {commit}; group 128, f16, {order_words}. Geometric means at M = 1 and 16: {best1:.2f}× and {best16:.2f}× as fast as the best of the other kernels, {paper1:.1f}× and {paper16:.1f}× as fast as the SplitK kernel of arXiv 2402.00025, {100 * read1:.0f} % and {100 * read16:.0f} % of the speed of a kernel that only reads the weights. {'Slower than the best peer: ' + losses + '.' if losses else 'No shape measured is slower than the best peer.'}"""


def rewrite_readme(text, path):
    begin, end = "<!-- timing:begin -->", "<!-- timing:end -->"
    readme = path.read_text()
    if readme.count(begin) != 1 or readme.count(end) != 1:
        raise SystemExit(f"{path}: expected one pair of {begin} and {end}")
    head, rest = readme.split(begin)
    path.write_text(f"{head}{begin}\n{text}\n{end}{rest.split(end)[1]}")


# --- Picture -----------------------------------------------------------------

SERIES = [  # label, value, colour, mark
    ("plain read", lambda r: r.read, "#6e7781", "tick"),
    ("Lath", lambda r: r.lath, "#0b62c4", "disc"),
    ("best peer", lambda r: r.best, "#c2410c", "square"),
    ("paper's SplitK kernel", lambda r: r.paper, "#7a4ea3", "diamond"),
]


def mark(kind, x, y, colour):
    if kind == "tick":
        return f'<path d="M{x:.1f} {y - 8:.1f}v16" stroke="{colour}" stroke-width="2.5"/>'
    if kind == "disc":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{colour}"/>'
    if kind == "square":
        return (f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="#fff" '
                f'stroke="{colour}" stroke-width="2"/>')
    return (f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6-6z" fill="#fff" stroke="{colour}" '
            f'stroke-width="2"/>')


def draw(rows, data):
    width, label, gap, step, top = 980, 118, 34, 27, 84
    panels = [(m, [r for r in rows if r.m == m]) for m in (1, 16)]
    panels = [p for p in panels if p[1]]
    shapes = [r.shape for r in panels[-1][1]]
    height = top + step * len(shapes) + 52
    times = [t for _, group in panels for r in group for _, f, _, _ in SERIES if (t := f(r))]
    low, high = math.log(min(times) * 0.85), math.log(max(times) * 1.18)
    panel = (width - label - 20 - gap * (len(panels) - 1)) / len(panels)
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= math.log(t) <= high]
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           f'width="{width}" height="{height}" font-family="Helvetica,Arial,DejaVu Sans,sans-serif" '
           'font-size="13" fill="#1f2328">',
           f'<title>Cold time by shape on {data["device"]}</title>',
           f'<rect width="{width}" height="{height}" fill="#fff"/>']
    x = label
    for text, _, colour, kind in SERIES:  # legend
        svg.append(mark(kind, x + 6, 22, colour))
        svg.append(f'<text x="{x + 18}" y="26.5">{text}</text>')
        x += 18 + 7.2 * len(text) + 26
    bottom = top + step * len(shapes)
    for i, shape in enumerate(shapes):
        y = top + step * (i + 0.5)
        svg.append(f'<text x="{label - 12}" y="{y + 4.5:.1f}" text-anchor="end">{shape}</text>')
    for p, (m, group) in enumerate(panels):
        left = label + p * (panel + gap)
        at = lambda t: left + panel * (math.log(t) - low) / (high - low)
        svg.append(f'<text x="{left:.1f}" y="{top - 26}" font-size="15" font-weight="bold">'
                   f'M = {m}</text>')
        for t in ticks:
            svg.append(f'<path d="M{at(t):.1f} {top}V{bottom}" stroke="#e3e6ea"/>')
            for y in (top - 7, bottom + 17):
                svg.append(f'<text x="{at(t):.1f}" y="{y}" text-anchor="middle" font-size="11.5" '
                           f'fill="#57606a">{t}</text>')
        for r in group:
            if r.shape not in shapes:
                continue
            y = top + step * (shapes.index(r.shape) + 0.5)
            values = [(f(r), colour, kind) for _, f, colour, kind in SERIES if f(r)]
            ends = [at(v) for v, _, _ in values]
            svg.append(f'<path d="M{min(ends):.1f} {y:.1f}H{max(ends):.1f}" stroke="#c9ced4"/>')
            for value, colour, kind in sorted(values, key=lambda v: v[2] == "disc"):
                svg.append(mark(kind, at(value), y, colour))
    svg.append(f'<text x="{label}" y="{bottom + 40}" font-size="12" fill="#57606a">cold µs a launch, '
               f'logarithmic; rows are N × K; {data["device"]}, int4 weights, group 128, f16</text>')
    svg.append("</svg>\n")
    return "\n".join(svg)


def write_timing(data, peers_file, commit, folder, readme):
    rows = read_rows(data, peers_file)
    write_timing_page(rows, data, peers_file, commit, folder)
    (folder / "timing.json").write_text(
        json.dumps({**{k: v for k, v in data.items() if k != "times"}, "commit": commit,
                    "times": []})[:-2] +
        "\n" + ",\n".join(json.dumps(t) for t in data["times"]) + "\n]}\n")
    (folder / "timing.svg").write_text(draw(rows, data))
    rewrite_readme(readme_table(rows, data, commit), readme)
    for m in sorted({r.m for r in rows}):
        best, paper, fraction = means([r for r in rows if r.m == m])
        print(f"timing: M = {m}: {ratio(best)} over the best peer, {ratio(paper)} over the "
              f"paper's kernel, {fraction:.2f} of a plain read")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", type=Path, nargs="+",
                        help="JSON of lath-verify accuracy, one or several of one device")
    parser.add_argument("--timing", type=Path, help="JSON of lath-verify time, with M = 1 and 16")
    parser.add_argument("--peers", type=Path, default=ROOT / "docs/results/peers.json")
    parser.add_argument("--commit", required=True, help="what was measured")
    arguments = parser.parse_args()
    if not arguments.accuracy and not arguments.timing:
        parser.error("nothing to do: give --accuracy, --timing or both")
    folder = ROOT / "docs/results"
    folder.mkdir(exist_ok=True)
    if arguments.accuracy:
        parts = [json.loads(path.read_text()) for path in arguments.accuracy]
        parts[0]["cases"] = [case for part in parts for case in part["cases"]]
        write_accuracy(parts[0], arguments.commit, folder)
    if arguments.timing:
        write_timing(json.loads(arguments.timing.read_text()),
                     json.loads(arguments.peers.read_text()), arguments.commit, folder,
                     ROOT / "README.md")


if __name__ == "__main__":
    main()
