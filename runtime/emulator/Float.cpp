// Arithmetic on f32, f64, f16 and bf16, alone and in pairs.
//
// f32 and f64 round to nearest in the host's own arithmetic; the other
// roundings, and all of f16 and bf16, go through double, rounded to odd first
// (Arithmetic.h). The .approx functions give the correctly rounded result,
// which the hardware approaches within a few units in the last place.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <cmath>

namespace lath::emulator {

namespace {

enum class Op : std::uint8_t {
  add,
  sub,
  mul,
  fma,
  div,
  min,
  max,
  abs,
  neg,
  sqrt,
  rsqrt,
  rcp,
  ex2,
  lg2,
  sin,
  cos,
  tanh,
  copysign,
};

// i.flags
constexpr std::uint8_t saturate = 1, flush = 2, relu = 4, nanWins = 8;

constexpr unsigned arity(Op op) {
  switch (op) {
  case Op::fma:
    return 3;
  case Op::add:
  case Op::sub:
  case Op::mul:
  case Op::div:
  case Op::min:
  case Op::max:
  case Op::copysign:
    return 2;
  default:
    return 1;
  }
}

template <bool isMax> double pick(double a, double b, bool nan) {
  if (a != a || b != b) {
    if (nan || (a != a && b != b))
      return std::numeric_limits<double>::quiet_NaN();
    return a != a ? b : a;
  }
  if (a == b) // -0 is below +0
    return isMax == std::signbit(a) ? b : a;
  return (a < b) == isMax ? b : a;
}

/// In double, rounded to odd where that is not exact, for operands of at most
/// 24 significant bits.
double widely(Op op, double a, double b, double c, bool nan) {
  switch (op) {
  case Op::add:
    return addToOdd(a, b);
  case Op::sub:
    return addToOdd(a, -b);
  case Op::mul:
    return a * b;
  case Op::fma:
    return fmaToOdd(a, b, c);
  case Op::div: {
    // The remainder tells on which side of the quotient the truth lies.
    double q = a / b;
    if (!std::isfinite(q) || q == 0 || !std::isfinite(b))
      return q;
    double rest = std::fma(-q, b, a);
    auto bits = std::bit_cast<std::uint64_t>(q);
    if (rest == 0 || (bits & 1))
      return q;
    bool larger = (rest > 0) == (b > 0);
    return std::bit_cast<double>(larger == (q > 0) ? bits + 1 : bits - 1);
  }
  case Op::min:
    return pick<false>(a, b, nan);
  case Op::max:
    return pick<true>(a, b, nan);
  case Op::abs:
    return std::fabs(a);
  case Op::neg:
    return -a;
  case Op::sqrt: {
    double root = std::sqrt(a);
    if (!std::isfinite(root) || root == 0)
      return root;
    double rest = std::fma(-root, root, a);
    auto bits = std::bit_cast<std::uint64_t>(root);
    if (rest == 0 || (bits & 1))
      return root;
    return std::bit_cast<double>(rest > 0 ? bits + 1 : bits - 1);
  }
  case Op::rsqrt:
    return 1 / std::sqrt(a);
  case Op::rcp:
    return widely(Op::div, 1, a, 0, nan);
  case Op::ex2:
    return std::exp2(a);
  case Op::lg2:
    return std::log2(a);
  case Op::sin:
    return std::sin(a);
  case Op::cos:
    return std::cos(a);
  case Op::tanh:
    return std::tanh(a);
  case Op::copysign: // of the second operand, with a's sign
    return std::copysign(b, a);
  }
  return 0;
}

float flushed(float value) {
  return std::fabs(value) < std::numeric_limits<float>::min()
             ? std::copysign(0.0f, value)
             : value;
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

template <Op op> void onF32(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  constexpr unsigned n = arity(op);
  const std::uint64_t *a = w.in(i, 0), *b = n > 1 ? w.in(i, 1) : a,
                      *c = n > 2 ? w.in(i, 2) : a;
  auto rounding = static_cast<Rounding>(i.rounding);
  eachLane(mask, [&](unsigned l) {
    if (op == Op::abs || op == Op::neg) {
      std::uint64_t bits =
          op == Op::abs ? a[l] & 0x7fffffff : a[l] ^ 0x80000000;
      d[l] = i.flags & flush
                 ? std::bit_cast<std::uint32_t>(flushed(toF32(bits)))
                 : bits;
      return;
    }
    float x = toF32(a[l]), y = toF32(b[l]), z = toF32(c[l]);
    if (i.flags & flush)
      x = flushed(x), y = flushed(y), z = flushed(z);
    std::uint32_t bits =
        roundToF32(widely(op, x, y, z, i.flags & nanWins), rounding);
    float value = std::bit_cast<float>(bits);
    if (i.flags & flush)
      value = flushed(value);
    if (i.flags & saturate) // NaN becomes 0
      value = value > 0 ? std::min(value, 1.0f) : 0.0f;
    d[l] = bitsOf(value);
  });
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
    d[l] = bitsOf(r);
  });
}

struct F16 {
  static float toFloat(std::uint32_t bits) { return f16ToFloat(bits); }
  static std::uint32_t fromFloat(float v) { return floatToF16(v); }
  static std::uint32_t from(double v) { return toF16(v); }
};
struct Bf16 {
  static float toFloat(std::uint32_t bits) { return bf16ToFloat(bits); }
  static std::uint32_t fromFloat(float v) { return floatToBf16(v); }
  static std::uint32_t from(double v) { return toBf16(v); }
};

template <typename Format, Op op>
std::uint32_t halfOf(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                     std::uint8_t flags) {
  if constexpr (op == Op::abs)
    return a & 0x7fff;
  if constexpr (op == Op::neg)
    return a ^ 0x8000;
  float x = Format::toFloat(a), y = Format::toFloat(b);
  std::uint32_t bits;
  // Twice the precision and two bits more make a second rounding harmless:
  // f32 does for sums and products of f16 (Figueroa), and its range holds them.
  if constexpr (std::is_same_v<Format, F16> && op == Op::add)
    bits = Format::fromFloat(x + y);
  else if constexpr (std::is_same_v<Format, F16> && op == Op::sub)
    bits = Format::fromFloat(x - y);
  else if constexpr (std::is_same_v<Format, F16> && op == Op::mul)
    bits = Format::fromFloat(x * y);
  else
    bits = Format::from(widely(op, x, y, Format::toFloat(c), flags & nanWins));
  if (flags & (saturate | relu)) {
    float value = Format::toFloat(bits);
    if (flags & saturate)
      bits = value > 0 ? Format::fromFloat(std::min(value, 1.0f)) : 0;
    else if (!(value > 0))
      bits = value != value ? 0x7fff : 0;
  }
  return bits;
}

template <typename Format, Op op, bool pairs>
void onHalf(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  constexpr unsigned n = arity(op);
  const std::uint64_t *a = w.in(i, 0), *b = n > 1 ? w.in(i, 1) : a,
                      *c = n > 2 ? w.in(i, 2) : a;
  eachLane(mask, [&](unsigned l) {
    auto at = [&](const std::uint64_t *v, unsigned half) {
      return static_cast<std::uint32_t>(v[l] >> 16 * half & 0xffff);
    };
    std::uint64_t result =
        halfOf<Format, op>(at(a, 0), at(b, 0), at(c, 0), i.flags);
    if (pairs)
      result |= std::uint64_t{halfOf<Format, op>(at(a, 1), at(b, 1), at(c, 1),
                                                 i.flags)}
                << 16;
    d[l] = result;
  });
}

template <Op op> Handler handler(const Instruction &i) {
  switch (i.type) {
  case Type::f32:
    if constexpr (op == Op::add || op == Op::sub || op == Op::mul ||
                  op == Op::fma)
      if (!i.flags && !i.rounding)
        return fastF32<op>;
    return onF32<op>;
  case Type::f64:
    return onF64<op>;
  case Type::f16:
    return onHalf<F16, op, false>;
  case Type::f16x2:
    return onHalf<F16, op, true>;
  case Type::bf16:
    return onHalf<Bf16, op, false>;
  case Type::bf16x2:
    return onHalf<Bf16, op, true>;
  default:
    return nullptr;
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
  d.i.type = type;
  if (auto rounding = d.takeOneOf({"rn", "rz", "rm", "rp"}))
    d.i.rounding = static_cast<std::uint8_t>(*rounding);
  if (d.i.rounding && type != Type::f32)
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
  d.i.kind =
      type == Type::f32 || type == Type::f64 ? Kind::floating : Kind::half;
  d.i.run = entry->handler(d.i);
  d.outputs({0});
  if (d.operandCount() != arity(entry->op) + 1)
    d.malformed("the number of operands is wrong");
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), type);
  return true;
}

} // namespace lath::emulator
