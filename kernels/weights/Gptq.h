// Weights as GPTQ stores them: made and looked up on the host.
//
// Codes share 32-bit words, p of them a word (eight of 4 bits), the lowest bits
// first. `qweight` packs along K: word [k / p][n] holds q(n, k) in place k % p.
// `qzeros` packs along N: word [k / g][n / p] holds the stored zero point in
// place n % p.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Dtype.h"
#include "kernels/gemm/GemmSpec.h"

#include <cstdint>
#include <vector>

namespace lath {

/// One linear layer, w(n, k) = (q - z) * s, with n < N output features and
/// k < K input features; group k / g has its own z and s. Plain data: owns its
/// tensors, reading is thread safe. k is a multiple of 8 and of group, n of 8.
struct LATH_API GptqLayer {
  std::int64_t n = 0, k = 0, group = 0;
  Zeros zeros = Zeros::symmetric;
  Dtype scaleType = Dtype::f16;       ///< f16 or bf16
  std::vector<std::uint32_t> qweight; ///< [K/p][N]
  std::vector<std::uint32_t> qzeros;  ///< [K/g][N/p], empty if symmetric
  std::vector<std::uint16_t> scales;  ///< [K/g][N]
  Dtype w = Dtype::u4;                ///< codes; with zeros a WeightFormat

  const WeightFormat &format() const { return weightFormat(w, zeros); }
  std::int64_t groups() const { return k / group; }
  /// q.
  int quantised(std::int64_t row, std::int64_t column) const {
    const WeightFormat &f = format();
    return f.code(qweight[column / f.perWord() * n + row],
                  column % f.perWord());
  }
  /// z: what `qzeros` stores, with the offset of v1 undone.
  int zero(std::int64_t row, std::int64_t groupIndex) const;
  double scale(std::int64_t row, std::int64_t groupIndex) const;
};

/// The dequantised weight of output feature n and input feature k, exact.
LATH_API double weight(const GptqLayer &layer, std::int64_t n, std::int64_t k);

/// Fresh random weights of a spec's n, k, group, format and x: q and z uniform
/// in all they can be, scales uniform in 0.5..1.5 times 2^-(3 + bits of q), so
/// that weights are as large in every format. A pure function of its
/// arguments: every element is a hash of the seed and its index, whatever the
/// number of threads. Uses all cores.
LATH_API GptqLayer randomLayer(const GemmSpec &spec, std::uint64_t seed);

/// Standard normal activations [m][k] as bits of `type`. Pure, as above.
LATH_API std::vector<std::uint16_t> randomActivations(std::int64_t m,
                                                      std::int64_t k,
                                                      Dtype type,
                                                      std::uint64_t seed);

/// Round-to-nearest quantisation of weights [N][K] (row-major). Scales are
/// rounded to `scaleType` first and the weights quantised with the rounded
/// ones, so that each error is at most half a step of its group, and a hair
/// more at the ends of the range.
///   symmetric: z of the format, step = 2 max|w| / (codes - 1)
///   v1, v2:    step = (max(w, 0) - min(w, 0)) / (codes - 1),
///              z = round(-min / step)
/// Throws Error{invalidInput} on extents that do not fit each other and on
/// weights that are not finite or whose step is beyond the scale type,
/// Error{invalidSpec} where no format has such codes and zero points.
LATH_API GptqLayer quantize(const float *weights, std::int64_t n,
                            std::int64_t k, std::int64_t group, Zeros zeros,
                            Dtype scaleType, Dtype codes = Dtype::u4);

} // namespace lath
