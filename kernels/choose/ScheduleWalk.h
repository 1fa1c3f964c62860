// The schedules that may compute a spec, one after the other.
#pragma once

#include "kernels/choose/ScheduleSpace.h"
#include "kernels/choose/WordSearch.h"
#include "kernels/gemm/Fit.h"
#include "kernels/gemm/SharedPlan.h"

#include <vector>

namespace lath {

/// Calls a visitor with each combination of values of all words of a schedule
/// that may compute `spec` on `target`, which both have to outlive it.
class ScheduleWalk {
public:
  struct Level {
    const ScheduleWord *word;
    const WordSearch *search;
    std::vector<int> values; ///< that the model ranks
    std::vector<int> nearby; ///< that are tried next to what was measured
    /// As the record has it; null: always.
    bool (*hopeful)(const Schedule &, const GemmSpec &);
    bool lastNumber = false; ///< only options follow
  };

  ScheduleWalk(const GemmSpec &spec, const Target &target);
  ScheduleWalk(const ScheduleWalk &) = delete;
  const std::vector<Level> &levels() const { return levels_; }

  /// `goOn`: whether schedules with these numbers and any options are wanted;
  /// those that are not yet decided are 0.
  template <class Visit, class GoOn>
  void run(const Visit &visit, const GoOn &goOn) const {
    Schedule s = start_;
    from(0, s, visit, goOn);
  }

private:
  template <class Visit, class GoOn>
  void from(std::size_t at, Schedule &s, const Visit &visit,
            const GoOn &goOn) const {
    if (at == steps_.size()) {
      if (sharedBytes(s, spec_) <= target_.maxSharedBytes)
        visit(s);
      return;
    }
    const Level &level = *steps_[at];
    for (int value : level.values) {
      level.word->set(s, value);
      if (level.search->bounds)
        s.split = 0; // and any stages: see leastCost()
      if ((!level.hopeful || level.hopeful(s, spec_)) &&
          (!(level.search->bounds || level.lastNumber) || goOn(s)))
        from(at + 1, s, visit, goOn);
    }
  }

  const GemmSpec &spec_;
  const Target &target_;
  std::vector<Level> levels_;
  std::vector<const Level *> steps_; ///< of them, with a choice
  Schedule start_;
};

/// Of equal costs the simpler first: a total order, in which only equal
/// schedules of equal cost are equal.
bool before(const RankedSchedule &a, const RankedSchedule &b);

} // namespace lath
