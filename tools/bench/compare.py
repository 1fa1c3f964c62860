#!/usr/bin/env python3
"""Times Lath beside what PyTorch and Triton carry, in one process on one GPU.

    python3 tools/bench/compare.py [--lath FILE] [-m 1,16,64] [--shapes NxK,...] [-o FILE]

Needs torch, triton and the `lath` command. Compared, on the same random weights in groups of 128:

    lath            the command's default schedule (or --schedule), fp16, packed weights
    cublas_fp16     torch.matmul with fp16 weights, the faster of both orders in memory
    aten_int4       torch.ops.aten._weight_int4pack_mm, bf16
    triton_splitk   the kernel of arXiv 2402.00025, the best of a few configurations; clearing
                    the output is part of a launch, as it must be
    triton_dp       the same without a split
    plain_read      a kernel that reads the 4-bit words and does nothing else

Every result is checked against fp64 first. Times are cold: a graph of 50 launches or more rotates
over copies of the weights that exceed the L2 four times; graphs of all kernels take turns; the
figure is the median of the replays, divided by the launches. Exit code 6 where a result is wrong.
"""

import argparse
import json
import math
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

GROUP = 128
SHAPES = "4096x4096,5120x5120,8192x8192,14336x4096,4096x14336,28672x8192,16384x16384"
ROWS = "1,16,32,64"
BOUNDS = {"aten_int4": 8e-3, "triton_splitk": 5e-3}  # bf16; adds in fp16
BOUND = 1e-3
WARMUPS, REPLAYS, LAUNCHES = 3, 20, 50


class Layer:
    """Random weights of one (N, K) in the form of each kernel, and copies to rotate over."""

    def __init__(self, torch, n, k, seed, l2):
        generator = torch.Generator(device="cuda").manual_seed(seed)
        self.n, self.k = n, k
        q = torch.randint(0, 16, (n, k), generator=generator, device="cuda", dtype=torch.int32)
        scales = (torch.rand(k // GROUP, n, generator=generator, device="cuda") + 0.5) / 128
        scales = scales.to(torch.bfloat16)  # exact in fp16 as well: all kernels have the same
        wide = scales.double().t().repeat_interleave(GROUP, 1)
        self.weights = (q.double() - 8) * wide  # [N, K]

        words = q.t().reshape(k // 8, 8, n)
        qweight = torch.zeros(k // 8, n, dtype=torch.int32, device="cuda")
        for i in range(8):
            qweight |= words[:, i] << (4 * i)
        # GPTQ stores the zero point minus one: 8 is 7, in every nibble.
        self.qzeros = torch.full((k // GROUP, n // 8), 0x77777777, dtype=torch.int32,
                                 device="cuda")
        self.copies = copies_for(l2, 4 * qweight.numel())
        self.qweight = [qweight.clone() for _ in range(self.copies)]
        self.scales = [scales.half() for _ in range(self.copies)]
        atoms = packed_atoms(torch, q)
        self.atoms = [atoms.clone() for _ in range(self.copies)]

        bytes_ = (q[:, ::2] << 4 | q[:, 1::2]).to(torch.uint8)
        packed = torch.ops.aten._convert_weight_to_int4pack(bytes_.contiguous(), 8)
        # w = (q - 8) * scale + zero
        pairs = torch.stack([scales, torch.zeros_like(scales)], 2).contiguous()
        self.packed = [packed.clone() for _ in range(self.copies)]
        self.pairs = [pairs.clone() for _ in range(self.copies)]

        fp16 = self.weights.half()
        self.fp16_copies = copies_for(l2, 2 * fp16.numel())
        self.fp16 = [fp16.clone() for _ in range(self.fp16_copies)]
        self.fp16_t = [fp16.t().contiguous() for _ in range(self.fp16_copies)]


def packed_atoms(torch, q):
    """Weights [N, K] in the order of docs/packed-weights.md: atoms of 64 k x 16 n along N; in each
    the lane is n // 2 and k // 2, the word k // 16, the nibble k, k // 8 and n, lowest bits last."""
    n, k = q.shape
    bits = q.reshape(n // 16, 8, 2, k // 64, 4, 2, 4, 2).permute(3, 0, 1, 6, 4, 7, 5, 2)
    nibbles = bits.reshape(-1, 8)
    words = torch.zeros(nibbles.shape[0], dtype=torch.int32, device=q.device)
    for i in range(8):
        words |= nibbles[:, i] << (4 * i)
    return words


def copies_for(l2, size):
    return max(2, 4 * l2 // size + 1)


class Candidate:
    def __init__(self, name, config, copies, launch, out):
        self.name, self.config, self.copies = name, config, copies
        self.launch, self.out = launch, out  # launch(copy); out(): the result's tensor
        self.samples, self.error = [], None


def candidates(torch, layer, m, kernel, kernels):
    """All that can run this problem."""
    x = torch.randn(m, layer.k, device="cuda").to(torch.bfloat16)
    x16 = x.half()  # exact, but for values below 2^-14
    reference = x.double() @ layer.weights.t()
    out = torch.empty(m, layer.n, dtype=torch.float16, device="cuda")
    kept = {}

    def torch_op(name, work):
        """Operations that return a new tensor: it is kept for the check."""
        def launch(copy):
            kept[name] = work(copy)
        return launch, lambda: kept[name]

    found = []
    if kernel:
        found.append(Candidate(
            "lath", kernel.used_schedule, layer.copies,
            lambda c: kernel.launch(torch, x16, layer.atoms[c], layer.scales[c], out),
            lambda: out))
    for order, work in (("[N,K]", lambda c: torch.matmul(x16, layer.fp16[c].t())),
                        ("[K,N]", lambda c: torch.matmul(x16, layer.fp16_t[c]))):
        found.append(Candidate("cublas_fp16", "weights " + order, layer.fp16_copies,
                               *torch_op("cublas" + order, work)))
    found.append(Candidate(
        "aten_int4", "inner 8, bf16", layer.copies, *torch_op(
            "aten", lambda c: torch.ops.aten._weight_int4pack_mm(
                x, layer.packed[c], GROUP, layer.pairs[c]))))
    for name, configs in (("triton_splitk", kernels.SPLIT_K), ("triton_dp", kernels.DATA_PARALLEL)):
        for config in configs:
            if config.fits(layer.n, layer.k):
                found.append(Candidate(
                    name, str(config), layer.copies,
                    lambda c, config=config: config.launch(
                        x16, layer.qweight[c], layer.scales[c], layer.qzeros, out, GROUP),
                    lambda: out))
    sink = torch.empty(layer.qweight[0].numel() // kernels.READ_WORDS + 1, dtype=torch.int32,
                       device="cuda")
    found.append(Candidate("plain_read", "", layer.copies,
                           lambda c: kernels.launch_plain_read(layer.qweight[c], sink), None))
    return found, reference, out


def check(torch, candidate, reference, out):
    """Whether the result is right; sets the relative error. The output is poisoned first."""
    out.fill_(math.nan)
    candidate.launch(0)
    torch.cuda.synchronize()
    if candidate.out is None:
        return True
    difference = (candidate.out().double() - reference).norm() / reference.norm()
    candidate.error = difference.item()
    return candidate.error <= BOUNDS.get(candidate.name, BOUND)  # false for NaN


def measure(torch, found):
    """Median microseconds of each, graphs taking turns."""
    graphs = []
    for candidate in found:
        rotations = -(-LAUNCHES // candidate.copies)
        candidate.launches = rotations * candidate.copies
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for i in range(candidate.launches):
                candidate.launch(i % candidate.copies)
        graphs.append(graph)
    events = [[(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
               for _ in range(REPLAYS)] for _ in found]
    for _ in range(WARMUPS):
        for graph in graphs:
            graph.replay()
    for replay in range(REPLAYS):
        order = range(len(found)) if replay % 2 == 0 else reversed(range(len(found)))
        for i in order:
            start, stop = events[i][replay]
            start.record()
            graphs[i].replay()
            stop.record()
    torch.cuda.synchronize()
    for candidate, pairs in zip(found, events):
        candidate.samples = sorted(1e3 * a.elapsed_time(b) / candidate.launches for a, b in pairs)
        candidate.median = statistics.median(candidate.samples)


def compile_all(arguments, shapes, rows, driver, torch):
    """Lath's kernels, by (n, k, m), compiled on all cores; and the milliseconds it took."""
    from lath_cubin import LathError, LathKernel, find_command
    command = find_command(arguments.lath)
    todo = {(n, k, m): LathKernel(command, f"m{m}n{n}k{k}g{GROUP},layout=packed", arguments.schedule)
            for n, k in shapes for m in rows}
    start = time.monotonic()

    def compiled(kernel):
        try:
            return kernel.compile()
        except LathError as error:
            print(f"compare: {kernel.spec}: {error}", file=sys.stderr)

    with ThreadPoolExecutor() as pool:
        done = dict(zip(todo, pool.map(compiled, todo.values())))
    print(f"compare: {len(done)} kernels of Lath in {time.monotonic() - start:.1f} s",
          file=sys.stderr)
    return {key: kernel.load(driver, torch) for key, kernel in done.items() if kernel}


def row_of(n, k, m, found):
    """The best of each kernel's configurations."""
    row = {"n": n, "k": k, "m": m, "kernels": {}}
    for c in found:
        best = row["kernels"].get(c.name)
        if best is None or c.median < best["cold_us"]:
            p = lambda share: c.samples[round(share * (len(c.samples) - 1))]
            row["kernels"][c.name] = {
                "cold_us": round(c.median, 3), "p10": round(p(0.1), 3), "p90": round(p(0.9), 3),
                "config": c.config, "rel_err": c.error}
    return row


NAMES = ["plain_read", "lath", "cublas_fp16", "aten_int4", "triton_splitk", "triton_dp"]


def line_of(row):
    cells = [f"{row['n']:>6} {row['k']:>6} {row['m']:>4}"]
    for name in NAMES:
        cells.append(f"{row['kernels'][name]['cold_us']:>13.2f}" if name in row["kernels"]
                     else f"{'-':>13}")
    others = [v["cold_us"] for name, v in row["kernels"].items()
              if name not in ("lath", "plain_read")]
    if "lath" in row["kernels"] and others:
        cells.append(f"{min(others) / row['kernels']['lath']['cold_us']:>9.2f}x")
    return " ".join(cells)


def geomeans(rows):
    lines = []
    for name in NAMES:
        ratios = [r["kernels"][name]["cold_us"] / r["kernels"]["lath"]["cold_us"]
                  for r in rows if {"lath", name} <= r["kernels"].keys()]
        if ratios and name != "lath":
            mean = math.exp(statistics.mean(map(math.log, ratios)))
            lines.append(f"  {name:<14} takes {mean:6.2f} x the time of lath "
                         f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} problems)")
    return lines


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lath", help="the command (build/static/bin/lath, or $LATH)")
    parser.add_argument("--schedule", help="instead of the default one")
    parser.add_argument("--shapes", default=SHAPES, help="N x K, %(default)s")
    parser.add_argument("-m", default=ROWS, help="rows, %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=80,
                        help="seconds; problems that would start later are left out (80)")
    parser.add_argument("-o", "--output", help="JSON file to write")
    arguments = parser.parse_args()
    try:
        rows = [int(m) for m in arguments.m.split(",")]
        shapes = [tuple(int(v) for v in s.split("x")) for s in arguments.shapes.split(",")]
        if any(len(s) != 2 or min(s) < 1 for s in shapes) or min(rows) < 1:
            raise ValueError
    except ValueError:
        parser.error("-m takes numbers like 1,16 and --shapes pairs like 4096x4096,8192x8192")
    for n, k in shapes:
        if n % 256 or k % 512:
            parser.error(f"{n}x{k}: N must be a multiple of 256 and K of 512 here, so that all "
                         "kernels take it; the nearest is "
                         f"{max(256, round(n / 256) * 256)}x{max(512, round(k / 512) * 512)}")
    return arguments, shapes, rows


def main():
    begin = time.monotonic()
    arguments, shapes, rows = parse()
    try:
        import torch
        import triton
    except ImportError as error:
        print(f"compare: error: {error}; torch and triton are needed", file=sys.stderr)
        return 4
    if not torch.cuda.is_available():
        print("compare: error: torch sees no GPU", file=sys.stderr)
        return 5
    import splitk_triton as kernels
    from lath_cubin import Driver, LathError
    torch.zeros(1, device="cuda")  # makes the context
    torch.manual_seed(arguments.seed)
    device = torch.cuda.get_device_properties(0)
    try:
        lath = compile_all(arguments, shapes, rows, Driver(), torch)
    except LathError as error:
        print(f"compare: error: {error}", file=sys.stderr)
        return 1

    results, wrong, skipped = [], [], []
    print(f"{device.name}, torch {torch.__version__}, triton {triton.__version__}; "
          "cold microseconds, medians")
    print(f"{'N':>6} {'K':>6} {'M':>4} " + " ".join(f"{name:>13}" for name in NAMES) +
          "  over best")
    for n, k in shapes:
        if time.monotonic() - begin > arguments.budget:
            skipped.append((n, k))
            continue
        layer = Layer(torch, n, k, arguments.seed, device.L2_cache_size)
        for m in rows:
            if time.monotonic() - begin > arguments.budget:
                skipped.append((n, k, m))
                continue
            found, reference, out = candidates(torch, layer, m, lath.get((n, k, m)), kernels)
            good = []
            for candidate in found:
                try:
                    if check(torch, candidate, reference, out):
                        good.append(candidate)
                    else:
                        wrong.append((n, k, m, candidate.name, candidate.config,
                                      str(candidate.error)))
                except (RuntimeError, triton.TritonError) as error:
                    print(f"compare: {n}x{k} m{m} {candidate.name} {candidate.config}: "
                          f"{str(error).splitlines()[0]}", file=sys.stderr)
            measure(torch, good)
            results.append(row_of(n, k, m, good))
            print(line_of(results[-1]), flush=True)
        del layer
        torch.cuda.empty_cache()

    print("\n".join(geomeans(results)))
    for entry in wrong:
        print(f"compare: WRONG: {entry}", file=sys.stderr)
    if skipped:
        print(f"compare: left out, the budget of {arguments.budget:g} s was spent: {skipped}",
              file=sys.stderr)
    if arguments.output:
        text = json.dumps({"device": device.name, "torch": torch.__version__,
                           "triton": triton.__version__, "seed": arguments.seed, "group": GROUP,
                           "wrong": wrong, "shapes": results}, indent=1)
        Path(arguments.output).write_text(text + "\n")
    print(f"compare: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return 6 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
