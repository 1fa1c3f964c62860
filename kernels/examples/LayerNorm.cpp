// y[i, :] = (x[i, :] - mean) * rstd * w + b,  mean = sum(x[i, :]) / N,
// rstd = 1 / sqrt(sum((x[i, :] - mean)^2) / N + eps)       (arXiv 1607.06450)
//
// Backward, with g = dy * w and c = (x - mean) * rstd:
//
//   dx[i, :] = (g - (c * sum(c g) + sum(g)) / N) * rstd
//   dw = sum over i of dy * c,  db = sum over i of dy
//
// A block goes over every P-th row and keeps its share of dw and db in
// registers; column_sum adds the P shares.
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

using Use = ArrayArgument::Use;

static std::unique_ptr<Program> layerNorm(std::int64_t columns, Dtype dtype) {
  auto program = std::make_unique<Program>("layer_norm");
  Program &p = *program;
  Index rows = p.scalar("rows");
  Tile eps = p.scalar("eps", Dtype::f32);
  View x = p.view("x", dtype, {rows, columns});
  View w = p.view("w", dtype, {columns}), b = p.view("b", dtype, {columns});
  View y = p.view("y", dtype, {rows, columns});
  View means = p.view("mean", Dtype::f32, {rows});
  View rstds = p.view("rstd", Dtype::f32, {rows});

  Index row = p.programId(0);
  Range all = p.range(0, tileExtent(columns));
  Tile t = cast(x.load({row, all}), Dtype::f32);
  Tile mean = sum(t, 0) * (1.0 / columns);
  Tile centred = where(x.inside({row, all}), t - mean, 0);
  Tile rstd = rsqrt(sum(centred * centred, 0) * (1.0 / columns) + eps);
  means.store({{row, 1}}, mean);
  rstds.store({{row, 1}}, rstd);
  Tile scaled = centred * rstd * cast(w.load({all}), Dtype::f32);
  y.store({row, all}, cast(scaled + cast(b.load({all}), Dtype::f32), dtype));
  return program;
}

static std::unique_ptr<Program>
layerNormBackward(std::int64_t columns, std::int64_t shares, Dtype dtype) {
  auto program = std::make_unique<Program>("layer_norm_backward");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View x = p.view("x", dtype, {rows, columns});
  View w = p.view("w", dtype, {columns});
  View dy = p.view("dy", dtype, {rows, columns});
  View means = p.view("mean", Dtype::f32, {rows});
  View rstds = p.view("rstd", Dtype::f32, {rows});
  View dx = p.view("dx", dtype, {rows, columns});
  View dw = p.view("dw", Dtype::f32, {shares, columns});
  View db = p.view("db", Dtype::f32, {shares, columns});

  Index block = p.programId(0);
  const std::int64_t width = tileExtent(columns);
  Range all = p.range(0, width);
  Tile weight = cast(w.load({all}), Dtype::f32), zero = p.zeros({width});
  auto [dwShare, dbShare] =
      p.loop(p.each(block, rows, p.numPrograms(0)), std::tuple{zero, zero},
             [&](Index row, Tile dwSum, Tile dbSum) {
               Tile rstd = rstds.load({{row, 1}}),
                    mean = means.load({{row, 1}});
               Tile t = cast(x.load({row, all}), Dtype::f32);
               Tile grad = cast(dy.load({row, all}), Dtype::f32);
               Tile c = where(x.inside({row, all}), (t - mean) * rstd, 0);
               Tile g = grad * weight;
               Tile shared = (c * sum(c * g, 0) + sum(g, 0)) / columns;
               dx.store({row, all}, cast((g - shared) * rstd, dtype));
               return std::tuple{dwSum + grad * c, dbSum + grad};
             });
  dw.store({block, all}, dwShare);
  db.store({block, all}, dbShare);
  return program;
}

static TunableProgram forward(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  constexpr double eps = 1e-5;
  return {
      .space = ProgramSpace("w=1|2|4|8|16"),
      .usual = tileExtent(columns) >= 4096 ? "w8" : "w4",
      .build = [=](auto &) { return layerNorm(columns, dtype); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [=](auto &c) { return elementsFit(tileExtent(columns), c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    NumberArgument{"eps", eps},
                    // Around 1, so that a mean is not what is left of a sum.
                    ArrayArgument{.name = "x",
                                  .dtype = dtype,
                                  .shape = {rows, columns},
                                  .low = -1,
                                  .high = 3},
                    ArrayArgument{"w", dtype, {columns}},
                    ArrayArgument{"b", dtype, {columns}},
                    ArrayArgument{"y", dtype, {rows, columns}, Use::output},
                    ArrayArgument{"mean", Dtype::f32, {rows}, Use::output},
                    ArrayArgument{"rstd", Dtype::f32, {rows}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              const double *x = &v[2][i * columns];
              double mean = 0, variance = 0;
              for (std::int64_t j = 0; j < columns; ++j)
                mean += x[j] / columns;
              for (std::int64_t j = 0; j < columns; ++j)
                variance += (x[j] - mean) * (x[j] - mean) / columns;
              const double rstd = 1 / std::sqrt(variance + eps);
              v[6][i] = mean;
              v[7][i] = rstd;
              for (std::int64_t j = 0; j < columns; ++j)
                v[5][i * columns + j] =
                    (x[j] - mean) * rstd * v[3][j] + v[4][j];
            }
          },
      .bytes = 2.0 * rows * columns * bitWidth(dtype) / 8};
}

static TunableProgram backward(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  const std::int64_t shares = std::min<std::int64_t>(rows, 264);
  return {.space = ProgramSpace("w=1|2|4|8|16"),
          .usual = tileExtent(columns) >= 4096 ? "w8" : "w4",
          .build =
              [=](auto &) { return layerNormBackward(columns, shares, dtype); },
          .grid = [=](auto &) { return ProgramGrid{unsigned(shares), 1, 1}; },
          .fits = [=](auto &c) { return elementsFit(tileExtent(columns), c); },
          .arguments =
              {NumberArgument{"rows", double(rows)},
               ArrayArgument{"x", dtype, {rows, columns}},
               ArrayArgument{"w", dtype, {columns}},
               ArrayArgument{"dy", dtype, {rows, columns}},
               ArrayArgument{"mean", Dtype::f32, {rows}},
               ArrayArgument{"rstd", Dtype::f32, {rows}, Use::input, 0.5, 2},
               ArrayArgument{"dx", dtype, {rows, columns}, Use::output},
               ArrayArgument{"dw", Dtype::f32, {shares, columns}, Use::output},
               ArrayArgument{"db", Dtype::f32, {shares, columns}, Use::output}},
          .reference =
              [=](ArgumentValues &v) {
                std::fill(v[7].begin(), v[7].end(), 0);
                std::fill(v[8].begin(), v[8].end(), 0);
                for (std::int64_t i = 0; i < rows; ++i) {
                  double cg = 0, gs = 0;
                  auto at = [&](std::int64_t j) { return i * columns + j; };
                  auto c = [&](std::int64_t j) {
                    return (v[1][at(j)] - v[4][i]) * v[5][i];
                  };
                  for (std::int64_t j = 0; j < columns; ++j) {
                    const double g = v[3][at(j)] * v[2][j];
                    cg += c(j) * g;
                    gs += g;
                  }
                  for (std::int64_t j = 0; j < columns; ++j) {
                    const double dy = v[3][at(j)];
                    v[6][at(j)] =
                        (dy * v[2][j] - (c(j) * cg + gs) / columns) * v[5][i];
                    v[7][i % shares * columns + j] += dy * c(j);
                    v[8][i % shares * columns + j] += dy;
                  }
                }
              },
          .bytes = 3.0 * rows * columns * bitWidth(dtype) / 8};
}

const Example layerNormExample = {"layer_norm",
                                  "y[i, :] = (x[i, :] - mean) * rstd * w + b",
                                  {{"rows", 4096}, {"columns", 4096}},
                                  forward};
const Example layerNormBackwardExample = {
    "layer_norm_backward",
    "dx[i, :] = (dy w - (c sum(c dy w) + sum(dy w)) / N) * rstd, "
    "c = (x - mean) * rstd",
    {{"rows", 4096}, {"columns", 4096}},
    backward};

} // namespace lath
