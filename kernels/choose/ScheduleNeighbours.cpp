// Schedules next to one that was measured.
#include "kernels/choose/ScheduleWalk.h"

#include <algorithm>
#include <set>

namespace lath {

namespace {

/// A word with one of its values.
struct Change {
  const ScheduleWord *word;
  int value;
};

/// The next values of a number on both sides, all others of an option.
std::vector<Change> changesOf(const Schedule &schedule,
                              const ScheduleWalk &walk) {
  std::vector<Change> changes;
  for (const ScheduleWalk::Level &level : walk.levels()) {
    const int now = level.word->get(schedule);
    if (!level.word->isNumber()) {
      for (int value : level.nearby)
        if (value != now)
          changes.push_back({level.word, value});
      continue;
    }
    auto above =
        std::upper_bound(level.nearby.begin(), level.nearby.end(), now);
    if (above != level.nearby.end())
      changes.push_back({level.word, *above});
    auto here = std::lower_bound(level.nearby.begin(), level.nearby.end(), now);
    if (here != level.nearby.begin())
      changes.push_back({level.word, *std::prev(here)});
  }
  return changes;
}

} // namespace

std::vector<RankedSchedule> neighbours(const GemmSpec &spec,
                                       const Target &target,
                                       const DeviceConstants &constants,
                                       const Schedule &schedule) {
  const ScheduleWalk walk(spec, target);
  const std::vector<Change> changes = changesOf(schedule, walk);
  std::vector<RankedSchedule> found;
  std::set<std::string> seen{print(schedule)};
  auto consider = [&](Schedule s) {
    for (const WordSearch &search : searchWords())
      if (search.follow)
        search.follow(s, spec, target);
    if (refusal(s, spec, target).empty() && seen.insert(print(s)).second)
      found.push_back({s, estimate(spec, s, target, constants)});
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Schedule one = schedule;
    changes[i].word->set(one, changes[i].value);
    consider(one);
    // Two numbers at once: half the columns with twice the warps along K.
    for (std::size_t j = 0; j < i; ++j) {
      if (changes[i].word == changes[j].word || !changes[i].word->isNumber() ||
          !changes[j].word->isNumber())
        continue;
      Schedule two = one;
      changes[j].word->set(two, changes[j].value);
      consider(two);
    }
  }
  std::sort(found.begin(), found.end(), before);
  return found;
}

} // namespace lath
