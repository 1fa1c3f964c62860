// What the compiler hands to the runtime: PTX text and how to launch it.
#pragma once

#include "compiler/base/Dtype.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lath {

/// One kernel parameter, in launch order: what a launch binds by. Every
/// argument takes 64 bits, of which a scalar has the lowest.
struct KernelParam {
  enum class Kind {
    view,      ///< device pointer that the caller supplies
    scalar,    ///< number that the caller supplies
    workspace, ///< fp32 scratch, zero before the first launch, left zero
               ///< (atomic) or dirty (ordered)
    tickets,   ///< one u32 a tile, zero before the first launch, left zero by
               ///< every launch
  };
  Kind kind;
  std::string name;
  /// Of the scalar, or of the elements that the pointer points to.
  Dtype type = Dtype::i32;
  /// Of a scalar: every launch's value is a multiple of it.
  std::uint32_t multipleOf = 1;
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
  /// Bytes of workspace each block tile needs, all splits together; the
  /// workspace holds tiles(grid.x * grid.y) times as much. Zero: none.
  std::uint64_t workspaceBytesPerTile = 0;
  bool usesTickets = false;
  /// The kernel adds into its outputs: they must be zero before every launch.
  bool accumulatesIntoOutput = false;
};

} // namespace lath
