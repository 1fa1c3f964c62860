#!/usr/bin/env python3
"""Times one step of decoding of Llama-3-8B's shapes: Lath beside cuBLAS and ATen's int4.

    python3 tools/bench/decode.py [--batch 1,4,16,64] [--layers 32] [--context 1024] [-o FILE.json]

Needs a GPU, torch and the package lath. In one process, for each batch:

    lath     lath.nn.QuantLinear, 4 bits in groups of 128, fp16, packed
    fp16     torch.nn.functional.linear (cuBLAS)
    aten     torch.ops.aten._weight_int4pack_mm, 4 bits in groups of 128, bf16

The step is whole but for sampling: norms, rotary embedding, attention over a cache of `context`
tokens, the linear layers and the head, which stays fp16 for all. It is timed eager, compiled
(torch.compile, fullgraph) and captured into one CUDA graph; the share of the linear layers is that
of a graph that has them alone. Weights are random, other ones in every layer, so that no cache holds
them. Lath's layers are checked against fp64 first: exit code 6 where one is wrong.
"""

import argparse
import json
import statistics
import sys
import time

HIDDEN, INNER, HEADS, KV_HEADS, HEAD, VOCABULARY = 4096, 14336, 32, 8, 128, 128256
GROUP, BOUND = 128, 1e-3
QKV = (HEADS + 2 * KV_HEADS) * HEAD
SHAPES = {"qkv": (QKV, HIDDEN), "o": (HIDDEN, HIDDEN), "gate_up": (2 * INNER, HIDDEN),
          "down": (HIDDEN, INNER)}
TYPES = {"lath": "float16", "fp16": "float16", "aten": "bfloat16"}


def linear_of(kind, torch, n, k, generator):
    """A layer with random weights, as a function of x [batch, k]."""
    def random_words(shape):
        return torch.randint(-2**31, 2**31, shape, generator=generator, device="cuda",
                             dtype=torch.int64).to(torch.int32)

    def scales(shape, dtype):
        return ((torch.rand(shape, generator=generator, device="cuda") + 0.5) / 8 / k**0.5
                ).to(dtype)

    if kind == "lath":
        import lath

        # Any words are weights, in any order.
        layer = lath.nn.QuantLinear(k, n, bias=False, group=GROUP, device="cuda")
        layer.qweight.copy_(random_words(layer.qweight.shape))
        layer.scales.copy_(scales(layer.scales.shape, torch.float16))
        return layer
    if kind == "fp16":
        w = torch.randn(n, k, generator=generator, device="cuda", dtype=torch.float16) / k**0.5
        return lambda x: torch.nn.functional.linear(x, w)
    packed = torch.ops.aten._convert_weight_to_int4pack(
        torch.randint(0, 256, (n, k // 2), generator=generator, device="cuda",
                      dtype=torch.uint8), 8)
    both = torch.stack([scales((k // GROUP, n), torch.bfloat16),
                        torch.zeros((k // GROUP, n), device="cuda", dtype=torch.bfloat16)], 2)
    both = both.contiguous()
    return lambda x: torch.ops.aten._weight_int4pack_mm(x, packed, GROUP, both)


class Model:
    """The step of one kind, for one batch."""

    def __init__(self, torch, kind, layers, batch, context, blocks, head):
        self.torch, self.blocks, self.head, self.batch = torch, blocks, head, batch
        dtype = getattr(torch, TYPES[kind])
        new = dict(device="cuda", dtype=dtype)
        self.x = torch.randn(batch, HIDDEN, **new)
        self.caches = [torch.randn(2, batch, KV_HEADS, context, HEAD, **new)
                       for _ in range(layers)]
        angle = torch.arange(HEAD // 2, device="cuda") * 0.01 * context
        self.cos, self.sin = angle.cos().to(dtype), angle.sin().to(dtype)
        self.inputs = {name: torch.randn(batch, k, **new) for name, (_, k) in SHAPES.items()}

    def rotate(self, t):
        a, b = t.chunk(2, -1)
        return self.torch.cat([a * self.cos - b * self.sin, b * self.cos + a * self.sin], -1)

    def step(self, x):
        f = self.torch.nn.functional
        for block, cache in zip(self.blocks, self.caches):
            qkv = block["qkv"](f.rms_norm(x, (HIDDEN,)))
            q, k, v = qkv.view(self.batch, -1, 1, HEAD).split([HEADS, KV_HEADS, KV_HEADS], 1)
            cache[0, :, :, -1:] = self.rotate(k)
            cache[1, :, :, -1:] = v
            y = f.scaled_dot_product_attention(self.rotate(q), cache[0], cache[1],
                                               enable_gqa=True)
            x = x + block["o"](y.reshape(self.batch, HIDDEN))
            gate, up = block["gate_up"](f.rms_norm(x, (HIDDEN,))).chunk(2, -1)
            x = x + block["down"](f.silu(gate) * up)
        return f.linear(f.rms_norm(x, (HIDDEN,)), self.head)

    def linears(self, x):
        return [block[name](self.inputs[name]) for block in self.blocks for name in SHAPES]


def median_ms(torch, work, rounds=20, warmups=3):
    times = []
    for i in range(warmups + rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        work()
        end.record()
        end.synchronize()
        if i >= warmups:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def graph_of(torch, work):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph


def host_us(torch, call, calls=200, rounds=20):
    """Of one call, while the GPU has less to do than its queue holds."""
    best = float("inf")
    for _ in range(rounds):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, time.perf_counter() - begin)
    return best / calls * 1e6


def host_times(torch):
    """Microseconds of host time by call, of a layer that is quick on the GPU."""
    import lath

    layer = linear_of("lath", torch, 1024, 1024, torch.Generator("cuda").manual_seed(9))
    x = torch.randn(1, 1024, device="cuda", dtype=torch.float16)
    w = torch.randn(1024, 1024, device="cuda", dtype=torch.float16)
    weight, out = layer.weight, torch.empty(1, 1024, device="cuda", dtype=torch.float16)
    kernel = lath.kernel(weight.spec(1), device=x.device)
    op = torch.ops.lath.linear.default
    return {
        "torch.ops.lath.linear": host_us(torch, lambda: op(
            x, layer.qweight, layer.scales, None, None, GROUP, 0, 1)),
        "lath.linear": host_us(torch, lambda: lath.linear(x, weight)),
        "QuantLinear": host_us(torch, lambda: layer(x)),
        "Kernel.launch": host_us(torch, lambda: kernel.launch(x, layer.qweight, layer.scales, out)),
        "functional.linear": host_us(torch, lambda: torch.nn.functional.linear(x, w)),
    }


def check(torch, layer, batch):
    """Relative error of a Lath layer against fp64 of its weights."""
    import lath

    x = torch.randn(batch, layer.in_features, device="cuda", dtype=torch.float16)
    q = lath.unpack(layer.weight)
    words = torch.stack([(q.qweight >> 4 * i) & 15 for i in range(8)], 1).reshape(q.k, q.n)
    w = (words.double() - 8) * q.scales.double().repeat_interleave(GROUP, 0)
    exact = x.double() @ w
    return ((layer(x).double() - exact).norm() / exact.norm()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", default="1,4,16,64")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--kinds", default="lath,fp16,aten")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("-o", "--output", help="a JSON file to write")
    args = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        sys.exit("decode.py: torch sees no GPU")
    torch.set_grad_enabled(False)
    begin = time.perf_counter()
    import lath

    lath.stats("cuda:0")
    opened = (time.perf_counter() - begin) * 1e3
    batches = [int(word) for word in args.batch.split(",")]
    result = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
              "lath": lath.__version__, "layers": args.layers, "context": args.context,
              "open_ms": opened, "host_us": host_times(torch), "steps": []}
    print(f"{result['gpu']}, torch {torch.__version__}; engine opened in {opened:.1f} ms")
    for name, us in result["host_us"].items():
        print(f"host: {name:24} {us:6.2f} us")
    for kind in args.kinds.split(","):
        generator = torch.Generator("cuda").manual_seed(1)
        blocks = [{name: linear_of(kind, torch, n, k, generator)
                   for name, (n, k) in SHAPES.items()} for _ in range(args.layers)]
        head = torch.randn(VOCABULARY, HIDDEN, device="cuda",
                           dtype=getattr(torch, TYPES[kind])) / HIDDEN**0.5
        if kind == "lath":
            begin = time.perf_counter()
            lath.prepare(torch.nn.ModuleList(blocks[0].values()), max(batches))
            result["prepare_s"] = time.perf_counter() - begin
            for name, layer in blocks[0].items():
                for batch in batches:
                    error = check(torch, layer, batch)
                    if error > BOUND:
                        print(f"wrong: {name}, batch {batch}: {error:.2e}", file=sys.stderr)
                        sys.exit(6)
        for batch in batches:
            model = Model(torch, kind, args.layers, batch, args.context, blocks, head)
            row = {"kind": kind, "batch": batch,
                   "eager_ms": median_ms(torch, lambda: model.step(model.x))}
            graph = graph_of(torch, lambda: model.step(model.x))
            row["graph_ms"] = median_ms(torch, graph.replay)
            alone = graph_of(torch, lambda: model.linears(model.x))
            row["linear_ms"] = median_ms(torch, alone.replay)
            if not args.no_compile:
                compiled = torch.compile(model.step, fullgraph=True)
                row["compiled_ms"] = median_ms(torch, lambda: compiled(model.x))
                both = graph_of(torch, lambda: compiled(model.x))
                row["compiled_graph_ms"] = median_ms(torch, both.replay)
                torch._dynamo.reset()
            best = min(row.get("compiled_graph_ms", row["graph_ms"]), row["graph_ms"])
            row["tokens_per_second"] = batch / best * 1e3
            row["linear_share"] = row["linear_ms"] / best
            result["steps"].append(row)
            print("  ".join(f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
                            for key, value in row.items()), flush=True)
        del blocks, model, graph, alone
        torch.cuda.empty_cache()
    if args.output:
        with open(args.output, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)


if __name__ == "__main__":
    main()
