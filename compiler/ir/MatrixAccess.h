// What of a buffer in shared memory ldmatrix can read. Passes that lay a buffer
// out and the lowering that reads it ask the same function.
#pragma once

#include "compiler/ir/Memory.h"

#include <optional>

namespace lath::tile {

/// How ldmatrix reads a tile of 16-bit units: eight lanes name the rows of 16
/// bytes of an 8x8 matrix, and lane l receives a pair of row l / 4; transposed,
/// a pair of column l / 4 (PTX ISA, ldmatrix). So it takes a pair along the
/// row in register 0 and lanes 0 and 1, or the whole row in lanes 2 to 4.
struct MatrixAccess {
  bool transposed;
  unsigned bits; ///< 2^bits matrices at once
  /// The starts of rows: eight lanes to the rows of a matrix, further lane bits
  /// to the matrices, registers to repetitions.
  Layout pointers;
};

/// `units`: of the tile; `toOffset`: their offsets in the buffer. nullopt where
/// ldmatrix cannot read it.
std::optional<MatrixAccess> matrixAccess(const Memory &memory,
                                         const Layout &units,
                                         const LinearMap &toOffset);

} // namespace lath::tile
