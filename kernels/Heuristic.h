// The schedule for a spec that nobody has tuned.
#pragma once

#include "compiler/Target.h"
#include "kernels/GemmSpec.h"
#include "kernels/Schedule.h"

#include <string>
#include <vector>

namespace lath {

struct ScheduleChoice {
  Schedule schedule;
  std::vector<std::string>
      reasons; ///< one sentence a decision, for `lath explain`
};

/// A legal schedule for any valid spec on any target. `smCount` is the
/// device's, or 0 for the target's common part. Honours the spec's split and
/// reduction where it names them. Throws Error{invalidSpec} where the target
/// cannot do what the spec asks for (bf16 atomics before sm_90).
ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              unsigned smCount = 0);

} // namespace lath
