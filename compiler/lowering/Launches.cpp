// Where a block is in its launch, and the launches after and before it:
// program_id, num_programs, launch_dependents, wait_dependency.
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

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

template <typename Op, typename X, typename Y, typename Z>
struct AxisLowering : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &r) const override {
    Type i32 = r.getI32Type();
    LLVM::ConstantRangeAttr any;
    switch (op.getAxis()) {
    case 0:
      r.replaceOp(op, X::create(r, op.getLoc(), i32, any));
      break;
    case 1:
      r.replaceOp(op, Y::create(r, op.getLoc(), i32, any));
      break;
    default:
      r.replaceOp(op, Z::create(r, op.getLoc(), i32, any));
    }
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

void lath::tile::addAxisPatterns(const TypeConverter &types,
                                 RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<AxisLowering<ProgramIdOp, NVVM::BlockIdXOp, NVVM::BlockIdYOp,
                            NVVM::BlockIdZOp>,
               AxisLowering<NumProgramsOp, NVVM::GridDimXOp, NVVM::GridDimYOp,
                            NVVM::GridDimZOp>>(types, context);
}
