// h = x + residual,  y = h / sqrt(sum(h^2) / N + eps) * w     (arXiv
// 1910.07467)
//
// The sum is kept for the next layer; it is rounded to the type of x before it
// is used, as frameworks do that add first.
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

static std::unique_ptr<Program> rmsNorm(std::int64_t columns, Dtype dtype) {
  auto program = std::make_unique<Program>("rms_norm");
  Program &p = *program;
  Index rows = p.scalar("rows");
  Tile eps = p.scalar("eps", Dtype::f32);
  View x = p.view("x", dtype, {rows, columns});
  View residual = p.view("residual", dtype, {rows, columns});
  View w = p.view("w", dtype, {columns});
  View h = p.view("h", dtype, {rows, columns});
  View y = p.view("y", dtype, {rows, columns});

  Index row = p.programId(0);
  Range all = p.range(0, tileExtent(columns));
  Tile sums = x.load({row, all}) + residual.load({row, all});
  h.store({row, all}, sums);
  Tile t = cast(sums, Dtype::f32);
  Tile scale = rsqrt(sum(t * t, 0) / columns + eps);
  y.store({row, all}, cast(t * scale * cast(w.load({all}), Dtype::f32), dtype));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  constexpr double eps = 1e-6;
  constexpr auto output = ArrayArgument::Use::output;
  return {
      .space = ProgramSpace("w=1|2|4|8|16"),
      .usual = tileExtent(columns) >= 4096 ? "w8" : "w4",
      .build = [=](auto &) { return rmsNorm(columns, dtype); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [=](auto &c) { return elementsFit(tileExtent(columns), c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    NumberArgument{"eps", eps},
                    ArrayArgument{"x", dtype, {rows, columns}},
                    ArrayArgument{"residual", dtype, {rows, columns}},
                    ArrayArgument{"w", dtype, {columns}},
                    ArrayArgument{"h", dtype, {rows, columns}, output},
                    ArrayArgument{"y", dtype, {rows, columns}, output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              double squares = 0;
              for (std::int64_t j = i * columns; j < (i + 1) * columns; ++j) {
                v[5][j] = v[2][j] + v[3][j];
                squares += v[5][j] * v[5][j];
              }
              const double scale = 1 / std::sqrt(squares / columns + eps);
              for (std::int64_t j = 0; j < columns; ++j)
                v[6][i * columns + j] = v[5][i * columns + j] * scale * v[4][j];
            }
          },
      .bytes = 4.0 * rows * columns * bitWidth(dtype) / 8};
}

const Example rmsNormExample = {
    "rms_norm",
    "h = x + residual, y = h / sqrt(sum(h^2) / N + eps) * w",
    {{"rows", 4096}, {"columns", 4096}},
    problem};

} // namespace lath
