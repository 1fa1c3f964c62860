// What is computed element by element.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace lath {

template <typename FloatOp, typename IntOp>
static Tile binary(Operand &a, Operand &b, std::string_view name) {
  Call call(programOf({&a, &b}), name, a.where);
  std::vector<Tile> tiles = call.common({&a, &b});
  const Dtype dtype = tiles[0].dtype();
  Value lhs = call.get(tiles[0]), rhs = call.get(tiles[1]);
  if (isFloat(dtype))
    return call.wrap(call.create<FloatOp>(lhs, rhs), dtype);
  if constexpr (!std::is_void_v<IntOp>)
    if (dtype == Dtype::i32)
      return call.wrap(call.create<IntOp>(lhs, rhs), dtype);
  call.fail("not for {}", describe(tiles[0]));
}

Tile operator+(Operand a, Operand b) {
  return binary<arith::AddFOp, arith::AddIOp>(a, b, "+");
}
Tile operator-(Operand a, Operand b) {
  return binary<arith::SubFOp, arith::SubIOp>(a, b, "-");
}
Tile operator*(Operand a, Operand b) {
  return binary<arith::MulFOp, arith::MulIOp>(a, b, "*");
}
Tile operator/(Operand a, Operand b) {
  Tile quotient = binary<arith::DivFOp, void>(a, b, "/");
  Call(quotient.program(), "/", a.where)
      .get(quotient)
      .getDefiningOp<arith::DivFOp>()
      .setFastmath(arith::FastMathFlags::afn);
  return quotient;
}
Tile divRn(Operand a, Operand b) {
  return binary<arith::DivFOp, void>(a, b, "divRn");
}
Tile maximum(Operand a, Operand b) {
  return binary<arith::MaximumFOp, arith::MaxSIOp>(a, b, "maximum");
}
Tile minimum(Operand a, Operand b) {
  return binary<arith::MinimumFOp, arith::MinSIOp>(a, b, "minimum");
}

Tile where(Operand condition, Operand a, Operand b) {
  Call call(programOf({&condition, &a, &b}), "where", condition.where);
  Tile chosen = call.tileOf(condition);
  if (chosen.dtype() != Dtype::b1)
    call.fail("expected a condition of b1, got {}", describe(chosen));
  std::vector<Tile> tiles = call.common({&a, &b});
  const Shape shape = call.commonShape({chosen, tiles[0]});
  chosen = call.broadcast(chosen, shape);
  for (Tile &tile : tiles)
    tile = call.broadcast(tile, shape);
  return call.wrap(call.create<arith::SelectOp>(call.get(chosen),
                                                call.get(tiles[0]),
                                                call.get(tiles[1])),
                   tiles[0].dtype());
}

template <typename Op> static Tile unary(Operand &a, std::string_view name) {
  Call call(programOf({&a}), name, a.where);
  Tile tile = call.tileOf(a);
  if (tile.dtype() != Dtype::f32)
    call.fail("expected f32, got {}", describe(tile));
  return call.wrap(call.create<Op>(call.get(tile)), Dtype::f32);
}

Tile exp2(Operand a) { return unary<math::Exp2Op>(a, "exp2"); }
Tile log2(Operand a) { return unary<math::Log2Op>(a, "log2"); }
Tile abs(Operand a) { return unary<math::AbsFOp>(a, "abs"); }
Tile sqrt(Operand a) { return unary<math::SqrtOp>(a, "sqrt"); }
Tile rsqrt(Operand a) { return unary<math::RsqrtOp>(a, "rsqrt"); }
Tile tanh(Operand a) { return unary<math::TanhOp>(a, "tanh"); }
Tile exp(Operand a) {
  Call call(programOf({&a}), "exp", a.where);
  Tile tile = call.tileOf(a);
  if (tile.dtype() != Dtype::f32)
    call.fail("expected f32, got {}", describe(tile));
  return exp2(Operand(tile * Operand(M_LOG2E, a.where), a.where));
}

Tile cast(Operand a, Dtype dtype) {
  Call call(programOf({&a}), "cast", a.where);
  Tile tile = call.tileOf(a);
  const Dtype from = tile.dtype();
  if (!isFloat(from) || !isFloat(dtype))
    call.fail("expected float types, got {} to {}", describe(tile),
              lath::name(dtype));
  if (from == dtype)
    return tile;
  if (from != Dtype::f32 && dtype != Dtype::f32)
    return cast(cast(a, Dtype::f32), dtype);
  return call.wrap(call.create<tile::CastOp>(call.tensor(tile.shape(), dtype),
                                             call.get(tile)),
                   dtype);
}

} // namespace lath
