// What of a buffer in shared memory ldmatrix can read. Passes that lay a buffer
// out and the lowering that reads it ask the same function.
#pragma once

#include "compiler/ir/Memory.h"

#include <optional>

namespace lath::tile {

/// How ldmatrix reads a tile: eight lanes name the rows of 16 bytes of a
/// matrix, and lane l receives a word of row l / 4; transposed, 16-bit units of
/// the rows 2 (l mod 4) and the next, of column l / 4 (PTX ISA, ldmatrix). So
/// it takes the units of a word along the row in the first registers and its
/// words in lanes 0 and 1; or, of 16-bit units, the whole row in lanes 2 to 4.
struct MatrixAccess {
  bool transposed;
  unsigned bits;     ///< 2^bits matrices at once
  unsigned wordBits; ///< 2^wordBits units in a word
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
