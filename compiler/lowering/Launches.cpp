// launch_dependents and wait_dependency.
#include "compiler/lowering/Patterns.h"

using namespace mlir;
using namespace lath::tile;

namespace {

// LLVM's intrinsics say that they touch no memory, so loads could move across
// them; these say that they touch all of it.
template <typename Op> struct LaunchControl : OpConversionPattern<Op> {
  LaunchControl(const TypeConverter &types, MLIRContext *context,
                StringRef instruction)
      : OpConversionPattern<Op>(types, context), instruction(instruction) {}
  StringRef instruction;

  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    e.assembly(instruction, "~{memory}", Type(), {}, true);
    r.eraseOp(op);
    return success();
  }
};

} // namespace

void lath::tile::addLaunchPatterns(const TypeConverter &types,
                                   RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<LaunchControl<LaunchDependentsOp>>(
      types, context, "griddepcontrol.launch_dependents;");
  patterns.add<LaunchControl<WaitDependencyOp>>(types, context,
                                                "griddepcontrol.wait;");
}
