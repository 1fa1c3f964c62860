// What is known, when a kernel is compiled, of where a tile lies in its view:
// whether bounds must be checked, and how many neighbours move at once. Passes
// and lowering ask the same functions, so they cannot disagree.
#pragma once

#include "compiler/ir/Tile.h"

#include "mlir/IR/ValueRange.h"

#include <string>

namespace lath::tile {

/// The largest power of two, at most 2^31, that is known to divide a 32-bit
/// integer in every execution. Tiles ask for powers of two only, and these
/// alone survive sums and products that wrap.
int64_t divisorOf(mlir::Value value);

/// As divisorOf, for the start of a tile along dimension d of memory, in units,
/// given the starts in elements of the array.
int64_t divisorOfUnits(const Memory &memory, mlir::OperandRange starts,
                       unsigned d);

/// Whether a tile of `units` lies inside of a view along dimension d of memory
/// in every execution, by what is known of its start (in elements; ranges of
/// the operation that accesses the tile). See IndexRange.
bool staysWhole(const Memory &memory, llvm::ArrayRef<int64_t> units,
                mlir::OperandRange starts, unsigned d);

/// log2 of the units along the last dimension of a tile that one access may
/// move: aligned to their size, 16 bytes at most, and all inside the view or
/// all outside. Memory whose last extent is known at run time only is accessed
/// unit by unit.
unsigned neighbourBits(const Memory &memory, llvm::ArrayRef<int64_t> units,
                       mlir::OperandRange starts);

/// As neighbourBits, for a copy to a stage of a buffer, where they must be
/// neighbours too. `buffer`: offsets to units of the tile.
unsigned copyBits(const Memory &memory, const Layout &buffer,
                  mlir::OperandRange starts);

/// Bytes that one cp.async moves, and what it can: 4, 8 or 16.
unsigned copyBytes(const Memory &memory, const Layout &buffer,
                   mlir::OperandRange starts);
inline constexpr unsigned leastCopyBytes = 4;

/// Why the copy engine cannot bring tiles of `shape` of a view as boxes of a
/// tensor; empty: it can, into stages in the order of Panels.
std::string whyNoTensor(ViewType view, llvm::ArrayRef<int64_t> shape);
/// The same of the start of one.
std::string whyNoTensorFrom(ViewType view, mlir::OperandRange starts);

/// Bytes of an atom, of which bulk copies move runs, and what these must be
/// multiples of.
int64_t atomBytes(const Memory &memory);
inline constexpr int64_t bulkCopyUnit = 16;

} // namespace lath::tile
