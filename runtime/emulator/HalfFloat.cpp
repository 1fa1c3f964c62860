// Arithmetic on f16 and bf16, alone and in pairs.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/FloatOp.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>

namespace lath::emulator {

using namespace floats;

namespace {

struct F16 {
  static constexpr std::uint32_t exponent = 0x7c00;
  static float toFloat(std::uint32_t bits) { return f16ToFloat(bits); }
  static std::uint32_t fromFloat(float v) { return floatToF16(v); }
  static std::uint32_t from(double v) { return toF16(v); }
};
struct Bf16 {
  static constexpr std::uint32_t exponent = 0x7f80;
  static float toFloat(std::uint32_t bits) { return bf16ToFloat(bits); }
  static std::uint32_t fromFloat(float v) { return floatToBf16(v); }
  static std::uint32_t from(double v) { return toBf16(v); }
};

/// .ftz: a subnormal becomes a zero of its sign.
template <typename Format> std::uint32_t flushed(std::uint32_t bits) {
  return bits & Format::exponent ? bits : bits & 0x8000;
}

template <typename Format, Op op>
std::uint32_t halfOf(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                     std::uint8_t flags) {
  if (flags & flush)
    a = flushed<Format>(a), b = flushed<Format>(b), c = flushed<Format>(c);
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
  if (flags & flush)
    bits = flushed<Format>(bits);
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

template <Op op> Handler of(Type type) {
  switch (type) {
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

template <std::size_t... ops>
Handler chosen(Op op, Type type, std::index_sequence<ops...>) {
  Handler result = nullptr;
  ((op == static_cast<Op>(ops) ? void(result = of<static_cast<Op>(ops)>(type))
                               : void()),
   ...);
  return result;
}

} // namespace

Handler halfHandler(Op op, Type type) {
  return chosen(op, type, std::make_index_sequence<opCount>());
}

} // namespace lath::emulator
