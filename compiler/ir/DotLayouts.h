// The layouts a dot asks for, solved from where its operands come from.
#pragma once

#include "compiler/ir/Layout.h"

#include <string>

namespace lath {

struct DotShape {
  std::int64_t rows, columns, k; ///< of the m16n8k16 tiling: A is rows x k
  unsigned warps;
  unsigned kWarps = 1; ///< of them, warps that share a K step
  /// A's words hold eight k each (4-bit weights).
  bool packedA = false;
  /// A's rows are contiguous in memory, so neighbours should share a lane.
  bool contiguousRows = false;
};

struct DotLayouts {
  Layout a;   ///< [rows, k]
  Layout b;   ///< [k, columns]
  Layout acc; ///< [rows, columns]
};

/// Fragments of mma.m16n8k16 repeated over the tile, with rows, columns and k
/// permuted so that what a lane needs is contiguous in memory: a lane owns
/// eight consecutive k (one word of 4-bit weights, 16 bytes of activations),
/// and up to four consecutive rows where those are contiguous. `problem` says
/// why where it is impossible.
bool solveDotLayouts(const DotShape &shape, DotLayouts &layouts,
                     std::string &problem);

/// The accumulator after the partial sums of `kWarps` warps (the lowest warp
/// bits, zero bases in `acc`) are added: those warps take over register bits,
/// the last ones first and never the first, so that neighbours stay in one
/// lane. Warps beyond that repeat each other.
Layout scatteredOverWarps(const Layout &acc, unsigned kWarps);

/// The accumulator after the partial sums of the `blocks` blocks of a cluster
/// and of `kWarps` warps of each are added: blocks take over register bits as
/// warps do, before them. The lowest bits of a block's rank choose its share;
/// blocks for which no register bit is left repeat others.
Layout scatteredOverCluster(const Layout &acc, unsigned kWarps,
                            unsigned blocks);

} // namespace lath
