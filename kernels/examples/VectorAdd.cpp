// c[i] = a[i] + b[i]
//
// `n` is an argument, so one kernel serves all lengths; that it is a multiple
// of 16, where the launch promises it, lets elements move in vectors of 16
// bytes.
#include "kernels/examples/Examples.h"

namespace lath {

std::unique_ptr<Program> vectorAdd(Dtype dtype, std::int64_t multiple,
                                   std::int64_t tile) {
  auto program = std::make_unique<Program>("vector_add");
  Program &p = *program;
  Index n = p.scalar("n", multiple);
  View a = p.view("a", dtype, {n});
  View b = p.view("b", dtype, {n});
  View c = p.view("c", dtype, {n});

  Range i = p.range(p.programId(0), tile);
  c.store({i}, a.load({i}) + b.load({i}));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t n = sizes["n"];
  return {
      .space = ProgramSpace("tile=256|512|1024|2048|4096 w=1|2|4|8"),
      .usual = "tile1024w4",
      .build =
          [=](auto &c) { return vectorAdd(dtype, promised(n), c["tile"]); },
      .grid = [=](auto &c) { return ProgramGrid{tilesOf(n, c["tile"]), 1, 1}; },
      .arguments = {NumberArgument{"n", double(n)},
                    ArrayArgument{"a", dtype, {n}},
                    ArrayArgument{"b", dtype, {n}},
                    ArrayArgument{"c", dtype, {n}, ArrayArgument::Use::output}},
      .reference =
          [](ArgumentValues &v) {
            for (std::size_t i = 0; i < v[3].size(); ++i)
              v[3][i] = v[1][i] + v[2][i];
          },
      .flops = double(n),
      .bytes = 3.0 * n * bitWidth(dtype) / 8};
}

const Example vectorAddExample = {
    "vector_add", "c[i] = a[i] + b[i]", {{"n", 1 << 24}}, problem};

} // namespace lath
