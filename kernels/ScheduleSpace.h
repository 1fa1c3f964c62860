// All schedules of a problem, ranked by the cost model; and the model's choice.
#pragma once

#include "kernels/CostModel.h"

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

struct ScheduleChoice {
  Schedule schedule;
  /// For `lath explain`: what it is estimated to take, and what another value
  /// of each word would.
  std::vector<std::string> reasons;
};

/// The schedule of least estimated cost: the choice for a spec that nobody has
/// tuned. Honours the spec's split and reduction where it names them. `smCount`
/// is the device's, or 0 for the target's common part. A function of its
/// arguments alone; takes about a millisecond.
/// Throws Error{invalidSpec} where the target cannot do what the spec asks for
/// (bf16 atomics before sm_90).
ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              unsigned smCount = 0);

/// The same by constants that were fitted to a device.
ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              const DeviceConstants &constants);

} // namespace lath
