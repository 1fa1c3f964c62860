// Applies scales to sums of products instead of to weights.
//
//   before  %w = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf16> ->
//   ...
//           %c = tile.dot %x, %w, %acc
//   after   %w = tile.unpack %q : tensor<128x64xi4> -> tensor<128x64xf16>
//           %c = tile.dot %x, %w, %acc scales %s
//
// sum_k x_k (q_k - z) s = s * sum_k x_k (q_k - z) within a group. The weights
// then are whole numbers, exact in fp16 and bf16, and a lane multiplies its few
// accumulators once a group instead of every weight: fewer instructions while
// the group is longer than the rows are many.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_PLACESCALES
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {
struct PlaceScales : lath::impl::PlaceScalesBase<PlaceScales> {
  void runOnOperation() override {
    getOperation().walk([](DotOp dot) {
      auto dequant = dot.getB().getDefiningOp<DequantOp>();
      if (scheduleOf(dot).scales != lath::ScalePlacement::sums || !dequant ||
          dot.getScales() || !dequant->hasOneUse())
        return;
      OpBuilder b(dequant);
      Value weights = UnpackOp::create(b, dequant.getLoc(), dequant.getType(),
                                       dequant.getQ(), dequant.getZeros(),
                                       dequant.getZeroOffset());
      dot.getBMutable().assign(weights);
      dot.getScalesMutable().assign(dequant.getScales());
      dequant.erase();
    });
  }
};
} // namespace
