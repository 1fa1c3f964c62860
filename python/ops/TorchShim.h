// The functions of PyTorch's stable C interface that the operators use, found
// in the libtorch that the process has loaded: one binary serves every torch
// from 2.10 on, and a process without torch loads nothing of it.
//
// Names and types as torch/csrc/inductor/aoti_torch/c/shim.h and
// torch/csrc/stable/c/shim.h declare them.
#pragma once

#include <cstdint>

namespace lath::torch {

using Handle = void *;       ///< of a tensor
using Value = std::uint64_t; ///< an argument or result of an operator
using Status = std::int32_t; ///< 0: done
using Boxed = void(Value *stack, std::uint64_t arguments,
                   std::uint64_t results);

/// Of libtorch_cpu.so, which every torch has.
struct Shim {
  std::int32_t (*deviceCpu)(), (*deviceCuda)();
  std::int32_t (*dtypeF16)(), (*dtypeBf16)(), (*dtypeI32)();
  Status (*getDataPtr)(Handle, void **);
  Status (*getDim)(Handle, std::int64_t *);
  Status (*getSizes)(Handle, std::int64_t **);
  Status (*getDtype)(Handle, std::int32_t *);
  Status (*getDeviceType)(Handle, std::int32_t *);
  Status (*getDeviceIndex)(Handle, std::int32_t *);
  Status (*isContiguous)(Handle, bool *);
  Status (*emptyStrided)(std::int64_t dims, const std::int64_t *sizes,
                         const std::int64_t *strides, std::int32_t dtype,
                         std::int32_t deviceType, std::int32_t deviceIndex,
                         Handle *);
  Status (*copyInto)(Handle to, Handle from, std::int32_t nonBlocking);
  Status (*deleteTensor)(Handle);
  Status (*libraryImpl)(const char *space, const char *key, const char *file,
                        std::uint32_t line, Handle *library);
  Status (*implement)(Handle library, const char *name, Boxed *,
                      std::uint64_t abi);
  /// Throws torch's own exception unless `condition`.
  void (*check)(bool condition, const char *function, const char *file,
                std::uint32_t line, const char *message);

  /// Throws Error{unsupported} where torch is not loaded or lacks one.
  static const Shim &get();
};

/// Of libtorch_cuda.so, which builds for CPUs lack. Asked for at the first
/// tensor on a GPU.
struct CudaShim {
  Status (*currentStream)(std::int32_t device, void **stream);
  Status (*createGuard)(std::int32_t device, void **guard);
  Status (*deleteGuard)(void *guard);

  static const CudaShim &get();
};

} // namespace lath::torch
