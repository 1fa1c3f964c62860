// Tiles in another layout, by making them again instead of moving them.
#pragma once

#include "compiler/ir/Tile.h"

#include "mlir/IR/Builders.h"

namespace lath::tile {

/// Whether few operations make a tile in another layout from what any thread
/// can make.
bool madeAnywhere(mlir::Value tile, const Layout &layout);

/// Makes it so, where `b` stands.
mlir::Value makeAgain(mlir::OpBuilder &b, mlir::Value tile,
                      const Layout &layout);

/// The operation of a tile once more, in another layout, with the operands that
/// `operand` gives for theirs; null where it does not say where it wants them.
mlir::Value makeAgainFrom(
    mlir::OpBuilder &b, mlir::Value tile, const Layout &layout,
    llvm::function_ref<mlir::Value(mlir::Value, const Layout &)> operand);

} // namespace lath::tile
