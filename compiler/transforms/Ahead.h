// What a step of a loop needs, computed for another step.
#pragma once

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace lath::tile {

/// Whether `value` can be computed for any step of `loop`: by operations
/// that touch no memory and have no region, from the induction variable and
/// values from outside. Not what the loop carries.
/// `reading`: or by operations that read arrays, which no launch that the loop
/// belongs to may write.
bool computableAhead(mlir::scf::ForOp loop, mlir::Value value,
                     bool reading = false);
bool computableAhead(mlir::scf::ForOp loop, mlir::ValueRange values,
                     bool reading = false);

/// Adds those operations of the loop's body that read arrays and that `value`
/// is computed from, the nearest of each chain.
void collectReads(mlir::scf::ForOp loop, mlir::Value value,
                  llvm::SetVector<mlir::Operation *> &reads);

/// Clones what `value` needs of the loop's body, where it is computableAhead,
/// for the step whose induction variable `map` holds.
mlir::Value cloneAhead(mlir::OpBuilder &b, mlir::scf::ForOp loop,
                       mlir::Value value, mlir::IRMapping &map);

} // namespace lath::tile
