// Elementwise operations: the same scalar operation on every register.
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// arith on tensors: arith on scalars, which upstream lowers.
struct ArithLowering : ConversionPattern {
  ArithLowering(const TypeConverter &types, MLIRContext *context)
      : ConversionPattern(types, MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, ArrayRef<ValueRange> operands,
                                ConversionPatternRewriter &r) const override {
    if (!isa<arith::ArithDialect>(op->getDialect()) || op->getNumResults() != 1)
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !OpTrait::hasElementwiseMappableTraits(op))
      return r.notifyMatchFailure(op, "not an elementwise tile operation");
    const Type held = registerType(type.getElementType());
    Registers results;
    for (unsigned i = 0; i < registerCount(type); ++i) {
      SmallVector<Value> scalars;
      for (ValueRange operand : operands) // a scalar goes with every element
        scalars.push_back(operand[operand.size() == 1 ? 0 : i]);
      if (isa<arith::BitcastOp>(op) && scalars[0].getType() == held) {
        results.push_back(scalars[0]); // a byte is an 8-bit float already
        continue;
      }
      OperationState state(op->getLoc(), op->getName(), scalars, {held},
                           op->getAttrs());
      state.propertiesAttr = op->getPropertiesAsAttribute();
      results.push_back(r.create(state)->getResult(0));
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

/// Division that need not be correctly rounded (afn): to 2 ulp in f32.
struct DivideLowering : OpConversionPattern<arith::DivFOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::DivFOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || type.getElementTypeBitWidth() > 32 ||
        !bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
      return r.notifyMatchFailure(op, "correctly rounded");
    Emit e(r, op.getLoc());
    Type element = type.getElementType();
    auto widened = [&](Value value) {
      return element.isF32()
                 ? value
                 : Value(LLVM::FPExtOp::create(r, e.loc, e.f32, value));
    };
    Registers results;
    for (auto [a, b] : llvm::zip(adaptor.getLhs(), adaptor.getRhs())) {
      Value quotient = e.assembly("div.full.f32 $0, $1, $2;", "=f,f,f", e.f32,
                                  {widened(a), widened(b)}, false);
      results.push_back(element.isF32() ? quotient
                                        : Value(LLVM::FPTruncOp::create(
                                              r, e.loc, element, quotient)));
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

/// One PTX instruction an element.
template <typename Op> struct InstructionLowering : OpConversionPattern<Op> {
  InstructionLowering(const TypeConverter &types, MLIRContext *context,
                      StringRef instruction)
      : OpConversionPattern<Op>(types, context), instruction(instruction) {}
  StringRef instruction;

  LogicalResult matchAndRewrite(
      Op op, typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor,
      ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Registers results;
    for (Value value : adaptor.getOperand())
      results.push_back(e.assembly((instruction + " $0, $1;").str(), "=f,f",
                                   e.f32, {value}, false));
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

/// The LLVM operation of the same meaning on every register.
template <typename Op, typename Scalar>
struct ScalarLowering : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(
      Op op, typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor,
      ConversionPatternRewriter &r) const override {
    auto type = cast<RankedTensorType>(op.getType());
    Registers results;
    for (unsigned i = 0; i < registerCount(type); ++i) {
      SmallVector<Value> scalars;
      for (ValueRange operand : adaptor.getOperands())
        scalars.push_back(operand[i]);
      results.push_back(Scalar::create(r, op.getLoc(),
                                       TypeRange(type.getElementType()),
                                       ValueRange(scalars)));
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

} // namespace

void lath::tile::addElementwisePatterns(const TypeConverter &types,
                                        RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ArithLowering, ScalarLowering<math::FmaOp, LLVM::FMAOp>,
               ScalarLowering<math::AbsFOp, LLVM::FAbsOp>,
               ScalarLowering<math::FloorOp, LLVM::FFloorOp>,
               ScalarLowering<math::CeilOp, LLVM::FCeilOp>,
               ScalarLowering<math::RoundEvenOp, LLVM::RoundEvenOp>>(types,
                                                                     context);
  patterns.add<DivideLowering>(types, context, /*benefit=*/2);
  patterns.add<InstructionLowering<math::Exp2Op>>(types, context,
                                                  "ex2.approx.ftz.f32");
  patterns.add<InstructionLowering<math::SqrtOp>>(types, context,
                                                  "sqrt.approx.f32");
  patterns.add<InstructionLowering<math::RsqrtOp>>(types, context,
                                                   "rsqrt.approx.f32");
  patterns.add<InstructionLowering<math::TanhOp>>(types, context,
                                                  "tanh.approx.f32");
  patterns.add<InstructionLowering<math::Log2Op>>(types, context,
                                                  "lg2.approx.f32");
}
