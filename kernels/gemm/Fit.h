// Whether a schedule can compute a spec on a target. Each rule stands here
// once: validate(), what the search refuses and where it turns back ask the
// same.
#pragma once

#include "compiler/base/Target.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <string>

namespace lath {

/// Throws Error{invalidSpec} where the schedule contradicts itself or the spec
/// (another split or reduction than it asks for) or cannot compute it: a K step
/// that straddles groups, more warps than tiles, what the target does not have,
/// shared memory over the target's.
void validate(const Schedule &schedule, const GemmSpec &spec,
              const Target &target);

/// The message of what validate() throws; empty: it throws nothing.
std::string refusal(const Schedule &schedule, const GemmSpec &spec,
                    const Target &target);

// Rules that the search asks while words are still open, each as whether it
// holds.

/// A K step is whole groups, or lies inside of one.
inline bool stepFitsGroups(const Schedule &s, const GemmSpec &spec) {
  return spec.groups() == 1 || s.blockK % spec.group == 0 ||
         spec.group % s.blockK == 0;
}

/// The fewest k of a step that a warp multiplies.
inline int leastK(const GemmSpec &spec) {
  return spec.layout == WeightLayout::packed ? 64 : 32;
}
inline bool warpsHaveK(const Schedule &s, const GemmSpec &spec) {
  return s.blockK / s.kWarps >= leastK(spec);
}

/// Words of weights that a lane holds of a K step; with the accumulators they
/// share 255 registers.
inline int wordsOfLane(const Schedule &s, const GemmSpec &spec) {
  return s.blockN * s.blockK / (weightFormat(spec).perWord() * 32 * s.warps);
}
inline constexpr int mostWordsOfLane = 64;
inline bool registersHoldStep(const Schedule &s, const GemmSpec &spec) {
  return s.weights != WeightPath::registers ||
         wordsOfLane(s, spec) <= mostWordsOfLane;
}

/// wgmma gives four warps 64 columns, and takes 64 k at a time.
inline bool groupsHaveColumns(const Schedule &s) {
  return s.mma == MatrixUnit::warp || s.warps * 16 <= s.blockN;
}
inline bool groupsHaveK(const Schedule &s) {
  return s.mma == MatrixUnit::warp || s.blockK >= 64;
}

} // namespace lath
