#include "kernels/ScheduleSpace.h"

#include "compiler/Error.h"
#include "kernels/DequantGemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace lath {

namespace {

/// The values of a word that can be right for a spec: all legal ones, but for
/// what the spec decides or the model cannot see.
std::vector<int> valuesFor(const ScheduleWord &word, const GemmSpec &spec) {
  std::vector<int> values = word.legalValues();
  auto only = [&](int value) { values = {value}; };
  if (word.key == "bm") {
    // A narrower tile reads the weights again, a wider one pads.
    int rows =
        std::clamp<int>(static_cast<int>(std::bit_ceil(static_cast<unsigned>(
                            std::min<std::int64_t>(spec.m, 64)))),
                        8, 64);
    only(rows);
    if (rows == 64) // a second read may come from L2
      values.push_back(32);
  } else if (word.key == "s") {
    if (spec.split)
      only(spec.split);
    else // other counts than these have nothing to balance
      std::erase_if(values, [](int s) { return s > 8 && s % 4 != 0; });
  } else if (word.key == "reduce") {
    values = {static_cast<int>(Reduce::none), static_cast<int>(spec.reduce)};
    if (spec.reduce == Reduce::none)
      values.pop_back();
  } else if (word.key == "order") {
    // Both orders read the same; a contiguous run has fewer tails.
    only(static_cast<int>(KOrder::contiguous));
  }
  return values;
}

/// False where no value of the later words can make it legal. A cheap part of
/// validate(), to cut the search short.
bool hopeful(const Schedule &s, std::string_view last, const GemmSpec &spec) {
  if (last == "bn")
    return s.blockN == 32 || s.blockN < 2 * spec.n;
  if (last == "bk")
    return s.blockK < 2 * spec.k &&
           (spec.groups() == 1 || s.blockK % spec.group == 0 ||
            spec.group % s.blockK == 0);
  if (last == "kw")
    return s.kWarps <= s.warps && s.blockK / s.kWarps >= 32 &&
           // Fewer than 16 columns a warp is no fragment of weights.
           s.warps / s.kWarps * 16 <= s.blockN;
  if (last == "reduce")
    return (s.split == 1) == (s.reduce == Reduce::none);
  if (last == "s")
    return std::int64_t{s.blockK} * (s.split - 1) < spec.k;
  return true;
}

struct Search {
  const GemmSpec &spec;
  const Target &target;
  const DeviceConstants &constants;
  std::vector<std::pair<const ScheduleWord *, std::vector<int>>> words;
  std::vector<RankedSchedule> found;

  void walk(std::size_t at, Schedule &s) {
    if (at == words.size()) {
      if (sharedBytes(s, spec) <= target.maxSharedBytes)
        found.push_back({s, estimate(spec, s, target, constants)});
      return;
    }
    const auto &[word, values] = words[at];
    for (int value : values) {
      word->set(s, value);
      if (hopeful(s, word->key, spec))
        walk(at + 1, s);
    }
  }
};

} // namespace

SearchSpace searchSpace(const GemmSpec &spec, const Target &target,
                        const DeviceConstants &constants, std::size_t count) {
  validate(spec);
  Search search{spec, target, constants, {}, {}};
  for (const ScheduleWord &word : scheduleWords())
    search.words.emplace_back(&word, valuesFor(word, spec));
  Schedule s;
  search.walk(0, s);

  SearchSpace space;
  space.considered = search.found.size();
  // Equal costs: the simpler first, so that the order is one.
  auto before = [](const RankedSchedule &a, const RankedSchedule &b) {
    auto key = [](const RankedSchedule &r) {
      return std::tuple(r.cost.total, r.schedule.split, r.schedule.stages,
                        r.schedule.warps, r.schedule.blockK, r.schedule.kWarps,
                        r.schedule.blockN, r.schedule.blockM,
                        static_cast<int>(r.schedule.scales));
    };
    return key(a) < key(b);
  };
  // Few are refused: look at a multiple of what is wanted, then at the rest.
  std::size_t sorted = 0;
  for (std::size_t i = 0; i < search.found.size(); ++i) {
    if (i == sorted) {
      sorted = std::min(search.found.size(), sorted + 2 * count + 16);
      std::partial_sort(search.found.begin() + static_cast<std::ptrdiff_t>(i),
                        search.found.begin() +
                            static_cast<std::ptrdiff_t>(sorted),
                        search.found.end(), before);
    }
    if (space.best.size() == count)
      break;
    const RankedSchedule &ranked = search.found[i];
    try {
      validate(ranked.schedule);
      validate(ranked.schedule, spec, target);
      space.best.push_back(ranked);
    } catch (const Error &error) {
      if (space.refused.size() < count)
        space.refused.emplace_back(ranked.schedule, error.message());
    }
  }
  return space;
}

ScheduleChoice chooseByModel(const GemmSpec &spec, const Target &target,
                             const DeviceConstants &constants) {
  SearchSpace space = searchSpace(spec, target, constants, 2);
  if (space.best.empty())
    throw Error(ErrorKind::invalidSpec,
                fmt::format("no schedule can compute {} on {}", print(spec),
                            target.name),
                space.refused.empty()
                    ? std::vector<std::string>{}
                    : std::vector<std::string>{space.refused.front().second});
  const RankedSchedule &best = space.best.front();
  const Cost &c = best.cost;
  ScheduleChoice choice{best.schedule, {}};
  choice.reasons.push_back(fmt::format(
      "least of {} schedules by the cost model ({}): {:.2f} us, bound by {}",
      space.considered, constants.origin, c.total, c.bound));
  choice.reasons.push_back(fmt::format(
      "memory {:.2f}, L2 {:.2f}, issue {:.2f}, fixed {:.2f}, reduction {:.2f}, "
      "further waves {:.2f} us",
      c.memory, c.l2, c.issue, c.fixed, c.reduction, c.waves));
  if (space.best.size() > 1)
    choice.reasons.push_back(fmt::format("the next would be {}, {:.2f} us",
                                         print(space.best[1].schedule),
                                         space.best[1].cost.total));
  return choice;
}

} // namespace lath
