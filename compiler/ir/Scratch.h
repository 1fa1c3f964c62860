// Shared-memory bytes that an operation's lowering needs for itself.
#pragma once

#include "compiler/ir/Tile.h"

namespace lath::tile {

/// Byte offset of an operation's scratch in shared memory.
inline constexpr llvm::StringLiteral scratchAttrName = "tile.scratch";
/// Dynamic shared memory of a kernel.
inline constexpr llvm::StringLiteral sharedBytesAttrName = "tile.shared_bytes";

/// Zero for most operations. A reduction across warps exchanges one word for
/// each result register and thread; arrive hands one word to the block.
int64_t scratchBytes(mlir::Operation *op);

} // namespace lath::tile
