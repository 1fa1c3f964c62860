// All schedules of a problem, ranked by the cost model.
#pragma once

#include "kernels/choose/CostModel.h"

#include <cstddef>
#include <string>
#include <vector>

namespace lath {

struct RankedSchedule {
  Schedule schedule;
  Cost cost;
};

struct SearchSpace {
  std::vector<RankedSchedule> best; ///< legal, ascending cost
  std::size_t considered = 0;       ///< combinations that the model ranked
  /// Refused by validate() on the way to `best`, with its reason.
  std::vector<std::pair<Schedule, std::string>> refused;
};

/// The `count` most promising of all combinations of values of all words of a
/// schedule (scheduleWords()) that compute `spec` on `target`: those of least
/// estimated cost, but few of one family (the same but for stages and K step),
/// and of each value of each word the best, of a number should it cost less
/// than twice the least. The first is the one of least cost.
SearchSpace searchSpace(const GemmSpec &spec, const Target &target,
                        const DeviceConstants &constants, std::size_t count);

/// The legal schedules that differ from `schedule` in one word, or in two
/// numbers: each number by one step, each option to any value. Ascending cost.
std::vector<RankedSchedule> neighbours(const GemmSpec &spec,
                                       const Target &target,
                                       const DeviceConstants &constants,
                                       const Schedule &schedule);

} // namespace lath
