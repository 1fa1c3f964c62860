// Protects weights on the host: where a nibble lies, what it means, that random
// layers are reproducible and spread as promised, and the error of quantising.
#include "kernels/weights/Gptq.h"
#include "compiler/base/Half.h"
#include "tests/unit/ErrorOf.h"

#include <array>
#include <cmath>
#include <limits>
#include <random>

using namespace lath;
using lath::test::errorOf;

TEST_CASE("a weight is (q - z) * s, its nibbles lowest first") {
  GptqLayer layer;
  layer.n = 16;
  layer.k = 16;
  layer.group = 8;
  layer.qweight.resize(2 * 16);
  layer.scales.assign(2 * 16, toHalf(0.5));
  layer.qweight[1 * 16 + 3] = 0x76543210; // n = 3, k = 8..15
  for (int i = 0; i < 8; ++i) {
    CHECK(layer.quantised(3, 8 + i) == i);
    CHECK(weight(layer, 3, 8 + i) == (i - 8) * 0.5);
  }
  CHECK(weight(layer, 3, 0) == -4);

  layer.zeros = Zeros::v2;
  layer.qzeros.assign(2 * 2, 0);
  layer.qzeros[1 * 2 + 1] = 0xfedcba98; // group 1, n = 8..15
  layer.qweight[1 * 16 + 9] = 0xf;      // n = 9, k = 8
  layer.scales[1 * 16 + 9] = toHalf(2);
  CHECK(layer.zero(9, 1) == 9);
  CHECK(layer.zero(9, 0) == 0);
  CHECK(weight(layer, 9, 8) == (15 - 9) * 2.0);

  // v1 stores z - 1: 15 stands for zero, without a carry to the neighbour.
  layer.zeros = Zeros::v1;
  CHECK(layer.zero(9, 1) == 10);
  CHECK(layer.zero(15, 1) == 0);
  CHECK(layer.zero(9, 0) == 1);
}

TEST_CASE("random layers are pure functions of the seed") {
  GemmSpec spec{.m = 1, .n = 4096, .k = 512, .group = 64, .zeros = Zeros::v2};
  GptqLayer a = randomLayer(spec, 7), b = randomLayer(spec, 7);
  CHECK(a.qweight == b.qweight);
  CHECK(a.qzeros == b.qzeros);
  CHECK(a.scales == b.scales);
  GptqLayer c = randomLayer(spec, 8);
  CHECK(a.qweight != c.qweight);
  CHECK(a.qzeros != c.qzeros);
  CHECK(a.scales != c.scales);

  CHECK(a.qweight.size() == 512 / 8 * 4096);
  CHECK(a.qzeros.size() == 8 * 4096 / 8);
  CHECK(a.scales.size() == 8 * 4096);
  CHECK(a.groups() == 8);
}

TEST_CASE("random layers do not change between versions") {
  // A seed in an old report must still make the same weights.
  GptqLayer layer = randomLayer(
      {.m = 1, .n = 8, .k = 32, .group = 32, .zeros = Zeros::v2}, 1);
  CHECK(layer.qweight[0] == 0xcac11c5cu);
  CHECK(layer.qweight[31] == 0x773d0bdeu);
  CHECK(layer.qzeros[0] == 0xa72bd01fu);
  CHECK(layer.scales[0] == 0x2161u);
}

TEST_CASE("one seed gives one weight matrix in both zero point conventions") {
  GemmSpec spec{.m = 1, .n = 64, .k = 128, .group = 32, .zeros = Zeros::v1};
  GptqLayer v1 = randomLayer(spec, 3);
  spec.zeros = Zeros::v2;
  GptqLayer v2 = randomLayer(spec, 3);
  CHECK(v1.qzeros != v2.qzeros);
  for (int n = 0; n < 64; ++n)
    for (int k = 0; k < 128; ++k)
      REQUIRE(weight(v1, n, k) == weight(v2, n, k));
}

TEST_CASE("random weights are uniform and random scales lie in their range") {
  for (Dtype type : {Dtype::f16, Dtype::bf16}) {
    GptqLayer layer = randomLayer(
        {.m = 1, .n = 512, .k = 1024, .x = type, .zeros = Zeros::v1}, 11);
    CHECK(layer.scaleType == type);
    std::array<int, 16> q{}, z{};
    for (int n = 0; n < 512; ++n) {
      for (int k = 0; k < 1024; ++k)
        ++q[layer.quantised(n, k)];
      for (int g = 0; g < 8; ++g)
        ++z[layer.zero(n, g)];
    }
    for (int value = 0; value < 16; ++value) {
      CHECK(std::abs(q[value] - 32768) < 1000); // 5.7 sigma
      CHECK(std::abs(z[value] - 256) < 90);
    }
    double low = 1, high = 0, sum = 0;
    for (std::uint16_t bits : layer.scales) {
      double scale = toFloat(bits, type);
      low = std::min(low, scale);
      high = std::max(high, scale);
      sum += scale;
    }
    CHECK(low >= 0.5 / 128);
    CHECK(low < 0.505 / 128);
    CHECK(high <= 1.5 / 128);
    CHECK(high > 1.495 / 128);
    CHECK(sum / 4096 * 128 == Approx(1).margin(0.02));
  }
}

TEST_CASE("random activations are standard normal") {
  std::vector<std::uint16_t> x = randomActivations(64, 4096, Dtype::f16, 5);
  REQUIRE(x.size() == 64 * 4096);
  CHECK(x == randomActivations(64, 4096, Dtype::f16, 5));
  CHECK(x != randomActivations(64, 4096, Dtype::f16, 6));
  double sum = 0, squares = 0, fourth = 0, largest = 0;
  for (std::uint16_t bits : x) {
    double value = halfToFloat(bits);
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
    largest = std::max(largest, std::abs(value));
  }
  double count = 64 * 4096;
  CHECK(sum / count == Approx(0).margin(0.01));
  CHECK(squares / count == Approx(1).margin(0.02));
  CHECK(fourth / count == Approx(3).margin(0.1));
  CHECK(largest > 4);
  CHECK(largest < 7);
  // The same numbers in the other type, but for rounding.
  std::vector<std::uint16_t> b = randomActivations(1, 64, Dtype::bf16, 5);
  for (int i = 0; i < 64; ++i)
    CHECK(bfloatToFloat(b[i]) == Approx(halfToFloat(x[i])).epsilon(0.005));
}

TEST_CASE("quantising is off by half a step at most") {
  constexpr int n = 24, k = 256, group = 64;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.01f, 0.02f);
  std::vector<float> weights(n * k);
  for (float &w : weights)
    w = normal(random);
  for (Zeros zeros : {Zeros::symmetric, Zeros::v1, Zeros::v2})
    for (Dtype type : {Dtype::f16, Dtype::bf16}) {
      GptqLayer layer = quantize(weights.data(), n, k, group, zeros, type);
      CHECK(layer.qzeros.empty() == (zeros == Zeros::symmetric));
      double error = 0;
      for (int row = 0; row < n; ++row)
        for (int column = 0; column < k; ++column) {
          double off =
              std::abs(weight(layer, row, column) - weights[row * k + column]) /
              layer.scale(row, column / group);
          // Rounding the step to p bits moves the ends of 15 steps by 15 / 2^p.
          REQUIRE(off <= 0.5 + (type == Dtype::f16 ? 0.008 : 0.06));
          error += off * off;
        }
      // Uniform in half a step to either side.
      CHECK(std::sqrt(error / (n * k)) ==
            Approx(std::sqrt(1 / 12.)).epsilon(0.05));
    }
}

TEST_CASE("signed bytes hold q, four to a word along K") {
  constexpr int n = 8, k = 8;
  // The first is half a step beyond the grid, and makes the step 1/64.
  std::vector<float> weights(n * k, 0);
  const std::array<float, 8> row = {-127.5, 127, 1, -1, 0, 64, -64, 5};
  for (int i = 0; i < n * k; ++i)
    weights[i] = row[i % 8] / 64;
  GptqLayer layer = quantize(weights.data(), n, k, k, Zeros::symmetric,
                             Dtype::bf16, Dtype::s8);
  REQUIRE(layer.qweight.size() == n * k / 4);
  CHECK(layer.qzeros.empty());
  CHECK(layer.zero(3, 0) == 0);
  CHECK(layer.scale(3, 0) == 1. / 64);
  CHECK(layer.qweight[3] == 0xff017f80u);
  CHECK(layer.qweight[n + 3] == 0x05c04000u);
  for (int i = 0; i < n * k; ++i)
    CHECK(weight(layer, i / k, i % k) == (i % 8 ? weights[i] : -2));
}

TEST_CASE("random signed bytes are uniform, and as large as nibbles") {
  GptqLayer layer =
      randomLayer({.m = 1, .n = 256, .k = 1024, .w = Dtype::s8}, 11);
  REQUIRE(layer.qweight.size() == 256 * 1024 / 4);
  std::array<int, 256> q{};
  for (int n = 0; n < 256; ++n)
    for (int k = 0; k < 1024; ++k)
      ++q[layer.quantised(n, k) + 128];
  for (int value = 0; value < 256; ++value)
    CHECK(std::abs(q[value] - 1024) < 190); // 5.9 sigma
  for (int n = 0; n < 256; ++n) {
    CHECK(layer.scale(n, 0) >= 0.5 / 2048);
    CHECK(layer.scale(n, 0) <= 1.5 / 2048);
  }
}

TEST_CASE("quantising values on the grid is exact") {
  // -1.25, -1, ... 2.5: sixteen steps of 1/4, the sixth of them zero.
  constexpr int n = 8, k = 16;
  std::vector<float> weights(n * k);
  for (int i = 0; i < n * k; ++i)
    weights[i] = static_cast<float>((i % 16 - 5) * 0.25);
  for (Zeros zeros : {Zeros::v1, Zeros::v2}) {
    GptqLayer layer = quantize(weights.data(), n, k, 16, zeros, Dtype::f16);
    CHECK(layer.zero(0, 0) == 5);
    CHECK(layer.scale(0, 0) == 0.25);
    CHECK(layer.qzeros[0] == (zeros == Zeros::v1 ? 0x44444444u : 0x55555555u));
    for (int i = 0; i < n * k; ++i)
      CHECK(weight(layer, i / k, i % k) == weights[i]);
  }
}

TEST_CASE("groups of zeros, of one sign and of tiny weights are quantised") {
  constexpr int n = 8, k = 8;
  for (Zeros zeros : {Zeros::symmetric, Zeros::v1, Zeros::v2}) {
    std::vector<float> weights(n * k, 0);
    GptqLayer layer = quantize(weights.data(), n, k, k, zeros, Dtype::f16);
    CHECK(weight(layer, 3, 3) == 0);
    weights.assign(n * k, 1e-30f);
    layer = quantize(weights.data(), n, k, k, zeros, Dtype::f16);
    CHECK(weight(layer, 3, 3) == 0);
    for (float value : {3.f, -3.f}) {
      weights.assign(n * k, value);
      layer = quantize(weights.data(), n, k, k, zeros, Dtype::f16);
      CHECK(weight(layer, 3, 3) == Approx(value).epsilon(0.07));
    }
  }
}

TEST_CASE("weights that cannot be quantised are refused") {
  std::vector<float> weights(8 * 8, 1);
  auto message = [&](std::int64_t n, std::int64_t k, std::int64_t group,
                     Dtype type) {
    Error error = errorOf(
        [&] { quantize(weights.data(), n, k, group, Zeros::symmetric, type); });
    CHECK(error.kind() == ErrorKind::invalidInput);
    return error.message();
  };
  CHECK(message(12, 8, 8, Dtype::f16) ==
        "n = 12 is not a positive multiple of 8");
  CHECK(message(8, 12, 12, Dtype::f16) ==
        "k = 12 is not a positive multiple of 8");
  CHECK(message(8, 8, 3, Dtype::f16) == "group = 3 does not divide k = 8");
  CHECK(message(8, 8, 0, Dtype::f16) == "group = 0 does not divide k = 8");
  CHECK(message(8, 8, 8, Dtype::f32) == "scales are f16 or bf16, not f32");
  weights[9] = 1e7f;
  CHECK(message(8, 8, 8, Dtype::f16) ==
        "a group spans 0..10000000: its step 1333333.3333333333 is beyond f16");
  weights[9] = std::numeric_limits<float>::quiet_NaN();
  CHECK(message(8, 8, 8, Dtype::bf16) == "a weight is nan");
}
