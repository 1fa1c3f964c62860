// Number formats and rounding, as PTX defines them: f16, bf16, tf32 as bits,
// f32 and f64 as the host's.
//
// A 16-bit result is rounded once. Sums and products of 16-bit values are not
// always exact in double, so they are first rounded to odd: the last bit of
// the double is set where something was cut off, and the final rounding then
// cannot be misled (Boldo and Melquiond, "Emulation of FMA and correctly
// rounded sums").
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace lath::emulator {

enum class Rounding : std::uint8_t { nearest, zero, down, up };

inline float toF32(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}
inline double toF64(std::uint64_t bits) { return std::bit_cast<double>(bits); }
/// The NaN that the hardware's arithmetic on f32 gives.
constexpr std::uint32_t canonicalNan = 0x7fffffff;
/// The one that its arithmetic on f64 makes of other operands, and the bit that
/// it sets in an operand that is NaN.
constexpr std::uint64_t newNanF64 = 0xfff8ull << 48, quietF64 = 1ull << 51;
inline std::uint64_t bitsOf(float value) {
  return value != value ? canonicalNan : std::bit_cast<std::uint32_t>(value);
}
inline std::uint64_t bitsOf(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

/// Four bits of exponent with bias 7, three of mantissa; no infinities, and
/// one NaN of either sign.
inline float e4m3ToFloat(std::uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 3 & 15),
            mantissa = static_cast<int>(bits & 7);
  if (exponent == 15 && mantissa == 7)
    return std::numeric_limits<float>::quiet_NaN();
  const float value =
      exponent ? std::ldexp(static_cast<float>(8 + mantissa), exponent - 10)
               : std::ldexp(static_cast<float>(mantissa), -9);
  return bits & 0x80 ? -value : value;
}
inline float f16ToFloat(std::uint32_t bits) {
  // The exponent is rebased by a multiplication, which also gets subnormals
  // right; infinities and NaN are patched.
  std::uint32_t magnitude = (bits & 0x7fff) << 13;
  float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  std::uint32_t result = std::bit_cast<std::uint32_t>(value);
  result = magnitude >= 0x7c00u << 13 ? magnitude | 0x7f800000 : result;
  return std::bit_cast<float>(result | (bits & 0x8000) << 16);
}
inline float bf16ToFloat(std::uint32_t bits) {
  return std::bit_cast<float>(bits << 16);
}

/// The value with `exponentBits` and `mantissaBits` that `rounding` picks.
/// NaN becomes the format's 0x7fff.
template <int exponentBits, int mantissaBits>
inline std::uint32_t roundTo(double value,
                             Rounding rounding = Rounding::nearest) {
  constexpr int bias = (1 << (exponentBits - 1)) - 1;
  constexpr std::uint64_t infinity = ((1ull << exponentBits) - 1)
                                     << mantissaBits;
  auto bits = std::bit_cast<std::uint64_t>(value);
  auto sign = static_cast<std::uint64_t>(bits >> 63)
              << (exponentBits + mantissaBits);
  std::uint64_t magnitude = bits & ~(1ull << 63);
  if (magnitude > 0x7ffull << 52)
    return static_cast<std::uint32_t>((1ull << (exponentBits + mantissaBits)) -
                                      1);
  if (magnitude == 0x7ffull << 52)
    return static_cast<std::uint32_t>(sign | infinity);
  bool away = rounding == (sign ? Rounding::down : Rounding::up);
  int exponent = static_cast<int>(magnitude >> 52) - 1023;
  if (exponent > bias)
    return static_cast<std::uint32_t>(
        sign |
        (rounding == Rounding::nearest || away ? infinity : infinity - 1));
  int below = exponent < 1 - bias ? 1 - bias - exponent : 0;
  int drop = 52 - mantissaBits + below;
  std::uint64_t mantissa =
      (magnitude & ((1ull << 52) - 1)) | (magnitude >> 52 ? 1ull << 52 : 0);
  if (drop > 54) // rounds like the smallest bit there is
    mantissa = mantissa ? 1 : 0, drop = 54;
  std::uint64_t kept = mantissa >> drop, rest = mantissa & ((1ull << drop) - 1);
  std::uint64_t half = 1ull << (drop - 1);
  bool up = rounding == Rounding::nearest
                ? rest > half || (rest == half && (kept & 1))
                : away && rest;
  std::uint64_t base = below == 0
                           ? static_cast<std::uint64_t>(exponent + bias - 1)
                                 << mantissaBits
                           : 0;
  std::uint64_t result = base + kept + up;
  if (result >= infinity && rounding != Rounding::nearest && !away)
    result = infinity - 1;
  return static_cast<std::uint32_t>(sign | result);
}

inline std::uint32_t toF16(double value,
                           Rounding rounding = Rounding::nearest) {
  return roundTo<5, 10>(value, rounding);
}
inline std::uint32_t toBf16(double value,
                            Rounding rounding = Rounding::nearest) {
  return roundTo<8, 7>(value, rounding);
}
inline std::uint32_t roundToF32(double value,
                                Rounding rounding = Rounding::nearest) {
  return roundTo<8, 23>(value, rounding);
}

/// f32 sums and products to f16 and back are what inner loops do.
inline std::uint32_t floatToF16(float value) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return 0x7fff;
  if (magnitude >= 0x47800000) // 65536 and above
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // subnormal: the sum's last bit is 2^-24
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000);
  }
  std::uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return sign | ((rounded >> 13) - (112u << 10));
}
inline std::uint32_t floatToBf16(float value) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return 0x7fff;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// a + b rounded to odd.
inline double addToOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  double bb = sum - a, error = (a - (sum - bb)) + (b - bb); // Knuth's two-sum
  if (error == 0)
    return sum;
  auto bits = std::bit_cast<std::uint64_t>(sum);
  if (bits & 1)
    return sum;
  // Towards the error: one step away from or to zero.
  bool grows = (error > 0) == (sum > 0);
  return std::bit_cast<double>(grows ? bits + 1 : bits - 1);
}

/// a * b + c rounded to odd, for factors whose product is exact in double.
inline double fmaToOdd(double a, double b, double c) {
  return addToOdd(a * b, c);
}

} // namespace lath::emulator
