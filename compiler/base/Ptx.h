// What the compiler hands to the runtime: PTX text and how to launch it.
#pragma once

#include "compiler/base/Dtype.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lath {

/// One kernel parameter, in launch order: what a launch binds by. Every
/// argument takes 64 bits, of which a scalar has the lowest. Those that the
/// launch makes by itself come last, and the caller has no argument for them.
struct KernelParam {
  enum class Kind {
    view,      ///< device pointer that the caller supplies
    scalar,    ///< number that the caller supplies
    workspace, ///< fp32 scratch, zero before the first launch, left zero
               ///< (atomic) or dirty (ordered)
    tickets,   ///< one u32 a tile, zero before the first launch, left zero by
               ///< every launch
    tensorMap, ///< made by the launch: the next of Ptx::tensorMaps, 128 bytes
    gridX,     ///< made by the launch: the extents of the grid that the caller
    gridY,     ///< asks for, of a kernel that is Ptx::persistent
  };
  Kind kind;
  std::string name;
  /// Of the scalar, or of the elements that the pointer points to.
  Dtype type = Dtype::i32;
  /// Of a scalar: every launch's value is a multiple of it.
  std::uint32_t multipleOf = 1;
};

/// A number that a launch knows: a constant, or the value of a scalar.
struct LaunchNumber {
  std::uint64_t constant = 0;
  std::int32_t scalar = -1; ///< where it is not negative: of which parameter
  bool operator==(const LaunchNumber &) const = default;
};

/// A tensor in memory as the copies of a kernel see it, from which a launch
/// makes a tensor map (runtime/TensorMap.h). Row-major, the last dimension
/// contiguous.
struct TensorFacts {
  std::uint32_t param = 0; ///< the parameter that points to it
  std::uint32_t elementBytes = 2;
  std::vector<LaunchNumber> extents; ///< elements
  std::vector<std::uint32_t> box;    ///< elements of one copy
  /// log2 of the 16-byte chunks that are permuted in each row of a box, 0 to 3.
  std::uint32_t swizzleBits = 0;
};

/// A compiled kernel as PTX text. Plain data, owns its strings.
struct Ptx {
  std::string text;
  std::string entry;        ///< name of the .entry
  std::string target;       ///< "sm_90a"
  unsigned threads = 0;     ///< threads a block (x only)
  unsigned sharedBytes = 0; ///< dynamic shared memory a block
  /// Blocks of a thread-block cluster, all along axis 2 of the grid, whose
  /// extent is a multiple of it. The PTX text asks for it; a launch need not.
  unsigned clusterBlocks = 1;
  /// The kernel waits for the launch before it by itself: launch it with
  /// LaunchConfig::dependent.
  bool dependent = false;
  std::vector<KernelParam> params;
  std::vector<TensorFacts> tensorMaps; ///< of the parameters of that kind
  /// Blocks walk over the blocks that the caller asks for: the launch starts as
  /// many as run at once.
  bool persistent = false;
  /// Bytes of workspace each block tile needs, all splits together; the
  /// workspace holds tiles(grid.x * grid.y) times as much. Zero: none.
  std::uint64_t workspaceBytesPerTile = 0;
  bool usesTickets = false;
  /// The kernel adds into its outputs: they must be zero before every launch.
  bool accumulatesIntoOutput = false;

  /// Arguments of a launch: for all parameters that it does not make itself.
  std::size_t arguments() const {
    std::size_t count = 0;
    while (count < params.size() &&
           params[count].kind < KernelParam::Kind::tensorMap)
      ++count;
    return count;
  }
};

} // namespace lath
