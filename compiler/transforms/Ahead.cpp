#include "compiler/transforms/Ahead.h"

#include "compiler/ir/Tile.h"

using namespace mlir;

namespace lath::tile {

static bool onlyReads(Operation *op) {
  auto known = dyn_cast<MemoryEffectOpInterface>(op);
  if (!known)
    return false;
  SmallVector<MemoryEffects::EffectInstance> effects;
  known.getEffects(effects);
  return llvm::all_of(effects, [](const MemoryEffects::EffectInstance &effect) {
    return isa<MemoryEffects::Read>(effect.getEffect()) &&
           effect.getResource() == GlobalMemory::get();
  });
}

bool computableAhead(scf::ForOp loop, Value value, bool reading) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() != loop.getBody() ||
           argument == loop.getInductionVar();
  Operation *op = value.getDefiningOp();
  // What a region takes from around it is none of the operands.
  return op->getBlock() != loop.getBody() ||
         (op->getNumRegions() == 0 &&
          (isMemoryEffectFree(op) || (reading && onlyReads(op))) &&
          computableAhead(loop, op->getOperands(), reading));
}

bool computableAhead(scf::ForOp loop, ValueRange values, bool reading) {
  return llvm::all_of(values, [&](Value value) {
    return computableAhead(loop, value, reading);
  });
}

void collectReads(scf::ForOp loop, Value value,
                  llvm::SetVector<Operation *> &reads) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != loop.getBody())
    return;
  if (!isMemoryEffectFree(op)) {
    reads.insert(op);
    return;
  }
  for (Value operand : op->getOperands())
    collectReads(loop, operand, reads);
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
