// What a launch did, counted as a hardware profiler counts.
#pragma once

#include "compiler/base/Api.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lath {

/// One load, store, copy or atomic of the kernel, over the whole launch.
struct AccessCounters {
  unsigned line = 0; ///< in the PTX text
  std::string kind;  ///< as in LaunchCounters::byKind
  std::string statement;
  std::string buffer; ///< global: of the last access; empty for shared memory
  unsigned width = 0; ///< bytes of a lane's access
  std::uint64_t executed = 0; ///< warp instructions with an active lane
  std::uint64_t bytes = 0;    ///< that lanes asked for
  std::uint64_t sectors =
      0; ///< global: distinct 32-byte sectors a warp, summed
  std::uint64_t idealSectors =
      0;                        ///< global: that the distinct bytes would fill
  std::uint64_t wavefronts = 0; ///< shared: passes over the 32 banks
  std::uint64_t idealWavefronts = 0;
};

struct BufferCounters {
  std::string name;
  std::uint64_t bytesRead = 0, bytesWritten = 0; ///< asked for by lanes
  std::uint64_t sectorsRead = 0, sectorsWritten = 0;
  /// Of those read and written: before griddepcontrol.wait, in kernels that
  /// have one. Bulk copies are not among them.
  std::uint64_t bytesBeforeWait = 0;
  std::uint64_t atomics = 0; ///< lane operations, a vector counting as one
};

/// Plain data; a launch fills one.
struct LaunchCounters {
  std::uint64_t blocks = 0, warps = 0;
  std::uint64_t instructions = 0;              ///< warp instructions executed
  std::map<unsigned, std::uint64_t> byLine;    ///< the same by PTX line
  std::map<std::string, std::uint64_t> byKind; ///< the same by kind: "mma", ...
  std::uint64_t atomics = 0;                   ///< lane operations
  std::uint64_t barriers = 0;                  ///< warp arrivals
  unsigned stagesInFlight =
      0; ///< most cp.async groups of a thread pending at once
  std::uint64_t bytesInFlight =
      0; ///< most bytes of asynchronous copies a block had pending
  std::vector<AccessCounters> accesses; ///< by PTX line
  std::vector<BufferCounters> buffers;  ///< in the order of the parameters

  /// Warp instructions for each 16 x 16 fragment of weights.
  double perFragment(std::uint64_t fragments) const {
    return fragments ? static_cast<double>(instructions) /
                           static_cast<double>(fragments)
                     : 0;
  }
};

/// A table for a terminal; with `fragments` of weights also the instructions
/// for each of them.
LATH_API std::string print(const LaunchCounters &counters,
                           std::uint64_t fragments = 0);

} // namespace lath
