// Multiplies by wgmma, which takes activations straight from shared memory.
//
//   before  tile.async_wait 0
//           %a = tile.local_load %b[%s] : !tile.buffer<.., #swizzled>
//           %c = tile.dot %a, %w, %acc swapped
//   after   tile.async_wait 0 for_matrix_operands
//           %c = tile.warpgroup_dot %b[%s], %w, %acc
//                  : !tile.buffer<.., #operand>, ...
//
// Weights stay in registers, as mma.sync has them: a warp's fragment is the
// same. The instruction reads k in its own order, so the copy puts the k of
// each 16 where the weights' lanes have theirs: the buffer's layout follows
// from that of the weights (warpgroupOperand).
#include "compiler/ir/Access.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_USEWARPGROUPS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

LogicalResult useWarpgroups(DotOp dot) {
  auto load = dot.getA().getDefiningOp<LocalLoadOp>();
  if (!dot.getSwapped() || !load)
    return dot.emitOpError("wgmma multiplies what a K loop loads from memory, "
                           "with the other operand in registers");
  if (!load->hasOneUse())
    return dot.emitOpError("wgmma reads its operand from shared memory in an "
                           "order of its own; this one has other uses");
  auto alloc = load.getBuffer().getDefiningOp<AllocOp>();
  BufferType buffer = alloc.getType();
  auto operand = lath::warpgroupOperand(
      layoutOf(dot.getB().getType()).transposed(), buffer.getShape()[0]);
  if (!operand)
    return dot.emitOpError("the weights are not in fragments of wgmma");
  for (Operation *user : alloc->getUsers())
    if (auto copy = dyn_cast<AsyncCopyOp>(user))
      if (accessOf(copy).copyBytes(*operand) < leastCopyBytes)
        return dot.emitOpError(
            "wgmma takes pairs of neighbours along k, which "
            "words of eight k do not give: use packed weights");
  alloc.getResult().setType(BufferType::get(
      dot.getContext(), buffer.getStages(), buffer.getShape(),
      buffer.getElementType(), buffer.getPacked(), buffer.getAtom(),
      LayoutAttr::get(dot.getContext(), *operand)));
  OpBuilder b(dot);
  Value result = WarpgroupDotOp::create(
      b, dot.getLoc(), dot.getType(), load.getBuffer(), load.getSlot(),
      dot.getB(), dot.getAcc(), dot.getScales());
  for (Operation &op : *dot->getBlock())
    if (auto wait = dyn_cast<AsyncWaitOp>(op))
      wait.setMatrixOperands(true);
  dot.replaceAllUsesWith(result);
  dot.erase();
  load.erase();
  return success();
}

struct UseWarpgroups : lath::impl::UseWarpgroupsBase<UseWarpgroups> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation().walk([&](DotOp dot) {
      if (scheduleOf(dot).mma == lath::MatrixUnit::warpgroup)
        dots.push_back(dot);
    });
    for (DotOp dot : dots)
      if (failed(useWarpgroups(dot)))
        return signalPassFailure();
  }
};
} // namespace
