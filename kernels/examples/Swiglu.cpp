// out[i, j] = silu(gate[i, j]) * up[i, j],  silu(x) = x / (1 + e^-x)
//                                                          (arXiv 2002.05202)
// gate and up are the halves of one array [rows, 2 columns], as one matrix
// product makes them.
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

static std::unique_ptr<Program> swiglu(std::int64_t columns, Dtype dtype,
                                       std::int64_t width) {
  auto program = std::make_unique<Program>("swiglu");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, 2, columns});
  View out = p.view("out", dtype, {rows, columns});

  Index row = p.programId(1);
  Range at = p.range(p.programId(0), width);
  Tile gate = cast(in.load({row, 0, at}), Dtype::f32);
  Tile up = cast(in.load({row, 1, at}), Dtype::f32);
  out.store({row, at}, cast(gate * sigmoid(gate) * up, dtype));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  return {.space = ProgramSpace("width=256|512|1024|2048|4096 w=1|2|4|8"),
          .usual = "width1024w4",
          .build = [=](auto &c) { return swiglu(columns, dtype, c["width"]); },
          .grid =
              [=](auto &c) {
                return ProgramGrid{tilesOf(columns, c["width"]), unsigned(rows),
                                   1};
              },
          .fits = [](auto &c) { return elementsFit(c["width"], c); },
          .arguments = {NumberArgument{"rows", double(rows)},
                        ArrayArgument{"in", dtype, {rows, 2, columns}},
                        ArrayArgument{"out",
                                      dtype,
                                      {rows, columns},
                                      ArrayArgument::Use::output}},
          .reference =
              [=](ArgumentValues &v) {
                for (std::int64_t i = 0; i < rows; ++i)
                  for (std::int64_t j = 0; j < columns; ++j) {
                    const double gate = v[1][2 * i * columns + j];
                    v[2][i * columns + j] = gate / (1 + std::exp(-gate)) *
                                            v[1][(2 * i + 1) * columns + j];
                  }
              },
          .bytes = 3.0 * rows * columns * bitWidth(dtype) / 8};
}

const Example swigluExample = {"swiglu",
                               "out[i, j] = silu(gate[i, j]) * up[i, j]",
                               {{"rows", 4096}, {"columns", 14336}},
                               problem};

} // namespace lath
