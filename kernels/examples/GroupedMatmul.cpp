// out[first[e] + i, :] = a[first[e] + i, :] b[e],  i < first[e + 1] - first[e]
//
// Rows of a are sorted by the matrix that multiplies them; where each matrix's
// rows begin is read from memory. Blocks, as many as the device holds, go over
// the tiles of all products in turn, so that products of any sizes are even
// work: each finds the matrix of its next tile by walking over `first`.
#include "kernels/examples/Examples.h"

namespace lath {

static std::unique_ptr<Program> groupedMatmul(std::int64_t matrices,
                                              std::int64_t n, std::int64_t k,
                                              Dtype dtype,
                                              const MatmulTile &block) {
  auto program = std::make_unique<Program>("grouped_matmul");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View first = p.view("first", Dtype::i32, {matrices + 1});
  View a = p.view("a", dtype, {rows, k});
  View b = p.view("b", dtype, {matrices, k, n});
  View out = p.view("out", dtype, {rows, n});

  const std::int64_t across = tilesOf(n, block.n);
  p.loop(p.each(0, matrices), p.programId(0), [&](Index e, Index tile) {
    Index begin = first.loadIndex({e}), end = first.loadIndex({e + 1});
    Index tiles = ceilDiv(end - begin, block.m) * across;
    Range i = p.range(0, block.m);
    p.loop(p.each(tile, tiles, p.numPrograms(0)), [&](Index t) {
      Index top = begin + t / across * block.m;
      Range column = p.range(t % across, block.n);
      Tile sums = p.loop(p.steps(0, k, block.k), p.zeros({block.m, block.n}),
                         [&](Range kk, Tile acc) {
                           return dot(a.load({{top, block.m}, kk}),
                                      b.load({e, kk, column}), acc);
                         });
      // Rows of the next matrix came along.
      Tile at = iota(i) + top;
      out.store({where(at < end, at, -1), column}, cast(sums, dtype));
    });
    // The block's first tile of the next matrix.
    Index left = maximum(tiles - tile, 0);
    Index taken = ceilDiv(left, p.numPrograms(0));
    return tile + taken * p.numPrograms(0) - tiles;
  });
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t matrices = sizes["matrices"], rows = sizes["rows"],
                     n = sizes["n"], k = sizes["k"];
  std::vector<double> first{0}; // uneven, some empty
  for (std::int64_t e = 1; e < matrices; ++e)
    first.push_back(
        double(e % 3 == 2 ? (std::int64_t)first.back() : rows * e / matrices));
  first.push_back(double(rows));
  return {
      .space = ProgramSpace("bm=32|64|128 bn=64|128|256 bk=32|64 "
                            "blocks=132|264|396|528 w=4|8 st=2|3|4 "
                            "mma=warp|warpgroup"),
      .usual = "bm64bn128bk64blocks264w4st3",
      .build =
          [=](auto &c) {
            return groupedMatmul(matrices, n, k, dtype,
                                 {c["bm"], c["bn"], c["bk"]});
          },
      .grid = [](auto &c) { return ProgramGrid{unsigned(c["blocks"]), 1, 1}; },
      .fits = productFits,
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{.name = "first",
                                  .dtype = Dtype::i32,
                                  .shape = {matrices + 1},
                                  .values = first},
                    ArrayArgument{"a", dtype, {rows, k}},
                    ArrayArgument{"b", dtype, {matrices, k, n}},
                    ArrayArgument{
                        "out", dtype, {rows, n}, ArrayArgument::Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            std::fill(v[4].begin(), v[4].end(), 0);
            for (std::int64_t e = 0; e < matrices; ++e) {
              const auto from = std::int64_t(v[1][e]),
                         to = std::int64_t(v[1][e + 1]);
              addProduct(&v[2][from * k], &v[3][e * k * n], &v[4][from * n],
                         to - from, n, k);
            }
          },
      .flops = 2.0 * rows * n * k};
}

const Example groupedMatmulExample = {
    "grouped_matmul",
    "out[i, :] = a[i, :] b[e], first[e] <= i < first[e + 1]",
    {{"matrices", 8}, {"rows", 4096}, {"n", 4096}, {"k", 4096}},
    problem};

} // namespace lath
