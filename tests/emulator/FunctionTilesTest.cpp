// Protects: floats are computed within the bounds that the language states, and
// comparisons, minima and maxima treat NaN and zeros as it says.
#include "compiler/base/Half.h"
#include "tests/emulator/Elements.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

std::vector<float> between(float least, float most, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> distribution(least, most);
  std::vector<float> values(4096);
  for (float &value : values)
    value = distribution(random);
  return values;
}

std::vector<float> applied(Tile (*function)(Operand),
                           const std::vector<float> &values) {
  return Elements{{Dtype::f32}, Dtype::f32}.run<float>(
      [=](const std::vector<Tile> &t) { return function(t[0]); }, values);
}

/// |result - f(x)| <= absolute + relative |f(x)|.
void checkWithin(Tile (*function)(Operand), double (*reference)(double),
                 const std::vector<float> &values, double absolute,
                 double relative) {
  std::vector<float> result = applied(function, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = reference(values[i]);
    CAPTURE(values[i], result[i], expected);
    REQUIRE(std::fabs(result[i] - expected) <=
            absolute + relative * std::fabs(expected));
  }
}

} // namespace

TEST_CASE("functions: erf within 4 ulp") {
  for (auto [least, most] :
       {std::pair{-1.0f, 1.0f}, {-5.0f, 5.0f}, {-1e-3f, 1e-3f}, {0.9f, 1.1f}})
    checkWithin(erf, std::erf, between(least, most, 1), 0, 2.4e-7);
  auto edges = applied(
      erf, {INFINITY, -INFINITY, NAN, 0.0f, 10.0f, -10.0f, 1e-40f, 1.0f});
  CHECK(edges[0] == 1);
  CHECK(edges[1] == -1);
  CHECK(std::isnan(edges[2]));
  CHECK(edges[3] == 0);
  CHECK(edges[4] == 1);
  CHECK(edges[5] == -1);
  CHECK(std::abs(edges[6] - std::erf(1e-40)) <= 0x1p-149); // subnormal
  CHECK(std::abs(edges[7] - std::erf(1.0)) <= 0x1p-22 * std::erf(1.0));
}

TEST_CASE("functions: sin and cos within 2^-22 up to 2^20") {
  for (float most : {1.0f, 10.0f, 1e4f, 131072.0f, 1048576.0f}) {
    CAPTURE(most);
    checkWithin(sin, std::sin, between(-most, most, 2), 0x1p-23, 0x1p-23);
    checkWithin(cos, std::cos, between(-most, most, 3), 0x1p-23, 0x1p-23);
  }
  // Small angles keep their relative accuracy.
  checkWithin(sin, std::sin, between(-0.7f, 0.7f, 4), 0, 0x1p-22);
  Tile (*const waves[])(Operand) = {sin, cos};
  for (auto function : waves)
    for (float value : applied(function, {INFINITY, -INFINITY, NAN}))
      CHECK(std::isnan(value));
}

TEST_CASE("functions: whole numbers, ties to even") {
  std::vector<float> values = between(-1e3f, 1e3f, 5);
  const float some[] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e9f, -0.0f, INFINITY};
  std::copy(std::begin(some), std::end(some), values.begin());
  checkWithin(floor, std::floor, {values.begin() + 8, values.end()}, 0, 0);
  checkWithin(ceil, std::ceil, {values.begin() + 8, values.end()}, 0, 0);
  checkWithin(round, std::nearbyint, {values.begin() + 8, values.end()}, 0, 0);
  std::vector<float> down = applied(floor, values), up = applied(ceil, values),
                     even = applied(round, values);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(down[i] == std::floor(values[i]));
    CHECK(up[i] == std::ceil(values[i]));
    CHECK(even[i] == std::nearbyint(values[i]));
  }
}

TEST_CASE("functions: exponentials and logarithms") {
  // exp's argument is rounded once more, which its result magnifies.
  checkWithin(exp, std::exp, between(-10, 10, 6), 0, 3e-6);
  checkWithin(log, std::log, between(1e-3f, 1e3f, 7), 3e-7, 3e-7);
  checkWithin(
      sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); },
      between(-20, 20, 8), 0, 4e-6);
  auto edges = applied(sigmoid, {200.0f, -200.0f, INFINITY, -INFINITY, 0.0f});
  CHECK(edges[0] == 1);
  CHECK(edges[1] == 0);
  CHECK(edges[2] == 1);
  CHECK(edges[3] == 0);
  CHECK(edges[4] == 0.5f);
}

TEST_CASE("functions: fma rounds once") {
  for (auto [dtype, big] : {std::pair{Dtype::f32, false}, {Dtype::f16, true}}) {
    std::vector<float> a = between(-2, 2, 9), b = between(-2, 2, 10),
                       c = between(-2, 2, 11);
    if (!big) {
      auto result = Elements{{dtype, dtype, dtype}, dtype}.run<float>(
          [](const std::vector<Tile> &t) { return fma(t[0], t[1], t[2]); }, a,
          b, c);
      for (std::size_t i = 0; i < a.size(); ++i)
        REQUIRE(result[i] == std::fma(a[i], b[i], c[i]));
      continue;
    }
    auto narrow = [](const std::vector<float> &values) {
      std::vector<std::uint16_t> halves;
      for (float value : values)
        halves.push_back(toHalf(value));
      return halves;
    };
    auto x = narrow(a), y = narrow(b), z = narrow(c);
    auto result = Elements{{dtype, dtype, dtype}, dtype}.run<std::uint16_t>(
        [](const std::vector<Tile> &t) { return fma(abs(t[0]), -t[1], t[2]); },
        x, y, z);
    for (std::size_t i = 0; i < x.size(); ++i) // exact in double
      REQUIRE(result[i] == toHalf(std::fabs(double(halfToFloat(x[i]))) *
                                      -double(halfToFloat(y[i])) +
                                  halfToFloat(z[i])));
  }
}

TEST_CASE("functions: comparisons of floats, with NaN and zeros") {
  const Pairs<float> pairs(
      {0.0f, -0.0f, 1.0f, -1.0f, NAN, INFINITY, -INFINITY, 1e-40f});
  struct Case {
    std::function<Tile(Tile, Tile)> tiles;
    std::function<bool(float, float)> scalar;
  };
  const Case cases[] = {
      {[](Tile a, Tile b) { return a < b; }, std::less<float>()},
      {[](Tile a, Tile b) { return a <= b; }, std::less_equal<float>()},
      {[](Tile a, Tile b) { return a > b; }, std::greater<float>()},
      {[](Tile a, Tile b) { return a >= b; }, std::greater_equal<float>()},
      {[](Tile a, Tile b) { return a == b; }, std::equal_to<float>()},
      {[](Tile a, Tile b) { return a != b; }, std::not_equal_to<float>()}};
  for (const Case &each : cases) {
    auto result =
        Elements{{Dtype::f32, Dtype::f32}, Dtype::i32, "sm_90a", 1, 64}
            .run<std::int32_t>(
                [&](const std::vector<Tile> &t) {
                  return cast(each.tiles(t[0], t[1]), Dtype::i32);
                },
                pairs.a, pairs.b);
    for (std::size_t i = 0; i < result.size(); ++i) {
      CAPTURE(pairs.a[i], pairs.b[i]);
      REQUIRE(bool(result[i]) == each.scalar(pairs.a[i], pairs.b[i]));
    }
  }
  auto largest =
      Elements{{Dtype::f32, Dtype::f32}, Dtype::f32, "sm_90a", 1, 64}
          .run<float>(
              [](const std::vector<Tile> &t) { return maximum(t[0], t[1]); },
              pairs.a, pairs.b);
  for (std::size_t i = 0; i < largest.size(); ++i) {
    const float a = pairs.a[i], b = pairs.b[i];
    if (std::isnan(a) || std::isnan(b))
      REQUIRE(std::isnan(largest[i]));
    else
      REQUIRE(largest[i] == std::max(a, b));
  }
}
