// Where the shared memory lies that an operation's lowering needs for itself;
// how much that is, the operation says (ScratchInterface).
#pragma once

#include "compiler/ir/Tile.h"

namespace lath::tile {

/// Byte offset of an operation's scratch in shared memory.
inline constexpr llvm::StringLiteral scratchAttrName = "tile.scratch";
/// Dynamic shared memory of a kernel.
inline constexpr llvm::StringLiteral sharedBytesAttrName = "tile.shared_bytes";

/// That offset, once there is one.
int64_t scratchOffset(ScratchInterface op);

/// What an element takes where threads exchange it; conditions are words.
unsigned exchangedWordBytes(mlir::Type element);

/// Which bit of which place has the element of an index bit, and no other;
/// registers first.
std::optional<std::pair<Place, unsigned>> placeOfBit(const Layout &layout,
                                                     unsigned indexBit);

} // namespace lath::tile
