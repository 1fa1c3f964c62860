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
#include "compiler/transforms/MakeAgain.h"
#include "compiler/transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
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

struct FoldIntoProducer : OpRewritePattern<ConvertLayoutOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertLayoutOp op,
                                PatternRewriter &rewriter) const override {
    Type wanted = op.getResult().getType();
    Layout layout = layoutOf(wanted);
    if (madeAnywhere(op.getSource(), layout)) {
      rewriter.replaceOp(op, makeAgain(rewriter, op.getSource(), layout));
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
