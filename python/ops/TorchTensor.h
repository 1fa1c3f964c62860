// A tensor of torch that an operator holds, with what it asks of it.
#pragma once

#include "compiler/base/Error.h"
#include "python/ops/TorchShim.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace lath::torch {

/// Throws where a call into torch failed; torch has said why on stderr.
inline void done(Status status, const char *what) {
  if (status != 0)
    throw Error(ErrorKind::internal, std::string("torch failed in ") + what);
}

struct DeviceOf {
  std::int32_t type = 0, index = 0;
  bool operator==(const DeviceOf &) const = default;
};

/// Owns a reference. May be empty.
class Tensor {
public:
  Tensor() = default;
  explicit Tensor(Handle handle) : handle_(handle) {}
  /// An optional argument: null, or a cell of the heap, which is freed.
  static Tensor optional(Value value) {
    if (!value)
      return {};
    auto *cell = reinterpret_cast<Value *>(value);
    Tensor tensor(reinterpret_cast<Handle>(*cell));
    delete cell;
    return tensor;
  }
  Tensor(Tensor &&other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  Tensor &operator=(Tensor &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Tensor() {
    if (handle_)
      Shim::get().deleteTensor(handle_);
  }

  explicit operator bool() const { return handle_; }
  Handle handle() const { return handle_; }
  Value release() {
    return reinterpret_cast<Value>(std::exchange(handle_, nullptr));
  }

  std::span<const std::int64_t> sizes() const {
    std::int64_t dims, *sizes;
    done(Shim::get().getDim(handle_, &dims), "dim");
    done(Shim::get().getSizes(handle_, &sizes), "sizes");
    return {sizes, static_cast<std::size_t>(dims)};
  }
  std::int32_t dtype() const {
    std::int32_t dtype;
    done(Shim::get().getDtype(handle_, &dtype), "dtype");
    return dtype;
  }
  DeviceOf device() const {
    DeviceOf device;
    done(Shim::get().getDeviceType(handle_, &device.type), "device");
    done(Shim::get().getDeviceIndex(handle_, &device.index), "device");
    return device;
  }
  void *data() const {
    void *data;
    done(Shim::get().getDataPtr(handle_, &data), "data_ptr");
    return data;
  }
  bool contiguous() const {
    bool contiguous;
    done(Shim::get().isContiguous(handle_, &contiguous), "is_contiguous");
    return contiguous;
  }
  /// Rows that a kernel can read: contiguous, on 16 bytes.
  bool dense() const {
    return contiguous() && reinterpret_cast<std::uintptr_t>(data()) % 16 == 0;
  }

  /// Uninitialised, contiguous.
  static Tensor empty(std::span<const std::int64_t> sizes, std::int32_t dtype,
                      DeviceOf device);
  /// A dense copy.
  Tensor copy() const {
    Tensor made = empty(sizes(), dtype(), device());
    done(Shim::get().copyInto(made.handle(), handle_, 1), "copy_");
    return made;
  }

private:
  Handle handle_ = nullptr;
};

} // namespace lath::torch
