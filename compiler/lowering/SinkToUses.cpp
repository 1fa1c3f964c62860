// Brings pure operations down to their first use.
//
//   before  unpack fragment 0, 1, 2; wgmma 0; wgmma 1; wgmma 2
//   after   unpack 0; wgmma 0; unpack 1; wgmma 1; unpack 2; wgmma 2
#include "compiler/lowering/Patterns.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

void lath::tile::sinkToUses(Block &block) {
  // Everything with an effect keeps its place, and what follows from a piece of
  // assembly stays behind it, so that accumulators die early. In front of each
  // comes what it needs and is not there yet.
  SmallVector<Operation *> anchors;
  llvm::DenseSet<Operation *> fixed;
  for (Operation &op : block) {
    auto assembly = dyn_cast<LLVM::InlineAsmOp>(op);
    bool effect = assembly ? assembly.getHasSideEffects() : !isPure(&op);
    bool follows = llvm::any_of(op.getOperands(), [&](Value operand) {
      Operation *source = operand.getDefiningOp();
      return source && fixed.contains(source);
    });
    if ((assembly && effect) || follows)
      fixed.insert(&op);
    if (effect || follows || &op == block.getTerminator() || op.getNumRegions())
      anchors.push_back(&op);
  }
  llvm::DenseSet<Operation *> placed(anchors.begin(), anchors.end());
  std::function<void(Operation *, Operation *)> bring = [&](Operation *user,
                                                            Operation *before) {
    user->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *op = operand.getDefiningOp();
        if (!op || op->getBlock() != &block || !placed.insert(op).second)
          continue;
        bring(op, before);
        op->moveBefore(before);
      }
    });
  };
  for (Operation *anchor : anchors)
    bring(anchor, anchor);
  // What nobody needs would now stand before its operands.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (!placed.contains(&op))
      op.erase();
}
