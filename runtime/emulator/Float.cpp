// Arithmetic on f32, pairs of f32, and f64; halves are in HalfFloat.cpp.
//
// f32 and f64 round to nearest in the host's own arithmetic; the other
// roundings go through double, rounded to odd first (Arithmetic.h). The .approx
// functions give the correctly rounded result, which the hardware approaches
// within a few units in the last place; so does div.full, within two.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/FloatOp.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <cmath>

namespace lath::emulator {

using namespace floats;

namespace {

float flushed(float value) {
  return std::fabs(value) < std::numeric_limits<float>::min()
             ? std::copysign(0.0f, value)
             : value;
}

/// abs, neg and copysign change the sign of a NaN; min and max make their own.
constexpr bool propagatesNan(Op op) {
  return op == Op::add || op == Op::sub || op == Op::mul || op == Op::fma ||
         op == Op::div || op == Op::sqrt || op == Op::rcp || op == Op::rsqrt;
}

template <Op op> float narrowly(float a, float b, float c) {
  if constexpr (op == Op::add)
    return a + b;
  if constexpr (op == Op::sub)
    return a - b;
  if constexpr (op == Op::mul)
    return a * b;
  if constexpr (op == Op::fma)
    return std::fma(a, b, c);
  return 0;
}

/// f32 to nearest without further conditions: the inner loops.
template <Op op>
void fastF32(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  const std::uint64_t *c = op == Op::fma ? w.in(i, 2) : a;
  eachLane(mask, [&](unsigned l) {
    d[l] = bitsOf(narrowly<op>(toF32(a[l]), toF32(b[l]), toF32(c[l])));
  });
}

/// Under all roundings and flags, from and to bits.
template <Op op>
std::uint64_t f32Of(const Instruction &i, std::uint64_t a, std::uint64_t b,
                    std::uint64_t c) {
  if (op == Op::abs || op == Op::neg) {
    std::uint64_t bits = op == Op::abs ? a & 0x7fffffff : a ^ 0x80000000;
    return i.flags & flush ? std::bit_cast<std::uint32_t>(flushed(toF32(bits)))
                           : bits;
  }
  if (op == Op::copysign) // of b with a's sign; the bits of NaN stay
    return (b & 0x7fffffff) | (a & 0x80000000);
  float x = toF32(a), y = toF32(b), z = toF32(c);
  if (i.flags & flush)
    x = flushed(x), y = flushed(y), z = flushed(z);
  std::uint32_t bits = roundToF32(widely(op, x, y, z, i.flags & nanWins),
                                  static_cast<Rounding>(i.rounding));
  float value = std::bit_cast<float>(bits);
  if (i.flags & flush)
    value = flushed(value);
  if (i.flags & saturate) // NaN becomes 0
    value = value > 0 ? std::min(value, 1.0f) : 0.0f;
  return bitsOf(value);
}

template <Op op, bool pairs>
void onF32(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  constexpr unsigned n = arity(op);
  const std::uint64_t *a = w.in(i, 0), *b = n > 1 ? w.in(i, 1) : a,
                      *c = n > 2 ? w.in(i, 2) : a;
  eachLane(mask, [&](unsigned l) {
    std::uint64_t result = f32Of<op>(i, a[l], b[l], c[l]);
    if (pairs)
      result |= f32Of<op>(i, a[l] >> 32, b[l] >> 32, c[l] >> 32) << 32;
    d[l] = result;
  });
}

/// f32 where the first operand (of fma the first two) is a half, exact in f32.
template <Op op>
void onMixed(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1),
                      *c = op == Op::fma ? w.in(i, 2) : b;
  auto wide = [&](std::uint64_t half) {
    auto bits = static_cast<std::uint32_t>(half & 0xffff);
    return bitsOf(i.from == Type::f16 ? f16ToFloat(bits) : bf16ToFloat(bits));
  };
  eachLane(mask, [&](unsigned l) {
    d[l] = f32Of<op>(i, wide(a[l]), op == Op::fma ? wide(b[l]) : b[l], c[l]);
  });
}

/// A NaN of double arithmetic: the first operand that is one, quiet, with its
/// sign and payload; a new one where none is. So an H200 answers.
template <Op op> double nanOf(double x, double y, double z) {
  constexpr unsigned n = arity(op);
  double operand = x != x            ? x
                   : n > 1 && y != y ? y
                   : n > 2 && z != z ? z
                                     : toF64(newNanF64);
  return toF64(bitsOf(operand) | quietF64);
}

template <Op op> void onF64(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  constexpr unsigned n = arity(op);
  const std::uint64_t *a = w.in(i, 0), *b = n > 1 ? w.in(i, 1) : a,
                      *c = n > 2 ? w.in(i, 2) : a;
  eachLane(mask, [&](unsigned l) {
    double x = toF64(a[l]), y = toF64(b[l]), z = toF64(c[l]), r = 0;
    switch (op) {
    case Op::add:
      r = x + y;
      break;
    case Op::sub:
      r = x - y;
      break;
    case Op::fma:
      r = std::fma(x, y, z);
      break;
    case Op::div:
      r = x / y;
      break;
    case Op::sqrt:
      r = std::sqrt(x);
      break;
    case Op::rcp:
      r = 1 / x;
      break;
    default:
      r = widely(op, x, y, z, false);
    }
    if constexpr (propagatesNan(op))
      if (r != r)
        r = nanOf<op>(x, y, z);
    d[l] = bitsOf(r);
  });
}

template <Op op> Handler handler(const Instruction &i) {
  switch (i.type) {
  case Type::f32:
    if constexpr (op == Op::add || op == Op::sub || op == Op::fma)
      if (i.from != Type::none)
        return onMixed<op>;
    if constexpr (op == Op::add || op == Op::sub || op == Op::mul ||
                  op == Op::fma)
      if (!i.flags && !i.rounding)
        return fastF32<op>;
    return onF32<op, false>;
  case Type::f32x2:
    return onF32<op, true>;
  case Type::f64:
    return onF64<op>;
  default:
    return halfHandler(op, i.type);
  }
}

struct Entry {
  std::string_view name;
  Op op;
  Handler (*handler)(const Instruction &);
};
constexpr Entry table[] = {
    {"add", Op::add, handler<Op::add>},
    {"sub", Op::sub, handler<Op::sub>},
    {"mul", Op::mul, handler<Op::mul>},
    {"fma", Op::fma, handler<Op::fma>},
    {"mad", Op::fma, handler<Op::fma>},
    {"div", Op::div, handler<Op::div>},
    {"min", Op::min, handler<Op::min>},
    {"max", Op::max, handler<Op::max>},
    {"abs", Op::abs, handler<Op::abs>},
    {"neg", Op::neg, handler<Op::neg>},
    {"sqrt", Op::sqrt, handler<Op::sqrt>},
    {"rsqrt", Op::rsqrt, handler<Op::rsqrt>},
    {"rcp", Op::rcp, handler<Op::rcp>},
    {"ex2", Op::ex2, handler<Op::ex2>},
    {"lg2", Op::lg2, handler<Op::lg2>},
    {"sin", Op::sin, handler<Op::sin>},
    {"cos", Op::cos, handler<Op::cos>},
    {"tanh", Op::tanh, handler<Op::tanh>},
    {"copysign", Op::copysign, handler<Op::copysign>},
};

/// testp.finite and so on, on f32 and f64.
void testp(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) {
    int kind = i.type == Type::f32 ? std::fpclassify(toF32(a[l]))
                                   : std::fpclassify(toF64(a[l]));
    bool normal = kind == FP_NORMAL, subnormal = kind == FP_SUBNORMAL,
         zero = kind == FP_ZERO;
    bool results[] = {normal || subnormal || zero,
                      kind == FP_INFINITE,
                      kind != FP_NAN,
                      kind == FP_NAN,
                      normal || zero,
                      subnormal};
    d[l] = results[i.mode];
  });
}

} // namespace

bool decodeFloat(Decoding &d) {
  if (d.is("testp")) {
    auto which = d.takeOneOf(
        {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
    d.i.type = d.takeType();
    if (!which)
      d.unsupported();
    d.i.mode = static_cast<std::uint8_t>(*which);
    d.i.kind = Kind::compare;
    d.i.run = testp;
    d.outputs({0});
    d.inputs({1}, d.i.type);
    return true;
  }
  const Entry *entry = nullptr;
  for (const Entry &e : table)
    if (d.is(e.name))
      entry = &e;
  if (!entry)
    return false;
  Type type = d.takeType();
  if (!isFloat(type) || type == Type::tf32)
    return false;
  if (type == Type::f32x2 && !d.isOneOf({"add", "sub", "mul", "fma"}))
    d.unsupported("pairs of f32 are added and multiplied only");
  d.i.type = type;
  d.i.from = d.takeType(); // add.f32.f16: of the first operand
  if (d.i.from != Type::none &&
      (type != Type::f32 || !d.isOneOf({"add", "sub", "fma"}) ||
       (d.i.from != Type::f16 && d.i.from != Type::bf16)))
    d.unsupported("f16 and bf16 are added to f32 and multiplied into it only");
  if (auto rounding = d.takeOneOf({"rn", "rz", "rm", "rp"}))
    d.i.rounding = static_cast<std::uint8_t>(*rounding);
  if (d.i.rounding && type != Type::f32 && type != Type::f32x2)
    d.unsupported("only f32 rounds other than to nearest");
  d.take("approx");
  d.take("full");
  d.take("noftz");
  if (d.take("ftz"))
    d.i.flags |= flush;
  if (d.take("sat"))
    d.i.flags |= saturate;
  if (d.take("relu"))
    d.i.flags |= relu;
  if (d.take("NaN"))
    d.i.flags |= nanWins;
  d.i.kind = sizeOf(type) == 2 || type == Type::f16x2 || type == Type::bf16x2
                 ? Kind::half
                 : Kind::floating;
  d.i.run = entry->handler(d.i);
  if (type == Type::f16x2 || type == Type::bf16x2 || type == Type::f32x2)
    d.i.validity = Validity::elements;
  d.outputs({0});
  if (d.operandCount() != arity(entry->op) + 1)
    d.malformed("the number of operands is wrong");
  const std::size_t narrow =
      d.i.from == Type::none ? 0 : arity(entry->op) - 1; // the last one is f32
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), n <= narrow ? d.i.from : type);
  return true;
}

} // namespace lath::emulator
