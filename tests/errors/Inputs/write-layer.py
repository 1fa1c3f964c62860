#!/usr/bin/env python3
"""Writes a small GPTQ layer as a safetensors file: good.layer of 64 outputs
and 128 inputs in groups of 32, with zero points.

    write-layer.py FILE [WHAT]      WHAT: what is wrong with it, see below
"""
import json
import struct
import sys

N, K, GROUP = 64, 128, 32


def words(count, word=0x76543210, mask=0xFFFFFFFF):
    return struct.pack(f"<{count}I", *[(word + 0x9E3779B9 * i) & mask for i in range(count)])


def layer():
    """Name of a tensor -> (dtype, shape, bytes)."""
    groups = K // GROUP
    halves = struct.pack(f"<{groups * N}e", *[0.0078125] * (groups * N))
    order = struct.pack(f"<{K}i", *[k // GROUP for k in range(K)])
    return {"qweight": ("I32", [K // 8, N], words(K // 8 * N)),
            # No 15, which readers of v1 do not agree on.
            "qzeros": ("I32", [groups, N // 8], words(groups * N // 8, mask=0xEEEEEEEE)),
            "scales": ("F16", [groups, N], halves),
            "g_idx": ("I32", [K], order)}


def act_order(tensors):
    order = struct.pack(f"<{K}i", *[(k * 7 % K) // GROUP for k in range(K)])
    tensors["g_idx"] = ("I32", [K], order)


def no_scales(tensors):
    del tensors["scales"]


def awq(tensors):
    tensors["qweight"] = ("I32", [K, N // 8], words(K * N // 8))


def short_zeros(tensors):
    tensors["qzeros"] = ("I32", [1, N // 8], words(N // 8))


def float_weights(tensors):
    tensors["qweight"] = ("F32", [K // 8, N], words(K // 8 * N))


def nan_scale(tensors):
    dtype, shape, data = tensors["scales"]
    tensors["scales"] = (dtype, shape, b"\xff\x7f" + data[2:])


def symmetric(tensors):
    del tensors["qzeros"]


def write(path, tensors, prefix="good.layer"):
    header, payload = {"__metadata__": {"checkpoint_format": "gptq"}}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[f"{prefix}.{name}"] = {
            "dtype": dtype, "shape": shape,
            "data_offsets": [len(payload), len(payload) + len(data)]}
        payload += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + payload)


def main():
    path, what = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    tensors = layer()
    damage = {"act-order": act_order, "no-scales": no_scales, "awq": awq,
              "short-zeros": short_zeros, "float-weights": float_weights,
              "nan-scale": nan_scale, "symmetric": symmetric}
    if what in damage:
        damage[what](tensors)
    write(path, tensors)
    if what == "truncated":
        with open(path, "rb+") as file:
            file.truncate(1000)
    if what == "not-json":
        with open(path, "rb+") as file:
            file.seek(8)
            file.write(b"[")


main()
