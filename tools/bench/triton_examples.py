"""Triton's versions of kernels/examples/: the same functions of the same arrays. Products and
attention are in triton_products.py.

`VERSIONS[name]` takes a problem's tensors and sizes by name and returns its launches with each of
the choices that an autotuner would try."""

import itertools

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice

VERSIONS = {}


def version(name):
    def register(function):
        VERSIONS[name] = function
        return function
    return register


def choices(**axes):
    """All combinations, as dictionaries."""
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


class Launch:
    def __init__(self, kernel, grid, arguments, config, prefix):
        self.kernel, self.grid, self.arguments, self.config = kernel, grid, arguments, config
        self.choice = prefix + ",".join(f"{key}={value}" for key, value in config.items())

    def __call__(self):
        self.kernel[self.grid](*self.arguments, **self.config)

    def compile(self):
        """Into Triton's cache on disk."""
        self.kernel.warmup(*self.arguments, grid=self.grid, **self.config)


def launches(kernel, grid, arguments, configs, prefix=""):
    """One of each configuration; a grid may depend on it."""
    return [Launch(kernel, grid(config) if callable(grid) else grid, arguments, config, prefix)
            for config in configs]


def warps_for(columns):
    """Sensible warps of a row kernel: from 8 to 64 elements a thread."""
    return [w for w in (1, 2, 4, 8, 16) if 4 <= triton.next_power_of_2(columns) // (32 * w) <= 64]


@triton.jit
def vector_add_kernel(a, b, c, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    tl.store(c + at, tl.load(a + at, mask) + tl.load(b + at, mask), mask)


@version("vector_add")
def vector_add(t, s):
    return launches(vector_add_kernel, lambda c: (triton.cdiv(s["n"], c["BLOCK"]),),
                    (t["a"], t["b"], t["c"], s["n"]),
                    choices(BLOCK=[1024, 2048, 4096], num_warps=[4, 8]))


@triton.jit
def dropout_kernel(x, out, n, seed, rate, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    bits = tl.randint(seed, at).to(tl.uint32, bitcast=True)
    kept = (bits >> 8).to(tl.float32) * 5.9604644775390625e-08 >= rate
    value = tl.load(x + at, mask).to(tl.float32)
    tl.store(out + at, tl.where(kept, value / (1 - rate), 0.0), mask)


@version("dropout")
def dropout(t, s):
    return launches(dropout_kernel, lambda c: (triton.cdiv(s["n"], c["BLOCK"]),),
                    (t["in"], t["out"], s["n"], s["seed"], s["rate"]),
                    choices(BLOCK=[1024, 2048], num_warps=[4, 8]))


@triton.jit
def softmax_kernel(x, out, rows, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, BLOCK)[None, :]
    at, mask = row.to(tl.int64) * columns + column, (row < rows) & (column < columns)
    value = tl.load(x + at, mask, float("-inf")).to(tl.float32)
    e = tl.exp(value - tl.max(value, 1, keep_dims=True))
    tl.store(out + at, e / tl.sum(e, 1, keep_dims=True), mask)


@version("softmax")
def softmax(t, s):
    block = triton.next_power_of_2(s["columns"])
    rows = [1, 2, 4] if block <= 2048 else [1]
    warps = [8, 16, 32] if block > 16384 else [4, 8] if block <= 4096 else [8, 16]
    return launches(softmax_kernel, lambda c: (triton.cdiv(s["rows"], c["ROWS"]),),
                    (t["in"], t["out"], s["rows"], s["columns"]),
                    choices(ROWS=rows, BLOCK=[block], num_warps=warps))


@triton.jit
def layer_norm_kernel(x, w, b, y, mean_out, rstd_out, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    mask = column < columns
    value = tl.load(x + row * columns + column, mask, 0.0).to(tl.float32)
    mean = tl.sum(value, 0) / columns
    centred = tl.where(mask, value - mean, 0.0)
    rstd = tl.rsqrt(tl.sum(centred * centred, 0) / columns + eps)
    tl.store(mean_out + row, mean)
    tl.store(rstd_out + row, rstd)
    scaled = centred * rstd * tl.load(w + column, mask).to(tl.float32)
    tl.store(y + row * columns + column, scaled + tl.load(b + column, mask).to(tl.float32), mask)


@version("layer_norm")
def layer_norm(t, s):
    block = triton.next_power_of_2(s["columns"])
    return launches(layer_norm_kernel, (s["rows"],),
                    (t["x"], t["w"], t["b"], t["y"], t["mean"], t["rstd"], s["columns"], s["eps"]),
                    choices(BLOCK=[block], num_warps=warps_for(block)))


@triton.jit
def rms_norm_kernel(x, residual, w, h, y, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    mask, at = column < columns, row * columns + column
    sums = tl.load(x + at, mask, 0.0) + tl.load(residual + at, mask, 0.0)
    tl.store(h + at, sums, mask)
    value = sums.to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value, 0) / columns + eps)
    tl.store(y + at, value * scale * tl.load(w + column, mask).to(tl.float32), mask)


@version("rms_norm")
def rms_norm(t, s):
    block = triton.next_power_of_2(s["columns"])
    return launches(rms_norm_kernel, (s["rows"],),
                    (t["x"], t["residual"], t["w"], t["h"], t["y"], s["columns"], s["eps"]),
                    choices(BLOCK=[block], num_warps=warps_for(block)))


@triton.jit
def layer_norm_backward_kernel(x, w, dy, mean, rstd, dx, dw, db, rows, columns,
                               BLOCK: tl.constexpr):
    column = tl.arange(0, BLOCK)
    mask = column < columns
    weight = tl.load(w + column, mask, 0.0).to(tl.float32)
    dw_sum, db_sum = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        at = row * columns + column
        r, m = tl.load(rstd + row), tl.load(mean + row)
        value = tl.load(x + at, mask, 0.0).to(tl.float32)
        grad = tl.load(dy + at, mask, 0.0).to(tl.float32)
        c = tl.where(mask, (value - m) * r, 0.0)
        g = grad * weight
        shared = (c * tl.sum(c * g, 0) + tl.sum(g, 0)) / columns
        tl.store(dx + at, (g - shared) * r, mask)
        dw_sum += grad * c
        db_sum += grad
    tl.store(dw + tl.program_id(0) * columns + column, dw_sum, mask)
    tl.store(db + tl.program_id(0) * columns + column, db_sum, mask)


@version("layer_norm_backward")
def layer_norm_backward(t, s):
    block = triton.next_power_of_2(s["columns"])
    shares = t["dw"].shape[0]
    return launches(layer_norm_backward_kernel, (shares,),
                    (t["x"], t["w"], t["dy"], t["mean"], t["rstd"], t["dx"], t["dw"], t["db"],
                     s["rows"], s["columns"]),
                    choices(BLOCK=[block], num_warps=[w for w in warps_for(block) if w >= 4],
                            num_stages=[1, 3]))


@triton.jit
def column_sum_kernel(x, out, rows, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    for start in range(0, rows, ROWS):
        row = start + tl.arange(0, ROWS)[:, None]
        sums += tl.load(x + row * columns + column, (row < rows) & (column < columns), 0.0)
    tl.store(out + column, tl.sum(sums, 0), column < columns)


@version("column_sum")
def column_sum(t, s):
    return launches(column_sum_kernel, lambda c: (triton.cdiv(s["columns"], c["BLOCK"]),),
                    (t["in"], t["out"], s["rows"], s["columns"]),
                    choices(ROWS=[32, 128], BLOCK=[32, 64], num_warps=[4, 8]))


@triton.jit
def rope_kernel(positions, x, out, heads, LOG2_THETA: tl.constexpr, HEADS: tl.constexpr,
                DIM: tl.constexpr):
    token = tl.program_id(0)
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    low = tl.arange(0, DIM // 2)
    power = low.to(tl.float32) * (-2 * LOG2_THETA / DIM)
    f = tl.load(positions + token).to(tl.float32) * tl.exp2(power)
    c, s = tl.cos(f), tl.sin(f)
    at, mask = (token * heads + head) * DIM + low, head < heads
    a = tl.load(x + at, mask).to(tl.float32)
    b = tl.load(x + at + DIM // 2, mask).to(tl.float32)
    tl.store(out + at, a * c - b * s, mask)
    tl.store(out + at + DIM // 2, b * c + a * s, mask)


@version("rope")
def rope(t, s):
    return launches(rope_kernel, lambda c: (s["tokens"], triton.cdiv(s["heads"], c["HEADS"])),
                    (t["positions"], t["x"], t["out"], s["heads"], 18.931568569324174),
                    [dict(HEADS=h, DIM=s["dim"], num_warps=w)
                     for h, w in ((4, 1), (4, 2), (16, 4), (32, 4), (32, 8)) if h <= s["heads"]])


@triton.jit
def swiglu_kernel(x, out, columns, BLOCK: tl.constexpr):
    row = tl.program_id(1).to(tl.int64)
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = column < columns
    gate = tl.load(x + 2 * row * columns + column, mask).to(tl.float32)
    up = tl.load(x + (2 * row + 1) * columns + column, mask).to(tl.float32)
    tl.store(out + row * columns + column, gate * tl.sigmoid(gate) * up, mask)


@version("swiglu")
def swiglu(t, s):
    return launches(swiglu_kernel, lambda c: (triton.cdiv(s["columns"], c["BLOCK"]), s["rows"]),
                    (t["in"], t["out"], s["columns"]),
                    choices(BLOCK=[1024, 2048, 4096], num_warps=[4, 8]))


@triton.jit
def embedding_kernel(ids, table, out, rows, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = (row < rows) & (column < columns)
    word = tl.load(ids + row, row < rows, 0).to(tl.int64)
    value = tl.load(table + word * columns + column, mask)
    tl.store(out + row.to(tl.int64) * columns + column, value, mask)


@version("embedding")
def embedding(t, s):
    return launches(embedding_kernel,
                    lambda c: (triton.cdiv(s["rows"], c["ROWS"]),
                               triton.cdiv(s["columns"], c["BLOCK"])),
                    (t["ids"], t["table"], t["out"], s["rows"], s["columns"]),
                    [dict(ROWS=r, BLOCK=b, num_warps=4)
                     for r, b in ((16, 256), (4, 1024), (1, 4096), (1, 2048))])


@triton.jit
def argmax_kernel(x, out, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    best, where = tl.full([BLOCK], float("-inf"), tl.float32), tl.zeros([BLOCK], tl.int32)
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * columns + column, column < columns, float("-inf")).to(tl.float32)
        where = tl.where(value > best, column, where)
        best = tl.maximum(best, value)
    most = tl.max(best, 0)
    tl.store(out + row, tl.min(tl.where(best == most, where, 2147483647), 0))


@version("argmax")
def argmax(t, s):
    return launches(argmax_kernel, (s["rows"],), (t["in"], t["out"], s["columns"]),
                    [dict(BLOCK=b, num_warps=w, num_stages=n) for b, w in
                     ((4096, 4), (4096, 8), (8192, 8), (8192, 16)) for n in (1, 3)])


@triton.jit
def top_k_kernel(x, values, ids, rows, columns, K: tl.constexpr, ROWS: tl.constexpr,
                 BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, BLOCK)[None, :]
    mask = (row < rows) & (column < columns)
    value = tl.load(x + row * columns + column, mask, float("-inf"))
    bits = value.to(tl.int16, bitcast=True).to(tl.int32)
    ordered = tl.where(bits < 0, bits ^ 0x7FFF, bits)
    best = tl.topk(ordered * 65536 + (65535 - column), K, 1)
    at = row * K + tl.arange(0, K)[None, :]
    place = 65535 - (best & 0xFFFF)
    bits = best >> 16
    bits = tl.where(bits < 0, bits ^ 0x7FFF, bits).to(tl.int16)
    tl.store(values + at, bits.to(values.dtype.element_ty, bitcast=True), row < rows)
    tl.store(ids + at, place, row < rows)


@version("top_k")
def top_k(t, s):
    block = triton.next_power_of_2(s["columns"])
    return launches(top_k_kernel, lambda c: (triton.cdiv(s["rows"], c["ROWS"]),),
                    (t["in"], t["values"], t["ids"], s["rows"], s["columns"], s["k"]),
                    [dict(ROWS=r, BLOCK=block, num_warps=w)
                     for r, w in ((1, 1), (4, 1), (8, 4), (32, 4))])


@triton.jit
def cumsum_kernel(x, out, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    before = 0.0
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        mask = column < columns
        value = tl.load(x + row * columns + column, mask, 0.0).to(tl.float32)
        tl.store(out + row * columns + column, tl.cumsum(value, 0) + before, mask)
        before += tl.sum(value, 0)


@version("cumsum")
def cumsum(t, s):
    return launches(cumsum_kernel, (s["rows"],), (t["in"], t["out"], s["columns"]),
                    choices(BLOCK=[1024, 2048, 4096], num_warps=[4, 8], num_stages=[1]))


@triton.jit
def cross_entropy_kernel(x, labels, loss, words, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    most, total = float("-inf"), 0.0
    for start in range(0, words, BLOCK):
        word = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * words + word, word < words, float("-inf")).to(tl.float32)
        following = tl.maximum(most, tl.max(value, 0))
        total = total * tl.exp(most - following) + tl.sum(tl.exp(value - following), 0)
        most = following
    own = tl.load(x + row * words + tl.load(labels + row)).to(tl.float32)
    tl.store(loss + row, tl.log(total) + most - own)


@version("cross_entropy")
def cross_entropy(t, s):
    return launches(cross_entropy_kernel, (s["rows"],),
                    (t["in"], t["labels"], t["loss"], s["words"]),
                    [dict(BLOCK=b, num_warps=w, num_stages=n) for b, w in
                     ((4096, 4), (4096, 8), (8192, 8), (16384, 16)) for n in (1, 3)])


@triton.jit
def quantize_kernel(x, out, scales, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    mask = column < columns
    value = tl.load(x + row * columns + column, mask, 0.0).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(value), 0), 1e-10) / 127
    tl.store(scales + row, scale)
    tl.store(out + row * columns + column, libdevice.rint(value * (1 / scale)).to(tl.int8), mask)


@version("quantize_rows")
def quantize_rows(t, s):
    block = triton.next_power_of_2(s["columns"])
    return launches(quantize_kernel, (s["rows"],), (t["in"], t["out"], t["scales"], s["columns"]),
                    choices(BLOCK=[block], num_warps=warps_for(block)))
