// Random, quantised and single weights of a GPTQ layer.
#include "kernels/weights/Gptq.h"

#include "compiler/base/Error.h"
#include "compiler/base/Half.h"
#include "compiler/base/Parallel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lath {

namespace {

/// A counter-based generator: 64 random bits for each index, none dependent on
/// another. The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)
/// over a stream that starts at a hash of seed and purpose.
class Counter {
public:
  enum class Purpose : std::uint64_t {
    weights = 1,
    scales,
    zeros,
    activations
  };

  Counter(std::uint64_t seed, Purpose purpose)
      : start_(mix(mix(seed) + static_cast<std::uint64_t>(purpose))) {}

  std::uint64_t operator()(std::int64_t index) const {
    return mix(start_ + static_cast<std::uint64_t>(index) * golden);
  }

private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }

  std::uint64_t start_;
};

// Pieces of a parallel loop, in elements: large against the cost of a piece.
constexpr std::int64_t grain = 1 << 16;

[[noreturn]] void fail(std::string message) {
  throw Error(ErrorKind::invalidInput, std::move(message));
}

void checkExtents(std::int64_t n, std::int64_t k, std::int64_t group,
                  Dtype scaleType) {
  if (n < 8 || n % 8 != 0)
    fail(fmt::format("n = {} is not a positive multiple of 8", n));
  if (k < 8 || k % 8 != 0)
    fail(fmt::format("k = {} is not a positive multiple of 8", k));
  if (group < 1 || k % group != 0)
    fail(fmt::format("group = {} does not divide k = {}", group, k));
  if (scaleType != Dtype::f16 && scaleType != Dtype::bf16)
    fail(fmt::format("scales are f16 or bf16, not {}", name(scaleType)));
}

GptqLayer emptyLayer(std::int64_t n, std::int64_t k, std::int64_t group,
                     const WeightFormat &format, Dtype scaleType) {
  GptqLayer layer{.n = n,
                  .k = k,
                  .group = group,
                  .zeros = format.zeros,
                  .scaleType = scaleType,
                  .qweight = {},
                  .qzeros = {},
                  .scales = {},
                  .w = format.codes};
  layer.qweight.resize(k / format.perWord() * n);
  layer.scales.resize(k / group * n);
  if (format.storesZeros())
    layer.qzeros.resize(k / group * (n / format.perWord()));
  return layer;
}

/// Step and zero point of one group of one row.
struct GroupFit {
  std::uint16_t scale;
  double step; ///< of `scale`
  int zero;
};

GroupFit fit(const float *weights, std::int64_t count,
             const WeightFormat &format, Dtype scaleType) {
  // Zero lies in the range, so that z is one of the codes.
  double low = 0, high = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(weights[i]))
      fail(fmt::format("a weight is {}", weights[i]));
    low = std::min<double>(low, weights[i]);
    high = std::max<double>(high, weights[i]);
  }
  bool symmetric = !format.storesZeros();
  const int steps = format.mostCode() - format.leastCode();
  double exact = (symmetric ? 2 * std::max(-low, high) : high - low) / steps;
  std::uint16_t scale = fromFloat(exact, scaleType);
  if (!isFinite(scale, scaleType))
    fail(fmt::format("a group spans {}..{}: its step {} is beyond {}", low,
                     high, exact, name(scaleType)));
  // A group of zeros, or as good as: any step serves, as all q equal z.
  double step = toFloat(scale, scaleType);
  if (step == 0)
    return {fromFloat(1, scaleType), 1, format.zero};
  int zero = symmetric ? format.zero
                       : static_cast<int>(std::clamp<double>(
                             std::nearbyint(-low / step), format.leastCode(),
                             format.mostCode()));
  return {scale, step, zero};
}

} // namespace

int GptqLayer::zero(std::int64_t row, std::int64_t groupIndex) const {
  const WeightFormat &f = format();
  if (!f.storesZeros())
    return f.zero;
  const int perWord = f.perWord();
  return f.readZero(qzeros[groupIndex * (n / perWord) + row / perWord],
                    row % perWord);
}

double GptqLayer::scale(std::int64_t row, std::int64_t groupIndex) const {
  return toFloat(scales[groupIndex * n + row], scaleType);
}

double weight(const GptqLayer &layer, std::int64_t n, std::int64_t k) {
  std::int64_t g = k / layer.group;
  return WeightFormat::weight(layer.quantised(n, k), layer.zero(n, g),
                              layer.scale(n, g));
}

GptqLayer randomLayer(const GemmSpec &spec, std::uint64_t seed) {
  checkExtents(spec.n, spec.k, spec.group, spec.x);
  const WeightFormat &format = weightFormat(spec);
  GptqLayer layer = emptyLayer(spec.n, spec.k, spec.group, format, spec.x);
  Counter weights(seed, Counter::Purpose::weights);
  parallelFor(std::ssize(layer.qweight), grain, [&](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i)
      layer.qweight[i] = static_cast<std::uint32_t>(weights(i) >> 32);
  });
  Counter scales(seed, Counter::Purpose::scales);
  const double largest = std::ldexp(1.0, 3 + static_cast<int>(format.bits()));
  parallelFor(std::ssize(layer.scales), grain, [&](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i)
      layer.scales[i] = fromFloat(
          (0.5 + static_cast<double>(scales(i) >> 40) * 0x1p-24) / largest,
          spec.x);
  });
  // Uniform in what is stored is uniform in z, but equal seeds are to give
  // equal z in both conventions.
  Counter zeros(seed, Counter::Purpose::zeros);
  parallelFor(std::ssize(layer.qzeros), grain, [&](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto bits = static_cast<std::uint32_t>(zeros(i) >> 32);
      for (int at = 0; at < format.perWord(); ++at)
        layer.qzeros[i] |= format.storedZero(format.code(bits, at))
                           << format.bits() * at;
    }
  });
  return layer;
}

std::vector<std::uint16_t> randomActivations(std::int64_t m, std::int64_t k,
                                             Dtype type, std::uint64_t seed) {
  std::vector<std::uint16_t> result(m * k);
  Counter random(seed, Counter::Purpose::activations);
  parallelFor(std::ssize(result), grain, [&](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i) {
      // Box and Muller's transform; u in (0, 1], v in [0, 1).
      std::uint64_t bits = random(i);
      double u = static_cast<double>((bits >> 32) + 1) * 0x1p-32;
      double v = static_cast<double>(bits & 0xffffffff) * 0x1p-32;
      result[i] = fromFloat(std::sqrt(-2 * std::log(u)) *
                                std::cos(2 * std::numbers::pi * v),
                            type);
    }
  });
  return result;
}

GptqLayer quantize(const float *weights, std::int64_t n, std::int64_t k,
                   std::int64_t group, Zeros zeros, Dtype scaleType,
                   Dtype codes) {
  checkExtents(n, k, group, scaleType);
  const WeightFormat &format = weightFormat(codes, zeros);
  const int perWord = format.perWord();
  GptqLayer layer = emptyLayer(n, k, group, format, scaleType);
  // Eight rows to a piece: one column of words in qzeros, so that no two
  // threads write one word.
  parallelFor(n, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t g = 0; g < layer.groups(); ++g) {
        const float *first = weights + row * k + g * group;
        GroupFit fitted = fit(first, group, format, scaleType);
        layer.scales[g * n + row] = fitted.scale;
        if (format.storesZeros())
          layer.qzeros[g * (n / perWord) + row / perWord] |=
              format.storedZero(fitted.zero) << row % perWord * format.bits();
        for (std::int64_t i = 0; i < group; ++i) {
          double q = std::clamp<double>(std::nearbyint(first[i] / fitted.step) +
                                            fitted.zero,
                                        format.leastCode(), format.mostCode());
          std::int64_t column = g * group + i;
          layer.qweight[column / perWord * n + row] |=
              format.stored(static_cast<int>(q))
              << column % perWord * format.bits();
        }
      }
  });
  return layer;
}

} // namespace lath
