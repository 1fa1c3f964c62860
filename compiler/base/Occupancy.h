// How many blocks of a kernel one SM holds, from its resources.
#pragma once

#include "compiler/base/Target.h"

#include <string_view>

namespace lath {

struct Occupancy {
  unsigned blocks = 0;   ///< on one SM at once
  unsigned warps = 0;    ///< of them all
  unsigned maxWarps = 0; ///< that the SM can hold
  std::string_view
      limit; ///< "registers", "shared memory", ...: what it runs out of
};

/// As the occupancy calculator of the CUDA toolkit (cuda_occupancy.h):
/// registers are given to warps in units of 256 from four banks, shared memory
/// to blocks in units of 128 bytes, 1 KiB of it taken by the system.
/// `registers` per thread; 0: not known, and no limit. `sharedBytes` per block.
Occupancy occupancy(const Target &target, unsigned threads, unsigned registers,
                    unsigned sharedBytes);

} // namespace lath
