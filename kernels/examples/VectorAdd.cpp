// c[i] = a[i] + b[i]
//
// `n` is an argument, so one kernel serves all lengths; that it is a multiple
// of 16, where the launch promises it, lets elements move in vectors of 16
// bytes.
#include "kernels/examples/Examples.h"

namespace lath {

static constexpr std::int64_t tile = 1024;

std::unique_ptr<Program> vectorAdd(Dtype dtype, std::int64_t multiple) {
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

static ExampleProblem problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t n = sizes["n"];
  return {
      .program = vectorAdd(dtype, promised(n)),
      .schedule = scheduleOf(4),
      .grid = {tilesOf(n, tile), 1, 1},
      .arguments = {ExampleNumber{"n", double(n)},
                    ExampleArray{"a", dtype, {n}},
                    ExampleArray{"b", dtype, {n}},
                    ExampleArray{"c", dtype, {n}, ExampleArray::Use::output}},
      .reference =
          [](ExampleValues &v) {
            for (std::size_t i = 0; i < v[3].size(); ++i)
              v[3][i] = v[1][i] + v[2][i];
          },
      .flops = double(n),
      .bytes = 3.0 * n * bitWidth(dtype) / 8};
}

const Example vectorAddExample = {
    "vector_add", "c[i] = a[i] + b[i]", {{"n", 1 << 24}}, problem};

} // namespace lath
