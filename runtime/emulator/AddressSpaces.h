// Numbers that addresses are made of.
#pragma once

#include "runtime/emulator/Program.h"

namespace lath::emulator {

/// Generic addresses of shared and local memory and of the kernel's parameters
/// start here; device memory lies above 2^40.
constexpr std::uint64_t sharedWindow = 1ull << 36, localWindow = 1ull << 37,
                        paramWindow = 1ull << 38;

/// A shared::cluster address is rank + 1 in the upper byte and the offset in
/// the lower 24 bits; 0 there means the block's own memory.
constexpr std::uint32_t clusterAddress(std::uint32_t offset, unsigned rank) {
  return (offset & 0xffffff) | (rank + 1) << 24;
}

constexpr Space spaceOf(std::uint64_t generic) {
  if (generic >= 1ull << 40)
    return Space::global;
  if (generic >= paramWindow)
    return Space::param;
  if (generic >= localWindow)
    return Space::local;
  return generic >= sharedWindow ? Space::shared : Space::generic;
}

} // namespace lath::emulator
