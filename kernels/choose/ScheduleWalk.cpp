#include "kernels/choose/ScheduleWalk.h"

namespace lath {

ScheduleWalk::ScheduleWalk(const GemmSpec &spec, const Target &target)
    : spec_(spec), target_(target) {
  for (const WordSearch &search : searchWords()) {
    Level level{.word = search.word,
                .search = &search,
                .values = search.word->legalValues(),
                .nearby = {},
                .hopeful = search.hopeful};
    if (search.choose)
      search.choose(level.values, spec, target);
    level.nearby = level.values;
    if (search.unseen)
      level.values.resize(1);
    if (search.zeroIsHopeful && level.values == std::vector{0})
      level.hopeful = nullptr;
    if (!levels_.empty() && levels_.back().word->isNumber())
      levels_.back().lastNumber = !search.word->isNumber();
    levels_.push_back(std::move(level));
  }
  // Words of one value are set once.
  for (const Level &level : levels_)
    if (level.values.size() == 1 && !level.hopeful && !level.search->bounds &&
        !level.lastNumber)
      level.word->set(start_, level.values.front());
    else
      steps_.push_back(&level);
}

bool before(const RankedSchedule &a, const RankedSchedule &b) {
  if (a.cost.total != b.cost.total)
    return a.cost.total < b.cost.total;
  for (const WordSearch &search : tieBreaks()) {
    const int mine = search.word->get(a.schedule),
              other = search.word->get(b.schedule);
    if (mine != other)
      return mine < other;
  }
  return false;
}

} // namespace lath
