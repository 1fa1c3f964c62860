// The choice for a spec that nobody has tuned.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Target.h"
#include "kernels/gemm/CompileGemm.h"

#include <string>
#include <vector>

namespace lath {

struct DeviceConstants;

/// What a choice rests on.
enum class ScheduleBasis {
  model,    ///< an estimate
  shipped,  ///< the tuning table that Lath ships
  measured, ///< the user's tuning database
};

struct ScheduleChoice {
  Schedule schedule;
  /// For `lath explain`: what it is estimated to take, and what another value
  /// of each word would.
  std::vector<std::string> reasons;
  ScheduleBasis basis = ScheduleBasis::model;
};

/// The schedule of least estimated cost: the choice for a spec that nobody has
/// tuned. Honours the spec's split and reduction where it names them. `smCount`
/// is the device's, or 0 for the target's common part. A function of its
/// arguments alone; takes a few milliseconds.
/// Throws Error{invalidSpec} where the target cannot do what the spec asks for
/// (bf16 atomics before sm_90).
LATH_API ScheduleChoice chooseSchedule(const GemmSpec &spec,
                                       const Target &target,
                                       unsigned smCount = 0);

/// The same by constants that were fitted to a device (CostModel.h).
LATH_API ScheduleChoice chooseSchedule(const GemmSpec &spec,
                                       const Target &target,
                                       const DeviceConstants &constants);

/// compileGemm by that schedule.
LATH_API CompiledGemm compileChosen(const GemmSpec &spec, const Target &target,
                                    unsigned smCount = 0);

} // namespace lath
