// How a GEMM is computed: every choice that does not change the result.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Schedule.h"
#include "kernels/gemm/GemmSpec.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// Text form: bm16bn128bk128w4kw2st4s8,order=interleaved,reduce=ordered
/// Fields are the tile sizes and the numbers of kernelWords(), options its
/// other words. They may come in any order; what is left out is as below, but
/// reduce is `ordered` where s is above 1.
struct Schedule : KernelSchedule {
  int blockM = 16;  ///< rows of x a block computes; power of two, 8..256
  int blockN = 128; ///< output features a block computes; power of two, 32..256
  int blockK = 128; ///< K step of the main loop; power of two, 32..4096
  // Of the words of every kernel (compiler/base/Schedule.h) these have closer
  // bounds here: warps 1..16, kWarps 1..16, stages 2..6, split 1..64.

  Schedule() { stages = 4; }
  bool operator==(const Schedule &) const = default;
};

/// Throws Error{invalidSpec} that names the offending value and the nearest
/// valid one.
LATH_API void validate(const Schedule &schedule);

/// What validate() says of it; empty: it is valid.
LATH_API std::string contradictionIn(const Schedule &schedule);

/// Parses and validates. Throws Error{invalidSpec} naming the part that is
/// wrong and the character where it stands.
LATH_API Schedule parseSchedule(std::string_view text);

/// The canonical text: numbers, but kw where it is 1, and the options that are
/// not the default. parseSchedule(print(s)) == s for every valid s.
LATH_API std::string print(const Schedule &schedule);

/// One choice of a schedule: a tile size, or a word of every kernel with the
/// bounds that it has for a GEMM. Parser, printer, validation and search share
/// the table of them.
class LATH_API ScheduleWord : public WordFacts {
public:
  ScheduleWord(const WordFacts &facts, int Schedule::*tile)
      : WordFacts(facts), tile_(tile) {}
  explicit ScheduleWord(const KernelWord &word)
      : WordFacts(word), word_(&word) {}

  int get(const Schedule &schedule) const {
    return tile_ ? schedule.*tile_ : word_->get(schedule);
  }
  void set(Schedule &schedule, int value) const {
    if (tile_)
      schedule.*tile_ = value;
    else
      word_->set(schedule, value);
  }

private:
  int Schedule::*tile_ = nullptr; ///< or
  const KernelWord *word_ = nullptr;
};

/// All choices, numbers first, in the order of the text.
LATH_API std::span<const ScheduleWord> scheduleWords();

} // namespace lath
