// 16-bit floats on the host: bits of fp16 and bf16 to float and back.
//
// Conversions to 16 bits round to nearest, ties to even, from the exact value:
// a double is rounded once, not first to float. Overflow gives infinity,
// underflow subnormals, as IEEE 754 says; NaN stays NaN (quiet, sign and top
// payload bits kept). Constant expressions, thread safe.
#pragma once

#include "compiler/base/Dtype.h"

#include <bit>
#include <cstdint>

namespace lath {

namespace detail {

/// The bits of a format with `exponentBits` and `mantissaBits` (10 for fp16, 7
/// for bf16) nearest to `value`.
template <int exponentBits, int mantissaBits>
constexpr std::uint16_t roundTo16(double value) {
  constexpr int bias = (1 << (exponentBits - 1)) - 1;
  constexpr std::uint64_t infinity = ((1ull << exponentBits) - 1)
                                     << mantissaBits;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 63 << 15);
  const std::uint64_t magnitude = bits & ~(1ull << 63);
  if (magnitude > 0x7ffull << 52) // NaN
    return static_cast<std::uint16_t>(
        sign | infinity | 1ull << (mantissaBits - 1) |
        (magnitude >> (52 - mantissaBits) & ((1ull << mantissaBits) - 1)));

  const int exponent = static_cast<int>(magnitude >> 52) - 1023;
  if (exponent > bias)
    return static_cast<std::uint16_t>(sign | infinity);
  // Drop the bits below the last place of the result: 52 - mantissaBits, and
  // one more for each step below the smallest normal exponent. A double that is
  // itself subnormal lies far below and becomes zero either way.
  const int below = exponent < 1 - bias ? 1 - bias - exponent : 0;
  const int drop = 52 - mantissaBits + below;
  if (drop > 53)
    return sign;
  const std::uint64_t mantissa = (magnitude & ((1ull << 52) - 1)) | 1ull << 52;
  const std::uint64_t kept = mantissa >> drop;
  const std::uint64_t rest = mantissa & ((1ull << drop) - 1);
  const std::uint64_t half = 1ull << (drop - 1);
  const bool up = rest > half || (rest == half && (kept & 1) != 0);
  // `kept` has its leading one for normal results; adding lets a carry run into
  // the exponent, up to infinity.
  const std::uint64_t base =
      below == 0
          ? static_cast<std::uint64_t>(exponent + bias - 1) << mantissaBits
          : 0;
  return static_cast<std::uint16_t>(sign | (base + kept + up));
}

} // namespace detail

constexpr float halfToFloat(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 0) { // zero and subnormals: mantissa * 2^-24, exact
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  if (exponent == 31) // NaN becomes quiet
    return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13 |
                                (mantissa != 0 ? 0x400000 : 0));
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

constexpr float bfloatToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

constexpr std::uint16_t toHalf(double value) {
  return detail::roundTo16<5, 10>(value);
}
constexpr std::uint16_t toBfloat(double value) {
  return detail::roundTo16<8, 7>(value);
}

/// By type, which must be f16 or bf16.
constexpr float toFloat(std::uint16_t bits, Dtype type) {
  return type == Dtype::f16 ? halfToFloat(bits) : bfloatToFloat(bits);
}
constexpr std::uint16_t fromFloat(double value, Dtype type) {
  return type == Dtype::f16 ? toHalf(value) : toBfloat(value);
}

constexpr bool isFinite(std::uint16_t bits, Dtype type) {
  const unsigned exponent = type == Dtype::f16 ? 0x7c00 : 0x7f80;
  return (bits & exponent) != exponent;
}

} // namespace lath
