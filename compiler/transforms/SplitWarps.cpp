// Gives `k_warps` warps of a block a share of each K step each.
//
//   before  %acc = scf.for ... { %c = tile.dot %a, %b, %acc }
//           tile.store (tile.cast %acc), ...
//   after   %part = scf.for ... { %c = tile.dot %a, %b, %part {k_warps = 4} }
//           %acc = tile.sum_warps %part {k_warps = 4}
//           tile.store (tile.cast %acc), ...
//
//   before  %acc = tile.sum_cluster %part {blocks = 2}
//   after   %acc = tile.sum_cluster %part {blocks = 2, k_warps = 4}
//
// One exchange through shared memory after the loop costs a fraction of one
// across blocks, and a block can keep many warps busy on few columns.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_SPLITWARPS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

bool isZero(Value tile) {
  auto splat = tile.getDefiningOp<SplatOp>();
  return splat && (matchPattern(splat.getValue(), m_AnyZeroFloat()) ||
                   matchPattern(splat.getValue(), m_Zero()));
}

LogicalResult split(DotOp dot, unsigned kWarps) {
  // The accumulator starts at zero in every warp, so it must start at zero.
  Value start = dot.getAcc(), end = dot.getResult();
  if (auto argument = dyn_cast<BlockArgument>(start))
    if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp())) {
      OpOperand *init = loop.getTiedLoopInit(argument);
      unsigned index = argument.getArgNumber() - loop.getNumInductionVars();
      if (!init || loop.getYieldedValues()[index] != dot.getResult() ||
          !dot.getResult().hasOneUse() || !argument.hasOneUse())
        return dot.emitOpError("k_warps ")
               << kWarps << " needs an accumulator that the loop only adds to";
      start = init->get();
      end = loop.getResult(index);
    }
  if (!isZero(start))
    return dot.emitOpError("k_warps ")
           << kWarps << " needs an accumulator that starts at zero";
  dot.setKWarps(kWarps);
  // Where the sums go on to a cluster one exchange does for both.
  if (end.hasOneUse())
    if (auto sum = dyn_cast<SumClusterOp>(*end.user_begin())) {
      sum.setKWarps(kWarps);
      return success();
    }
  OpBuilder b(dot.getContext());
  b.setInsertionPointAfterValue(end);
  auto sum = SumWarpsOp::create(b, dot.getLoc(), end.getType(), end, kWarps);
  end.replaceAllUsesExcept(sum.getResult(), sum);
  return success();
}

struct SplitWarps : lath::impl::SplitWarpsBase<SplitWarps> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation().walk([&](DotOp dot) { dots.push_back(dot); });
    for (DotOp dot : dots) {
      const int kWarps = scheduleOf(dot).kWarps;
      if (kWarps > 1 && failed(split(dot, kWarps)))
        return signalPassFailure();
    }
  }
};
} // namespace
