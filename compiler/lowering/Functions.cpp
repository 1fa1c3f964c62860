// erf, sin and cos of f32, as polynomials: there is no library to call.
//
// Coefficients are minimax fits (Remez) of the stated functions; the errors of
// the fits are below 2^-28, so that rounding is what is left.
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

class Functions {
public:
  explicit Functions(Emit &e) : e(e) {}

  /// Below 1 x P(x^2); from there on 1 - 2^Q(|x|), with the sign of x, where
  /// 2^Q is erfc. At 4 the result is 1.
  Value erf(Value x) {
    Value magnitude = LLVM::FAbsOp::create(e.r, e.loc, x);
    Value small =
        mul(x, polynomial(mul(x, x), {1.12837911f, -0.37612626f, 0.112835854f,
                                      -0.0268538129f, 0.00518832775f,
                                      -0.000801019371f, 7.85386073e-05f}));
    // NaN is neither below 1 nor what minnum keeps; it goes the first way.
    Value bounded = LLVM::MinNumOp::create(e.r, e.loc, magnitude, c(4));
    Value exponent = polynomial(
        bounded, {-0.00126428332f, -1.62288094f, -0.925948143f, -0.144121408f,
                  0.0292829797f, -0.00369754573f, 0.000212652289f});
    Value rest = e.assembly("ex2.approx.ftz.f32 $0, $1;", "=f,f", e.f32,
                            {exponent}, false);
    Value large = LLVM::CopySignOp::create(
        e.r, e.loc, LLVM::FSubOp::create(e.r, e.loc, c(1), rest), x);
    Value isLarge = LLVM::FCmpOp::create(e.r, e.loc, LLVM::FCmpPredicate::oge,
                                         magnitude, c(1));
    return select(isLarge, large, small);
  }

  /// `quarters`: of a turn, to add; cos x = sin(x + 1/4).
  Value sine(Value x, int quarters) {
    // x = k pi/2 + rest. pi/2 is three numbers, and each product with k is
    // subtracted exactly or rounded once (Cody and Waite).
    Value turns = mul(x, c(0.636619747f));
    Value k = LLVM::RoundEvenOp::create(e.r, e.loc, turns);
    Value back = LLVM::FNegOp::create(e.r, e.loc, k);
    Value rest = x;
    for (float part : {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f})
      rest = fma(back, c(part), rest);
    Value square = mul(rest, rest);
    Value sin = fma(mul(rest, square),
                    polynomial(square, {-0.166666672f, 0.00833332073f,
                                        -0.000198371446f, 2.70114765e-06f}),
                    rest);
    Value cos = fma(square,
                    polynomial(square, {-0.5f, 0.0416666679f, -0.00138888787f,
                                        2.47980133e-05f, -2.70901211e-07f}),
                    c(1));
    Value quadrant =
        e.add(e.assembly("cvt.rzi.s32.f32 $0, $1;", "=r,f", e.i32, {k}, false),
              quarters);
    Value odd = nonZero(e.band(quadrant, 1)), negative = e.band(quadrant, 2);
    Value result = select(odd, cos, sin);
    return e.bitcast(e.f32,
                     e.bxor(e.bitcast(e.i32, result), e.shl(negative, 30)));
  }

private:
  Emit &e;

  Value c(float value) {
    return LLVM::ConstantOp::create(e.r, e.loc, e.f32,
                                    e.r.getF32FloatAttr(value));
  }
  Value mul(Value a, Value b) { return LLVM::FMulOp::create(e.r, e.loc, a, b); }
  Value fma(Value a, Value b, Value addend) {
    return LLVM::FMAOp::create(e.r, e.loc, a, b, addend);
  }
  Value select(Value condition, Value a, Value b) {
    return LLVM::SelectOp::create(e.r, e.loc, condition, a, b);
  }
  Value nonZero(Value a) {
    return LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ne, a, e.c(0));
  }
  /// By Horner's rule; the first coefficient is that of x^0.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = c(coefficients.back());
    for (float coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, c(coefficient));
    return sum;
  }
};

template <typename Op> struct FunctionLowering : OpConversionPattern<Op> {
  FunctionLowering(const TypeConverter &types, MLIRContext *context,
                   Value (*function)(Functions, Value))
      : OpConversionPattern<Op>(types, context), function(function) {}
  Value (*function)(Functions, Value);

  LogicalResult matchAndRewrite(
      Op op, typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor,
      ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Registers results;
    for (Value value : adaptor.getOperand())
      results.push_back(function(Functions(e), value));
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

} // namespace

void lath::tile::addFunctionPatterns(const TypeConverter &types,
                                     RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<FunctionLowering<math::ErfOp>>(
      types, context, +[](Functions f, Value x) { return f.erf(x); });
  patterns.add<FunctionLowering<math::SinOp>>(
      types, context, +[](Functions f, Value x) { return f.sine(x, 0); });
  patterns.add<FunctionLowering<math::CosOp>>(
      types, context, +[](Functions f, Value x) { return f.sine(x, 1); });
}
