// How a GEMM is computed: every choice that does not change the result.
#pragma once

#include "kernels/GemmSpec.h"

#include <string>
#include <string_view>

namespace lath {

/// Which K blocks a split takes.
enum class KOrder {
  interleaved, ///< block s takes K blocks s, s + split, ... (arXiv 2402.00025)
  contiguous,  ///< block s takes one contiguous run
};

/// What the scales multiply.
enum class ScalePlacement {
  weights, ///< each weight, rounded to 16 bits
  sums,    ///< each group's sum of products, in fp32: more accurate, and fewer
           ///< instructions while rows are few (m <= 32)
};

/// Text form: bm16bn128bk128w4kw2st4s8,order=interleaved,reduce=ordered
/// Fields and options may come in any order; what is left out is as below,
/// but reduce is `ordered` where s is above 1.
struct Schedule {
  int blockM = 16;  ///< rows of x a block computes; power of two, 8..256
  int blockN = 128; ///< output features a block computes; power of two, 32..256
  int blockK = 128; ///< K step of the main loop; power of two, 32..4096
  int warps = 4;    ///< of a block; power of two, 1..16
  int kWarps = 1; ///< of them, warps that share each K step (kw); power of two
  int stages = 4; ///< cp.async stages, 2..6
  int split = 1;  ///< blocks that share one K range, 1..64
  KOrder order = KOrder::interleaved;
  Reduce reduce = Reduce::none; ///< `none` exactly where split = 1
  ScalePlacement scales = ScalePlacement::weights;

  bool operator==(const Schedule &) const = default;
};

/// Throws Error{invalidSpec} that names the offending value and the nearest
/// valid one.
LATH_API void validate(const Schedule &schedule);

/// Parses and validates. Throws Error{invalidSpec} naming the part that is
/// wrong and the character where it stands.
LATH_API Schedule parseSchedule(std::string_view text);

/// The canonical text: all numbers, order and reduce where they are not the
/// default. parseSchedule(print(s)) == s for every valid s.
LATH_API std::string print(const Schedule &schedule);

} // namespace lath
