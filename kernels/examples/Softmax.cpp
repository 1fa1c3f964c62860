// out[i, :] = exp(in[i, :] - max(in[i, :])) / sum(exp(in[i, :] - max(in[i,
// :])))
//
// A row that fits is one tile: it is read once. A longer one is read twice, in
// steps: first for the maximum and the sum, which is scaled whenever the
// maximum grows (Milakov and Gimelshein, arXiv 1805.02867), then for the
// result.
#include "kernels/examples/Examples.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lath {

static constexpr std::int64_t tile = 4096; // elements: 32 a thread
static constexpr std::int64_t mostInTile = 32768;

static std::int64_t rowsOfTile(std::int64_t columns) {
  return std::clamp<std::int64_t>(tile / tileExtent(columns), 1, 16);
}

static std::unique_ptr<Program> shortSoftmax(std::int64_t columns, Dtype dtype,
                                             std::int64_t rowsTile) {
  auto program = std::make_unique<Program>("softmax");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", dtype, {rows, columns});

  Range row = p.range(p.programId(0), rowsTile);
  Range all = p.range(0, tileExtent(columns));
  // The identity of a maximum is minus infinity.
  Tile x = cast(in.load({row, all}, -INFINITY), Dtype::f32);
  Tile e = exp(x - max(x, 1));
  out.store({row, all}, cast(e * (1 / sum(e, 1)), dtype));
  return program;
}

static std::unique_ptr<Program> longSoftmax(std::int64_t columns, Dtype dtype,
                                            std::int64_t step) {
  auto program = std::make_unique<Program>("softmax");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", dtype, {rows, columns});

  Range row = p.range(p.programId(0), 1);
  Tile least = p.splat(-INFINITY, Dtype::f32, {1, 1});
  auto [most, total] =
      p.loop(p.steps(0, columns, step), std::tuple{least, p.zeros({1, 1})},
             [&](Range k, Tile most, Tile total) {
               Tile x = cast(in.load({row, k}, -INFINITY), Dtype::f32);
               Tile next = maximum(most, max(x, 1));
               total = total * exp(most - next) + sum(exp(x - next), 1);
               return std::tuple{next, total};
             });
  Tile scale = 1 / total;
  p.loop(p.steps(0, columns, step), [&, most = most](Range k) {
    Tile x = cast(in.load({row, k}), Dtype::f32);
    out.store({row, k}, cast(exp(x - most) * scale, dtype));
  });
  return program;
}

std::unique_ptr<Program> softmax(std::int64_t columns, Dtype dtype) {
  if (columns < 1)
    throw Error(
        ErrorKind::invalidProgram,
        fmt::format("softmax: expected one column at least, got {}", columns));
  return columns <= mostInTile
             ? shortSoftmax(columns, dtype, rowsOfTile(columns))
             : longSoftmax(columns, dtype, tile);
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  const bool isShort = columns <= mostInTile;
  return {
      .space =
          ProgramSpace(isShort ? "rows=1|2|4|8|16 w=1|2|4|8|16"
                               : "step=1024|2048|4096|8192 w=4|8|16 st=1|2"),
      .usual = isShort ? fmt::format("rows{}w{}", rowsOfTile(columns),
                                     columns > 4 * tile ? 16
                                     : columns > tile   ? 8
                                                        : 4)
                       : "step4096w4",
      .build =
          [=](auto &c) {
            return isShort ? shortSoftmax(columns, dtype, c["rows"])
                           : longSoftmax(columns, dtype, c["step"]);
          },
      .grid =
          [=](auto &c) {
            return ProgramGrid{tilesOf(rows, isShort ? c["rows"] : 1), 1, 1};
          },
      .fits =
          [=](auto &c) {
            return elementsFit(
                isShort ? c["rows"] * tileExtent(columns) : c["step"], c);
          },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", dtype, {rows, columns}},
                    ArrayArgument{"out",
                                  dtype,
                                  {rows, columns},
                                  ArrayArgument::Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              const double *x = &v[1][i * columns];
              double *y = &v[2][i * columns];
              double most = *std::max_element(x, x + columns), total = 0;
              for (std::int64_t j = 0; j < columns; ++j)
                total += y[j] = std::exp(x[j] - most);
              for (std::int64_t j = 0; j < columns; ++j)
                y[j] /= total;
            }
          },
      .bytes = 2.0 * rows * columns * bitWidth(dtype) / 8};
}

const Example softmaxExample = {
    "softmax",
    "out[i, :] = exp(in[i, :] - max(in[i, :])) / sum(...)",
    {{"rows", 4096}, {"columns", 4096}},
    problem};

} // namespace lath
