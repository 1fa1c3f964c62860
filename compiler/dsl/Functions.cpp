// Functions of f32, element by element.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;

namespace lath {

static Tile checked(const Call &call, const Operand &a) {
  Tile tile = call.tileOf(a);
  if (tile.dtype() != Dtype::f32)
    call.fail("expected f32, got {}", describe(tile));
  return tile;
}

template <typename Op>
static Tile unary(const Operand &a, std::string_view name) {
  Call call(programOf({&a}), name, a.where);
  Tile tile = checked(call, a);
  return call.wrap(call.create<Op>(call.get(tile)), Dtype::f32);
}

Tile exp2(Operand a) { return unary<math::Exp2Op>(a, "exp2"); }
Tile log2(Operand a) { return unary<math::Log2Op>(a, "log2"); }
Tile sqrt(Operand a) { return unary<math::SqrtOp>(a, "sqrt"); }
Tile rsqrt(Operand a) { return unary<math::RsqrtOp>(a, "rsqrt"); }
Tile tanh(Operand a) { return unary<math::TanhOp>(a, "tanh"); }
Tile erf(Operand a) { return unary<math::ErfOp>(a, "erf"); }
Tile sin(Operand a) { return unary<math::SinOp>(a, "sin"); }
Tile cos(Operand a) { return unary<math::CosOp>(a, "cos"); }
Tile floor(Operand a) { return unary<math::FloorOp>(a, "floor"); }
Tile ceil(Operand a) { return unary<math::CeilOp>(a, "ceil"); }
Tile round(Operand a) { return unary<math::RoundEvenOp>(a, "round"); }

static Tile timesNumber(const Call &call, const Tile &tile, double factor) {
  Tile factors = call.splat(factor, Dtype::f32, tile.shape());
  return call.wrap(
      call.create<arith::MulFOp>(call.get(tile), call.get(factors)),
      Dtype::f32);
}

Tile exp(Operand a) {
  Call call(programOf({&a}), "exp", a.where);
  Tile scaled = timesNumber(call, checked(call, a), std::numbers::log2e);
  return exp2(Operand(scaled, a.where));
}
Tile log(Operand a) {
  Call call(programOf({&a}), "log", a.where);
  Tile logarithm = log2(Operand(checked(call, a), a.where));
  return timesNumber(call, logarithm, std::numbers::ln2);
}
Tile sigmoid(Operand a) {
  Call call(programOf({&a}), "sigmoid", a.where);
  Tile scaled = timesNumber(call, checked(call, a), -std::numbers::log2e);
  Tile power = exp2(Operand(scaled, a.where));
  return Operand(1, a.where) / Operand(Operand(1, a.where) + power, a.where);
}

} // namespace lath
