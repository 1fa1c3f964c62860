// The GPUs Lath generates code for.
#pragma once

#include "compiler/base/Api.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// A product that runs a target's code. What a device says of itself counts
/// more; this is for those that are not there.
struct Gpu {
  std::string_view name; ///< as its driver says: "NVIDIA H200"
  unsigned sms;
  double dram; ///< TB/s of its memory, by the data sheet
  std::size_t l2Bytes;
};

/// Facts about one target that passes and schedules ask for.
struct LATH_API Target {
  std::string name;        ///< as ptxas spells it: "sm_90a"
  unsigned capability;     ///< 80, 86, 89, 90, 100, 103, 120
  unsigned ptxVersion;     ///< lowest PTX ISA that has what most kernels need,
                           ///< times ten: 80 = 8.0
  unsigned maxSharedBytes; ///< dynamic shared memory one block may ask for
  unsigned sharedBytesPerSm;
  unsigned registersPerSm = 65536;
  unsigned threadsPerSm;
  unsigned blocksPerSm;
  std::vector<Gpu> gpus; ///< the one that `gpu()` takes first

  /// The product of that name, else the one that stands for all of them.
  LATH_API const Gpu &gpu(std::string_view product = {}) const;

  /// red.global.add.v4.f32
  bool hasVectorRed() const { return capability >= 90; }
  /// Thread-block clusters and distributed shared memory.
  bool hasClusters() const { return capability >= 90; }
  /// wgmma, which only Hopper has.
  bool hasWarpgroupMma() const { return capability == 90; }
  /// cp.async.bulk, mbarriers that count bytes.
  bool hasBulkCopies() const { return capability >= 90; }
  /// griddepcontrol
  bool hasDependentLaunch() const { return capability >= 90; }
  /// red.global.add.bf16x2
  bool hasBf16Red() const { return capability >= 90; }
  /// cvt from and to e4m3x2 and e5m2x2.
  bool hasByteFloatConversions() const { return capability >= 89; }
  /// mma.sync of e4m3 and e5m2.
  bool hasByteFloatProducts() const { return capability >= 89; }
};

/// The PTX versions, times ten, that have instructions which few kernels need:
/// a kernel's text is of the later one of the target's and those of what it
/// has.
inline constexpr unsigned byteFloatConversionsPtx = 81;
inline constexpr unsigned byteFloatProductsPtx = 84; ///< by mma.sync

/// The target called `name` ("sm_90" is taken as "sm_90a").
/// Throws Error{unsupported} naming the nearest one if there is none.
LATH_API const Target &target(std::string_view name);

/// The target whose code runs on a device of this compute capability (9, 0).
/// Throws Error{unsupported} that lists the devices there is code for.
LATH_API const Target &targetForDevice(int major, int minor);

/// All of them, oldest first.
LATH_API const std::vector<Target> &targets();

} // namespace lath
