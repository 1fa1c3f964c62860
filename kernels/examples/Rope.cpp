// Rotary embedding of queries or keys x [T, H, D], halves a and b of each head,
// at the token's position:                                  (arXiv 2104.09864)
//
//   out[t, h] = [a cos(f) - b sin(f), b cos(f) + a sin(f)]
//   f[t, j] = positions[t] * theta^(-2 j / D)
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

static std::unique_ptr<Program> rope(std::int64_t heads, std::int64_t dim,
                                     double theta, Dtype dtype,
                                     std::int64_t headsTile) {
  auto program = std::make_unique<Program>("rope");
  Program &p = *program;
  Index tokens = p.scalar("tokens");
  View positions = p.view("positions", Dtype::i32, {tokens});
  View x = p.view("x", dtype, {tokens, heads, dim});
  View out = p.view("out", dtype, {tokens, heads, dim});

  Index token = p.programId(0);
  Range head = p.range(p.programId(1), headsTile);
  Range low = p.range(0, dim / 2), high = p.range(1, dim / 2);
  Tile power = cast(iota(low), Dtype::f32) * (-2 * std::log2(theta) / dim);
  Tile f = cast(positions.load({{token, 1}}), Dtype::f32) * exp2(power);
  Tile c = cos(f), s = sin(f);
  Tile a = cast(x.load({token, head, low}), Dtype::f32);
  Tile b = cast(x.load({token, head, high}), Dtype::f32);
  out.store({token, head, low}, cast(a * c - b * s, dtype));
  out.store({token, head, high}, cast(b * c + a * s, dtype));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t tokens = sizes["tokens"], heads = sizes["heads"],
                     dim = sizes["dim"];
  constexpr double theta = 500000;
  const Shape shape{tokens, heads, dim};
  return {
      .space = ProgramSpace("heads=1|2|4|8|16|32 w=1|2|4|8"),
      .usual = "heads4w2",
      .build =
          [=](auto &c) { return rope(heads, dim, theta, dtype, c["heads"]); },
      .grid =
          [=](auto &c) {
            return ProgramGrid{unsigned(tokens), tilesOf(heads, c["heads"]), 1};
          },
      .fits = [=](auto &c) { return elementsFit(c["heads"] * dim / 2, c); },
      .arguments = {NumberArgument{"tokens", double(tokens)},
                    ArrayArgument{"positions",
                                  Dtype::i32,
                                  {tokens},
                                  ArrayArgument::Use::input,
                                  0,
                                  4096},
                    ArrayArgument{"x", dtype, shape},
                    ArrayArgument{"out", dtype, shape,
                                  ArrayArgument::Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t t = 0; t < tokens; ++t)
              for (std::int64_t h = 0; h < heads; ++h)
                for (std::int64_t j = 0; j < dim / 2; ++j) {
                  const double f = v[1][t] * std::pow(theta, -2.0 * j / dim);
                  const std::int64_t i = (t * heads + h) * dim + j;
                  const double a = v[2][i], b = v[2][i + dim / 2];
                  v[3][i] = a * std::cos(f) - b * std::sin(f);
                  v[3][i + dim / 2] = b * std::cos(f) + a * std::sin(f);
                }
          },
      .bytes = 2.0 * tokens * heads * dim * bitWidth(dtype) / 8};
}

const Example ropeExample = {"rope",
                             "out = [a cos(f) - b sin(f), b cos(f) + a sin(f)]",
                             {{"tokens", 4096}, {"heads", 32}, {"dim", 128}},
                             problem};

} // namespace lath
