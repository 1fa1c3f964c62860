// What a caller asks for: the problem, not how it is solved.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Dtype.h"
#include "compiler/base/Schedule.h"
#include "kernels/gemm/Epilogue.h"
#include "kernels/gemm/WeightFormat.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace lath {

/// The most rows of a spec.
inline constexpr std::int64_t maxRows = 65536;

/// How launches follow each other: what a schedule is chosen and tuned for, not
/// what is computed.
enum class Launches {
  alone,   ///< the one before is done
  chained, ///< back to back, as in a captured graph of layers: the schedule may
           ///< start before the one ahead is done (dep=end), and leaves room
           ///< for the next
};

/// out[M,N] = x[M,K] * dequant(W)^T, w = (q - z) * scale, GPTQ tensors
/// (Operands.h says their shapes): qweight i32 [K/8, N] (of 8 bits [K/4, N]) or
/// packed from it, qzeros i32 [K/g, N/8], scales f16 or bf16 (the type of x)
/// [K/g, N]. Accumulation is fp32, and so is the epilogue; out has the type of
/// x.
///
/// Text form, one parser and one printer:
///   m16n4096k4096g128s8[,x=f16|bf16][,w=u4|u4z|u4z1|s8][,layout=gptq|packed][,launch=alone|chained][,reduce=none|atomic|atomic-out|ordered]
/// and then the steps of an epilogue, if any: ,bias=yes (Epilogue.h).
/// w names a format (WeightFormat.h): u4 is symmetric, u4z has v2 zero points,
/// u4z1 has v1 zero points, s8 has signed bytes, w = q * scale.
/// Fields and options may come in any order. s may be left out: the schedule
/// chooses. Defaults: g128, x=f16, w=u4, layout=gptq, launch=alone,
/// reduce=ordered when split > 1 or left out, none when split = 1.
///
/// Valid: m in 1..65536; n in 8..2^20, a multiple of 8 (eight zero points to a
/// word); group 32, 64, 128 or k; k in 32..2^20, a multiple of group, and of 32
/// where group = k (K blocks are at least 32 deep); split in 0..64 and at most
/// ceil(k / 32); x f16 or bf16; w and zeros those of a format, and layout one
/// that it has; an epilogue where sums are whole when they are stored, with any
/// reduction but atomic-out.
struct GemmSpec {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t group = 128;
  int split = 0; ///< 0: the schedule chooses
  Dtype x = Dtype::f16;
  Zeros zeros = Zeros::symmetric;
  WeightLayout layout = WeightLayout::gptq;
  /// Any but `cluster`, which is a schedule's way to be `ordered`.
  /// Meaningful when split != 1, where it must not be `none`. With split = 1
  /// nothing is reduced: `none`, or this default, which then means the same;
  /// the text form knows only `none` there.
  Reduce reduce = Reduce::ordered;
  Launches launches = Launches::alone;
  Dtype w = Dtype::u4; ///< codes of the weights; with `zeros` a WeightFormat
  Epilogue epilogue = {};

  bool operator==(const GemmSpec &) const = default;

  std::int64_t groups() const { return k / group; }
};

/// Throws Error{invalidSpec} where there is none.
inline const WeightFormat &weightFormat(const GemmSpec &spec) {
  return weightFormat(spec.w, spec.zeros);
}

/// "alone", "chained".
LATH_API std::string_view name(Launches launches);

/// What a spec asks for where a schedule reduces so: `ordered` for a cluster.
LATH_API Reduce servedBy(Reduce schedule);

/// Throws Error{invalidSpec} that names the offending value and the nearest
/// valid one.
LATH_API void validate(const GemmSpec &spec);

/// The keys of the text form.
inline constexpr std::array<std::string_view, 5> gemmSpecFields = {
    "m", "n", "k", "g", "s"};
inline constexpr auto gemmSpecOptions = [] {
  std::array<std::string_view, 5 + epilogueSteps.size()> keys = {
      "x", "w", "layout", "launch", "reduce"};
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
    keys[5 + i] = epilogueSteps[i].key;
  return keys;
}();

/// Parses and validates. Throws Error{invalidSpec} naming the part that is
/// wrong and the character where it stands.
LATH_API GemmSpec parseGemmSpec(std::string_view text);

/// The canonical text: m, n, k and g always, the rest where it is not the
/// default. parseGemmSpec(print(s)) == s for every s that was parsed.
LATH_API std::string print(const GemmSpec &spec);

} // namespace lath
