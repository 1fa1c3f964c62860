// setp and set.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <cmath>

namespace lath::emulator {

namespace {

enum class Compare : std::uint8_t {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  equ,
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan
};
enum class Combine : std::uint8_t { none, conjunction, disjunction, exclusive };

template <typename T> bool holds(Compare compare, T a, T b) {
  bool unordered = a != a || b != b;
  switch (compare) {
  case Compare::eq:
    return a == b;
  case Compare::ne:
    return !unordered && a != b;
  case Compare::lt:
    return a < b;
  case Compare::le:
    return a <= b;
  case Compare::gt:
    return a > b;
  case Compare::ge:
    return a >= b;
  case Compare::equ:
    return unordered || a == b;
  case Compare::neu:
    return unordered || a != b;
  case Compare::ltu:
    return unordered || a < b;
  case Compare::leu:
    return unordered || a <= b;
  case Compare::gtu:
    return unordered || a > b;
  case Compare::geu:
    return unordered || a >= b;
  case Compare::num:
    return !unordered;
  case Compare::nan:
    return unordered;
  }
  return false;
}

bool compareAs(Type type, Compare compare, std::uint64_t a, std::uint64_t b) {
  switch (type) {
  case Type::s16:
    return holds(compare, static_cast<std::int16_t>(a),
                 static_cast<std::int16_t>(b));
  case Type::s32:
    return holds(compare, static_cast<std::int32_t>(a),
                 static_cast<std::int32_t>(b));
  case Type::s64:
    return holds(compare, static_cast<std::int64_t>(a),
                 static_cast<std::int64_t>(b));
  case Type::f16:
    return holds(compare, f16ToFloat(a & 0xffff), f16ToFloat(b & 0xffff));
  case Type::bf16:
    return holds(compare, bf16ToFloat(a & 0xffff), bf16ToFloat(b & 0xffff));
  case Type::f32:
    return holds(compare, toF32(a), toF32(b));
  case Type::f64:
    return holds(compare, toF64(a), toF64(b));
  default:
    return holds(compare, a, b);
  }
}

bool combine(Combine how, bool result, bool p) {
  switch (how) {
  case Combine::none:
    return result;
  case Combine::conjunction:
    return result && p;
  case Combine::disjunction:
    return result || p;
  case Combine::exclusive:
    return result != p;
  }
  return result;
}

/// i.mode is the comparison, i.flags & 3 the combination, & 4 a negated p.
void setp(Warp &w, const Instruction &i, std::uint32_t mask) {
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  auto compare = static_cast<Compare>(i.mode);
  auto how = static_cast<Combine>(i.flags & 3);
  const std::uint64_t *c = how == Combine::none ? nullptr : w.in(i, 2);
  bool negated = i.flags & 4;
  Lanes first, second;
  eachLane(mask, [&](unsigned l) {
    bool result = compareAs(i.type, compare, a[l], b[l]);
    bool p = c && ((c[l] & 1) != 0) != negated;
    first.v[l] = combine(how, result, p);
    second.v[l] = combine(how, !result, p);
  });
  std::uint64_t *p = w.out(i, 0);
  eachLane(mask, [&](unsigned l) { p[l] = first.v[l]; });
  if (i.outs > 1) {
    std::uint64_t *q = w.out(i, 1);
    eachLane(mask, [&](unsigned l) { q[l] = second.v[l]; });
  }
}

/// setp.lt.f16x2 p|q, a, b: one predicate for each half.
void setpPair(Warp &w, const Instruction &i, std::uint32_t mask) {
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  auto compare = static_cast<Compare>(i.mode);
  for (unsigned half = 0; half < i.outs; ++half) {
    std::uint64_t *p = w.out(i, half);
    eachLane(mask, [&](unsigned l) {
      p[l] = compareAs(i.type, compare, a[l] >> 16 * half & 0xffff,
                       b[l] >> 16 * half & 0xffff);
    });
  }
}

/// set.lt.u32.s32: all ones or 1.0 where it holds.
void set(Warp &w, const Instruction &i, std::uint32_t mask) {
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  std::uint64_t *d = w.out(i, 0);
  std::uint64_t yes = i.from == Type::f32 ? 0x3f800000 : 0xffffffff;
  eachLane(mask, [&](unsigned l) {
    d[l] =
        compareAs(i.type, static_cast<Compare>(i.mode), a[l], b[l]) ? yes : 0;
  });
}

} // namespace

bool decodeCompare(Decoding &d) {
  if (!d.isOneOf({"setp", "set"}))
    return false;
  auto compare = d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu",
                              "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (!compare) { // lo, ls, hi, hs: unsigned
    compare = d.takeOneOf({"lo", "ls", "hi", "hs"});
    if (!compare)
      d.unsupported();
    *compare += static_cast<std::size_t>(Compare::lt);
  }
  d.i.kind = Kind::compare;
  d.i.mode = static_cast<std::uint8_t>(*compare);
  if (auto how = d.takeOneOf({"and", "or", "xor"}))
    d.i.flags = static_cast<std::uint8_t>(*how + 1);
  if (d.is("set"))
    d.i.from = d.takeType();
  d.i.type = d.takeType();
  d.take("ftz");
  if (d.i.type == Type::none)
    d.unsupported();
  d.outputs({0});
  if (d.is("set")) {
    if (d.i.flags)
      d.unsupported();
    d.i.run = set;
    d.inputs({1, 2}, d.i.type);
    return true;
  }
  d.i.run = setp;
  Type element = d.i.type;
  if (element == Type::f16x2 || element == Type::bf16x2) {
    d.i.type = element == Type::f16x2 ? Type::f16 : Type::bf16;
    d.i.run = setpPair;
  }
  d.inputs({1, 2}, element);
  if (d.i.flags) {
    Operand c = d.operand(3);
    if (c.negated)
      d.i.flags |= 4;
    c.negated = false;
    d.input(c);
  }
  return true;
}

} // namespace lath::emulator
