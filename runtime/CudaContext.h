// The primary context of one GPU, and how a thread enters it.
//
// Lath shares the primary context with the CUDA runtime and PyTorch, so
// pointers and streams are exchanged freely. A call enters the context and
// leaves the thread as it found it, because the current context is what other
// libraries in the process take for "the current device".
#pragma once

#include "runtime/Driver.h"

#include <new>

namespace lath {

/// Owns one reference to the primary context. Immutable, thread safe.
struct CudaContext {
  cuda::Driver driver;
  cuda::CUdevice device = 0;
  cuda::CUcontext context = nullptr;

  /// Starts the driver. Throws Error{driver}: no such device, or a call failed.
  CudaContext(const cuda::Driver &driver, int ordinal);
  CudaContext(const CudaContext &) = delete;
  CudaContext &operator=(const CudaContext &) = delete;
  ~CudaContext();

  void check(cuda::CUresult result, std::string_view call,
             std::string_view detail = {}) const {
    cuda::check(driver, result, call, detail);
  }
};

/// Makes the context current in this thread until the end of the scope. Costs
/// one cuCtxGetCurrent where it is current already.
class ContextScope {
public:
  /// Throws Error{driver}.
  explicit ContextScope(const CudaContext &context);
  /// For destructors: a context that cannot be entered stays outside, and the
  /// calls that follow fail harmlessly.
  ContextScope(const CudaContext &context, std::nothrow_t) noexcept;
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;
  ~ContextScope();

private:
  const CudaContext &context_;
  cuda::CUcontext previous_ = nullptr;
  bool changed_ = false;
};

/// A driver object that is destroyed at the end of its scope. Errors of the
/// destruction are dropped: they repeat an earlier error, or the process is
/// ending and the driver is gone.
template <class T> class CudaHandle {
public:
  using Destroy = cuda::CUresult (*)(T);
  explicit CudaHandle(Destroy destroy) : destroy_(destroy) {}
  CudaHandle(CudaHandle &&other) noexcept
      : destroy_(other.destroy_), value_(other.value_) {
    other.value_ = nullptr;
  }
  CudaHandle &operator=(CudaHandle &&) = delete;
  ~CudaHandle() {
    if (value_)
      destroy_(value_);
  }
  T get() const { return value_; }
  /// Where a driver call writes the new object.
  T *out() { return &value_; }

private:
  Destroy destroy_;
  T value_ = nullptr;
};

} // namespace lath
