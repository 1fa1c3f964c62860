#include "compiler/transforms/Ahead.h"

using namespace mlir;

namespace lath::tile {

bool computableAhead(scf::ForOp loop, Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() != loop.getBody() ||
           argument == loop.getInductionVar();
  Operation *op = value.getDefiningOp();
  // What a region takes from around it is none of the operands.
  return op->getBlock() != loop.getBody() ||
         (op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
          computableAhead(loop, op->getOperands()));
}

bool computableAhead(scf::ForOp loop, ValueRange values) {
  return llvm::all_of(
      values, [&](Value value) { return computableAhead(loop, value); });
}

Value cloneAhead(OpBuilder &b, scf::ForOp loop, Value value, IRMapping &map) {
  Operation *op = value.getDefiningOp();
  if (map.contains(value) || !op || op->getBlock() != loop.getBody())
    return map.lookupOrDefault(value);
  for (Value operand : op->getOperands())
    cloneAhead(b, loop, operand, map);
  return b.clone(*op, map)->getResult(cast<OpResult>(value).getResultNumber());
}

} // namespace lath::tile
