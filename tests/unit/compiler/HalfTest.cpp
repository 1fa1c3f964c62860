// Protects the 16-bit conversions: every one of the 65536 values, every tie
// between two neighbours, and what lies a hair beside it.
#include "compiler/base/Half.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

using namespace lath;

namespace {

/// The nearest of all finite 16-bit values and infinity by definition, without
/// a look at any bits: `down` and `up` are neighbours around value.
template <typename ToFloat>
std::uint16_t nearestOf(std::uint16_t down, double value, ToFloat toFloat,
                        double step) {
  double low = toFloat(down), high = low + step;
  double middle = (low + high) / 2;
  if (value == middle)
    return down % 2 == 0 ? down : down + 1;
  return value < middle ? down : down + 1;
}

template <typename From, typename To>
void checkRounding(From fromDouble, To toFloat, std::uint16_t infinity) {
  for (std::uint16_t bits = 0; bits < infinity; ++bits) {
    double low = toFloat(bits);
    // Above the largest value the next one would be as far as the last.
    double step = bits + 1 < infinity
                      ? toFloat(bits + 1) - low
                      : low - toFloat(static_cast<std::uint16_t>(bits - 1));
    double middle = low + step / 2;
    for (double value :
         {low, std::nextafter(low, 1e300), std::nextafter(middle, 0), middle,
          std::nextafter(middle, 1e300), low + step * 0.75}) {
      std::uint16_t expected = nearestOf(bits, value, toFloat, step);
      if (fromDouble(value) != expected ||
          fromDouble(-value) != (expected | 0x8000)) {
        CAPTURE(bits, value, expected);
        CHECK(fromDouble(value) == expected);
        CHECK(fromDouble(-value) == (expected | 0x8000));
      }
    }
  }
}

} // namespace

TEST_CASE("every half converts to float and back") {
  for (unsigned i = 0; i < 65536; ++i) {
    auto bits = static_cast<std::uint16_t>(i);
    float value = halfToFloat(bits);
    bool isNan = (bits & 0x7fff) > 0x7c00;
    REQUIRE(std::isnan(value) == isNan);
    REQUIRE(toHalf(value) == (isNan ? bits | 0x200 : bits));
    if (!isNan && isFinite(bits, Dtype::f16)) {
      int exponent = bits >> 10 & 31, mantissa = bits & 1023;
      double expected = exponent == 0
                            ? std::ldexp(mantissa, -24)
                            : std::ldexp(1024 + mantissa, exponent - 25);
      REQUIRE(value == (bits & 0x8000 ? -expected : expected));
      REQUIRE(std::signbit(value) == (bits >> 15 != 0));
    }
  }
}

TEST_CASE("every bfloat converts to float and back") {
  for (unsigned i = 0; i < 65536; ++i) {
    auto bits = static_cast<std::uint16_t>(i);
    float value = bfloatToFloat(bits);
    bool isNan = (bits & 0x7fff) > 0x7f80;
    REQUIRE(std::isnan(value) == isNan);
    REQUIRE(toBfloat(value) == (isNan ? bits | 0x40 : bits));
    REQUIRE(isFinite(bits, Dtype::bf16) == std::isfinite(value));
  }
}

TEST_CASE("halves round to nearest, ties to even, subnormals included") {
  checkRounding(toHalf, halfToFloat, 0x7c00);
}

TEST_CASE("bfloats round to nearest, ties to even, subnormals included") {
  checkRounding(toBfloat, bfloatToFloat, 0x7f80);
}

TEST_CASE("16-bit floats at the ends of their range") {
  double infinity = std::numeric_limits<double>::infinity();
  CHECK(toHalf(65504) == 0x7bff);
  CHECK(toHalf(65519.99) == 0x7bff);
  CHECK(toHalf(65520) == 0x7c00);
  CHECK(toHalf(1e300) == 0x7c00);
  CHECK(toHalf(-infinity) == 0xfc00);
  CHECK(toHalf(0x1p-24) == 1);
  CHECK(toHalf(0x1p-25) == 0);
  CHECK(toHalf(0x1.000001p-25) == 1);
  CHECK(toHalf(-0.0) == 0x8000);
  CHECK(toHalf(std::numeric_limits<double>::denorm_min()) == 0);
  CHECK(toBfloat(infinity) == 0x7f80);
  CHECK(toBfloat(3.4e38) == 0x7f80);
  CHECK(toBfloat(1) == 0x3f80);
  CHECK(fromFloat(1, Dtype::f16) == 0x3c00);
  CHECK(fromFloat(1, Dtype::bf16) == 0x3f80);
  CHECK(toFloat(0x3c00, Dtype::f16) == 1);
  CHECK(toFloat(0x3f80, Dtype::bf16) == 1);
}

TEST_CASE("a double is rounded once, not through float") {
  // 1 + 2^-11 is the tie between 1 and 1 + 2^-10; 2^-40 more is above it, but
  // lost in a float, whose tie would then go to even: 1.
  CHECK(toHalf(1 + 0x1p-11 + 0x1p-40) == 0x3c01);
  CHECK(toHalf(1 + 0x1p-11) == 0x3c00);
}

TEST_CASE("NaN stays NaN, with its sign") {
  double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(toHalf(nan) == 0x7e00);
  CHECK(toHalf(std::copysign(nan, -1.0)) == 0xfe00);
  CHECK(toBfloat(nan) == 0x7fc0);
  // A payload of low bits alone must not leave infinity behind.
  CHECK(toHalf(std::bit_cast<double>(0x7ff8000000000001)) == 0x7e00);
}

TEST_CASE("bfloats agree with the usual trick on the bits of a float") {
  for (std::uint64_t i = 0; i < 1 << 22; ++i) {
    auto bits = static_cast<std::uint32_t>(i * 2654435761u);
    float value = std::bit_cast<float>(bits);
    if (std::isnan(value))
      continue;
    auto trick =
        static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    if (toBfloat(value) != trick) {
      CAPTURE(bits);
      CHECK(toBfloat(value) == trick);
    }
  }
}

#ifdef __FLT16_MANT_DIG__
TEST_CASE("halves agree with the compiler's _Float16") {
  auto bitsOf = [](_Float16 value) {
    std::uint16_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  };
  for (unsigned i = 0; i < 65536; ++i) {
    auto bits = static_cast<std::uint16_t>(i);
    _Float16 native;
    std::memcpy(&native, &bits, sizeof native);
    float value = halfToFloat(bits);
    if (!std::isnan(value))
      REQUIRE(static_cast<float>(native) == value);
  }
  for (std::uint64_t i = 0; i < 1 << 22; ++i) {
    float value =
        std::bit_cast<float>(static_cast<std::uint32_t>(i * 2654435761u));
    if (std::isnan(value))
      continue;
    if (toHalf(value) != bitsOf(static_cast<_Float16>(value))) {
      CAPTURE(value);
      CHECK(toHalf(value) == bitsOf(static_cast<_Float16>(value)));
    }
  }
}
#endif

TEST_CASE("16-bit conversions are constant expressions") {
  static_assert(toHalf(0.5) == 0x3800);
  static_assert(toBfloat(-2) == 0xc000);
  static_assert(halfToFloat(0x3800) == 0.5f);
  static_assert(bfloatToFloat(0xc000) == -2);
  SUCCEED();
}
