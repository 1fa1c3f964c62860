// The schedules that may compute a spec, one after the other.
#pragma once

#include "kernels/choose/ScheduleSpace.h"
#include "kernels/gemm/SharedPlan.h"

#include <string>
#include <vector>

namespace lath {

/// Calls a visitor with each combination of values of all words of a schedule
/// that may compute `spec` on `target`, which both have to outlive it.
class ScheduleWalk {
public:
  using Hopeful = bool (*)(const Schedule &, const GemmSpec &);
  struct Level {
    const ScheduleWord *word;
    std::vector<int> values;
    Hopeful hopeful; ///< null: always
    bool early;      ///< asks whether to go on, whatever stages and split
    bool lastNumber; ///< asks once more; only options follow
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
      if (level.early)
        s.split = 0;
      if ((!level.hopeful || level.hopeful(s, spec_)) &&
          (!(level.early || level.lastNumber) || goOn(s)))
        from(at + 1, s, visit, goOn);
    }
  }

  const GemmSpec &spec_;
  const Target &target_;
  std::vector<Level> levels_;
  std::vector<const Level *> steps_; ///< of them, with a choice
  Schedule start_;
};

/// Equal costs: the simpler first, so that the order is one.
bool before(const RankedSchedule &a, const RankedSchedule &b);

/// Why validate() refuses it; empty: it is legal.
std::string refusal(const Schedule &schedule, const GemmSpec &spec,
                    const Target &target);

} // namespace lath
