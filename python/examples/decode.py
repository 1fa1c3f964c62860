#!/usr/bin/env python3
"""One step of decoding through 4-bit layers, captured into a CUDA graph.

  python decode.py [--layers 4] [--batch 1]

Without a GPU the same layers run on the emulator, smaller and without a graph.
"""
import argparse

import torch

import lath


class Block(torch.nn.Module):
    """The linear layers of a Llama block, with their gate."""

    def __init__(self, hidden, inner, **where):
        super().__init__()

        def layer(k, n):
            return lath.nn.QuantLinear.from_linear(torch.nn.Linear(k, n, bias=False, **where))

        self.attention = layer(hidden, hidden)
        self.gate_up = layer(hidden, 2 * inner)
        self.down = layer(inner, hidden)

    def forward(self, x):
        x = x + self.attention(torch.nn.functional.rms_norm(x, x.shape[-1:]))
        gate, up = self.gate_up(torch.nn.functional.rms_norm(x, x.shape[-1:])).chunk(2, -1)
        return x + self.down(torch.nn.functional.silu(gate) * up)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=1)
    args = parser.parse_args()
    gpu = torch.cuda.is_available()
    hidden, inner = (4096, 14336) if gpu else (128, 256)
    where = {"device": "cuda" if gpu else "cpu", "dtype": torch.float16}
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(Block(hidden, inner, **where) for _ in range(args.layers)))
    x = torch.randn(args.batch, hidden, **where)

    count = lath.prepare(model, args.batch)
    print(f"{count} kernels prepared; of {lath.default_device()}: "
          f"{lath.stats(where['device'])}")
    with torch.no_grad():
        eager = model(x)
        if not gpu:
            print(f"on the emulator: {tuple(eager.shape)}, norm {eager.float().norm():.3f}")
            return
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y = model(x)
        graph.replay()
        torch.cuda.synchronize()
        print(f"graph and eager agree: {torch.equal(y, eager)}")
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(100):
            graph.replay()
        end.record()
        end.synchronize()
        print(f"{start.elapsed_time(end) * 10:.1f} us a step of {args.layers} layers")


if __name__ == "__main__":
    main()
