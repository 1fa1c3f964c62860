// out[m, n] = sum over k of a[m, k] b[k, n]
//
// No extent has to be a multiple of anything: past the ends tiles are zero and
// add nothing. The split of K, the pipeline and the tensor cores' instructions
// are words of the schedule.
#include "kernels/examples/Examples.h"

#include <algorithm>

namespace lath {

/// Of 8 bits the sums themselves.
static Dtype resultOf(Dtype dtype) {
  return dtype == Dtype::i8     ? Dtype::i32
         : bitWidth(dtype) == 8 ? Dtype::f32
                                : dtype;
}

std::unique_ptr<Program> matmul(std::int64_t n, std::int64_t k, MatrixB order,
                                Dtype dtype, const MatmulTile &tile) {
  bool transposed = order == MatrixB::nk;
  auto program =
      std::make_unique<Program>(transposed ? "matmul_nk" : "matmul_kn");
  Program &p = *program;
  Index m = p.scalar("m");
  View a = p.view("a", dtype, {m, k});
  View b = transposed ? p.view("b", dtype, {n, k}) : p.view("b", dtype, {k, n});
  const Dtype sum = dtype == Dtype::i8 ? Dtype::i32 : Dtype::f32,
              result = resultOf(dtype);
  View out = p.view("out", result, {m, n});

  Range row = p.range(p.programId(1), tile.m);
  Range column = p.range(p.programId(0), tile.n);
  Tile sums = p.loop(p.kRange(k, tile.k), p.zeros({tile.m, tile.n}, sum),
                     [&](Range kk, Tile acc) {
                       Tile right = transposed ? transpose(b.load({column, kk}))
                                               : b.load({kk, column});
                       return dot(a.load({row, kk}), right, acc);
                     });
  out.store({row, column}, cast(reduceSplits(sums), result));
  return program;
}

std::array<unsigned, 3> matmulGrid(std::int64_t m, std::int64_t n,
                                   const MatmulTile &tile) {
  return {tilesOf(n, tile.n), tilesOf(m, tile.m), 1};
}

void addProduct(const double *a, const double *b, double *out, std::int64_t m,
                std::int64_t n, std::int64_t k, MatrixB order) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t l = 0; l < k; ++l)
      for (std::int64_t j = 0; j < n; ++j)
        out[i * n + j] +=
            a[i * k + l] * b[order == MatrixB::nk ? j * k + l : l * n + j];
}

bool productFits(const ProgramChoice &choice) {
  return elementsFit(choice["bm"] * choice["bn"], choice);
}

static TunableProgram plain(const ExampleSizes &sizes, Dtype dtype,
                            MatrixB order) {
  const std::int64_t m = sizes["m"], n = sizes["n"], k = sizes["k"];
  const bool transposed = order == MatrixB::nk;
  return {
      .space = ProgramSpace(std::string(productSpace) +
                            " s=1|2|4 reduce=none|ordered|cluster"),
      .usual = "bm64bn64bk64w4st3",
      .build =
          [=](auto &c) {
            return matmul(n, k, order, dtype, {c["bm"], c["bn"], c["bk"]});
          },
      .grid =
          [=](auto &c) {
            return matmulGrid(m, n, {c["bm"], c["bn"], c["bk"]});
          },
      .fits = productFits,
      .arguments =
          {NumberArgument{"m", double(m)}, ArrayArgument{"a", dtype, {m, k}},
           ArrayArgument{"b", dtype, transposed ? Shape{n, k} : Shape{k, n}},
           ArrayArgument{
               "out", resultOf(dtype), {m, n}, ArrayArgument::Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            std::fill(v[3].begin(), v[3].end(), 0);
            addProduct(v[1].data(), v[2].data(), v[3].data(), m, n, k, order);
          },
      .bound = dtype == Dtype::i8 ? 0.0 : 2.0,
      .flops = 2.0 * m * n * k};
}

const Example matmulKnExample = {
    "matmul_kn",
    "out[m, n] = sum over k of a[m, k] b[k, n]",
    {{"m", 4096}, {"n", 4096}, {"k", 4096}},
    [](const ExampleSizes &s, Dtype t) { return plain(s, t, MatrixB::kn); }};
const Example matmulNkExample = {
    "matmul_nk",
    "out[m, n] = sum over k of a[m, k] b[n, k]",
    {{"m", 4096}, {"n", 4096}, {"k", 4096}},
    [](const ExampleSizes &s, Dtype t) { return plain(s, t, MatrixB::nk); }};

} // namespace lath
