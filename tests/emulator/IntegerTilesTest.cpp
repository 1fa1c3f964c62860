// Protects: integers of every type are computed as C++ computes them, at their
// edges too, and what C++ leaves open is as the language says.
#include "tests/emulator/Elements.h"

#include <catch2/catch.hpp>

#include <limits>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

template <typename T> constexpr Dtype dtypeOf() {
  if (std::is_same_v<T, std::int8_t>)
    return Dtype::i8;
  if (std::is_same_v<T, std::uint8_t>)
    return Dtype::u8;
  if (std::is_same_v<T, std::int32_t>)
    return Dtype::i32;
  if (std::is_same_v<T, std::uint32_t>)
    return Dtype::u32;
  return Dtype::i64;
}

template <typename T> std::vector<T> edges() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values{0,
                        1,
                        2,
                        3,
                        5,
                        7,
                        T(-1),
                        T(-2),
                        T(-7),
                        Limits::min(),
                        T(Limits::min() + 1),
                        Limits::max(),
                        T(Limits::max() - 1)};
  std::mt19937_64 random(7);
  while (values.size() < 32)
    values.push_back(static_cast<T>(random()));
  return values;
}

template <typename T> using Scalar = std::function<T(T, T)>;

template <typename T> T wrapped(unsigned __int128 value) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(value));
}

/// Every pair of edge values.
template <typename T>
void check(const char *name, const std::function<Tile(Tile, Tile)> &tiles,
           const Scalar<T> &scalar, int warps) {
  const Pairs<T> pairs(edges<T>());
  constexpr Dtype dtype = dtypeOf<T>();
  Elements elements{{dtype, dtype}, dtype, "sm_90a", warps, 512};
  std::vector<T> result = elements.run<T>(
      [&](const std::vector<Tile> &t) { return tiles(t[0], t[1]); }, pairs.a,
      pairs.b);
  INFO(name << " of " << lath::name(dtype));
  for (std::size_t i = 0; i < result.size(); ++i) {
    CAPTURE(std::int64_t(pairs.a[i]), std::int64_t(pairs.b[i]));
    REQUIRE(std::int64_t(result[i]) ==
            std::int64_t(scalar(pairs.a[i], pairs.b[i])));
  }
}

template <typename T> void checkAll() {
  constexpr unsigned width = 8 * sizeof(T);
  using Wide = __int128;
  using U = std::make_unsigned_t<T>;
  check<T>(
      "+", [](Tile a, Tile b) { return a + b; },
      [](T a, T b) { return wrapped<T>(Wide(a) + Wide(b)); }, 4);
  check<T>(
      "-", [](Tile a, Tile b) { return a - b; },
      [](T a, T b) { return wrapped<T>(Wide(a) - Wide(b)); }, 1);
  check<T>(
      "*", [](Tile a, Tile b) { return a * b; },
      [](T a, T b) { return wrapped<T>(Wide(a) * Wide(b)); }, 2);
  auto divides = [](T &b) { return b == 0 ? T(1) : b; };
  check<T>(
      "/", [](Tile a, Tile b) { return a / b; },
      [=](T a, T b) { return wrapped<T>(Wide(a) / Wide(divides(b))); }, 4);
  check<T>(
      "%", [](Tile a, Tile b) { return a % b; },
      [=](T a, T b) { return wrapped<T>(Wide(a) % Wide(divides(b))); }, 8);
  check<T>(
      "/ where not 0", [](Tile a, Tile b) { return where(b == 0, 77, a / b); },
      [](T a, T b) { return b == 0 ? T(77) : wrapped<T>(Wide(a) / Wide(b)); },
      4);
  check<T>(
      "maximum", [](Tile a, Tile b) { return maximum(a, b); },
      [](T a, T b) { return std::max(a, b); }, 4);
  check<T>(
      "minimum", [](Tile a, Tile b) { return minimum(a, b); },
      [](T a, T b) { return std::min(a, b); }, 4);
  check<T>(
      "unary", [](Tile a, Tile b) { return abs(-a) ^ ~b; },
      [](T a, T b) {
        T negative = wrapped<T>(-Wide(a));
        T magnitude = negative < 0 ? wrapped<T>(-Wide(negative)) : negative;
        return T(magnitude ^ T(~b));
      },
      4);
  check<T>(
      "bits", [](Tile a, Tile b) { return (a & b) | (a ^ (b + 1)); },
      [](T a, T b) { return T((a & b) | (a ^ wrapped<T>(Wide(b) + 1))); }, 4);
  check<T>(
      "<<", [](Tile a, Tile b) { return a << b; },
      [](T a, T b) { return U(b) < width ? T(U(a) << U(b)) : T(0); }, 4);
  check<T>(
      ">>", [](Tile a, Tile b) { return a >> b; },
      [](T a, T b) {
        if (U(b) < width)
          return T(a >> b);
        return T(a < 0 ? -1 : 0);
      },
      4);
  check<T>(
      "by numbers", [](Tile a, Tile) { return (a << 3) + (a >> 5) / -3 % 5; },
      [](T a, T) {
        T shifted = T(a >> 5);
        T quotient = wrapped<T>(Wide(shifted) / -3);
        return wrapped<T>(Wide(T(U(a) << 3)) + quotient % 5);
      },
      4);
}

} // namespace

TEMPLATE_TEST_CASE("elements: arithmetic and bits of signed integers", "",
                   std::int8_t, std::int32_t, std::int64_t) {
  checkAll<TestType>();
}

namespace {
template <typename T> void checkComparisons() {
  struct Case {
    std::function<Tile(Tile, Tile)> tiles;
    std::function<bool(T, T)> scalar;
  };
  const Case cases[] = {
      {[](Tile a, Tile b) { return a < b; }, std::less<T>()},
      {[](Tile a, Tile b) { return a <= b; }, std::less_equal<T>()},
      {[](Tile a, Tile b) { return a > b; }, std::greater<T>()},
      {[](Tile a, Tile b) { return a >= b; }, std::greater_equal<T>()},
      {[](Tile a, Tile b) { return a == b; }, std::equal_to<T>()},
      {[](Tile a, Tile b) { return a != b; }, std::not_equal_to<T>()},
      {[](Tile a, Tile b) { return !((a < b) ^ (a == 3)) & ~(b > a); },
       [](T a, T b) { return !((a < b) != (a == 3)) && !(b > a); }}};
  const Pairs<T> pairs(edges<T>());
  constexpr Dtype dtype = dtypeOf<T>();
  for (const Case &each : cases) {
    Elements elements{{dtype, dtype}, Dtype::u8, "sm_90a", 4, 512};
    auto result = elements.run<std::uint8_t>(
        [&](const std::vector<Tile> &t) {
          return cast(each.tiles(t[0], t[1]), Dtype::u8);
        },
        pairs.a, pairs.b);
    for (std::size_t i = 0; i < result.size(); ++i)
      REQUIRE(bool(result[i]) == each.scalar(pairs.a[i], pairs.b[i]));
  }
}
} // namespace

TEMPLATE_TEST_CASE("elements: comparisons of integers", "", std::int8_t,
                   std::uint8_t, std::int32_t, std::uint32_t, std::int64_t) {
  checkComparisons<TestType>();
}

TEST_CASE("elements: the upper half of a product") {
  const Pairs<std::uint32_t> pairs(edges<std::uint32_t>());
  Elements elements{{Dtype::u32, Dtype::u32}, Dtype::u32};
  auto result = elements.run<std::uint32_t>(
      [](const std::vector<Tile> &t) { return multiplyHigh(t[0], t[1]); },
      pairs.a, pairs.b);
  for (std::size_t i = 0; i < result.size(); ++i)
    REQUIRE(result[i] == std::uint64_t{pairs.a[i]} * pairs.b[i] >> 32);
}

TEST_CASE("elements: unsigned integers") {
  const Pairs<std::uint8_t> pairs(edges<std::uint8_t>());
  Elements bytes{{Dtype::u8, Dtype::u8}, Dtype::u8, "sm_90a", 2, 512};
  using T = std::uint8_t;
  auto result = bytes.run<T>(
      [](const std::vector<Tile> &t) {
        Tile a = t[0], b = t[1];
        return maximum(a, b) / minimum(a, b) + (a >> b) % 7 + abs(a >> 3);
      },
      pairs.a, pairs.b);
  for (std::size_t i = 0; i < result.size(); ++i) {
    T a = pairs.a[i], b = pairs.b[i], least = std::min(a, b);
    CAPTURE(int(a), int(b));
    REQUIRE(result[i] == T(std::max(a, b) / (least ? least : 1) +
                           (b < 8 ? a >> b : 0) % 7 + (a >> 3)));
  }
  Elements words{{Dtype::u32, Dtype::u32}, Dtype::u32, "sm_90a", 4, 512};
  const Pairs<std::uint32_t> wide(edges<std::uint32_t>());
  auto quotients = words.run<std::uint32_t>(
      [](const std::vector<Tile> &t) { return t[0] / t[1] + t[0] % 1000; },
      wide.a, wide.b);
  for (std::size_t i = 0; i < quotients.size(); ++i)
    REQUIRE(quotients[i] ==
            wide.a[i] / (wide.b[i] ? wide.b[i] : 1) + wide.a[i] % 1000);
}

TEST_CASE("elements: odd numbers of bytes and of 64-bit integers") {
  for (std::size_t count : {1, 3, 31, 1000}) {
    std::vector<std::int8_t> bytes(count);
    std::vector<std::int64_t> longs(count);
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = static_cast<std::int8_t>(37 * i);
      longs[i] = std::int64_t(i) << 40;
    }
    Elements elements{{Dtype::i8, Dtype::i64}, Dtype::i64, "sm_90a", 1, 64};
    auto result = elements.run<std::int64_t>(
        [](const std::vector<Tile> &t) {
          return cast(t[0], Dtype::i64) - t[1];
        },
        bytes, longs);
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(result[i] == bytes[i] - longs[i]);
    Elements narrow{{Dtype::i64}, Dtype::i8, "sm_90a", 2, 128};
    auto low = narrow.run<std::int8_t>(
        [](const std::vector<Tile> &t) { return cast(t[0] >> 38, Dtype::i8); },
        longs);
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(low[i] == std::int8_t(4 * i));
  }
}
