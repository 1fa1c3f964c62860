// The fp64 reference, blocked so that 16 x 16384 x 16384 takes seconds.
//
// A task is eight columns of the output, one word of eight-lane vectors. It
// dequantises 64 of K at a time into a vector per k, then runs over the rows of
// x. Lanes are columns, which is how qweight lies in memory: no transposition,
// and no sum across lanes, so that the order of the sums does not depend on the
// machine.
#include "kernels/weights/Reference.h"

#include "compiler/base/Error.h"
#include "compiler/base/Half.h"
#include "compiler/base/Parallel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace lath {

namespace {

constexpr std::int64_t lanes = 8;
constexpr std::int64_t blockK = 64;

// Becomes two or four instructions on machines with narrower registers.
typedef double Vector __attribute__((vector_size(lanes * sizeof(double))));

/// Weights of columns n..n+7 and rows k..k+count-1, count a multiple of 8.
void dequantise(const GptqLayer &layer, std::int64_t n, std::int64_t k,
                std::int64_t count, Vector *weights) {
  const WeightFormat &format = layer.format();
  const int perWord = format.perWord();
  std::int64_t groupIndex = -1;
  Vector zero{}, scale{};
  for (std::int64_t i = 0; i < count; ++i) {
    if ((k + i) / layer.group != groupIndex) {
      groupIndex = (k + i) / layer.group;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        zero[lane] = layer.zero(n + lane, groupIndex);
        scale[lane] = layer.scale(n + lane, groupIndex);
      }
    }
    const std::uint32_t *words =
        &layer.qweight[(k + i) / perWord * layer.n + n];
    Vector q;
    for (std::int64_t lane = 0; lane < lanes; ++lane)
      q[lane] = format.code(words[lane], (k + i) % perWord);
    weights[i] = (q - zero) * scale; // WeightFormat::weight of eight
  }
}

/// sums[row] += x[row][0..count-1] * weights, for `rows` rows at once: their
/// chains of additions are independent, which hides the latency of each.
template <int rows>
void accumulate(const float *x, std::int64_t stride, const Vector *weights,
                std::int64_t count, Vector *sums) {
  std::array<Vector, rows> partial;
  for (int row = 0; row < rows; ++row)
    partial[row] = sums[row];
  for (std::int64_t i = 0; i < count; ++i)
    for (int row = 0; row < rows; ++row)
      partial[row] += static_cast<double>(x[row * stride + i]) * weights[i];
  for (int row = 0; row < rows; ++row)
    sums[row] = partial[row];
}

} // namespace

std::vector<double> referenceGemm(const GptqLayer &layer,
                                  const std::uint16_t *x, std::int64_t m,
                                  Dtype xType) {
  if (layer.n % lanes != 0 || layer.k % 8 != 0 || layer.group < 1)
    throw Error(ErrorKind::internal,
                "referenceGemm needs n and k in multiples of 8");
  // float holds every fp16 and bf16, at half the memory traffic of double.
  std::vector<float> wide(m * layer.k);
  parallelFor(m, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * layer.k; i < end * layer.k; ++i)
      wide[i] = toFloat(x[i], xType);
  });

  std::vector<double> out(m * layer.n);
  auto columns = [&](std::int64_t n) {
    std::vector<Vector> sums(m, Vector{});
    std::array<Vector, blockK> weights;
    for (std::int64_t k = 0; k < layer.k; k += blockK) {
      std::int64_t count = std::min(blockK, layer.k - k);
      dequantise(layer, n, k, count, weights.data());
      std::int64_t row = 0;
      for (; row + 2 <= m; row += 2)
        accumulate<2>(&wide[row * layer.k + k], layer.k, weights.data(), count,
                      &sums[row]);
      if (row < m)
        accumulate<1>(&wide[row * layer.k + k], layer.k, weights.data(), count,
                      &sums[row]);
    }
    for (std::int64_t row = 0; row < m; ++row)
      std::memcpy(&out[row * layer.n + n], &sums[row], sizeof(Vector));
  };
  // Four tasks to a piece: neighbours share cache lines of qweight.
  parallelFor(layer.n / lanes, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task)
      columns(task * lanes);
  });
  return out;
}

std::int64_t countPoison(const std::uint16_t *values, std::int64_t count) {
  return std::count(values, values + count, poison);
}

namespace {

/// Where the numbers of a 16-bit type end.
struct Range {
  double smallestNormal;
  double halfUnit;  ///< of the last place below the smallest normal number
  double overflows; ///< what rounds to infinity, and all above

  explicit Range(Dtype type) {
    const bool bf = type == Dtype::bf16;
    const int digits = bf ? 8 : 11, least = bf ? -126 : -14, most = -least + 1;
    smallestNormal = std::ldexp(1, least);
    halfUnit = std::ldexp(1, least - digits);
    overflows = std::ldexp(2 - std::ldexp(1, -digits), most);
  }
};

} // namespace

Comparison compare(const std::uint16_t *out, Dtype type, const double *ref,
                   std::int64_t m, std::int64_t n, int roundings) {
  const Range range(type);
  // So near to overflow the error of the sums decides.
  const double margin = 1 - bound(type, Reduce::none);
  Comparison result;
  double errorSquares = 0, refSquares = 0;
  for (std::int64_t i = 0; i < m * n; ++i) {
    const double value = toFloat(out[i], type), size = std::abs(ref[i]);
    const double error = std::abs(value - ref[i]);
    const bool rightlyInfinite = std::isinf(value) && value * ref[i] > 0 &&
                                 size >= range.overflows * margin;
    if (rightlyInfinite)
      continue;
    if (!std::isfinite(value) || size * margin >= range.overflows) {
      result.unwritten += out[i] == poison;
      if (result.nonFinite++ == 0) {
        result.worstRow = i / n;
        result.worstColumn = i % n;
      }
      continue;
    }
    const double allowed =
        size < range.smallestNormal ? roundings * range.halfUnit : 0;
    const double beyond = std::max(0.0, error - allowed);
    errorSquares += beyond * beyond;
    refSquares += size * size;
    if (error > result.maxAbs || result.worstRow < 0) {
      result.maxAbs = std::max(result.maxAbs, error);
      if (result.nonFinite == 0) {
        result.worstRow = i / n;
        result.worstColumn = i % n;
      }
    }
  }
  if (result.nonFinite != 0 || (errorSquares != 0 && refSquares == 0))
    result.relativeFrobenius = std::numeric_limits<double>::infinity();
  else if (errorSquares != 0)
    result.relativeFrobenius = std::sqrt(errorSquares / refSquares);
  return result;
}

// One rounding of each output to p bits gives a relative error of about
// 2^-p / sqrt(3) / 1.4: 2e-4 for fp16 (p = 11), 1.6e-3 for bf16 (p = 8). The
// bounds of the first two rows leave room for weights that are rounded once
// more after dequantisation. atomicOut rounds the running sum after each of up
// to 64 partial sums; such errors add as their squares, so that the last ones,
// of the largest sums, count most: up to sqrt(64) = 8 roundings' worth in
// theory, about half of it as the sum grows. In bf16 that is 1.3e-2.
double bound(Dtype x, Reduce reduce) {
  if (reduce == Reduce::atomicOut)
    return x == Dtype::bf16 ? 2e-2 : 3e-3;
  return x == Dtype::bf16 ? 6e-3 : 1e-3;
}

} // namespace lath
