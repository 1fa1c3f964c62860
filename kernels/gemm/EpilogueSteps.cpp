#include "kernels/gemm/EpilogueSteps.h"

namespace lath {

namespace {

/// One of epilogueSteps.
struct Computation {
  /// Sums of a tile after the step, of its value in the spec.
  Tile (*tiles)(const EpilogueTiles &at, const Tile &sums, int value);
  /// One sum after it, at a row and a column of out [m][n].
  double (*number)(const OperandElement &element, double sum, std::int64_t row,
                   std::int64_t column, std::int64_t n, int value);
};

const Computation bias = {
    [](const EpilogueTiles &at, const Tile &sums, int) {
      Program &p = at.program;
      Tile added = at.view("bias").load({{p.constant(0), 1}, at.col});
      return sums + broadcast(cast(added, Dtype::f32), sums.shape());
    },
    [](const OperandElement &element, double sum, std::int64_t,
       std::int64_t column, std::int64_t,
       int) { return sum + element("bias", column); }};

/// In the order of epilogueSteps.
const Computation computations[] = {bias};
static_assert(std::size(computations) == epilogueSteps.size());

} // namespace

Tile applyEpilogue(const GemmSpec &spec, const EpilogueTiles &at, Tile sums) {
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
    if (int value = epilogueSteps[i].get(spec.epilogue))
      sums = computations[i].tiles(at, sums, value);
  return sums;
}

void applyEpilogue(const GemmSpec &spec, const OperandElement &element,
                   std::vector<double> &sums) {
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
    if (int value = epilogueSteps[i].get(spec.epilogue))
      for (std::size_t at = 0; at < sums.size(); ++at)
        sums[at] = computations[i].number(
            element, sums[at], static_cast<std::int64_t>(at) / spec.n,
            static_cast<std::int64_t>(at) % spec.n, spec.n, value);
}

} // namespace lath
