#!/usr/bin/env python3
"""Times Lath's example kernels beside Triton's versions of them, in one process on one GPU.

    python3 tools/bench/examples.py [--lath FILE] [--only softmax,...] [--dtypes f16,bf16] [-o FILE]
    python3 tools/bench/examples.py --emit FOLDER [--target sm_90a]   (no GPU: Lath's machine code)
    python3 tools/bench/examples.py --kernels FOLDER                  (no `lath` there)

Needs torch and triton. Every example of `lath programs` runs in both types with three sizes, a
small, a usual and a large or odd one (example_cases.py), on the same random inputs. Both sides try
their choices, Triton those of triton_examples.py and Lath those of example_cases.py; every result
is checked against fp64 first, over a poisoned output. Times are cold: a CUDA graph rotates over
copies of all arrays that exceed the L2 four times; graphs of all choices take turns; the figure is
the median of the replays, divided by the launches, of the best choice of each side. Exit code 6
where a result is wrong.
"""

import argparse
import gc
import hashlib
import inspect
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

WARMUPS, REPLAYS = 2, 15
GRAPH_MS = 1.0  # of one graph, at least
LEAST_LAUNCHES = 8
MOST_COPIES = 256
SHARED_BYTES = 1 << 28
CLOSE = 1.4  # choices slower than the best of their side by that are timed once only
TORCH_TYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "i32": "int32",
               "i8": "int8"}


class Problem:
    """An example with sizes and a type."""

    def __init__(self, name, sizes, dtype):
        self.name, self.sizes, self.dtype = name, sizes, dtype

    def __str__(self):
        return f"{self.name} {self.sizes} {self.dtype}"

    def path(self, folder, number):
        return str(Path(folder) / f"{self.name}-{self.sizes}-{self.dtype}-{number}")


def all_problems(arguments, cases):
    names = arguments.only.split(",") if arguments.only else list(cases.CASES)
    for name in names:
        if name not in cases.CASES:
            sys.exit(f"examples: error: there is no example '{name}'; there are "
                     f"{', '.join(cases.CASES)}")
    return [Problem(name, sizes, dtype) for name in names
            for sizes in cases.CASES[name] for dtype in arguments.dtypes.split(",")]


def choices_of(problem, cases):
    """Lath's, its own first."""
    return [None] + cases.CHOICES.get(problem.name, [])


def emit_all(problems, folder, arguments, cases):
    """Compiles on all cores; says which choices cannot be."""
    from lath_cubin import LathError, LathProgram, find_command
    command = find_command(arguments.lath)
    Path(folder).mkdir(parents=True, exist_ok=True)

    def one(job):
        problem, number, choice = job
        try:
            LathProgram.emit(command, problem.path(folder, number), problem.name, problem.sizes,
                             problem.dtype, choice, arguments.target)
        except LathError as error:
            return f"{problem} {choice}: {str(error).splitlines()[0]}"

    jobs = [(p, i, choice) for p in problems for i, choice in enumerate(choices_of(p, cases))]
    start = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        refused = [line for line in pool.map(one, jobs) if line]
    for line in refused:
        print(f"examples: {line}", file=sys.stderr)
    print(f"examples: {len(jobs) - len(refused)} kernels of Lath in "
          f"{time.monotonic() - start:.1f} s", file=sys.stderr)


def read_kernels(problem, folder):
    """Of the choices that could be compiled, one each."""
    from lath_cubin import LathProgram
    found = {}
    for path in sorted(Path(folder).glob(Path(problem.path(folder, "*.json")).name)):
        kernel = LathProgram.read(str(path)[:-len(".json")])
        found.setdefault(kernel.choice, kernel)
    return list(found.values())


def scalars_of(facts):
    values = {p["name"]: p["value"] for p in facts["params"] if p["kind"] == "scalar"}
    return {**facts["sizes"], **values}


def make_tensors(torch, facts, seed, empty=False, shared={}):
    """The arrays that Lath's launch names: random inputs, unwritten outputs. `shared`: of another
    seed, whose inputs that alone exceed the L2 by far are taken as they are."""
    generator = torch.Generator(device="cuda").manual_seed(seed)
    tensors = {}
    for param in facts["params"]:
        if param["kind"] != "view":
            continue
        dtype = getattr(torch, TORCH_TYPES[param["dtype"]])
        shape = param["shape"]
        bytes_ = math.prod(shape) * dtype.itemsize
        if param["use"] == "input" and param["name"] in shared and bytes_ > SHARED_BYTES:
            tensor = shared[param["name"]]
        elif empty or param["use"] == "output":
            tensor = torch.empty(shape, dtype=dtype, device="cuda")
        elif "values" in param:
            tensor = torch.tensor(param["values"], device="cuda").to(dtype).reshape(shape)
        elif dtype.is_floating_point:
            tensor = torch.empty(shape, dtype=torch.float32, device="cuda")
            tensor = tensor.uniform_(param["low"], param["high"], generator=generator).to(dtype)
        else:
            tensor = torch.randint(int(param["low"]), int(param["high"]), shape,
                                   generator=generator, device="cuda").to(dtype)
        tensors[param["name"]] = tensor
    return tensors


def output_names(facts):
    return [p["name"] for p in facts["params"]
            if p["kind"] == "view" and p["use"] != "input"]


class Candidate:
    def __init__(self, side, choice, launches):
        self.side, self.choice, self.launches = side, choice, launches  # one for each copy
        self.errors, self.samples = {}, []


def check(torch, candidate, tensors, outputs, right, cases, name):
    """Whether the first copy's results are right; keeps their errors."""
    for output in outputs:
        tensors[output].view(torch.uint8).fill_(0xFC)  # no number in any type of floats
    candidate.launches[0]()
    torch.cuda.synchronize()
    good = True
    for output in outputs:
        got, wanted = tensors[output].double(), right[output]
        usual = wanted.abs() < 1e29  # others stand for an infinity
        norm = wanted[usual].norm().item()
        error = (got[usual] - wanted[usual]).norm().item() / max(norm, 1e-300)
        candidate.errors[output] = error
        good &= error <= cases.bound(name, tensors[output].dtype)  # false for NaN
    return good


def capture(torch, candidate, rotations):
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(rotations):
            for launch in candidate.launches:
                launch()
    return graph


def timed(torch, graphs, order, into):
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
              for _ in order]
    for (start, stop), i in zip(events, order):
        start.record()
        graphs[i].replay()
        stop.record()
    torch.cuda.synchronize()
    for (start, stop), i in zip(events, order):
        into[i].append(1e3 * start.elapsed_time(stop))


def measure(torch, candidates):
    """Median microseconds of each, graphs taking turns."""
    copies = len(candidates[0].launches)
    graphs = [capture(torch, c, -(-LEAST_LAUNCHES // copies)) for c in candidates]
    first = [[] for _ in graphs]
    for _ in range(2):
        timed(torch, graphs, range(len(graphs)), first)
    launches = copies * -(-LEAST_LAUNCHES // copies)
    once = [min(samples) / launches for samples in first]
    best = {c.side: min(t for t, d in zip(once, candidates) if d.side == c.side)
            for c in candidates}
    close = [i for i, c in enumerate(candidates) if once[i] <= CLOSE * best[c.side]]
    for c, t in zip(candidates, once):
        c.median, c.samples = t, [t]
    fastest = min(once)
    rotations = max(-(-LEAST_LAUNCHES // copies), math.ceil(1e3 * GRAPH_MS / (fastest * copies)))
    graphs = {i: capture(torch, candidates[i], rotations) for i in close}
    samples = {i: [] for i in close}
    for _ in range(WARMUPS):
        for i in close:
            graphs[i].replay()
    for replay in range(REPLAYS):
        timed(torch, graphs, close if replay % 2 == 0 else close[::-1], samples)
    for i in close:
        candidates[i].samples = sorted(t / (rotations * copies) for t in samples[i])
        candidates[i].median = statistics.median(candidates[i].samples)


def wanted_choices(arguments, problem):
    """Of an earlier run, Triton's fastest few; None: all."""
    if not arguments.like:
        return None
    for row in arguments.earlier:
        if [row["program"], row["sizes"], row["dtype"]] == \
                [problem.name, problem.sizes, problem.dtype]:
            ranked = sorted(row["choices"]["triton"], key=lambda c: c["us"])
            return [c["choice"] for c in ranked[:2]]
    return None


def triton_launches(arguments, problem, tensors, scalars, versions):
    wanted = wanted_choices(arguments, problem)
    return [launch for launch in versions[problem.name](tensors, scalars)
            if wanted is None or launch.choice in wanted]


def run_problem(torch, problem, kernels, arguments, cases, versions, driver):
    """The row of the table, and what was wrong."""
    facts = kernels[0].facts
    scalars = scalars_of(facts)
    tensors = make_tensors(torch, facts, arguments.seed)
    outputs = output_names(facts)
    right = cases.REFERENCES[problem.name](tensors, scalars)
    size = facts["bytes"] or sum(t.numel() * t.element_size() for t in tensors.values())
    l2 = torch.cuda.get_device_properties(0).L2_cache_size
    count = min(MOST_COPIES, max(2, math.ceil(4 * l2 / size) + 1))
    copies = [tensors] + [make_tensors(torch, facts, arguments.seed + i, shared=tensors)
                          for i in range(1, count)]
    candidates = [Candidate("lath", k.choice, [k.bind(torch, c) for c in copies])
                  for k in (kernel.load(driver, torch) for kernel in kernels)]
    triton = [triton_launches(arguments, problem, c, scalars, versions) for c in copies]
    candidates += [Candidate("triton", each[0].choice, each) for each in zip(*triton)]
    good, wrong = [], []
    for candidate in candidates:
        try:
            if check(torch, candidate, tensors, outputs, right, cases, problem.name):
                good.append(candidate)
            else:
                wrong.append(f"{problem} {candidate.side} {candidate.choice}: {candidate.errors}")
        except Exception as error:  # of a choice that does not fit the device
            if "illegal" in str(error).lower():
                raise
            print(f"examples: {problem} {candidate.side} {candidate.choice}: "
                  f"{str(error).splitlines()[0][:200]}", file=sys.stderr)
    del right
    measure(torch, good)
    row = {"program": problem.name, "sizes": problem.sizes, "dtype": problem.dtype,
           "copies": len(copies), "flops": facts["flops"], "bytes": facts["bytes"],
           "choices": {"lath": [], "triton": []}}
    for c in sorted(good, key=lambda c: c.median):
        entry = {"choice": c.choice, "us": round(c.median, 3), "p10": round(c.samples[
            len(c.samples) // 10], 3), "p90": round(c.samples[len(c.samples) * 9 // 10], 3),
            "errors": c.errors}
        row["choices"][c.side].append(entry)
    return row, wrong


def best(row, side):
    return row["choices"][side][0] if row["choices"][side] else None


def ratio(row):
    both = best(row, "lath"), best(row, "triton")
    return both[1]["us"] / both[0]["us"] if all(both) else None


def geomean(values):
    return math.exp(statistics.mean(map(math.log, values)))


def line_of(row):
    lath, triton = best(row, "lath"), best(row, "triton")
    cell = lambda c: f"{c['us']:>10.2f}" if c else f"{'-':>10}"
    share = ratio(row)
    return (f"{row['program']:<20}{row['sizes']:<32}{row['dtype']:<5}{cell(lath)}{cell(triton)} "
            + (f"{share:6.2f}x" if share else f"{'-':>7}")
            + f"  {lath['choice'] if lath else '-'} | {triton['choice'] if triton else '-'}")


def code_lines(text, comment):
    """Without blank ones and comments; of at most 80 columns, as LLVM's style has them."""
    return sum(-(-len(line) // 80) for line in text.splitlines()
               if line.strip() and not line.strip().startswith(comment))


def with_called(bodies, name):
    """A function and those of `bodies` that it calls by name."""
    return [bodies[name]] + [text for other, text in bodies.items()
                             if other != name and re.search(rf"\b{other}\(", bodies[name])]


def lath_lines(name):
    """Of the C++ that says what a program computes: behind the declarations of its parameters,
    which are what a signature is to Triton, with the functions that it calls from its file."""
    declared = re.compile(r"(auto program =|Program &p =|return program;|\w+ [^=]*= p\.(view|scalar)\()")
    for path in (HERE.parents[1] / "kernels" / "examples").glob("*.cpp"):
        bodies = {m.group(1): m.group(2) for m in re.finditer(
            r"^(?:static )?(?:std::unique_ptr<Program>|Tile)\s+(\w+)\([^{;]*\{\n((?:.|\n)*?)^}\n",
            path.read_text(), re.M)}
        for function, body in bodies.items():
            if f'"{name}' in body and "make_unique<Program>" in body:
                total = 0
                for text in with_called(bodies, function):
                    statements = re.split(r"(?<=[;{}])\n", text)
                    total += sum(code_lines(each, "//") for each in statements
                                 if not declared.match(re.sub(r"\s+", " ", each).strip()))
                return total
    return None


def triton_lines(name, versions):
    """Of the shorter kernel, if there are two, behind its signature, with what it calls."""
    source = "".join(inspect.getsource(sys.modules[module]) + "\n\n"
                     for module in ("triton_examples", "triton_products"))
    bodies = {m.group(1): m.group(2) for m in re.finditer(
        r"^@triton\.jit\ndef (\w+)\([^)]*\):\n((?:.|\n)*?)\n\n\n", source, re.M)}
    text = inspect.getsource(versions[name])
    kernel = "matmul_kernel" if "matmul_launches" in text else next(
        k for k in bodies if re.search(rf"\b{k}\b", text))
    return sum(code_lines(each, "#") for each in with_called(bodies, kernel)
               if "gelu" in name or "sigmoid(2" not in each)


def summary(rows, versions):
    """By example, then over all."""
    lines = [f"{'example':<20}{'geomean':>9}{'worst':>8}{'best':>8}{'lines':>7}{'Triton':>8}"]
    shares = {}
    for row in rows:
        if ratio(row):
            shares.setdefault(row["program"], []).append(ratio(row))
    for name, values in shares.items():
        lines.append(f"{name:<20}{geomean(values):>8.2f}x{min(values):>7.2f}x{max(values):>7.2f}x"
                     f"{lath_lines(name) or 0:>7}{triton_lines(name, versions):>8}")
    every = [v for values in shares.values() for v in values]
    if every:
        lines.append(f"{'all ' + str(len(every)):<20}{geomean(every):>8.2f}x{min(every):>7.2f}x"
                     f"{max(every):>7.2f}x")
    return lines


def compile_triton(arguments, problems, kernels, cases, versions, torch):
    """Fills Triton's cache by processes, each with the choices whose name falls to it."""
    if arguments.share is None:
        start = time.monotonic()
        count = min(16, os.cpu_count())
        workers = [subprocess.Popen([sys.executable, *sys.argv, "--share", f"{i}/{count}"])
                   for i in range(count)]
        codes = [worker.wait() for worker in workers]
        print(f"examples: Triton's kernels in {time.monotonic() - start:.1f} s", file=sys.stderr)
        return any(codes)
    share, count = map(int, arguments.share.split("/"))
    for problem in problems:
        if not kernels[str(problem)]:
            continue
        facts = kernels[str(problem)][0].facts
        tensors = make_tensors(torch, facts, 0, empty=True)
        for launch in triton_launches(arguments, problem, tensors, scalars_of(facts), versions):
            key = f"{problem.name} {problem.dtype} {launch.choice}".encode()
            if int.from_bytes(hashlib.sha256(key).digest()[:4], "little") % count == share:
                try:
                    launch.compile()
                except Exception:  # said when it is launched
                    pass


def driver_version():
    try:
        return re.search(r"\d+\.\d+\.\d+", Path("/proc/driver/nvidia/version").read_text()).group()
    except (OSError, AttributeError):
        return None


def commit():
    result = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True)
    return result.stdout.strip() or None


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lath", help="the command (build/static/bin/lath, or $LATH)")
    parser.add_argument("--only", help="examples, by name")
    parser.add_argument("--dtypes", default="f16,bf16")
    parser.add_argument("--target", help="of Lath's kernels, if not the GPU's")
    parser.add_argument("--emit", metavar="FOLDER", help="write Lath's kernels there, and end")
    parser.add_argument("--kernels", metavar="FOLDER", help="Lath's kernels, as --emit writes them")
    parser.add_argument("--like", metavar="FILE", help="of Triton's choices only those that were "
                        "the fastest two of each problem in this result")
    parser.add_argument("--commit", help="of the kernels, to be named in the result")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1e9,
                        help="seconds; problems that would start later are left out")
    parser.add_argument("--share", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", help="JSON file to write")
    arguments = parser.parse_args()
    if arguments.like:
        arguments.earlier = json.loads(Path(arguments.like).read_text())["rows"]
    return arguments


def main():
    begin = time.monotonic()
    arguments = parse()
    try:
        import torch
        import triton
    except ImportError as error:
        print(f"examples: error: {error}; torch and triton are needed", file=sys.stderr)
        return 4
    import example_cases as cases
    problems = all_problems(arguments, cases)
    if arguments.emit:
        emit_all(problems, arguments.emit, arguments, cases)
        return 0
    if not torch.cuda.is_available():
        print("examples: error: torch sees no GPU", file=sys.stderr)
        return 5
    import triton_examples
    import triton_products  # registers its versions
    from lath_cubin import Driver
    versions = triton_examples.VERSIONS
    folder = arguments.kernels
    if not folder:
        folder = arguments.kernels = f"/tmp/lath-examples-{os.getpid()}"
        sys.argv += ["--kernels", folder]
        emit_all(problems, folder, arguments, cases)
    kernels = {str(p): read_kernels(p, folder) for p in problems}
    if arguments.share:
        compile_triton(arguments, problems, kernels, cases, versions, torch)
        return 0
    compile_triton(arguments, problems, kernels, cases, versions, torch)
    torch.zeros(1, device="cuda")  # makes the context
    device, driver = torch.cuda.get_device_properties(0), Driver()
    print(f"{device.name}, driver {driver_version()}, torch {torch.__version__}, triton "
          f"{triton.__version__}; cold microseconds, medians")
    rows, wrong, skipped = [], [], []
    for problem in problems:
        if not kernels[str(problem)] or time.monotonic() - begin > arguments.budget:
            skipped.append(str(problem))
            continue
        row, bad = run_problem(torch, problem, kernels[str(problem)], arguments, cases, versions,
                               driver)
        rows.append(row)
        wrong += bad
        print(line_of(row), flush=True)
        gc.collect()
        torch.cuda.empty_cache()
        if arguments.output:
            Path(arguments.output).write_text(json.dumps(
                {"device": device.name, "driver": driver_version(), "torch": torch.__version__,
                 "triton": triton.__version__, "seed": arguments.seed,
                 "commit": arguments.commit or commit(),
                 "command": " ".join(["examples.py", *sys.argv[1:]]), "rows": rows}, indent=1))
    print("\n".join(summary(rows, versions)))
    for line in wrong:
        print(f"examples: WRONG: {line}", file=sys.stderr)
    if skipped:
        print(f"examples: left out: {'; '.join(skipped)}", file=sys.stderr)
    return 6 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
