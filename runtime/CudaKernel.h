// A kernel loaded into the primary context of a GPU.
#pragma once

#include "runtime/CudaContext.h"
#include "runtime/Device.h"

namespace lath {

/// The most parameters a kernel may have: launch packs them into an array of
/// this size on the stack.
inline constexpr std::size_t maxKernelParams = 32;
/// The most of them that are tensor maps.
inline constexpr std::size_t maxTensorMaps = 8;

/// Immutable after construction, thread safe.
class CudaKernel final : public LoadedKernel {
public:
  /// Loads `cubin`, or ptx.text through the driver's own assembler where it is
  /// empty. Everything that could be slow, fail or synchronise happens here:
  /// launch only launches.
  ///
  /// Throws Error{unsupported} (more parameters, threads or shared memory than
  /// the device takes), Error{compile} (the driver's assembler rejected the
  /// text) or Error{driver}.
  CudaKernel(std::shared_ptr<const CudaContext> context, const Ptx &ptx,
             std::span<const char> cubin);

  const Ptx &ptx() const override { return ptx_; }
  KernelResources resources() const override { return resources_; }
  unsigned blocksPerSm() const override { return blocksPerSm_; }
  void launch(Stream stream, const LaunchConfig &config,
              std::span<const std::uint64_t> args) const override;

private:
  void loadFunction(std::span<const char> cubin);
  void queryResources();
  void allowSharedMemory() const;

  /// Declared first, so that it goes last: the library is unloaded before.
  std::shared_ptr<const CudaContext> context_;
  Ptx ptx_;
  CudaHandle<cuda::CUlibrary> library_;
  cuda::CUfunction function_ = nullptr;
  KernelResources resources_;
  unsigned blocksPerSm_ = 0;
  unsigned smCount_ = 0;
};

} // namespace lath
