// Fits the constants of the cost model to what was measured.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/tuned/TuningTable.h"

#include <vector>

namespace lath {

struct CostFit {
  DeviceConstants constants;
  std::size_t times = 0;  ///< that it was fitted to
  double errorBefore = 0; ///< root mean square of log(predicted / measured)
  double errorAfter = 0;
  /// Of each problem, the model's choice among what was measured over the best;
  /// geometric mean and worst.
  double regretMean = 1, regretWorst = 1;
};

/// Coordinate descent from `start` over the logarithms of fittedConstants(),
/// each within a factor of four of `start`. The memory rate is what the plain
/// reads in `entries` reached beyond a launch. The error is that of the times,
/// once more that of their order within each problem, outliers counting less,
/// and the regret of the model's choice. A pure function. `entries`: times in
/// µs of one device. Throws Error{invalidInput} for fewer than 20 times.
CostFit fitConstants(const std::vector<TuningEntry> &entries,
                     const Target &target, const DeviceConstants &start);

} // namespace lath
