// What a GEMM should give, and how far a result is from it.
#pragma once

#include "kernels/weights/Gptq.h"

#include <cstdint>
#include <vector>

namespace lath {

/// out[m][n] = sum over k of x[m][k] * weight(layer, n, k) in fp64, from the
/// same 16-bit inputs that a kernel reads; the sum runs over k in order. x is
/// [m][k] as bits of `xType`. Uses all cores; each weight is dequantised once.
std::vector<double> referenceGemm(const GptqLayer &layer,
                                  const std::uint16_t *x, std::int64_t m,
                                  Dtype xType);

/// Outputs are filled with this before a kernel runs: a NaN in fp16 and bf16,
/// so that an element nobody wrote cannot pass for a result, and one that no
/// arithmetic produces (the canonical NaN of NVIDIA GPUs is 0x7fff).
constexpr std::uint16_t poison = 0xffff;

/// How many of `count` elements still hold the poison. All of them, where a
/// kernel had no business; none, where it should have written.
std::int64_t countPoison(const std::uint16_t *values, std::int64_t count);

/// How far a result is from fp64, rounded to the type of the output: what no
/// kernel can do better is no error. Below the smallest normal number the units
/// of the last place have one size, so that a small output has few digits: half
/// a unit is allowed there. Beyond the largest number the rounded reference is
/// infinite, and so has the output to be. Elsewhere nothing is allowed for; the
/// bound has room for the rounding.
struct Comparison {
  /// sqrt(sum error^2 / sum ref^2) over the elements that are finite; infinite
  /// if `nonFinite` is not 0, or out differs from a reference of zeros.
  double relativeFrobenius = 0;
  double maxAbs = 0;             ///< largest |out - ref| of the finite elements
  std::int64_t nonFinite = 0;    ///< NaN, poison included; infinite where the
                                 ///< reference is not, or the other way round
  std::int64_t unwritten = 0;    ///< elements that hold the poison
  std::int64_t worstRow = -1;    ///< the first of `nonFinite`, else
  std::int64_t worstColumn = -1; ///< that of maxAbs; -1 if there are none
};

/// Compares out [m][n], bits of `type`, with ref [m][n]. `roundings`: how often
/// a right kernel rounds each output to `type`.
Comparison compare(const std::uint16_t *out, Dtype type, const double *ref,
                   std::int64_t m, std::int64_t n, int roundings = 1);

/// The relative Frobenius error that a correct kernel stays below, on inputs
/// as randomLayer and randomActivations make them.
double bound(Dtype x, Reduce reduce);

} // namespace lath
