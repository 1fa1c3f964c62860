#include "kernels/examples/Examples.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>

namespace lath {

namespace {

constexpr std::int64_t addTile = 1024;
constexpr std::int64_t softmaxTile = 4096; // elements: 32 a thread

std::int64_t softmaxWidth(std::int64_t columns) {
  return static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(columns)));
}
std::int64_t softmaxRows(std::int64_t columns) {
  return std::min<std::int64_t>(softmaxTile / softmaxWidth(columns), 16);
}

unsigned tiles(std::int64_t extent, std::int64_t tile) {
  return static_cast<unsigned>((extent + tile - 1) / tile);
}

} // namespace

std::unique_ptr<Program> vectorAdd(Dtype dtype) {
  auto program = std::make_unique<Program>("vector_add");
  Program &p = *program;
  Index n = p.scalar("n");
  View a = p.view("a", dtype, {n});
  View b = p.view("b", dtype, {n});
  View c = p.view("c", dtype, {n});

  Range i = p.range(p.programId(0), addTile);
  c.store({i}, a.load({i}) + b.load({i}));
  return program;
}

std::unique_ptr<Program> softmax(std::int64_t columns, Dtype dtype) {
  if (columns < 1 || columns > maxSoftmaxColumns)
    throw Error(ErrorKind::invalidProgram,
                fmt::format("softmax: {} columns are not in 1..{}", columns,
                            maxSoftmaxColumns));
  auto program = std::make_unique<Program>("softmax");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", dtype, {rows, columns});

  const Shape tile{softmaxRows(columns), softmaxWidth(columns)};
  Range row = p.range(p.programId(0), tile[0]);
  Range column = p.range(p.constant(0), tile[1]);
  Tile x = cast(in.load({row, column}, -INFINITY), Dtype::f32);
  Tile e = exp(x - max(x, 1));
  out.store({row, column}, cast(e * (1 / sum(e, 1)), dtype));
  return program;
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
  View out = p.view("out", dtype, {m, n});

  Range row = p.range(p.programId(1), tile.m);
  Range column = p.range(p.programId(0), tile.n);
  // Past the last k both tiles are zero and add nothing.
  Tile sum =
      p.loop(p.kRange(k, tile.k), p.splat(0, Dtype::f32, {tile.m, tile.n}),
             [&](Range kk, Tile acc) {
               Tile right = transposed ? transpose(b.load({column, kk}))
                                       : b.load({kk, column});
               return dot(a.load({row, kk}), right, acc);
             });
  out.store({row, column}, cast(reduceSplits(sum), dtype));
  return program;
}

std::array<unsigned, 3> matmulGrid(std::int64_t m, std::int64_t n,
                                   const MatmulTile &tile) {
  return {tiles(n, tile.n), tiles(m, tile.m), 1};
}

const std::vector<Example> &examples() {
  using Sizes = const ExampleSizes &;
  using Grid = std::array<unsigned, 3>;
  constexpr auto gridOfMatmul = [](Sizes s) { return matmulGrid(s.m, s.n); };
  static const std::vector<Example> table = {
      {"vector_add", "c[i] = a[i] + b[i]",
       [](Sizes, Dtype dtype) { return vectorAdd(dtype); },
       [](Sizes s) { return Grid{tiles(s.n, addTile), 1, 1}; },
       [](Sizes s) { return s.n; }, /*warps=*/4, /*stages=*/1},
      {"softmax", "out[i, :] = exp(in[i, :] - max) / sum",
       [](Sizes s, Dtype dtype) { return softmax(s.n, dtype); },
       [](Sizes s) { return Grid{tiles(s.m, softmaxRows(s.n)), 1, 1}; },
       [](Sizes s) { return s.m; }, /*warps=*/4, /*stages=*/1},
      {"matmul_kn", "out[m, n] = a[m, k] * b[k, n]",
       [](Sizes s, Dtype dtype) {
         return matmul(s.n, s.k, MatrixB::kn, dtype);
       },
       gridOfMatmul, [](Sizes s) { return s.m; }, /*warps=*/4, /*stages=*/3},
      {"matmul_nk", "out[m, n] = a[m, k] * b[n, k]^T",
       [](Sizes s, Dtype dtype) {
         return matmul(s.n, s.k, MatrixB::nk, dtype);
       },
       gridOfMatmul, [](Sizes s) { return s.m; }, /*warps=*/4, /*stages=*/3},
  };
  return table;
}

CompileOptions compileOptions(const Example &example, const Target &target) {
  CompileOptions options;
  options.target = &target;
  options.warps = example.warps;
  options.stages = example.stages;
  return options;
}

} // namespace lath
