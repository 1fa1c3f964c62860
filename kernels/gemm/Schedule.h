// How a GEMM is computed: every choice that does not change the result.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

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

/// How 4-bit weights reach the tensor core.
enum class WeightPath {
  shared,    ///< through the cp.async stages
  registers, ///< straight, one K step ahead; for packed weights
  bulk,      ///< through stages that the copy engine fills; for packed weights
};

/// Which instructions multiply.
enum class MatrixUnit {
  warp,      ///< mma.sync: each warp its own fragments, of 8 rows of x
  warpgroup, ///< wgmma: four warps at once, x from shared memory (sm_90a), for
             ///< packed weights
};

/// Programmatic dependent launch: the kernel starts while the launch before it
/// still runs and reads its weights meanwhile. When it lets the next one start:
enum class Dependent {
  none,  ///< it starts behind the launch before it, as any other
  early, ///< as soon as the launch before it is done
  half,  ///< when every block has half of its K steps behind it,
  late,  ///< or three quarters,
  end,   ///< or all
};

/// Text form: bm16bn128bk128w4kw2st4s8,order=interleaved,reduce=ordered
/// Options: order, reduce, scales=weights|sums,
/// weights=shared|registers|bulk, mma=warp|warpgroup, producers=0|1,
/// dep=none|early|half|late|end.
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
  WeightPath weights = WeightPath::shared;
  MatrixUnit mma = MatrixUnit::warp;
  /// Warps besides `warps` that start all copies and compute nothing; 0 or 1,
  /// which takes weights = bulk.
  int producers = 0;
  Dependent dependent = Dependent::none;

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

/// One choice of a schedule. Parser, printer, validation and the tuner's search
/// share the table of them, so that a new choice is a member and a line there.
struct LATH_API ScheduleWord {
  std::string_view key; ///< in the text: "bm", "order"
  int (*get)(const Schedule &);
  void (*set)(Schedule &, int);
  /// Of a number: its bounds.
  int least, most;
  bool powerOfTwo;
  /// Of an option: the text of value 0, 1, ...; empty for a number.
  std::span<const std::string_view> texts;
  /// The value that the text leaves out; -1: it never does.
  int omitted;

  bool isNumber() const { return texts.empty(); }
  /// Every value within the bounds, ascending.
  std::vector<int> legalValues() const;
};

/// All choices, numbers first, in the order of the text.
LATH_API std::span<const ScheduleWord> scheduleWords();

} // namespace lath
