// Tile arithmetic, shapes, reductions and matrix products of the language.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace lath {

template <typename FloatOp, typename IntOp>
static Tile elementwise(ProgramImpl &p, const Tile &a, const Tile &b,
                        const char *what) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype())
    ProgramImpl::fail(
        fmt::format("{}: expected two tiles of one shape and type, "
                    "got {} and {}",
                    what, describe(a), describe(b)));
  Value lhs = p.get(a, what), rhs = p.get(b, what);
  if (isFloat(a.dtype()))
    return p.wrap(FloatOp::create(p.builder, p.loc(), lhs, rhs));
  if constexpr (!std::is_void_v<IntOp>)
    if (a.dtype() == Dtype::i32)
      return p.wrap(IntOp::create(p.builder, p.loc(), lhs, rhs));
  ProgramImpl::fail(fmt::format("{}: not for {}", what, describe(a)));
}

Tile Program::add(const Tile &a, const Tile &b) {
  return elementwise<arith::AddFOp, arith::AddIOp>(*impl_, a, b, "add");
}
Tile Program::sub(const Tile &a, const Tile &b) {
  return elementwise<arith::SubFOp, arith::SubIOp>(*impl_, a, b, "sub");
}
Tile Program::mul(const Tile &a, const Tile &b) {
  return elementwise<arith::MulFOp, arith::MulIOp>(*impl_, a, b, "mul");
}
Tile Program::div(const Tile &a, const Tile &b) {
  Tile quotient = elementwise<arith::DivFOp, void>(*impl_, a, b, "div");
  impl_->get(quotient, "div")
      .getDefiningOp<arith::DivFOp>()
      .setFastmath(arith::FastMathFlags::afn);
  return quotient;
}
Tile Program::divRn(const Tile &a, const Tile &b) {
  return elementwise<arith::DivFOp, void>(*impl_, a, b, "divRn");
}
Tile Program::max(const Tile &a, const Tile &b) {
  return elementwise<arith::MaximumFOp, arith::MaxSIOp>(*impl_, a, b, "max");
}
Tile Program::min(const Tile &a, const Tile &b) {
  return elementwise<arith::MinimumFOp, arith::MinSIOp>(*impl_, a, b, "min");
}

template <typename Op>
static Tile unary(ProgramImpl &p, const Tile &a, const char *what) {
  Value value = p.get(a, what);
  if (a.dtype() != Dtype::f32)
    ProgramImpl::fail(
        fmt::format("{}: expected f32, got {}", what, describe(a)));
  return p.wrap(Op::create(p.builder, p.loc(), value));
}

Tile Program::exp2(const Tile &a) {
  return unary<math::Exp2Op>(*impl_, a, "exp2");
}
Tile Program::log2(const Tile &a) {
  return unary<math::Log2Op>(*impl_, a, "log2");
}
Tile Program::abs(const Tile &a) {
  return unary<math::AbsFOp>(*impl_, a, "abs");
}
Tile Program::sqrt(const Tile &a) {
  return unary<math::SqrtOp>(*impl_, a, "sqrt");
}
Tile Program::rsqrt(const Tile &a) {
  return unary<math::RsqrtOp>(*impl_, a, "rsqrt");
}
Tile Program::tanh(const Tile &a) {
  return unary<math::TanhOp>(*impl_, a, "tanh");
}
Tile Program::exp(const Tile &a) {
  impl_->get(a, "exp");
  if (a.dtype() != Dtype::f32)
    ProgramImpl::fail(fmt::format("exp: expected f32, got {}", describe(a)));
  return exp2(mul(a, splat(M_LOG2E, Dtype::f32, a.shape())));
}

Tile Program::cast(const Tile &a, Dtype dtype) {
  Value value = impl_->get(a, "cast");
  if (!isFloat(a.dtype()) || !isFloat(dtype))
    ProgramImpl::fail(fmt::format("cast: expected float types, got {} to {}",
                                  describe(a), lath::name(dtype)));
  if (a.dtype() == dtype)
    return a;
  if (a.dtype() != Dtype::f32 && dtype != Dtype::f32)
    return cast(cast(a, Dtype::f32), dtype);
  return impl_->wrap(tile::CastOp::create(
      impl_->builder, impl_->loc(), impl_->tensor(a.shape(), dtype), value));
}

static void checkShape(const char *what, const Shape &shape) {
  if (shape.empty())
    ProgramImpl::fail(fmt::format("{}: expected at least one extent", what));
  for (std::int64_t extent : shape)
    if (extent < 1 || !llvm::isPowerOf2_64(extent))
      ProgramImpl::fail(fmt::format("{}: expected power-of-two extents, got {}",
                                    what, print(shape)));
}

Tile Program::splat(double value, Dtype dtype, const Shape &shape) {
  impl_->checkOpen("splat");
  checkShape("splat", shape);
  OpBuilder &b = impl_->builder;
  Value scalar;
  if (isFloat(dtype))
    scalar = arith::ConstantOp::create(
        b, impl_->loc(), b.getFloatAttr(impl_->type(dtype), value));
  else if (dtype == Dtype::i32 && value == std::floor(value) &&
           std::abs(value) < 2147483648.0)
    scalar = arith::ConstantOp::create(b, impl_->loc(),
                                       b.getI32IntegerAttr((int32_t)value));
  else
    ProgramImpl::fail(
        fmt::format("splat: cannot make {} of {}", lath::name(dtype), value));
  return impl_->wrap(tile::SplatOp::create(
      b, impl_->loc(), impl_->tensor(shape, dtype), scalar));
}

/// Tiles whose elements share words can be loaded and dequantised only.
static void checkNotPacked(const char *what, const Tile &tile) {
  if (sharesWords(tile.dtype()))
    ProgramImpl::fail(fmt::format("{}: not for {}", what, describe(tile)));
}

Tile Program::broadcast(const Tile &tile, const Shape &shape) {
  Value value = impl_->get(tile, "broadcast");
  checkNotPacked("broadcast", tile);
  checkShape("broadcast", shape);
  bool fits = tile.shape().size() == shape.size();
  for (std::size_t d = 0; fits && d < shape.size(); ++d)
    fits = tile.shape()[d] == shape[d] || tile.shape()[d] == 1;
  if (!fits)
    ProgramImpl::fail(
        fmt::format("broadcast: {} does not repeat to {}; extents "
                    "must be equal or 1",
                    describe(tile), lath::print(shape)));
  if (tile.shape() == shape)
    return tile;
  return impl_->wrap(tile::BroadcastOp::create(
      impl_->builder, impl_->loc(), impl_->tensor(shape, tile.dtype()), value));
}

Tile Program::reshape(const Tile &tile, const Shape &shape) {
  Value value = impl_->get(tile, "reshape");
  checkNotPacked("reshape", tile);
  checkShape("reshape", shape);
  auto count = [](const Shape &s) {
    std::int64_t n = 1;
    for (std::int64_t extent : s)
      n *= extent;
    return n;
  };
  if (count(shape) != count(tile.shape()))
    ProgramImpl::fail(fmt::format("reshape: {} has {} elements, {} has {}",
                                  describe(tile), count(tile.shape()),
                                  lath::print(shape), count(shape)));
  return impl_->wrap(tile::ReshapeOp::create(
      impl_->builder, impl_->loc(), impl_->tensor(shape, tile.dtype()), value));
}

Tile Program::transpose(const Tile &tile) {
  Value value = impl_->get(tile, "transpose");
  checkNotPacked("transpose", tile);
  if (tile.shape().size() != 2)
    ProgramImpl::fail(
        fmt::format("transpose: expected a matrix, got {}", describe(tile)));
  return impl_->wrap(tile::TransposeOp::create(
      impl_->builder, impl_->loc(),
      impl_->tensor({tile.shape()[1], tile.shape()[0]}, tile.dtype()), value));
}

static Tile reduce(ProgramImpl &p, tile::Combine combine, const Tile &tile,
                   int dim, const char *what) {
  Value value = p.get(tile, what);
  if (tile.dtype() != Dtype::f32)
    ProgramImpl::fail(
        fmt::format("{}: expected f32, got {}", what, describe(tile)));
  if (dim < 0 || dim >= (int)tile.shape().size())
    ProgramImpl::fail(fmt::format("{}: expected a dimension below {}, got {}",
                                  what, tile.shape().size(), dim));
  Shape shape = tile.shape();
  shape[dim] = 1;
  return p.wrap(tile::ReduceOp::create(
      p.builder, p.loc(), p.tensor(shape, Dtype::f32), combine, value, dim));
}
Tile Program::sum(const Tile &tile, int dim) {
  return reduce(*impl_, tile::Combine::add, tile, dim, "sum");
}
Tile Program::maximum(const Tile &tile, int dim) {
  return reduce(*impl_, tile::Combine::max, tile, dim, "maximum");
}

Tile Program::dequant(const Tile &q, const Tile &scales, const Tile *zeros,
                      int zeroOffset) {
  Value qv = impl_->get(q, "dequant"), sv = impl_->get(scales, "dequant");
  Value zv = zeros ? impl_->get(*zeros, "dequant") : Value();
  if (!sharesWords(q.dtype()) || q.shape().size() != 2)
    ProgramImpl::fail(fmt::format(
        "dequant: expected q of u4 or s8 [K, N], got {}", describe(q)));
  if ((scales.dtype() != Dtype::f16 && scales.dtype() != Dtype::bf16) ||
      scales.shape().size() != 2 || scales.shape()[1] != q.shape()[1] ||
      q.shape()[0] % scales.shape()[0])
    ProgramImpl::fail(
        fmt::format("dequant: expected scales of f16 or bf16 [G, {}] "
                    "with G a divisor of {}, got {}",
                    q.shape()[1], q.shape()[0], describe(scales)));
  if (zeros &&
      (zeros->dtype() != Dtype::u4 || zeros->shape() != scales.shape()))
    ProgramImpl::fail(fmt::format("dequant: expected zeros of u4 {}, got {}",
                                  lath::print(scales.shape()),
                                  describe(*zeros)));
  if (zeros && q.dtype() != Dtype::u4)
    ProgramImpl::fail(fmt::format(
        "dequant: zeros are for u4 alone, got q of {}", describe(q)));
  if (!zeros && zeroOffset)
    ProgramImpl::fail("dequant: a zero offset needs zeros");
  return impl_->wrap(tile::DequantOp::create(
      impl_->builder, impl_->loc(), impl_->tensor(q.shape(), scales.dtype()),
      qv, sv, zv, zeroOffset));
}

Tile Program::dot(const Tile &a, const Tile &b, const Tile &acc,
                  std::string_view schedule) {
  Value av = impl_->get(a, "dot"), bv = impl_->get(b, "dot"),
        cv = impl_->get(acc, "dot");
  auto half = [](const Tile &t) {
    return (t.dtype() == Dtype::f16 || t.dtype() == Dtype::bf16) &&
           t.shape().size() == 2;
  };
  if (!half(a) || !half(b) || a.dtype() != b.dtype())
    ProgramImpl::fail(
        fmt::format("dot: expected two matrices of f16 or of bf16, "
                    "got {} and {}",
                    describe(a), describe(b)));
  if (a.shape()[1] != b.shape()[0] || acc.dtype() != Dtype::f32 ||
      acc.shape() != Shape{a.shape()[0], b.shape()[1]})
    ProgramImpl::fail(fmt::format(
        "dot: expected [M, K] * [K, N] + f32 [M, N], got "
        "{} * {} + {}",
        lath::print(a.shape()), lath::print(b.shape()), describe(acc)));
  const std::vector<SaidWord> words = parseWords(schedule, WordOwner::dot);
  auto dot = tile::DotOp::create(impl_->builder, impl_->loc(), cv.getType(), av,
                                 bv, cv, /*scales=*/Value(), /*swapped=*/false);
  ProgramImpl::setWords(dot, words);
  return impl_->wrap(dot);
}

static Program &programOf(const Tile &tile) {
  return ProgramImpl::of(tile, "operator").owner;
}
Tile operator+(const Tile &a, const Tile &b) { return programOf(a).add(a, b); }
Tile operator-(const Tile &a, const Tile &b) { return programOf(a).sub(a, b); }
Tile operator*(const Tile &a, const Tile &b) { return programOf(a).mul(a, b); }
Tile operator/(const Tile &a, const Tile &b) { return programOf(a).div(a, b); }

} // namespace lath
