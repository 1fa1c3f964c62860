// How a kernel is computed, in words that passes apply: plain data, from which
// the text form, `#tile.schedule` and the options of compile() are made.
//
// A new word is a member of KernelSchedule and a line of the table in
// Schedule.cpp. docs/design.md says what else it takes.
#pragma once

#include "compiler/base/Api.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

class KeyedText;
struct Target;

/// Which K steps a split takes.
enum class KOrder {
  interleaved, ///< block s takes steps s, s + split, ... (arXiv 2402.00025)
  contiguous,  ///< block s takes one contiguous run
};

/// How the partial sums of a split are brought together.
enum class Reduce {
  none,   ///< split = 1
  atomic, ///< fp32 atomic adds into a self-cleaning workspace; the last block
          ///< converts
  atomicOut, ///< atomic adds in the output type, directly into a zeroed output
             ///< (arXiv 2402.00025)
  ordered, ///< the last block to arrive adds the partial sums in a fixed order:
           ///< deterministic
  cluster, ///< the blocks of a cluster add through each other's shared memory,
           ///< in a fixed order (sm_90+)
};
LATH_API std::string_view name(Reduce reduce);

/// Which instructions multiply.
enum class MatrixUnit {
  warp,      ///< mma.sync: each warp its own fragments, of 8 rows of x
  warpgroup, ///< wgmma: four warps at once, operands from shared memory, of
             ///< which one may be in registers (sm_90a)
};

/// Programmatic dependent launch: the kernel starts while the launch before it
/// still runs and reads its constant views, weights say, meanwhile. When it
/// lets the next one start:
enum class Dependent {
  none,  ///< it starts behind the launch before it, as any other
  early, ///< as soon as the launch before it is done
  half,  ///< when every block has half of its K steps behind it,
  late,  ///< or three quarters,
  end,   ///< or all
};

/// What the scales multiply.
enum class ScalePlacement {
  weights, ///< each weight, rounded to 16 bits
  sums,    ///< each group's sum of products, in fp32: more accurate, and fewer
           ///< instructions while rows are few (m <= 32)
};

/// How packed weights reach the tensor core.
enum class WeightPath {
  shared,    ///< through the cp.async stages
  registers, ///< straight, one K step ahead; for packed weights
  bulk,      ///< through stages that the copy engine fills; for packed weights
};

/// Who brings the other tiles of a K loop to their stages.
enum class CopyPath {
  threads, ///< all of a block, or a producer warp, by cp.async
  tensor,  ///< the copy engine, by tensor copies, where it can; sm_90+
};

/// Which lines L2 gives up first: those of constant views that the copy engine
/// brings, or none before others.
enum class Eviction {
  first,  ///< they are read once
  normal, ///< for weights that several tiles of rows read
};

/// Every choice that passes apply to a program. None changes the result beyond
/// the order of sums.
struct KernelSchedule {
  // Of any kernel.
  int warps = 4;  ///< of a block, that compute; power of two
  int stages = 1; ///< of the copy pipeline; 1: loads go straight to registers
  int split = 1;  ///< blocks that share one K range
  KOrder order = KOrder::interleaved;
  Reduce reduce = Reduce::none; ///< `none` exactly where split = 1
  MatrixUnit mma = MatrixUnit::warp;
  /// Warps besides `warps` that start all copies and compute nothing; 0 or 1,
  /// which takes weights = bulk or copies = tensor.
  int producers = 0;
  Dependent dependent = Dependent::none;
  /// 1: as many blocks as run at once walk over the blocks of the grid; takes
  /// a producer warp, which runs ahead into the next one.
  int persistent = 0;

  // Of dots, above all of those with quantised weights.
  int kWarps = 1; ///< of `warps`, those that share each K step; power of two
  ScalePlacement scales = ScalePlacement::weights;
  WeightPath weights = WeightPath::shared;
  CopyPath copies = CopyPath::threads;
  Eviction evict = Eviction::first; ///< `normal` takes weights = bulk

  bool operator==(const KernelSchedule &) const = default;
};

/// A schedule with what passes need to know besides.
struct TargetSchedule : KernelSchedule {
  const Target *target = nullptr;
  /// Views whose first extent is an argument have at most this many rows
  /// (0: any number). Where a tile has more, stages keep only these.
  int rows = 0;
};

/// The smallest part of a kernel that may have a word of its own: a loop has
/// words of loops and dots, a dot those of dots.
enum class WordOwner { kernel, loop, dot };
LATH_API std::string_view name(WordOwner owner);

/// Its address names the word that a member is: no text is compared.
template <auto Member> inline constexpr char wordTag = 0;

/// What is known of one word of a schedule.
struct LATH_API WordFacts {
  std::string_view key;  ///< in the text of a schedule: "w", "order"
  std::string_view name; ///< in the IR: "warps", "order"
  const void *tag;       ///< &wordTag of its member
  /// Of a number: its bounds.
  int least, most;
  bool powerOfTwo;
  /// Of an option: the text of value 0, 1, ...; empty for a number.
  std::span<const std::string_view> texts;
  /// The value that the text leaves out; -1: it never does, or `follows`.
  int omitted;
  /// Where it is not null: the value it has when the text leaves it out.
  int (*follows)(const KernelSchedule &);
  WordOwner owner;

  /// word.is<&Schedule::split>()
  template <auto Member> bool is() const { return tag == &wordTag<Member>; }
  bool isNumber() const { return texts.empty(); }
  /// Every value within the bounds, ascending.
  std::vector<int> legalValues() const;
  /// "4", "contiguous"
  std::string text(int value) const;
  /// "st = 9 is not in 2..6; the nearest is 6"; empty: the value is legal.
  std::string refusal(int value) const;
  /// What the text says of it; where it does not, `missing`.
  int valueIn(const KeyedText &text, int missing) const;
};

/// A word of KernelSchedule.
struct KernelWord : WordFacts {
  int (*get)(const KernelSchedule &);
  void (*set)(KernelSchedule &, int);
};

/// All of them, in the order of the text.
LATH_API std::span<const KernelWord> kernelWords();

/// A word with a value.
struct SaidWord {
  const KernelWord *word;
  int value;
};
/// Reads "st3,scales=sums": words that a loop or a dot of a kernel has of its
/// own; none in an empty text. Throws Error{invalidSpec} naming what is wrong,
/// or whose it is.
LATH_API std::vector<SaidWord> parseWords(std::string_view text, WordOwner of);

/// "w4st3s1,mma=warpgroup": the numbers, then the options, without those that
/// the text of a schedule leaves out.
LATH_API std::string scheduleText(const KernelSchedule &schedule);

/// "warps=4 stages=3 ...", all words.
LATH_API std::string printWords(const KernelSchedule &schedule);

// Rules that are asked in more than one place, each as whether it holds.

/// What every device with clusters can hold (CUDA C++ Programming Guide,
/// "Thread Block Clusters"); larger ones need not be portable.
inline constexpr int maxCluster = 8;

/// Warps of a block: 1024 threads.
inline constexpr int maxBlockWarps = 32;

inline bool kWarpsAreWarps(const KernelSchedule &s) {
  return s.kWarps <= s.warps;
}
/// A split is reduced, what is none is not, and a cluster holds all of it.
inline bool splitIsReduced(const KernelSchedule &s) {
  return (s.split == 1) == (s.reduce == Reduce::none) &&
         (s.reduce != Reduce::cluster || s.split <= maxCluster);
}
inline bool blockHoldsWarps(const KernelSchedule &s) {
  return s.warps + s.producers <= maxBlockWarps;
}
/// The copy engine fills stages.
inline bool engineCopies(const KernelSchedule &s) {
  return s.weights == WeightPath::bulk || s.copies == CopyPath::tensor;
}
inline bool producersHaveCopies(const KernelSchedule &s) {
  return !s.producers || engineCopies(s);
}
inline bool evictionIsOfBulkCopies(const KernelSchedule &s) {
  return s.evict == Eviction::first || s.weights == WeightPath::bulk;
}
/// Only a producer warp has something to do while a tile is stored.
inline bool persistenceOverlaps(const KernelSchedule &s) {
  return !s.persistent || s.producers;
}
/// The third axis of the grid is the split's, and what waits for the launch
/// ahead is done once.
inline bool persistenceIsAlone(const KernelSchedule &s) {
  return !s.persistent || (s.split == 1 && s.dependent == Dependent::none);
}
/// wgmma takes four warps together, none of which has a share of K alone.
inline bool warpsFormGroups(const KernelSchedule &s) {
  return s.mma == MatrixUnit::warp || (s.kWarps == 1 && s.warps % 4 == 0);
}
/// What another warp copies is not fenced for wgmma, but what the copy engine
/// does.
inline bool copiesAreFenced(const KernelSchedule &s) {
  return s.mma == MatrixUnit::warp || !s.producers ||
         s.copies == CopyPath::tensor;
}

/// Why the words contradict each other, values out of range included; empty:
/// they do not.
LATH_API std::string contradiction(const KernelSchedule &schedule);
/// The same, and why its `rows` are none.
LATH_API std::string contradiction(const TargetSchedule &schedule);
/// What the instructions that it names ask of its other words.
LATH_API std::string conflict(const KernelSchedule &schedule);
/// What it takes and the target does not have.
LATH_API std::string lacking(const KernelSchedule &schedule,
                             const Target &target);

} // namespace lath
