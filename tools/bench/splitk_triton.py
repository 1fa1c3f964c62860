"""The kernels of arXiv 2402.00025, "Accelerating a Triton Fused Kernel for W4A16 Quantized
Inference with SplitK work decomposition", written anew from its description, and a plain read.

The paper: each block of a grid (M tiles x N tiles, SPLIT_K) walks K in steps of
BLOCK_K * SPLIT_K, unpacks GPTQ words, scales the weights, multiplies on tensor cores in fp32 and
adds its tile into the output by atomics in the output's type; SPLIT_K = 1, with a plain store, is
the data-parallel kernel it compares with. The output must be zero before a split launch."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["M"])
def w4a16(x, qweight, scales, qzeros, out, M, N, K,
          GROUP: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
          BLOCK_K: tl.constexpr, SPLIT_K: tl.constexpr):
    """x f16 [M, K]; qweight i32 [K/8, N]; scales f16 [K/GROUP, N]; qzeros i32 [K/GROUP, N/8],
    stored zero point minus one; BLOCK_K at most GROUP. K a multiple of BLOCK_K * SPLIT_K, N of
    BLOCK_N."""
    pid = tl.program_id(0)
    split = tl.program_id(1)
    tiles_n = tl.cdiv(N, BLOCK_N)
    rows = pid // tiles_n * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = pid % tiles_n * BLOCK_N + tl.arange(0, BLOCK_N)
    ks = split * BLOCK_K + tl.arange(0, BLOCK_K)
    x_at = x + rows[:, None] * K + ks[None, :]
    q_at = qweight + (ks[:, None] // 8) * N + columns[None, :]
    shift = (ks % 8) * 4
    zero_shift = (columns % 8) * 4
    inside = rows[:, None] < M
    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for step in range(0, K // (BLOCK_K * SPLIT_K)):
        a = tl.load(x_at, mask=inside, other=0.0)
        q = tl.load(q_at)
        group = (split * BLOCK_K + step * BLOCK_K * SPLIT_K) // GROUP
        s = tl.load(scales + group * N + columns)
        z = tl.load(qzeros + group * (N // 8) + columns // 8)
        z = ((z >> zero_shift) & 15) + 1
        w = (((q >> shift[:, None]) & 15) - z[None, :]) * s[None, :]
        sums += tl.dot(a, w.to(tl.float16))
        x_at += BLOCK_K * SPLIT_K
        q_at += (BLOCK_K * SPLIT_K // 8) * N
    out_at = out + rows[:, None] * N + columns[None, :]
    if SPLIT_K == 1:
        tl.store(out_at, sums.to(tl.float16), mask=inside)
    else:
        tl.atomic_add(out_at, sums.to(tl.float16), mask=inside, sem="relaxed")


@triton.jit
def plain_read(words, out, COUNT: tl.constexpr):
    """The largest of each block's COUNT words: reads all, writes one."""
    at = tl.program_id(0) * COUNT + tl.arange(0, COUNT)
    tl.store(out + tl.program_id(0), tl.max(tl.load(words + at), 0))


READ_WORDS = 8192  # 32 KB a block


def launch_plain_read(qweight, out):
    plain_read[(qweight.numel() // READ_WORDS,)](qweight, out, READ_WORDS, num_warps=8)


class Config:
    """BLOCK_M follows from the rows: 16 is the least that a tensor core takes here."""

    def __init__(self, split, block_n, block_k, warps, stages):
        self.split, self.block_n, self.block_k = split, block_n, block_k
        self.warps, self.stages = warps, stages

    def __str__(self):
        return (f"split{self.split} n{self.block_n} k{self.block_k} w{self.warps} "
                f"st{self.stages}")

    def fits(self, n, k):
        return n % self.block_n == 0 and k % (self.block_k * self.split) == 0

    def launch(self, x, qweight, scales, qzeros, out, group):
        m, k = x.shape
        n = qweight.shape[1]
        if self.split > 1:
            out.zero_()
        block_m = min(64, max(16, triton.next_power_of_2(m)))
        grid = (triton.cdiv(m, block_m) * (n // self.block_n), self.split)
        w4a16[grid](x, qweight, scales, qzeros, out, m, n, k, group, block_m, self.block_n,
                    self.block_k, self.split, num_warps=self.warps, num_stages=self.stages)


# Around the paper's choice (tiles 16 x 32 x 128, 4 warps on an A100, split 4 to 16).
SPLIT_K = [Config(s, n, 128, 4, st) for s in (4, 8, 16) for n, st in ((32, 3), (64, 3))]
DATA_PARALLEL = [Config(1, 32, 128, 4, 4), Config(1, 64, 128, 4, 4)]
