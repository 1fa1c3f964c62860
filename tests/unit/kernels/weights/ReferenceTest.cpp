// Protects the fp64 reference against a direct sum, and the comparison against
// results that only look right.
#include "kernels/weights/Reference.h"
#include "compiler/base/Half.h"
#include "compiler/base/Parallel.h"
#include "tests/unit/TightMemory.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace lath;

TEST_CASE("the reference equals a direct sum over k") {
  struct Case {
    std::int64_t m, n, k, group;
    Zeros zeros;
    Dtype x;
    Dtype w = Dtype::u4;
  };
  for (Case c :
       {Case{1, 8, 32, 32, Zeros::symmetric, Dtype::f16},
        Case{2, 24, 96, 32, Zeros::v1, Dtype::f16},
        Case{5, 72, 384, 128, Zeros::v2, Dtype::bf16},
        Case{3, 16, 160, 160, Zeros::v2, Dtype::f16},
        Case{16, 136, 448, 64, Zeros::v1, Dtype::bf16},
        Case{1, 8, 40, 8, Zeros::v2, Dtype::f16},
        Case{4, 8, 24, 12, Zeros::v2, Dtype::f16},
        Case{3, 24, 96, 32, Zeros::symmetric, Dtype::f16, Dtype::s8},
        Case{2, 8, 24, 12, Zeros::symmetric, Dtype::bf16, Dtype::s8}}) {
    GptqLayer layer = randomLayer({.m = c.m,
                                   .n = c.n,
                                   .k = c.k,
                                   .group = c.group,
                                   .x = c.x,
                                   .zeros = c.zeros,
                                   .w = c.w},
                                  17);
    std::vector<std::uint16_t> x = randomActivations(c.m, c.k, c.x, 18);
    std::vector<double> out = referenceGemm(layer, x.data(), c.m, c.x);
    REQUIRE(out.size() == static_cast<std::size_t>(c.m * c.n));
    for (std::int64_t m = 0; m < c.m; ++m)
      for (std::int64_t n = 0; n < c.n; ++n) {
        double sum = 0;
        for (std::int64_t k = 0; k < c.k; ++k)
          sum += static_cast<double>(toFloat(x[m * c.k + k], c.x)) *
                 weight(layer, n, k);
        CAPTURE(c.m, c.n, c.k, m, n);
        REQUIRE(out[m * c.n + n] == Approx(sum).epsilon(1e-13).margin(1e-13));
      }
  }
}

TEST_CASE("the reference has the size of a random matmul's result") {
  // Independent terms of variance 1 * E[(q-8)^2] * E[s^2]: 21.5 * 1.0833 /
  // 2^14.
  constexpr std::int64_t m = 8, n = 256, k = 2048;
  GptqLayer layer = randomLayer({.m = m, .n = n, .k = k}, 1);
  std::vector<std::uint16_t> x = randomActivations(m, k, Dtype::f16, 2);
  double squares = 0;
  for (double value : referenceGemm(layer, x.data(), m, Dtype::f16))
    squares += value * value;
  CHECK(squares / (m * n) == Approx(k * 21.5 * 1.0833 / 16384).epsilon(0.1));
}

TEST_CASE("a rounded reference is within the bound of its type") {
  for (Dtype type : {Dtype::f16, Dtype::bf16}) {
    constexpr std::int64_t m = 4, n = 128, k = 512;
    GptqLayer layer = randomLayer({.m = m, .n = n, .k = k, .x = type}, 3);
    std::vector<std::uint16_t> x = randomActivations(m, k, type, 4);
    std::vector<double> ref = referenceGemm(layer, x.data(), m, type);
    std::vector<std::uint16_t> out(m * n);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = fromFloat(ref[i], type);
    Comparison result = compare(out.data(), type, ref.data(), m, n);
    CHECK(result.nonFinite == 0);
    CHECK(result.relativeFrobenius > 0);
    CHECK(result.relativeFrobenius < bound(type, Reduce::ordered) / 3);

    // One column of weights that is off by one step is far outside.
    for (std::int64_t row = 0; row < m; ++row)
      for (std::int64_t column = 0; column < n; ++column)
        out[row * n + column] =
            fromFloat(ref[row * n + column] +
                          toFloat(x[row * k], type) * layer.scale(column, 0),
                      type);
    result = compare(out.data(), type, ref.data(), m, n);
    CHECK(result.relativeFrobenius > bound(type, Reduce::ordered));
  }
}

TEST_CASE("a comparison names the worst element") {
  std::vector<double> ref = {1, 2, 3, 4, 5, 6};
  std::vector<std::uint16_t> out;
  for (double value : ref)
    out.push_back(toHalf(value));
  Comparison exact = compare(out.data(), Dtype::f16, ref.data(), 2, 3);
  CHECK(exact.relativeFrobenius == 0);
  CHECK(exact.maxAbs == 0);

  out[4] = toHalf(5.5);
  Comparison off = compare(out.data(), Dtype::f16, ref.data(), 2, 3);
  CHECK(off.maxAbs == 0.5);
  CHECK(off.worstRow == 1);
  CHECK(off.worstColumn == 1);
  CHECK(off.relativeFrobenius == Approx(0.5 / std::sqrt(91.0)));
  CHECK(off.nonFinite == 0);
}

TEST_CASE("elements that nobody wrote cannot pass for a result") {
  std::vector<double> ref = {1, 2, 3, 4};
  std::vector<std::uint16_t> out(4, poison);
  CHECK(countPoison(out.data(), 4) == 4);
  out[0] = toHalf(1);
  out[1] = toHalf(2);
  out[2] = 0x7c00; // infinity
  CHECK(countPoison(out.data(), 4) == 1);
  Comparison result = compare(out.data(), Dtype::f16, ref.data(), 2, 2);
  CHECK(result.nonFinite == 2);
  CHECK(result.unwritten == 1);
  CHECK(result.worstRow == 1);
  CHECK(result.worstColumn == 0);
  CHECK(std::isinf(result.relativeFrobenius));
  CHECK(std::isnan(halfToFloat(poison)));
  CHECK(std::isnan(bfloatToFloat(poison)));
}

TEST_CASE("comparing with zeros, and with nothing") {
  std::vector<double> zeros(2, 0);
  std::vector<std::uint16_t> out = {0, 0};
  CHECK(
      compare(out.data(), Dtype::bf16, zeros.data(), 1, 2).relativeFrobenius ==
      0);
  out[1] = toBfloat(1);
  CHECK(std::isinf(
      compare(out.data(), Dtype::bf16, zeros.data(), 1, 2).relativeFrobenius));
  Comparison empty = compare(nullptr, Dtype::f16, nullptr, 0, 8);
  CHECK(empty.relativeFrobenius == 0);
  CHECK(empty.worstRow == -1);
}

namespace {
/// fp64 results as a right kernel leaves them.
std::vector<std::uint16_t> rounded(const std::vector<double> &ref, Dtype type) {
  std::vector<std::uint16_t> out;
  for (double value : ref)
    out.push_back(fromFloat(value, type));
  return out;
}

double errorOf(const std::vector<std::uint16_t> &out, Dtype type,
               const std::vector<double> &ref, int roundings = 1) {
  return compare(out.data(), type, ref.data(), 1,
                 static_cast<std::int64_t>(ref.size()), roundings)
      .relativeFrobenius;
}
} // namespace

TEST_CASE("small outputs are right when they are rounded right, and one unit "
          "off is wrong") {
  struct Case {
    Dtype type;
    double unit; ///< of the last place below the smallest normal number
  };
  for (const Case &c : {Case{Dtype::f16, std::ldexp(1, -24)},
                        Case{Dtype::bf16, std::ldexp(1, -133)}}) {
    std::vector<double> ref;
    for (int i = 0; i < 256; ++i)
      ref.push_back((i - 128) * 0.137 * c.unit);
    std::vector<std::uint16_t> out = rounded(ref, c.type);
    // The relative error alone calls this wrong.
    double squares = 0, refSquares = 0;
    for (std::size_t i = 0; i < ref.size(); ++i) {
      squares += std::pow(toFloat(out[i], c.type) - ref[i], 2);
      refSquares += ref[i] * ref[i];
    }
    CHECK(std::sqrt(squares / refSquares) > bound(c.type, Reduce::none));
    CHECK(errorOf(out, c.type, ref) == 0);

    // A kernel that is off by one unit everywhere, or truncates, is caught.
    auto off = out, truncated = out;
    for (std::size_t i = 0; i < ref.size(); ++i) {
      ++off[i];
      double whole = std::trunc(ref[i] / c.unit) * c.unit;
      truncated[i] = fromFloat(whole, c.type);
    }
    CHECK(errorOf(off, c.type, ref) > bound(c.type, Reduce::none));
    CHECK(errorOf(truncated, c.type, ref) > bound(c.type, Reduce::none));
    // Who rounds each output twice may be off by a whole unit, not by two.
    CHECK(errorOf(truncated, c.type, ref, /*roundings=*/2) == 0);
    for (std::uint16_t &element : off)
      ++element;
    CHECK(errorOf(off, c.type, ref, 2) > bound(c.type, Reduce::atomicOut));
  }
}

TEST_CASE("what small outputs are allowed, normal ones are not") {
  // Half a unit of f16's normal numbers near 1 is 2^-11: within the bound, as
  // before, but counted.
  const std::vector<double> ref(64, 1 + std::ldexp(1, -11));
  const std::vector<std::uint16_t> out(64, toHalf(1));
  CHECK(errorOf(out, Dtype::f16, ref) ==
        Approx(std::ldexp(1, -11)).epsilon(1e-3));
}

TEST_CASE("an output is infinite where its rounded reference is, and there "
          "only") {
  const std::uint16_t infinity = 0x7c00, minus = 0x8000, largest = 0x7bff;
  const std::vector<double> ref = {1e6, -1e6, 65520, 1, -2};
  const std::vector<std::uint16_t> right = {infinity, infinity | minus,
                                            infinity, toHalf(1), toHalf(-2)};
  CHECK(errorOf(right, Dtype::f16, ref) == 0);
  CHECK(rounded(ref, Dtype::f16) == right);
  // At the edge the error of the sums decides, either way.
  auto edge = right;
  edge[2] = largest;
  CHECK(errorOf(edge, Dtype::f16, ref) < bound(Dtype::f16, Reduce::none));

  struct Case {
    std::size_t at;
    std::uint16_t value;
  };
  for (const Case &c : {Case{0, largest},  // saturated
                        Case{1, infinity}, // of the other sign
                        Case{0, 0x7e00},   // no number
                        Case{3, infinity}, // beyond its reference
                        Case{4, infinity | minus}}) {
    auto wrong = right;
    wrong[c.at] = c.value;
    Comparison result = compare(wrong.data(), Dtype::f16, ref.data(), 1, 5);
    CAPTURE(c.at, c.value);
    CHECK(result.nonFinite == 1);
    CHECK(result.worstColumn == static_cast<std::int64_t>(c.at));
    CHECK(std::isinf(result.relativeFrobenius));
  }
  // What is infinite does not make the error of the others small.
  auto wrong = right;
  wrong[3] = toHalf(1.5);
  CHECK(errorOf(wrong, Dtype::f16, ref) ==
        Approx(0.5 / std::sqrt(5.0)).epsilon(1e-6));
  // bf16 goes on where f16 ends.
  const std::vector<double> wide = {1e6, 3.5e38};
  CHECK(errorOf(rounded(wide, Dtype::bf16), Dtype::bf16, wide) <
        bound(Dtype::bf16, Reduce::none));
}

TEST_CASE("bounds widen where sums are rounded on the way") {
  CHECK(bound(Dtype::f16, Reduce::none) == 1e-3);
  CHECK(bound(Dtype::f16, Reduce::atomic) == 1e-3);
  CHECK(bound(Dtype::f16, Reduce::ordered) == 1e-3);
  CHECK(bound(Dtype::f16, Reduce::atomicOut) == 3e-3);
  CHECK(bound(Dtype::bf16, Reduce::ordered) == 6e-3);
  CHECK(bound(Dtype::bf16, Reduce::atomicOut) == 2e-2);
}

TEST_CASE("64 partial sums added in 16 bits stay within their bound") {
  // What atomicOut does at the widest split, in an arbitrary order.
  for (Dtype type : {Dtype::f16, Dtype::bf16}) {
    constexpr std::int64_t count = 4096, splits = 64;
    std::vector<std::uint16_t> parts =
        randomActivations(splits, count, Dtype::bf16, 9);
    std::vector<double> ref(count);
    std::vector<std::uint16_t> out(count, 0);
    for (std::int64_t split = 0; split < splits; ++split)
      for (std::int64_t i = 0; i < count; ++i) {
        double part = bfloatToFloat(parts[split * count + i]);
        ref[i] += part;
        out[i] = fromFloat(
            toFloat(out[i], type) + toFloat(fromFloat(part, type), type), type);
      }
    double error =
        compare(out.data(), type, ref.data(), 1, count).relativeFrobenius;
    CHECK(error < bound(type, Reduce::atomicOut));
    CHECK(error > bound(type, Reduce::atomicOut) / 8);
  }
}

TEST_CASE(
    "a parallel loop covers its range once and passes on what it throws") {
  // No assertions on other threads: Catch2 does not allow them.
  std::vector<int> seen(1000, 0);
  std::atomic<bool> large = false;
  parallelFor(1000, 7, [&](std::int64_t begin, std::int64_t end) {
    large = large || end - begin > 7;
    for (std::int64_t i = begin; i < end; ++i)
      ++seen[i];
  });
  CHECK(seen == std::vector<int>(1000, 1));
  CHECK(!large);
  parallelFor(0, 7, [&](std::int64_t, std::int64_t) { large = true; });
  CHECK(!large);
  CHECK_THROWS_AS(parallelFor(100, 1,
                              [](std::int64_t begin, std::int64_t) {
                                if (begin == 50)
                                  throw std::runtime_error("stop");
                              }),
                  std::runtime_error);
}

#ifndef __SANITIZE_THREAD__
TEST_CASE("a parallel loop does with the threads that can be started") {
  std::vector<int> seen(512, 0);
  std::atomic<bool> allStarted = false;
  const auto caller = std::this_thread::get_id();
  {
    test::TightMemory tight;
    parallelFor(
        512, 1,
        [&](std::int64_t at, std::int64_t) {
          // The caller's first piece comes when no more threads are started.
          if (std::this_thread::get_id() == caller) {
            allStarted = true;
            allStarted.notify_all();
          }
          allStarted.wait(false);
          ++seen[static_cast<std::size_t>(at)];
        },
        512);
  }
  CHECK(seen == std::vector<int>(512, 1));
}
#endif
