// A kernel that can be launched: what the engine and packs hand out.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Operands.h"
#include "kernels/gemm/Schedule.h"
#include "runtime/Device.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace lath {

/// The scratch memory of one launch, in bytes. Launches that may run at the
/// same time must not share it; launches of one stream may, whatever their
/// kernels.
struct WorkspaceSize {
  /// Zero before the first launch; every launch leaves it zero.
  std::size_t tickets = 0;
  /// Where `zeroed`, as tickets; else it may hold anything.
  std::size_t workspace = 0;
  bool zeroed = false;
};

struct KernelState;

/// A loaded GEMM. A cheap handle; copies are the same kernel. Thread safe.
/// The code stays loaded as long as a handle lives: keep one as long as a
/// captured graph that launches it.
class LATH_API Kernel {
public:
  /// No kernel; all calls but the test for it throw Error{invalidInput}.
  Kernel() = default;
  /// `rows`: what a launch that names no rows computes.
  Kernel(std::shared_ptr<const KernelState> state, std::int64_t rows)
      : state_(std::move(state)), rows_(rows) {}
  explicit operator bool() const { return state_ != nullptr; }

  /// Asynchronous on `stream`. Compiles and synchronises nothing. Allocates
  /// nothing, but where the kernel needs a workspace, none is given and the
  /// stream has none yet: then the stream gets one, in stream order
  /// (Engine::prepareStream does that before), or, while it is captured,
  /// Error{notPrepared} says so. Launches on different streams may run at the
  /// same time. A launch of no rows, m = 0, does nothing, and looks at no
  /// pointer.
  /// Throws Error{invalidInput} on null or misaligned pointers, m out of range
  /// or a workspace that is too small, Error{driver} with its fault().
  void launch(Stream stream, const GemmArguments &arguments) const;

  /// What a launch with m rows needs; left out: as many as were asked for.
  WorkspaceSize workspace(std::optional<std::int64_t> m = std::nullopt) const;

  const GemmSpec &spec() const; ///< m is that of the bucket
  std::int64_t rows() const { return rows_; }
  const Schedule &schedule() const;
  /// The text is empty where the kernel came from a pack without it.
  const Ptx &ptx() const;
  const LoadedKernel &loaded() const;
  std::array<unsigned, 3> grid(std::int64_t m) const;

private:
  const KernelState &state() const {
    if (!state_)
      throwEmpty();
    return *state_;
  }
  [[noreturn]] static void throwEmpty();
  std::int64_t rowsOf(std::optional<std::int64_t> m) const;

  std::shared_ptr<const KernelState> state_;
  std::int64_t rows_ = 0;
};

} // namespace lath
