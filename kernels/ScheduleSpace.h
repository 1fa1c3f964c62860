// All schedules of a problem, ranked by the cost model.
#pragma once

#include "kernels/CostModel.h"
#include "kernels/Heuristic.h"

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
/// and of each value of each word the best, should it cost less than twice the
/// least. The first is the one of least cost.
SearchSpace searchSpace(const GemmSpec &spec, const Target &target,
                        const DeviceConstants &constants, std::size_t count);

/// The best by the model alone, with its reasons: the choice for a spec that
/// nobody has tuned. As chooseSchedule (Heuristic.h).
ScheduleChoice chooseByModel(const GemmSpec &spec, const Target &target,
                             const DeviceConstants &constants);

} // namespace lath
