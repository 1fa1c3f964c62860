"""Triton's versions of products of matrices and of attention, for triton_examples.py."""

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor
from triton_examples import choices, launches, version

LOG2E = 1.4426950408889634


@triton.jit
def matmul_kernel(a, b, out, bias, M, N, K, b_k, b_n, EPILOGUE: tl.constexpr, BM: tl.constexpr,
                  BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    tile, down, across = tl.program_id(0), tl.cdiv(M, BM), tl.cdiv(N, BN)
    first = tile // (GROUP * across) * GROUP
    rows_here = min(down - first, GROUP)
    row = (first + tile % (GROUP * across) % rows_here) * BM + tl.arange(0, BM)
    column = tile % (GROUP * across) // rows_here * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    left = a + (row % M)[:, None] * K + k[None, :]
    right = b + k[:, None] * b_k + (column % N)[None, :] * b_n
    sums = tl.zeros([BM, BN], tl.float32)
    for start in range(0, K, BK):
        x = tl.load(left, k[None, :] < K - start, 0.0)
        y = tl.load(right, k[:, None] < K - start, 0.0)
        sums = tl.dot(x, y, sums)
        left += BK
        right += BK * b_k
    if EPILOGUE:
        sums = gelu(sums + tl.load(bias + column, column < N)[None, :].to(tl.float32))
    at = out + row[:, None] * N + column[None, :]
    tl.store(at, sums.to(out.dtype.element_ty), (row[:, None] < M) & (column[None, :] < N))


@triton.jit
def gelu(x):
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return x * tl.sigmoid(2 * inner)


@triton.jit
def matmul_tma_kernel(a, b, out, bias, M, N, K, NK: tl.constexpr, EPILOGUE: tl.constexpr,
                      BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    down, across = tl.cdiv(M, BM), tl.cdiv(N, BN)
    for tile in tl.range(tl.program_id(0), down * across, tl.num_programs(0), flatten=True):
        first = tile // (GROUP * across) * GROUP
        rows_here = min(down - first, GROUP)
        row = (first + tile % (GROUP * across) % rows_here) * BM
        column = tile % (GROUP * across) // rows_here * BN
        sums = tl.zeros([BM, BN], tl.float32)
        for k in range(0, K, BK):
            x = a.load([row, k])
            y = b.load([column, k]).T if NK else b.load([k, column])
            sums = tl.dot(x, y, sums)
        if EPILOGUE:
            at = column + tl.arange(0, BN)
            sums = gelu(sums + tl.load(bias + at, at < N)[None, :].to(tl.float32))
        out.store([row, column], sums.to(out.dtype))


MATMUL_TILES = ((128, 256, 64, 8, 3), (128, 128, 64, 8, 4), (128, 128, 64, 4, 3),
                (64, 128, 64, 4, 4), (64, 64, 64, 4, 4))


def matmul_launches(t, s, order, epilogue=False):
    m, n, k = s["m"], s["n"], s["k"]
    nk = order == "nk"
    bias = t.get("bias")
    found = launches(
        matmul_kernel, lambda c: (triton.cdiv(m, c["BM"]) * triton.cdiv(n, c["BN"]),),
        (t["a"], t["b"], t["out"], bias, m, n, k, *((1, k) if nk else (n, 1)), epilogue),
        [dict(BM=bm, BN=bn, BK=bk, GROUP=8, num_warps=w, num_stages=st)
         for bm, bn, bk, w, st in MATMUL_TILES])
    if n % 8 or k % 8:
        return found
    sms = torch.cuda.get_device_properties(0).multi_processor_count
    for bm, bn, bk, w, st in ((128, 256, 64, 8, 3), (128, 256, 64, 8, 4), (128, 128, 64, 4, 4),
                              (128, 128, 64, 8, 4)):
        a = TensorDescriptor.from_tensor(t["a"], [bm, bk])
        b = TensorDescriptor.from_tensor(t["b"], [bn, bk] if nk else [bk, bn])
        out = TensorDescriptor.from_tensor(t["out"], [bm, bn])
        tiles = triton.cdiv(m, bm) * triton.cdiv(n, bn)
        found += launches(matmul_tma_kernel, (min(sms, tiles),),
                          (a, b, out, bias, m, n, k, nk, epilogue),
                          [dict(BM=bm, BN=bn, BK=bk, GROUP=8, num_warps=w, num_stages=st)], "tma,")
    return found


@version("matmul_kn")
def matmul_kn(t, s):
    return matmul_launches(t, s, "kn")


@version("matmul_nk")
def matmul_nk(t, s):
    return matmul_launches(t, s, "nk")


@version("matmul_bias_gelu")
def matmul_bias_gelu(t, s):
    return matmul_launches(t, s, "kn", epilogue=True)


@triton.jit
def batched_matmul_kernel(a, b, out, M, N: tl.constexpr, K: tl.constexpr, BM: tl.constexpr,
                          BN: tl.constexpr, BK: tl.constexpr):
    batch = tl.program_id(2).to(tl.int64)
    row = tl.program_id(1) * BM + tl.arange(0, BM)
    column = tl.program_id(0) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    left = a + batch * M * K + (row % M)[:, None] * K + k[None, :]
    right = b + batch * K * N + k[:, None] * N + (column % N)[None, :]
    sums = tl.zeros([BM, BN], tl.float32)
    for start in range(0, K, BK):
        x = tl.load(left, k[None, :] < K - start, 0.0)
        y = tl.load(right, k[:, None] < K - start, 0.0)
        sums = tl.dot(x, y, sums)
        left += BK
        right += BK * N
    at = out + batch * M * N + row[:, None] * N + column[None, :]
    tl.store(at, sums.to(out.dtype.element_ty), (row[:, None] < M) & (column[None, :] < N))


@version("batched_matmul")
def batched_matmul(t, s):
    return launches(batched_matmul_kernel,
                    lambda c: (triton.cdiv(s["n"], c["BN"]), triton.cdiv(s["m"], c["BM"]),
                               s["batches"]),
                    (t["a"], t["b"], t["out"], s["m"], s["n"], s["k"]),
                    [dict(BM=bm, BN=bn, BK=bk, num_warps=w, num_stages=st)
                     for bm, bn, bk, w, st in MATMUL_TILES])


@triton.jit
def grouped_matmul_kernel(first, a, b, out, N, K, matrices, BM: tl.constexpr, BN: tl.constexpr,
                          BK: tl.constexpr):
    across, done = tl.cdiv(N, BN), 0
    tile = tl.program_id(0)
    for e in range(matrices):
        begin, end = tl.load(first + e), tl.load(first + e + 1)
        tiles = tl.cdiv(end - begin, BM) * across
        while tile < done + tiles:
            within = tile - done
            row = begin + within // across * BM + tl.arange(0, BM)
            column = within % across * BN + tl.arange(0, BN)
            k = tl.arange(0, BK)
            left = a + row[:, None] * K + k[None, :]
            right = b + e.to(tl.int64) * K * N + k[:, None] * N + (column % N)[None, :]
            sums = tl.zeros([BM, BN], tl.float32)
            for start in range(0, K, BK):
                inside = k < K - start
                x = tl.load(left, (row < end)[:, None] & inside[None, :], 0.0)
                y = tl.load(right, inside[:, None], 0.0)
                sums = tl.dot(x, y, sums)
                left += BK
                right += BK * N
            at = out + row[:, None] * N + column[None, :]
            mask = (row < end)[:, None] & (column < N)[None, :]
            tl.store(at, sums.to(out.dtype.element_ty), mask)
            tile += tl.num_programs(0)
        done += tiles


@version("grouped_matmul")
def grouped_matmul(t, s):
    sms = torch.cuda.get_device_properties(0).multi_processor_count
    return launches(grouped_matmul_kernel, lambda c: (sms * (1 if c["num_warps"] == 8 else 2),),
                    (t["first"], t["a"], t["b"], t["out"], s["n"], s["k"], s["matrices"]),
                    [dict(BM=bm, BN=bn, BK=bk, num_warps=w, num_stages=st)
                     for bm, bn, bk, w, st in MATMUL_TILES[:4]])


@triton.jit
def attend(q, k, v, query, key, k_row, k_column, m, l, acc, length, scale, start, end,
           MASKED: tl.constexpr, CAUSAL: tl.constexpr, BN: tl.constexpr):
    for u in tl.range(start, end, BN):
        keys = k.load([k_row + u, k_column])
        s = tl.dot(q, keys.T)
        if MASKED:
            valid = (u + key < length)[None, :]
            if CAUSAL:
                valid = valid & (u + key[None, :] <= query[:, None])
            s = tl.where(valid, s, float("-inf"))
        following = tl.maximum(m, tl.max(s, 1) * scale)
        e = tl.exp2(s * scale - following[:, None])
        shrink = tl.exp2(m - following)
        l = l * shrink + tl.sum(e, 1)
        acc = tl.dot(e.to(k.dtype), v.load([k_row + u, k_column]), acc * shrink[:, None])
        m = following
    return m, l, acc


@triton.jit
def attention_kernel(q, k, v, out, length, heads, ratio, scale, CAUSAL: tl.constexpr,
                     DIM: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    head, batch = tl.program_id(1), tl.program_id(2)
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    query, key = tile * BM + tl.arange(0, BM), tl.arange(0, BN)
    rows = q.load([batch * length + tile * BM, head * DIM])
    m = tl.full([BM], -1e30, tl.float32)
    l, acc = tl.zeros([BM], tl.float32), tl.zeros([BM, DIM], tl.float32)
    seen = tile * BM if CAUSAL else length // BN * BN
    end = min(length, tile * BM + BM) if CAUSAL else length
    k_row, k_column = batch * length, head // ratio * DIM
    m, l, acc = attend(rows, k, v, query, key, k_row, k_column, m, l, acc, length, scale, 0, seen,
                       False, CAUSAL, BN)
    m, l, acc = attend(rows, k, v, query, key, k_row, k_column, m, l, acc, length, scale, seen,
                       end, True, CAUSAL, BN)
    at = ((batch * length + query).to(tl.int64) * heads + head)[:, None] * DIM + tl.arange(0, DIM)
    tl.store(out + at, (acc / l[:, None]).to(out.dtype.element_ty), (query < length)[:, None])


@version("attention")
def attention(t, s):
    dim, length = s["dim"], s["length"]
    flat = {name: t[name].view(s["batches"] * length, -1) for name in "qkv"}
    found = []
    # Its warp specialisation is not for this kernel: on Hopper the pass refuses two loops.
    for bm, bn, w, st in ((128, 64, 8, 3), (128, 128, 8, 2), (128, 128, 8, 3), (64, 64, 4, 3),
                          (128, 64, 4, 3)):
        tiles = [TensorDescriptor.from_tensor(flat[name], [bm if name == "q" else bn, dim])
                 for name in "qkv"]
        found += launches(
            attention_kernel, (triton.cdiv(length, bm), s["heads"], s["batches"]),
            (*tiles, t["out"], length, s["heads"], s["heads"] // s["groups"],
             LOG2E / dim ** 0.5, s["causal"] > 1, dim),
            [dict(BM=bm, BN=bn, num_warps=w, num_stages=st)])
    return found


@triton.jit
def paged_attention_kernel(lengths, table, q, k, v, partial, most, total, pages, groups, scale,
                           RATIO: tl.constexpr, DIM: tl.constexpr, PAGE: tl.constexpr,
                           ROWS: tl.constexpr, BN: tl.constexpr):
    share, group, batch = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    shares = tl.num_programs(0)
    head, dim = tl.arange(0, ROWS), tl.arange(0, DIM)
    line = batch * groups + group
    mine = (head < RATIO)[:, None]
    query = tl.load(q + (line * RATIO + head)[:, None] * DIM + dim, mine, 0.0)
    length = tl.load(lengths + batch)
    steps = tl.cdiv(tl.cdiv(length, 64), shares) * 64
    m, l = tl.full([ROWS], -1e30, tl.float32), tl.zeros([ROWS], tl.float32)
    acc = tl.zeros([ROWS, DIM], tl.float32)
    end = min(length, (share + 1) * steps)
    for start in range(share * steps, end, BN):
        u = start + tl.arange(0, BN)
        inside = u < end
        row = tl.load(table + batch * pages + u // PAGE, inside, 0) * PAGE + u % PAGE
        at = (row.to(tl.int64) * groups + group)[:, None] * DIM + dim
        s = tl.dot(query, tl.load(k + at, inside[:, None], 0.0).T) * scale
        s = tl.where(inside[None, :], s, float("-inf"))
        following = tl.maximum(m, tl.max(s, 1))
        e, shrink = tl.exp2(s - following[:, None]), tl.exp2(m - following)
        value = tl.load(v + at, inside[:, None], 0.0)
        acc = tl.dot(e.to(value.dtype), value, acc * shrink[:, None])
        l, m = l * shrink + tl.sum(e, 1), following
    at = (line * shares + share) * RATIO + head
    tl.store(partial + at[:, None] * DIM + dim, acc, mine)
    tl.store(most + at, m, head < RATIO)
    tl.store(total + at, l, head < RATIO)


@version("paged_attention")
def paged_attention(t, s):
    dim = s["dim"]
    return launches(paged_attention_kernel, (s["shares"], s["groups"], s["batches"]),
                    (t["lengths"], t["table"], t["q"], t["k"], t["v"], t["partial"], t["most"],
                     t["total"], t["table"].shape[1], s["groups"], LOG2E / dim ** 0.5,
                     s["heads"] // s["groups"], dim, 16, 16),
                    [dict(BN=bn, num_warps=w, num_stages=st) for bn, w, st in
                     ((64, 4, 2), (64, 4, 3), (64, 2, 3), (128, 4, 2), (32, 2, 4))])


@triton.jit
def paged_combine_kernel(partial, most, total, out, shares, RATIO: tl.constexpr,
                         DIM: tl.constexpr, SHARES: tl.constexpr):
    head, line = tl.program_id(0), tl.program_id(1)
    share, dim = tl.arange(0, SHARES), tl.arange(0, DIM)
    inside = share < shares
    at = (line * shares + share) * RATIO + head
    m = tl.load(most + at, inside, float("-inf"))
    weight = tl.exp2(m - tl.max(m, 0))
    l = tl.sum(weight * tl.load(total + at, inside, 0.0), 0)
    parts = tl.load(partial + at[:, None] * DIM + dim, inside[:, None], 0.0)
    sums = tl.sum(parts * weight[:, None], 0) / l
    tl.store(out + (line * RATIO + head) * DIM + dim, sums)


@version("paged_combine")
def paged_combine(t, s):
    return launches(paged_combine_kernel, (s["ratio"], s["lines"]),
                    (t["partial"], t["most"], t["total"], t["out"], s["shares"], s["ratio"],
                     s["dim"], triton.next_power_of_2(s["shares"])),
                    choices(num_warps=[1, 2, 4]))
