// Protects: casts between all types are those of the language: rounded once, to
// nearest even, saturating where they say so, on targets with instructions for
// 8-bit floats and without.
#include "compiler/base/Half.h"
#include "tests/emulator/Elements.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

/// The value of an 8-bit float.
double valueOf(Dtype type, unsigned code) {
  const bool e4m3 = type == Dtype::f8e4m3;
  const int mantissaBits = e4m3 ? 3 : 2, bias = e4m3 ? 7 : 15;
  const int exponent = (code & 0x7f) >> mantissaBits;
  const int mantissa = code & ((1 << mantissaBits) - 1);
  double magnitude;
  if (e4m3 ? (code & 0x7f) == 0x7f : exponent == 31 && mantissa)
    return NAN;
  if (!e4m3 && exponent == 31)
    magnitude = INFINITY;
  else
    magnitude = std::ldexp(mantissa + (exponent ? 1 << mantissaBits : 0),
                           std::max(exponent, 1) - bias - mantissaBits);
  return code & 0x80 ? -magnitude : magnitude;
}

/// The code nearest to a value, by looking at all of them.
std::uint8_t nearest(Dtype type, double value) {
  if (std::isnan(value))
    return 0x7f;
  const unsigned last = type == Dtype::f8e4m3 ? 0x7e : 0x7b;
  const double magnitude = std::fabs(value);
  unsigned best = 0;
  for (unsigned code = 1; code <= last; ++code) {
    double was = std::fabs(valueOf(type, best) - magnitude),
           is = std::fabs(valueOf(type, code) - magnitude);
    if (is < was || (is == was && code % 2 == 0))
      best = code;
  }
  if (magnitude > valueOf(type, last))
    best = last;
  return static_cast<std::uint8_t>(best | (std::signbit(value) ? 0x80 : 0));
}

std::vector<std::uint16_t> allHalves() {
  std::vector<std::uint16_t> values(1 << 16);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint16_t>(i);
  return values;
}

Elements::Body castTo(Dtype dtype) {
  return [=](const std::vector<Tile> &t) { return cast(t[0], dtype); };
}

constexpr const char *targetNames[] = {"sm_80", "sm_90a"};

std::vector<float> interestingFloats() {
  std::vector<float> values{
      0.0f,          -0.0f,         1.0f,           -1.0f,
      0.5f,          1.5f,          2.5f,           -0.5f,
      127.5f,        128.0f,        -128.0f,        -128.9f,
      -129.0f,       255.9f,        256.0f,         -0.99f,
      2147483520.0f, 2147483648.0f, -2147483648.0f, -2147483904.0f,
      4294967040.0f, 4294967296.0f, 9.223371e18f,   9.223372e18f,
      -9.223372e18f, -1e19f,        1e30f,          -1e30f,
      1e-40f,        INFINITY,      -INFINITY,      NAN,
      448.0f,        464.0f,        465.0f,         57344.0f,
      61440.0f,      65504.0f,      65519.0f,       65520.0f};
  std::mt19937 random(3);
  std::uniform_real_distribution<float> exponent(-20, 66);
  while (values.size() < 1024)
    values.push_back((values.size() % 2 ? -1.0f : 1.0f) *
                     std::exp2(exponent(random)));
  return values;
}

template <typename T> T saturated(float value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value))
    return 0;
  const double whole = std::trunc(double(value));
  if (whole >= std::ldexp(1.0, Limits::digits))
    return Limits::max();
  if (whole < double(Limits::min()))
    return Limits::min();
  return static_cast<T>(whole);
}

} // namespace

TEST_CASE("casts: every 8-bit float is the same value as a wider one") {
  std::vector<std::uint8_t> codes(256);
  for (unsigned i = 0; i < 256; ++i)
    codes[i] = static_cast<std::uint8_t>(i);
  for (const char *targetName : targetNames)
    for (Dtype type : {Dtype::f8e4m3, Dtype::f8e5m2})
      for (int warps : {1, 8}) {
        CAPTURE(targetName, name(type), warps);
        auto wide =
            Elements{{type}, Dtype::f32, targetName, warps, 256}.run<float>(
                castTo(Dtype::f32), codes);
        auto half = Elements{{type}, Dtype::f16, targetName, warps, 256}
                        .run<std::uint16_t>(castTo(Dtype::f16), codes);
        auto bfloat = Elements{{type}, Dtype::bf16, targetName, warps, 256}
                          .run<std::uint16_t>(castTo(Dtype::bf16), codes);
        auto integer = Elements{{type}, Dtype::i32, targetName, warps, 256}
                           .run<std::int32_t>(castTo(Dtype::i32), codes);
        for (unsigned i = 0; i < 256; ++i) {
          CAPTURE(i);
          const double value = valueOf(type, i);
          if (std::isnan(value)) {
            REQUIRE(std::isnan(wide[i]));
            REQUIRE(std::isnan(halfToFloat(half[i])));
            REQUIRE(std::isnan(bfloatToFloat(bfloat[i])));
          } else {
            REQUIRE(wide[i] == value);
            REQUIRE(std::signbit(wide[i]) == std::signbit(value));
            REQUIRE(half[i] == toHalf(value));
            REQUIRE(bfloat[i] == toBfloat(value));
          }
          REQUIRE(integer[i] == saturated<std::int32_t>(float(value)));
        }
      }
}

TEST_CASE("casts: every f16 to 8 bits") {
  const std::vector<std::uint16_t> halves = allHalves();
  for (const char *targetName : targetNames)
    for (Dtype type : {Dtype::f8e4m3, Dtype::f8e5m2}) {
      CAPTURE(targetName, name(type));
      auto result = Elements{{Dtype::f16}, type, targetName}.run<std::uint8_t>(
          castTo(type), halves);
      for (std::size_t i = 0; i < halves.size(); ++i) {
        CAPTURE(i);
        REQUIRE(unsigned(result[i]) ==
                unsigned(nearest(type, halfToFloat(halves[i]))));
      }
    }
}

TEST_CASE("casts: f32 rounds once to every narrower float") {
  std::vector<float> values = interestingFloats();
  // About ties of the 8-bit floats.
  for (unsigned code = 0; code < 0x7c && values.size() < 2048; ++code)
    for (Dtype type : {Dtype::f8e4m3, Dtype::f8e5m2}) {
      const auto middle = static_cast<float>(
          (valueOf(type, code) + valueOf(type, code + 1)) / 2);
      if (!std::isfinite(middle))
        continue;
      for (float value :
           {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)})
        values.push_back(code % 3 ? value : -value);
    }
  values.resize(2048, 1.0f);
  for (const char *targetName : targetNames) {
    CAPTURE(targetName);
    auto run8 = [&](Dtype type) {
      return Elements{{Dtype::f32}, type, targetName}.run<std::uint8_t>(
          castTo(type), values);
    };
    auto run16 = [&](Dtype type) {
      return Elements{{Dtype::f32}, type, targetName}.run<std::uint16_t>(
          castTo(type), values);
    };
    auto e4m3 = run8(Dtype::f8e4m3), e5m2 = run8(Dtype::f8e5m2);
    auto half = run16(Dtype::f16), bfloat = run16(Dtype::bf16);
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(values[i]);
      REQUIRE(unsigned(e4m3[i]) == unsigned(nearest(Dtype::f8e4m3, values[i])));
      REQUIRE(unsigned(e5m2[i]) == unsigned(nearest(Dtype::f8e5m2, values[i])));
      if (std::isnan(values[i])) {
        REQUIRE(std::isnan(halfToFloat(half[i])));
        REQUIRE(std::isnan(bfloatToFloat(bfloat[i])));
      } else {
        REQUIRE(half[i] == toHalf(values[i]));
        REQUIRE(bfloat[i] == toBfloat(values[i]));
      }
    }
  }
}

TEST_CASE("casts: floats to integers truncate and saturate") {
  const std::vector<float> values = interestingFloats();
  auto check = [&]<typename T>(Dtype type, T) {
    auto result = Elements{{Dtype::f32}, type}.run<T>(castTo(type), values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(name(type), values[i]);
      REQUIRE(std::int64_t(result[i]) == std::int64_t(saturated<T>(values[i])));
    }
  };
  check(Dtype::i8, std::int8_t());
  check(Dtype::u8, std::uint8_t());
  check(Dtype::i32, std::int32_t());
  check(Dtype::u32, std::uint32_t());
  check(Dtype::i64, std::int64_t());
}

TEST_CASE("casts: integers to floats round once") {
  std::vector<std::int64_t> longs{0, 1, -1, INT64_MAX, INT64_MIN};
  std::mt19937_64 random(5);
  for (int bits = 1; bits < 63; ++bits)
    for (std::int64_t near :
         {std::int64_t(1) << bits, std::int64_t(3) << bits >> 1})
      for (std::int64_t off : {-1, 0, 1})
        longs.push_back((random() & 1 ? -1 : 1) * (near + off));
  // Beside ties of bf16, which a first rounding to f32 would make ties.
  for (int bits = 26; bits < 62; ++bits)
    longs.push_back((std::int64_t(0x181) << (bits - 8)) + 1);
  longs.resize(1024);
  for (std::size_t i = 512; i < 1024; ++i)
    longs[i] = static_cast<std::int64_t>(random()) >> (i % 60);
  auto check = [&]<typename T>(Dtype type, T) {
    std::vector<T> values;
    for (std::int64_t value : longs)
      values.push_back(static_cast<T>(value));
    auto wide =
        Elements{{type}, Dtype::f32}.run<float>(castTo(Dtype::f32), values);
    auto half = Elements{{type}, Dtype::f16}.run<std::uint16_t>(
        castTo(Dtype::f16), values);
    auto bfloat = Elements{{type}, Dtype::bf16}.run<std::uint16_t>(
        castTo(Dtype::bf16), values);
    auto bytes = Elements{{type}, Dtype::f8e4m3}.run<std::uint8_t>(
        castTo(Dtype::f8e4m3), values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(name(type), std::int64_t(values[i]));
      // A double holds all but the last bits of 64: to odd, as bf16 and f16
      // round far above them.
      auto exact = static_cast<double>(values[i]);
      if constexpr (sizeof(T) == 8) {
        std::int64_t low = values[i] & 0x7ff;
        bool large = values[i] > (1ll << 52) || values[i] < -(1ll << 52);
        exact =
            large ? static_cast<double>((values[i] & ~std::int64_t(0xfff)) |
                                        (low || values[i] & 0x800 ? 0x800 : 0))
                  : exact;
      }
      REQUIRE(wide[i] == static_cast<float>(values[i]));
      REQUIRE(half[i] == toHalf(exact));
      REQUIRE(bfloat[i] == toBfloat(exact));
      REQUIRE(unsigned(bytes[i]) == unsigned(nearest(Dtype::f8e4m3, exact)));
    }
  };
  check(Dtype::i8, std::int8_t());
  check(Dtype::u8, std::uint8_t());
  check(Dtype::i32, std::int32_t());
  check(Dtype::u32, std::uint32_t());
  check(Dtype::i64, std::int64_t());
}

TEST_CASE("casts: between integers, conditions and bits") {
  std::vector<std::int32_t> words{0,    1,         -1,        127,
                                  128,  255,       256,       -128,
                                  -129, INT32_MAX, INT32_MIN, 0x12345678};
  words.resize(64, 42);
  auto run = [&]<typename T>(Dtype type, T) {
    return Elements{{Dtype::i32}, type, "sm_90a", 1, 64}.run<T>(castTo(type),
                                                                words);
  };
  auto low = run(Dtype::i8, std::int8_t());
  auto longs = run(Dtype::i64, std::int64_t());
  auto sameBits = run(Dtype::u32, std::uint32_t());
  auto fromUnsigned =
      Elements{{Dtype::u32}, Dtype::i64, "sm_90a", 1, 64}.run<std::int64_t>(
          castTo(Dtype::i64), words);
  auto conditions =
      Elements{{Dtype::i32}, Dtype::f8e4m3, "sm_90a", 1, 64}.run<std::uint8_t>(
          [](const std::vector<Tile> &t) {
            return cast(cast(t[0], Dtype::b1), Dtype::f8e4m3);
          },
          words);
  auto asFloat =
      Elements{{Dtype::i32}, Dtype::f32, "sm_90a", 1, 64}.run<std::uint32_t>(
          [](const std::vector<Tile> &t) {
            return bitcast(t[0] ^ 0x55, Dtype::f32);
          },
          words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    REQUIRE(low[i] == static_cast<std::int8_t>(words[i]));
    REQUIRE(longs[i] == words[i]);
    REQUIRE(sameBits[i] == static_cast<std::uint32_t>(words[i]));
    REQUIRE(fromUnsigned[i] == static_cast<std::uint32_t>(words[i]));
    REQUIRE(unsigned(conditions[i]) == (words[i] ? 0x38u : 0u));
    REQUIRE(asFloat[i] == (static_cast<std::uint32_t>(words[i]) ^ 0x55));
  }
  std::vector<std::uint8_t> bytes(64);
  for (unsigned i = 0; i < 64; ++i)
    bytes[i] = static_cast<std::uint8_t>(5 * i);
  auto floats =
      Elements{{Dtype::u8}, Dtype::f8e5m2, "sm_90a", 1, 64}.run<std::uint8_t>(
          [](const std::vector<Tile> &t) {
            Tile f = bitcast(t[0], Dtype::f8e5m2);
            return where(cast(f, Dtype::b1), f, 3.0);
          },
          bytes);
  for (unsigned i = 0; i < 64; ++i)
    REQUIRE(unsigned(floats[i]) ==
            ((bytes[i] & 0x7f) ? bytes[i] : nearest(Dtype::f8e5m2, 3.0)));
}
