// What the search knows of each word of a schedule: the values that are worth a
// try, where it turns back, which of two equals is the simpler. A new word that
// has no record here is no schedule's: searchWords() says so.
#pragma once

#include "compiler/base/Target.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <span>
#include <vector>

namespace lath {

struct WordSearch {
  const void *tag; ///< of the word's member, as WordFacts have it

  /// Takes from all legal values those that cannot be right for a spec: what
  /// the spec decides, what the target does not have, what the model cannot
  /// see. Null: takes none.
  void (*choose)(std::vector<int> &values, const GemmSpec &,
                 const Target &) = nullptr;
  /// False where no value of later words makes it a schedule, or a good one.
  /// Asked when this word is set; words before it in the text are too, those
  /// behind it may hold anything. Null: always true.
  bool (*hopeful)(const Schedule &, const GemmSpec &) = nullptr;
  /// `hopeful` says yes to 0, whatever the other words.
  bool zeroIsHopeful = false;
  /// Once it is set the model bounds the cost from below, whatever stages and
  /// split will be.
  bool bounds = false;
  /// Schedules that differ in such words alone are one family: the model can
  /// hardly tell them apart.
  bool withinFamily = false;

  /// The model gives all of its values one cost: the first that is chosen
  /// stands for them until something was measured, next to which all are tried.
  bool unseen = false;

  /// The word that this one goes with, and what it does then where its own
  /// value is no longer possible. Null: it stands by itself.
  const void *goesWith = nullptr;
  void (*follow)(Schedule &, const GemmSpec &, const Target &) = nullptr;

  const ScheduleWord *word = nullptr; ///< found by the tag
};

/// One record for each of scheduleWords(), in the order of the text.
std::span<const WordSearch> searchWords();

/// The same in the order in which words decide between schedules of equal cost:
/// the lower value of the first that differs is the simpler.
std::span<const WordSearch> tieBreaks();

} // namespace lath
