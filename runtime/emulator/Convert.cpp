// cvt: between integers, floats, and pairs of halves.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lath::emulator {

namespace {

// i.flags
constexpr std::uint8_t saturate = 1, flush = 2, relu = 4, integral = 8,
                       hasRounding = 16, tiesAway = 32;

bool isInteger(Type type) { return !isFloat(type); }

double valueOf(Type type, std::uint64_t bits) {
  switch (type) {
  case Type::f16:
    return f16ToFloat(bits & 0xffff);
  case Type::bf16:
    return bf16ToFloat(bits & 0xffff);
  case Type::f32:
  case Type::tf32:
    return toF32(bits);
  default:
    return toF64(bits);
  }
}

double rounded(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::nearest:
    return std::nearbyint(value);
  case Rounding::zero:
    return std::trunc(value);
  case Rounding::down:
    return std::floor(value);
  case Rounding::up:
    return std::ceil(value);
  }
  return value;
}

/// A float's bits of `type` from a double that holds the value (rounded to
/// odd where it could not).
std::uint64_t fromDouble(Type type, double value, const Instruction &i) {
  auto rounding = static_cast<Rounding>(i.rounding);
  if (i.flags & saturate)
    value = value > 0 ? std::min(value, 1.0) : 0.0;
  if (i.flags & relu)
    value = value > 0 || value != value ? value : 0.0;
  switch (type) {
  case Type::f16:
    return toF16(value, rounding);
  case Type::bf16:
    return toBf16(value, rounding);
  case Type::tf32: // ten bits of mantissa, in the upper part of a word
    if (i.flags & tiesAway && value == value) // an f32: half of a last bit more
      return (std::bit_cast<std::uint32_t>(static_cast<float>(value)) +
              (std::isfinite(value) ? 0x1000 : 0)) &
             0xffffe000;
    return std::uint64_t{roundTo<8, 10>(value, rounding)} << 13;
  case Type::f32: {
    std::uint32_t bits = roundToF32(value, rounding);
    if (i.flags & flush && !(bits & 0x7f800000))
      bits &= 0x80000000;
    return bits;
  }
  default:
    return bitsOf(value);
  }
}

std::int64_t signExtended(Type type, std::uint64_t bits) {
  unsigned shift = 64 - 8 * sizeOf(type);
  return static_cast<std::int64_t>(bits << shift) >> shift;
}
std::uint64_t masked(Type type, std::uint64_t bits) {
  return sizeOf(type) == 8 ? bits : bits & ((1ull << 8 * sizeOf(type)) - 1);
}

/// A result as the register holds it (i.immediate: the ones of its width):
/// signed ones fill a wider register with their sign.
std::uint64_t inRegister(const Instruction &i, std::uint64_t bits) {
  bits = masked(i.type, bits);
  return isSigned(i.type)
             ? static_cast<std::uint64_t>(signExtended(i.type, bits)) &
                   i.immediate
             : bits;
}

/// Truncation of the width, or with .sat the nearest value of the target.
std::uint64_t integerToInteger(const Instruction &i, std::uint64_t bits) {
  bits = masked(i.from, bits);
  std::uint64_t wide =
      isSigned(i.from) ? static_cast<std::uint64_t>(signExtended(i.from, bits))
                       : bits;
  if (i.flags & saturate) {
    unsigned width = 8 * sizeOf(i.type);
    bool negative = isSigned(i.from) && static_cast<std::int64_t>(wide) < 0;
    std::uint64_t most =
        isSigned(i.type) ? (1ull << (width - 1)) - 1 : ~0ull >> (64 - width);
    if (negative && !isSigned(i.type))
      wide = 0;
    else if (negative)
      wide = static_cast<std::uint64_t>(
          std::max(static_cast<std::int64_t>(wide),
                   -static_cast<std::int64_t>(most) - 1));
    else
      wide = std::min(wide, most);
  }
  return inRegister(i, wide);
}

std::uint64_t floatToInteger(const Instruction &i, std::uint64_t bits) {
  double value = valueOf(i.from, bits);
  unsigned width = 8 * sizeOf(i.type);
  if (value != value) // the GPU's answer for NaN
    return sizeOf(i.from) == 8 || width == 64
               ? inRegister(i, 1ull << (width - 1))
               : 0;
  value = rounded(value, static_cast<Rounding>(i.rounding));
  if (isSigned(i.type)) {
    double limit = std::ldexp(1.0, static_cast<int>(width) - 1);
    if (value >= limit)
      return (1ull << (width - 1)) - 1;
    if (value < -limit)
      return inRegister(i, 1ull << (width - 1));
    return inRegister(
        i, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
  }
  if (value >= std::ldexp(1.0, static_cast<int>(width)))
    return ~0ull >> (64 - width);
  return value <= 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::uint64_t integerToFloat(const Instruction &i, std::uint64_t bits) {
  bits = masked(i.from, bits);
  bool negative = isSigned(i.from) && signExtended(i.from, bits) < 0;
  std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(signExtended(i.from, bits))
               : bits;
  // Above 2^53 the low bits only say that something is left: round to odd.
  double value;
  if (i.type == Type::f64) {
    value = static_cast<double>(magnitude);
  } else {
    int extra = 64 - std::countl_zero(magnitude | 1) - 53;
    std::uint64_t kept = magnitude;
    if (extra > 0) {
      bool rest = kept & ((1ull << extra) - 1);
      kept = (kept >> extra | rest) << extra;
    }
    value = static_cast<double>(kept);
  }
  return fromDouble(i.type, negative ? -value : value, i);
}

/// NaN keeps its sign and the upper bits of its payload between f32 and f64
/// and from bf16 to f32, as on an H200. Elsewhere the result is canonical.
std::optional<std::uint64_t> keptNan(const Instruction &i, std::uint64_t bits) {
  if (i.flags & saturate) // to zero
    return std::nullopt;
  if (i.from == Type::bf16 && i.type == Type::f32)
    return (bits & 0xffff) << 16;
  if (i.from == Type::f32 && i.type == Type::f64)
    return (bits & 0x80000000) << 32 | 0x7ffull << 52 | quietF64 |
           (bits & 0x7fffff) << 29;
  if (i.from == Type::f64 && i.type == Type::f32)
    return (bits >> 32 & 0x80000000) | 0x7fc00000 | (bits >> 29 & 0x3fffff);
  return std::nullopt;
}

std::uint64_t floatToFloat(const Instruction &i, std::uint64_t bits) {
  double value = valueOf(i.from, bits);
  if (value != value)
    if (auto nan = keptNan(i, bits))
      return *nan;
  if (i.flags & flush && i.from == Type::f32 && std::fabs(value) < 0x1p-126)
    value = std::copysign(0.0, value);
  if (i.flags & integral)
    value = rounded(value, static_cast<Rounding>(i.rounding));
  return fromDouble(i.type, value, i);
}

template <std::uint64_t (*convert)(const Instruction &, std::uint64_t)>
void each(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = convert(i, a[l]); });
}

/// cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
void toPair(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  Type half = i.type == Type::f16x2 ? Type::f16 : Type::bf16;
  eachLane(mask, [&](unsigned l) {
    d[l] = fromDouble(half, toF32(a[l]), i) << 16 |
           fromDouble(half, toF32(b[l]), i);
  });
}

/// Rounded to nearest; what is too large becomes the largest number, and NaN
/// 0x7f.
std::uint64_t toByteFloat(Type type, double value) {
  if (value != value)
    return 0x7f;
  const bool e4m3 = type == Type::e4m3;
  const double largest = e4m3 ? 448 : 57344;
  value = std::clamp(value, -largest, largest);
  if (!e4m3)
    return roundTo<5, 2>(value);
  // Its highest exponent has numbers, and no infinity.
  const std::uint64_t sign = std::signbit(value) ? 0x80 : 0;
  const double magnitude = std::fabs(value);
  const double unit =
      magnitude < 0x1p-6 ? 0x1p-9 : std::ldexp(1.0, std::ilogb(magnitude) - 3);
  const double units = std::nearbyint(magnitude / unit);
  if (magnitude < 0x1p-6)
    return sign | static_cast<std::uint64_t>(units);
  // From 8 to 16 units: the leading one adds to the exponent.
  return sign | static_cast<std::uint64_t>((std::ilogb(magnitude) + 6) * 8 +
                                           static_cast<int>(units));
}

/// An e4m3 or e5m2 as the bits of an f16, which holds both.
std::uint64_t halfOfByteFloat(Type type, std::uint64_t bits) {
  if (type == Type::e5m2) // NaN is canonical
    return (bits & 0x7f) > 0x7c ? 0x7fff : (bits & 0xff) << 8;
  const std::uint64_t sign = (bits & 0x80) << 8, code = bits & 0x7f;
  if (code == 0x7f)
    return 0x7fff;
  const auto exponent = static_cast<int>(code >> 3);
  const double magnitude =
      std::ldexp(static_cast<double>((code & 7) + (exponent ? 8 : 0)),
                 std::max(exponent, 1) - 10);
  return sign | toF16(magnitude);
}

/// cvt.rn.satfinite.e4m3x2.f32 d, a, b: a becomes the upper byte.
void toBytePair(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  eachLane(mask, [&](unsigned l) {
    d[l] = toByteFloat(i.type, toF32(a[l])) << 8 |
           toByteFloat(i.type, toF32(b[l]));
  });
}

void fromBytePair(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) {
    d[l] = halfOfByteFloat(i.from, a[l] >> 8) << 16 |
           halfOfByteFloat(i.from, a[l]);
  });
}

/// cvt.rn.satfinite.e4m3x2.f32 and cvt.rn.f16x2.e4m3x2.
void decodeBytePair(Decoding &d, Type bytes, bool narrows) {
  Instruction &i = d.i;
  if (!d.take("rn") || (narrows && !d.take("satfinite")))
    d.unsupported();
  d.outputs({0});
  if (narrows) {
    if (d.takeType() != Type::f32)
      d.unsupported();
    i.type = bytes;
    i.run = toBytePair;
    d.inputs({1, 2}, Type::f32);
  } else {
    if (d.takeType() != Type::f16x2)
      d.unsupported();
    i.from = bytes;
    i.run = fromBytePair;
    d.inputs({1}, Type::b16);
  }
}

} // namespace

bool decodeConvert(Decoding &d) {
  if (!d.is("cvt"))
    return false;
  Instruction &i = d.i;
  i.kind = Kind::convert;
  for (auto [pair, type] :
       {std::pair{"e4m3x2", Type::e4m3}, std::pair{"e5m2x2", Type::e5m2}}) {
    const bool widens = d.statement().name.back() == pair; // the source is last
    if (d.take(pair)) {
      decodeBytePair(d, type, !widens);
      return true;
    }
  }
  static constexpr Rounding roundings[] = {Rounding::nearest, Rounding::zero,
                                           Rounding::down, Rounding::up};
  if (auto r = d.takeOneOf({"rn", "rz", "rm", "rp"})) {
    i.rounding = static_cast<std::uint8_t>(roundings[*r]);
    i.flags |= hasRounding;
  } else if (auto whole = d.takeOneOf({"rni", "rzi", "rmi", "rpi"})) {
    i.rounding = static_cast<std::uint8_t>(roundings[*whole]);
    i.flags |= integral;
  } else if (d.take("rna")) {
    if (!d.has("tf32"))
      d.unsupported("half away from zero is rounded to tf32 only");
    i.flags |= hasRounding | tiesAway;
  }
  if (d.take("ftz"))
    i.flags |= flush;
  if (d.take("sat"))
    i.flags |= saturate;
  if (d.take("relu"))
    i.flags |= relu;
  i.type = d.takeType();
  i.from = d.takeType();
  if (i.type == Type::none || i.from == Type::none || i.type == Type::pred)
    d.unsupported();
  d.outputs({0});
  if (i.type == Type::f16x2 || i.type == Type::bf16x2) {
    if (i.from != Type::f32 || d.operandCount() != 3)
      d.unsupported();
    i.run = toPair;
    d.inputs({1, 2}, Type::f32);
    return true;
  }
  i.run =
      isInteger(i.from)
          ? (isInteger(i.type) ? each<integerToInteger> : each<integerToFloat>)
          : (isInteger(i.type) ? each<floatToInteger> : each<floatToFloat>);
  if (isInteger(i.from) && isInteger(i.type) && !(i.flags & saturate))
    i.validity = Validity::truncates;
  i.immediate = d.widthMask(d.operand(0));
  d.inputs({1}, i.from);
  return true;
}

} // namespace lath::emulator
