// What a TMA tensor copy knows of a tensor in global memory.
#pragma once

#include "runtime/Device.h"

#include <array>
#include <cstdint>
#include <span>

namespace lath {

/// How 16-byte chunks of a box are permuted in shared memory: bits 4 and up of
/// the shared address are XORed with bits 7 and up, one, two or three of them.
enum class TensorSwizzle : std::uint8_t { none, bytes32, bytes64, bytes128 };

/// A tensor of `rank` dimensions, the first of them contiguous.
struct TensorMap {
  DevicePtr address = 0;                  ///< a multiple of 16
  unsigned rank = 1;                      ///< 1 to 5
  unsigned elementBytes = 2;              ///< 1, 2, 4 or 8
  std::array<std::uint64_t, 5> extents{}; ///< elements, at most 2^32
  /// Bytes from one to the next in dimensions 1, 2, ...: multiples of 16 below
  /// 2^40.
  std::array<std::uint64_t, 4> strides{};
  std::array<std::uint32_t, 5> box{}; ///< elements of one copy, 1 to 256 each
  TensorSwizzle swizzle = TensorSwizzle::none;
};

/// The tensor of a kernel in a launch with these arguments. Throws
/// Error{invalidInput} where the copy engine cannot read it.
LATH_API TensorMap tensorMap(const Ptx &ptx, const TensorFacts &tensor,
                             std::span<const std::uint64_t> arguments);

/// As the kernel gets it, opaque, at an address that is a multiple of 64.
using EncodedTensorMap = std::array<std::uint8_t, 128>;

} // namespace lath
