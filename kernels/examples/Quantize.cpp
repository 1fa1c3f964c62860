// scale[i] = max(|in[i, :]|) / 127,  out[i, j] = round(in[i, j] / scale[i])
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

static std::unique_ptr<Program> quantize(std::int64_t columns, Dtype dtype) {
  auto program = std::make_unique<Program>("quantize_rows");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", Dtype::i8, {rows, columns});
  View scales = p.view("scales", Dtype::f32, {rows});

  Index row = p.programId(0);
  Range all = p.range(0, tileExtent(columns));
  Tile x = cast(in.load({row, all}), Dtype::f32);
  Tile scale = maximum(max(abs(x), 0), 1e-10) / 127;
  scales.store({{row, 1}}, scale);
  out.store({row, all}, cast(round(x * (1 / scale)), Dtype::i8));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  constexpr auto output = ArrayArgument::Use::output;
  return {
      .space = ProgramSpace("w=1|2|4|8|16"),
      .usual = tileExtent(columns) >= 4096 ? "w8" : "w4",
      .build = [=](auto &) { return quantize(columns, dtype); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [=](auto &c) { return elementsFit(tileExtent(columns), c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", dtype, {rows, columns}},
                    ArrayArgument{"out", Dtype::i8, {rows, columns}, output},
                    ArrayArgument{"scales", Dtype::f32, {rows}, output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              double most = 0;
              for (std::int64_t j = 0; j < columns; ++j)
                most = std::max(most, std::abs(v[1][i * columns + j]));
              v[3][i] = most / 127;
              for (std::int64_t j = 0; j < columns; ++j)
                v[2][i * columns + j] =
                    std::nearbyint(v[1][i * columns + j] / v[3][i]);
            }
          },
      .bytes = rows * columns * (bitWidth(dtype) / 8 + 1.0)};
}

const Example quantizeExample = {
    "quantize_rows",
    "scale[i] = max(|in[i, :]|) / 127, out = round(in / scale)",
    {{"rows", 4096}, {"columns", 4096}},
    problem};

} // namespace lath
