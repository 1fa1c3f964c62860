// The GPUs of this machine, without starting work on any of them, and the
// target that a command compiles for.
#pragma once

#include "compiler/base/Target.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/tuned/TunedSchedules.h"
#include "runtime/Device.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lath::cli {

struct GpuList {
  /// Without a target where there is no code for it.
  std::vector<DeviceInfo> gpus;
  std::string problem; ///< why there are none, or not all
};

/// Asks the driver; makes no context, so it neither takes device memory nor
/// waits for other processes. Never throws.
GpuList listGpus();

/// What to compile for.
struct TargetChoice {
  const Target *target;
  /// Of the GPU that was found; 0: the target was named, or there is no GPU.
  unsigned smCount = 0;
  DeviceInfo device = {}; ///< that GPU; without a name where there is none

  unsigned sms() const { return smCount ? smCount : target->gpu().sms; }
};

/// The target called `name`; else that of GPU 0; else sm_90a. Warns where
/// there is a GPU but no target for it. Throws Error{unsupported}.
TargetChoice chooseTarget(const std::optional<std::string> &name);

/// As if the GPU were one of that name: --gpu.
void nameGpu(TargetChoice &target, const std::string &name);

/// What is known of that GPU's schedules; null where there is none.
std::unique_ptr<const TunedSchedules> tunedFor(const TargetChoice &target);

/// The schedule that the engine would take there: the tuned one where a GPU is
/// known (`tuned` is not null). Throws as chooseSchedule.
ScheduleChoice chooseFor(const GemmSpec &spec, const TargetChoice &target,
                         const TunedSchedules *tuned);

} // namespace lath::cli
