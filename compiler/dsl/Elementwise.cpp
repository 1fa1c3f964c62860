// Arithmetic, bits, comparisons and selection, element by element.
//
// Signedness is a tile's, not its MLIR type's: it picks the operation here.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <optional>

using namespace mlir;

namespace lath {

/// Floats that arithmetic is done in.
static bool computes(Dtype dtype) {
  return isFloat(dtype) && bitWidth(dtype) > 8;
}

[[noreturn]] static void refuse(const Call &call, const Tile &tile) {
  call.fail("not for {}{}", describe(tile),
            isFloat(tile.dtype()) && !computes(tile.dtype())
                ? "; cast to f16, bf16 or f32 first"
                : "");
}

/// What operands of one operation became.
struct Operands {
  Call call;
  std::vector<Tile> tiles;
  Dtype dtype;

  Operands(std::string_view name, std::initializer_list<const Operand *> list)
      : call(programOf(list), name, (*list.begin())->where),
        tiles(call.common(list)), dtype(tiles[0].dtype()) {}

  Value operator[](std::size_t i) const { return call.get(tiles[i]); }
  bool floats() const { return computes(dtype); }
  bool integers() const { return isInteger(dtype); }
  [[noreturn]] void refuse() const { lath::refuse(call, tiles[0]); }

  Tile splat(double value) const {
    return call.splat(value, dtype, tiles[0].shape());
  }
  template <typename Op> Tile make(Value a, Value b) const {
    return call.wrap(call.create<Op>(a, b), dtype);
  }
  Tile select(const Tile &condition, const Tile &a, const Tile &b) const {
    return call.wrap(call.create<arith::SelectOp>(call.get(condition),
                                                  call.get(a), call.get(b)),
                     a.dtype());
  }
  Tile compare(arith::CmpIPredicate how, const Tile &a, const Tile &b) const {
    return call.wrap(call.create<arith::CmpIOp>(how, call.get(a), call.get(b)),
                     Dtype::b1);
  }
};

template <typename FloatOp, typename SignedOp, typename UnsignedOp = SignedOp>
static Tile binary(const Operand &a, const Operand &b, std::string_view name) {
  Operands o(name, {&a, &b});
  if (o.floats())
    return o.make<FloatOp>(o[0], o[1]);
  if (!o.integers())
    o.refuse();
  return isSigned(o.dtype) ? o.make<SignedOp>(o[0], o[1])
                           : o.make<UnsignedOp>(o[0], o[1]);
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
Tile maximum(Operand a, Operand b) {
  return binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(a, b,
                                                                   "maximum");
}
Tile minimum(Operand a, Operand b) {
  return binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(a, b,
                                                                   "minimum");
}

// Division.

/// A divisor by which a quotient is defined. The compiler below may take it for
/// granted that no divisor is 0, and that no quotient overflows; both are so
/// with 1 in place of such divisors, which gives the quotient that wraps.
static Tile safeDivisor(const Operands &o, const Operand &divisor) {
  if (auto *number = std::get_if<double>(&divisor.value)) {
    if (*number == 0)
      o.call.fail("a division by 0");
    if (*number != -1)
      return o.tiles[1];
  }
  Tile unsafe = o.compare(arith::CmpIPredicate::eq, o.tiles[1], o.splat(0));
  if (isSigned(o.dtype)) {
    const double least = -std::ldexp(1.0, int(bitWidth(o.dtype)) - 1);
    Tile overflows =
        o.compare(arith::CmpIPredicate::eq, o.tiles[0], o.splat(least));
    Tile minusOne =
        o.compare(arith::CmpIPredicate::eq, o.tiles[1], o.splat(-1));
    Value both = o.call.create<arith::AndIOp>(o.call.get(overflows),
                                              o.call.get(minusOne));
    unsafe = o.call.wrap(o.call.create<arith::OrIOp>(o.call.get(unsafe), both),
                         Dtype::b1);
  }
  return o.select(unsafe, o.splat(1), o.tiles[1]);
}

template <typename SignedOp, typename UnsignedOp>
static Tile divide(const Operands &o, const Operand &divisor) {
  if (!o.integers())
    o.refuse();
  Value by = o.call.get(safeDivisor(o, divisor));
  return isSigned(o.dtype) ? o.make<SignedOp>(o[0], by)
                           : o.make<UnsignedOp>(o[0], by);
}

Tile operator/(Operand a, Operand b) {
  Operands o("/", {&a, &b});
  if (!o.floats())
    return divide<arith::DivSIOp, arith::DivUIOp>(o, b);
  auto quotient = o.call.create<arith::DivFOp>(o[0], o[1]);
  quotient.setFastmath(arith::FastMathFlags::afn);
  return o.call.wrap(quotient, o.dtype);
}
Tile divRn(Operand a, Operand b) {
  Operands o("divRn", {&a, &b});
  if (!o.floats())
    o.refuse();
  return o.make<arith::DivFOp>(o[0], o[1]);
}
Tile operator%(Operand a, Operand b) {
  Operands o("%", {&a, &b});
  return divide<arith::RemSIOp, arith::RemUIOp>(o, b);
}

Tile operator-(Operand a) {
  Operands o("-", {&a});
  if (o.floats())
    return o.call.wrap(o.call.create<arith::NegFOp>(o[0]), o.dtype);
  if (!o.integers())
    o.refuse();
  return o.make<arith::SubIOp>(o.call.get(o.splat(0)), o[0]);
}

Tile abs(Operand a) {
  Operands o("abs", {&a});
  if (o.floats())
    return o.call.wrap(o.call.create<math::AbsFOp>(o[0]), o.dtype);
  if (!o.integers())
    o.refuse();
  if (!isSigned(o.dtype))
    return o.tiles[0];
  Tile negative = o.make<arith::SubIOp>(o.call.get(o.splat(0)), o[0]);
  return o.make<arith::MaxSIOp>(o[0], o.call.get(negative));
}

Tile fma(Operand a, Operand b, Operand c) {
  Operands o("fma", {&a, &b, &c});
  if (!o.floats())
    o.refuse();
  return o.call.wrap(o.call.create<math::FmaOp>(o[0], o[1], o[2]), o.dtype);
}

Tile multiplyHigh(Operand a, Operand b) {
  Operands o("multiplyHigh", {&a, &b});
  if (o.dtype != Dtype::u32)
    o.call.fail("expected u32, got {}", describe(o.tiles[0]));
  Value wide[2];
  Type type = o.call.tensor(o.tiles[0].shape(), Dtype::i64);
  for (int i : {0, 1})
    wide[i] = o.call.create<arith::ExtUIOp>(type, o[i]);
  Value product = o.call.create<arith::MulIOp>(wide[0], wide[1]);
  Tile by = o.call.splat(32, Dtype::i64, o.tiles[0].shape());
  Value upper = o.call.create<arith::ShRUIOp>(product, o.call.get(by));
  return o.call.wrap(o.call.create<arith::TruncIOp>(o[0].getType(), upper),
                     o.dtype);
}

// Bits.

template <typename Op>
static Tile bitwise(const Operand &a, const Operand &b, std::string_view name) {
  Operands o(name, {&a, &b});
  if (!o.integers() && o.dtype != Dtype::b1)
    o.refuse();
  return o.make<Op>(o[0], o[1]);
}

Tile operator&(Operand a, Operand b) {
  return bitwise<arith::AndIOp>(a, b, "&");
}
Tile operator|(Operand a, Operand b) {
  return bitwise<arith::OrIOp>(a, b, "|");
}
Tile operator^(Operand a, Operand b) {
  return bitwise<arith::XOrIOp>(a, b, "^");
}

Tile operator~(Operand a) {
  Operands o("~", {&a});
  if (!o.integers() && o.dtype != Dtype::b1)
    o.refuse();
  const double ones = o.dtype == Dtype::b1 ? 1
                      : isSigned(o.dtype)
                          ? -1
                          : std::ldexp(1.0, bitWidth(o.dtype)) - 1;
  return o.make<arith::XOrIOp>(o[0], o.call.get(o.splat(ones)));
}

Tile operator!(Operand a) {
  Operands o("!", {&a});
  if (o.dtype != Dtype::b1)
    o.call.fail("expected a condition of b1, got {}", describe(o.tiles[0]));
  return o.make<arith::XOrIOp>(o[0], o.call.get(o.splat(1)));
}

/// Checks a distance that is a number; else says for which elements the
/// distance is below the width: beyond it arith's shifts have no result.
static std::optional<Tile> shiftsPart(const Operands &o, const Operand &bits) {
  if (!o.integers())
    o.refuse();
  const unsigned width = bitWidth(o.dtype);
  if (auto *number = std::get_if<double>(&bits.value)) {
    if (*number < 0 || *number >= width)
      o.call.fail("expected a distance from 0 to {}, got {}", width - 1,
                  *number);
    return std::nullopt;
  }
  return o.compare(arith::CmpIPredicate::ult, o.tiles[1], o.splat(width));
}

Tile operator<<(Operand a, Operand bits) {
  Operands o("<<", {&a, &bits});
  std::optional<Tile> part = shiftsPart(o, bits);
  if (part && bitWidth(o.dtype) == 64) {
    // Selected behind the shift, LLVM's NVPTX drops the condition, and takes
    // the lower 32 bits alone for the distance.
    Value within = o.call.create<arith::AndIOp>(o[1], o.call.get(o.splat(63)));
    Tile kept = o.select(*part, o.tiles[0], o.splat(0));
    return o.make<arith::ShLIOp>(o.call.get(kept), within);
  }
  Tile shifted = o.make<arith::ShLIOp>(o[0], o[1]);
  return part ? o.select(*part, shifted, o.splat(0)) : shifted;
}
Tile operator>>(Operand a, Operand bits) {
  Operands o(">>", {&a, &bits});
  std::optional<Tile> part = shiftsPart(o, bits);
  if (!isSigned(o.dtype)) {
    Tile shifted = o.make<arith::ShRUIOp>(o[0], o[1]);
    return part ? o.select(*part, shifted, o.splat(0)) : shifted;
  }
  Tile by = part ? o.select(*part, o.tiles[1], o.splat(bitWidth(o.dtype) - 1))
                 : o.tiles[1];
  return o.make<arith::ShRSIOp>(o[0], o.call.get(by));
}

// Comparisons.

namespace {
struct Comparison {
  std::string_view name;
  arith::CmpFPredicate floats;
  arith::CmpIPredicate signedIntegers, unsignedIntegers;
};
} // namespace

static Tile compare(const Operand &a, const Operand &b, const Comparison &how) {
  Operands o(how.name, {&a, &b});
  if (o.floats())
    return o.call.wrap(o.call.create<arith::CmpFOp>(how.floats, o[0], o[1]),
                       Dtype::b1);
  const bool equality = how.signedIntegers == how.unsignedIntegers;
  if (!o.integers() && !(o.dtype == Dtype::b1 && equality))
    o.refuse();
  return o.compare(isSigned(o.dtype) ? how.signedIntegers
                                     : how.unsignedIntegers,
                   o.tiles[0], o.tiles[1]);
}

using F = arith::CmpFPredicate;
using I = arith::CmpIPredicate;
Tile operator<(Operand a, Operand b) {
  return compare(a, b, {"<", F::OLT, I::slt, I::ult});
}
Tile operator<=(Operand a, Operand b) {
  return compare(a, b, {"<=", F::OLE, I::sle, I::ule});
}
Tile operator>(Operand a, Operand b) {
  return compare(a, b, {">", F::OGT, I::sgt, I::ugt});
}
Tile operator>=(Operand a, Operand b) {
  return compare(a, b, {">=", F::OGE, I::sge, I::uge});
}
Tile operator==(Operand a, Operand b) {
  return compare(a, b, {"==", F::OEQ, I::eq, I::eq});
}
Tile operator!=(Operand a, Operand b) {
  return compare(a, b, {"!=", F::UNE, I::ne, I::ne});
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

} // namespace lath
