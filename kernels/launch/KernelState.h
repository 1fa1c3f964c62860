// What a Kernel refers to. Not for users.
#pragma once

#include "kernels/launch/Kernel.h"
#include "runtime/WorkspacePool.h"

#include <memory>
#include <vector>

namespace lath {

/// Where a launch takes one argument of the kernel from.
struct KernelBinding {
  KernelParam::Kind kind;
  DevicePtr GemmArguments::*argument = nullptr; ///< of a view
  /// Of a scalar: GemmScalar::bits.
  std::uint64_t (*scalar)(const GemmSpec &, std::int64_t rows) = nullptr;
};

/// A loaded kernel of one spec. Immutable but for the pool.
struct KernelState {
  /// `loaded` computes `spec` by `schedule`; `pool` gives it scratch memory.
  /// Throws Error{unsupported} where the kernel has a parameter that no launch
  /// of a GEMM has, or lacks an array of the spec or the rows.
  KernelState(std::shared_ptr<Device> device, const GemmSpec &spec,
              const Schedule &schedule,
              std::shared_ptr<const LoadedKernel> loaded,
              std::shared_ptr<WorkspacePool> pool);

  std::shared_ptr<Device> device;
  GemmSpec spec; ///< m is the bucket's
  Schedule schedule;
  std::shared_ptr<const LoadedKernel> loaded;
  std::shared_ptr<WorkspacePool> pool;
  std::vector<KernelBinding> bindings; ///< of the kernel's parameters, in order
  WorkspaceNeeds needs;                ///< of a launch with spec.m rows
};

} // namespace lath
