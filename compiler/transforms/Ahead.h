// What a step of a loop needs, computed for another step.
#pragma once

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace lath::tile {

/// Whether `value` can be computed for any step of `loop`: by operations
/// that touch no memory and have no region, from the induction variable and
/// values from outside. Not what the loop carries.
bool computableAhead(mlir::scf::ForOp loop, mlir::Value value);
bool computableAhead(mlir::scf::ForOp loop, mlir::ValueRange values);

/// Clones what `value` needs of the loop's body, where it is computableAhead,
/// for the step whose induction variable `map` holds.
mlir::Value cloneAhead(mlir::OpBuilder &b, mlir::scf::ForOp loop,
                       mlir::Value value, mlir::IRMapping &map);

} // namespace lath::tile
