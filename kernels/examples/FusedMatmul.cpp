// out[m, n] = gelu(sum over k of a[m, k] b[k, n] + bias[n])
// out[b, m, n] = sum over k of a[b, m, k] b[b, k, n]
//
// Blocks of the first go over the tiles in groups of rows, so that those which
// run at the same time share rows of a and columns of b in L2.
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

using Use = ArrayArgument::Use;

static constexpr std::int64_t groupRows = 8;

/// gelu(x) by tanh (arXiv 1606.08415).
static Tile gelu(Tile x) {
  return 0.5 * x * (1 + tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static std::unique_ptr<Program> fusedMatmul(std::int64_t n, std::int64_t k,
                                            Dtype dtype,
                                            const MatmulTile &block) {
  auto program = std::make_unique<Program>("matmul_bias_gelu");
  Program &p = *program;
  Index m = p.scalar("m");
  View a = p.view("a", dtype, {m, k}), b = p.view("b", dtype, {k, n});
  View bias = p.view("bias", dtype, {n});
  View out = p.view("out", dtype, {m, n});

  const std::int64_t across = tilesOf(n, block.n);
  Index tile = p.programId(0), down = ceilDiv(m, block.m);
  Index first = tile / (groupRows * across) * groupRows;
  Index rowsHere = minimum(down - first, groupRows);
  Index within = tile % (groupRows * across);
  Range row = p.range(first + within % rowsHere, block.m);
  Range column = p.range(within / rowsHere, block.n);
  Tile sums = p.loop(p.kRange(k, block.k), p.zeros({block.m, block.n}),
                     [&](Range kk, Tile acc) {
                       return dot(a.load({row, kk}), b.load({kk, column}), acc);
                     });
  Tile biased = reduceSplits(sums) + cast(bias.load({column}), Dtype::f32);
  out.store({row, column}, cast(gelu(biased), dtype));
  return program;
}

static std::unique_ptr<Program> batchedMatmul(std::int64_t n, std::int64_t k,
                                              Dtype dtype,
                                              const MatmulTile &block) {
  auto program = std::make_unique<Program>("batched_matmul");
  Program &p = *program;
  Index batches = p.scalar("batches"), m = p.scalar("m");
  View a = p.view("a", dtype, {batches, m, k});
  View b = p.view("b", dtype, {batches, k, n});
  View out = p.view("out", dtype, {batches, m, n});

  Index batch = p.programId(2);
  Range row = p.range(p.programId(1), block.m);
  Range column = p.range(p.programId(0), block.n);
  Tile sums = p.loop(p.kRange(k, block.k), p.zeros({block.m, block.n}),
                     [&](Range kk, Tile acc) {
                       return dot(a.load({batch, row, kk}),
                                  b.load({batch, kk, column}), acc);
                     });
  out.store({batch, row, column}, cast(sums, dtype));
  return program;
}

static TunableProgram fused(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t m = sizes["m"], n = sizes["n"], k = sizes["k"];
  return {.space = ProgramSpace(productSpace),
          .usual = "bm128bn128bk64w8st3",
          .build =
              [=](auto &c) {
                return fusedMatmul(n, k, dtype, {c["bm"], c["bn"], c["bk"]});
              },
          .grid =
              [=](auto &c) {
                return ProgramGrid{tilesOf(n, c["bn"]) * tilesOf(m, c["bm"]), 1,
                                   1};
              },
          .fits = productFits,
          .arguments = {NumberArgument{"m", double(m)},
                        ArrayArgument{"a", dtype, {m, k}},
                        ArrayArgument{"b", dtype, {k, n}},
                        ArrayArgument{"bias", dtype, {n}},
                        ArrayArgument{"out", dtype, {m, n}, Use::output}},
          .reference =
              [=](ArgumentValues &v) {
                std::fill(v[4].begin(), v[4].end(), 0);
                addProduct(v[1].data(), v[2].data(), v[4].data(), m, n, k);
                for (std::int64_t i = 0; i < m * n; ++i) {
                  const double x = v[4][i] + v[3][i % n];
                  v[4][i] = 0.5 * x *
                            (1 + std::tanh(std::sqrt(2 / M_PI) *
                                           (x + 0.044715 * x * x * x)));
                }
              },
          .flops = 2.0 * m * n * k};
}

static TunableProgram batched(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t batches = sizes["batches"], m = sizes["m"], n = sizes["n"],
                     k = sizes["k"];
  return {
      .space = ProgramSpace(productSpace),
      .usual = "bm64bn64bk64w4st3",
      .build =
          [=](auto &c) {
            return batchedMatmul(n, k, dtype, {c["bm"], c["bn"], c["bk"]});
          },
      .grid =
          [=](auto &c) {
            return ProgramGrid{tilesOf(n, c["bn"]), tilesOf(m, c["bm"]),
                               unsigned(batches)};
          },
      .fits = productFits,
      .arguments = {NumberArgument{"batches", double(batches)},
                    NumberArgument{"m", double(m)},
                    ArrayArgument{"a", dtype, {batches, m, k}},
                    ArrayArgument{"b", dtype, {batches, k, n}},
                    ArrayArgument{"out", dtype, {batches, m, n}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            std::fill(v[4].begin(), v[4].end(), 0);
            for (std::int64_t i = 0; i < batches; ++i)
              addProduct(&v[2][i * m * k], &v[3][i * k * n], &v[4][i * m * n],
                         m, n, k);
          },
      .flops = 2.0 * batches * m * n * k};
}

const Example fusedMatmulExample = {
    "matmul_bias_gelu",
    "out[m, n] = gelu(sum over k of a[m, k] b[k, n] + bias[n])",
    {{"m", 4096}, {"n", 4096}, {"k", 4096}},
    fused};
const Example batchedMatmulExample = {
    "batched_matmul",
    "out[b, m, n] = sum over k of a[b, m, k] b[b, k, n]",
    {{"batches", 32}, {"m", 512}, {"n", 512}, {"k", 512}},
    batched};

} // namespace lath
