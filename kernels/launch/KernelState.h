// What a Kernel refers to. Not for users.
#pragma once

#include "kernels/launch/Kernel.h"
#include "runtime/WorkspacePool.h"

#include <memory>
#include <vector>

namespace lath {

/// A loaded kernel of one spec. Immutable but for the pool.
struct KernelState {
  /// `loaded` computes `spec` by `schedule`; `pool` gives it scratch memory.
  KernelState(std::shared_ptr<Device> device, const GemmSpec &spec,
              const Schedule &schedule,
              std::shared_ptr<const LoadedKernel> loaded,
              std::shared_ptr<WorkspacePool> pool);

  std::shared_ptr<Device> device;
  GemmSpec spec; ///< m is the bucket's
  Schedule schedule;
  std::shared_ptr<const LoadedKernel> loaded;
  std::shared_ptr<WorkspacePool> pool;
  /// For each parameter of the kernel that is a view: which argument it is.
  std::vector<DevicePtr GemmArguments::*> views;
  WorkspaceNeeds needs; ///< of a launch with spec.m rows
};

} // namespace lath
