#include "kernels/choose/ScheduleWalk.h"

#include <algorithm>
#include <map>
#include <set>

namespace lath {

SearchSpace searchSpace(const GemmSpec &spec, const Target &target,
                        const DeviceConstants &constants, std::size_t count) {
  validate(spec);
  const ScheduleWalk walk(spec, target);
  std::vector<RankedSchedule> found;
  walk.run(
      [&](const Schedule &s) {
        found.push_back({s, estimate(spec, s, target, constants)});
      },
      [](const Schedule &) { return true; });
  std::sort(found.begin(), found.end(), before);

  SearchSpace space;
  space.considered = found.size();
  auto legal = [&](const RankedSchedule &ranked) {
    std::string why = refusal(ranked.schedule, spec, target);
    if (!why.empty() && space.refused.size() < count)
      space.refused.emplace_back(ranked.schedule, why);
    return why.empty();
  };
  // The model cannot tell near relatives apart, and does not know all that
  // matters: so few of each family, and of every value of every word the best.
  std::map<std::vector<int>, int> relatives;
  std::set<std::pair<const ScheduleWord *, int>> values;
  std::vector<bool> taken(found.size());
  auto take = [&](std::size_t i) {
    taken[i] = true;
    if (!legal(found[i]))
      return;
    space.best.push_back(found[i]);
    for (const ScheduleWalk::Level &level : walk.levels())
      values.emplace(level.word, level.word->get(found[i].schedule));
  };
  for (std::size_t i = 0; i < found.size() && space.best.size() < count / 2;
       ++i) {
    std::vector<int> family;
    for (const ScheduleWalk::Level &level : walk.levels())
      if (!level.search->withinFamily)
        family.push_back(level.word->get(found[i].schedule));
    if (relatives[family]++ < 2)
      take(i);
  }
  // Options first, which are few. Of numbers, twice the least cost is beyond
  // what the model errs by.
  auto cover = [&](const ScheduleWord &word, int value) {
    for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i)
      if (values.contains({&word, value}) ||
          (word.isNumber() &&
           found[i].cost.total > 2 * found.front().cost.total))
        return;
      else if (!taken[i] && word.get(found[i].schedule) == value)
        take(i);
  };
  for (bool numbers : {false, true})
    for (const ScheduleWalk::Level &level : walk.levels())
      if (level.word->isNumber() == numbers)
        for (int value : level.values)
          cover(*level.word, value);
  for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i)
    if (!taken[i])
      take(i);
  std::sort(space.best.begin(), space.best.end(), before);
  return space;
}

} // namespace lath
