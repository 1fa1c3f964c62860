// Drops layout conversions that a producer can do for free.
//
//   before  %a = tile.splat %zero : tensor<.., #l0>
//           %b = tile.convert_layout %a : tensor<.., #l0> -> tensor<.., #l1>
//   after   %b = tile.splat %zero : tensor<.., #l1>
//
// What any thread can make, a splat say, has every layout; a load with no other
// use reads in the layout that is wanted; a conversion of a conversion is one
// conversion.
#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lath {
#define GEN_PASS_DEF_REMOVECONVERSIONS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Layout;

namespace {

/// The layout demanded of an operand where the one result has `result`.
std::optional<Layout> demanded(OpOperand &operand, const Layout &result) {
  Value made = operand.getOwner()->getResult(0);
  return operandLayout(
      operand, [&](Value value) { return value == made ? &result : nullptr; });
}

/// Whether few operations make a tile in another layout from what any thread
/// can make.
bool madeAnywhere(Value tile, const Layout &layout, unsigned depth) {
  constexpr unsigned most = 4; // cheaper than a way through shared memory
  Operation *op = tile.getDefiningOp();
  if (!op || op->getNumResults() != 1 || !isPure(op) || depth > most)
    return false;
  bool made = op->hasTrait<AnyPlace>();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    auto own = demanded(operand, layout);
    if (!own || !madeAnywhere(operand.get(), *own, depth + 1))
      return false;
    made = true;
  }
  return made;
}

Value makeAgain(Value tile, const Layout &layout, PatternRewriter &rewriter) {
  Operation *op = tile.getDefiningOp();
  IRMapping again;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType()))
      again.map(operand.get(),
                makeAgain(operand.get(), *demanded(operand, layout), rewriter));
  Value made = rewriter.clone(*op, again)->getResult(0);
  made.setType(withLayout(cast<RankedTensorType>(tile.getType()), layout));
  return made;
}

struct FoldIntoProducer : OpRewritePattern<ConvertLayoutOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertLayoutOp op,
                                PatternRewriter &rewriter) const override {
    Type wanted = op.getResult().getType();
    Layout layout = layoutOf(wanted);
    if (madeAnywhere(op.getSource(), layout, 0)) {
      rewriter.replaceOp(op, makeAgain(op.getSource(), layout, rewriter));
      return success();
    }
    if (auto inner = op.getSource().getDefiningOp<ConvertLayoutOp>()) {
      rewriter.replaceOpWithNewOp<ConvertLayoutOp>(op, wanted,
                                                   inner.getSource());
      return success();
    }
    auto load = op.getSource().getDefiningOp<LoadOp>();
    if (!load || !load->hasOneUse() || accessOf(load).gathers())
      return rewriter.notifyMatchFailure(
          op, "the producer has a layout of its own");
    rewriter.setInsertionPoint(load);
    Value again =
        LoadOp::create(rewriter, load.getLoc(), wanted, load.getView(),
                       load.getStart(), load.getDims());
    rewriter.replaceOp(op, again);
    rewriter.eraseOp(load);
    return success();
  }
};

struct RemoveConversions
    : lath::impl::RemoveConversionsBase<RemoveConversions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoProducer>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
