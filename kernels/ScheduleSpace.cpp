#include "kernels/ScheduleSpace.h"

#include "compiler/Error.h"
#include "kernels/DequantGemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace lath {

namespace {

/// The values of a word that can be right for a spec: all legal ones, but for
/// what the spec decides or the model cannot see.
std::vector<int> valuesFor(const ScheduleWord &word, const GemmSpec &spec,
                           const Target &target) {
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
    else // beyond 8 there is nothing to balance, only SMs to fill
      std::erase_if(values, [](int s) { return s > 8 && s % 16 != 0; });
  } else if (word.key == "reduce") {
    std::erase_if(values, [&](int value) {
      auto reduce = static_cast<Reduce>(value);
      return reduce != Reduce::none && servedBy(reduce) != spec.reduce;
    });
    if (!target.hasClusters())
      std::erase(values, static_cast<int>(Reduce::cluster));
  } else if (word.key == "order") {
    // Both orders read the same; a contiguous run has fewer tails.
    only(static_cast<int>(KOrder::contiguous));
  } else if (word.key == "weights") {
    if (spec.layout != WeightLayout::packed)
      only(static_cast<int>(WeightPath::shared));
  } else if (word.key == "dep") {
    // It pays where launches follow each other, if they leave room.
    if (spec.launches != Launches::chained || !target.hasDependentLaunch())
      only(0);
  }
  return values;
}

/// Whether validate() lets a split be reduced so. Which clusters there are is
/// known to it alone.
bool reducible(int split, Reduce reduce) {
  static const std::vector<bool> table = [] {
    std::vector<bool> legal(65 * 8);
    for (int s = 1; s <= 64; ++s)
      for (int r = 0; r < 8; ++r) {
        Schedule schedule;
        schedule.split = s;
        schedule.reduce = static_cast<Reduce>(r);
        if (r > static_cast<int>(Reduce::cluster))
          break;
        try {
          validate(schedule);
          legal[static_cast<std::size_t>(s * 8 + r)] = true;
        } catch (const Error &) {
        }
      }
    return legal;
  }();
  return table[static_cast<std::size_t>(split * 8 + static_cast<int>(reduce))];
}

/// False where no value of the later words can make it legal, after the word
/// `key` was set. A cheap part of validate(), to cut the search short.
using Hopeful = bool (*)(const Schedule &, const GemmSpec &);
Hopeful hopefulAfter(std::string_view key) {
  if (key == "bn")
    return [](const Schedule &s, const GemmSpec &spec) {
      return s.blockN == 32 || s.blockN < 2 * spec.n;
    };
  if (key == "bk")
    return [](const Schedule &s, const GemmSpec &spec) {
      return (s.blockK <= 64 || s.blockK < 2 * spec.k) &&
             (spec.groups() == 1 || s.blockK % spec.group == 0 ||
              spec.group % s.blockK == 0);
    };
  if (key == "kw")
    return [](const Schedule &s, const GemmSpec &spec) {
      const int leastK = spec.layout == WeightLayout::packed ? 64 : 32;
      return s.kWarps <= s.warps && s.blockK / s.kWarps >= leastK &&
             // Fewer than 16 columns a warp is no fragment of weights.
             s.warps / s.kWarps * 16 <= s.blockN;
    };
  if (key == "s")
    return [](const Schedule &s, const GemmSpec &spec) {
      // No block without work, but where the spec asks for the split.
      return spec.split || std::int64_t{s.blockK} * (s.split - 1) < spec.k;
    };
  if (key == "reduce")
    return [](const Schedule &s, const GemmSpec &) {
      return reducible(s.split, s.reduce);
    };
  if (key == "weights") // as validate() counts the words of a lane
    return [](const Schedule &s, const GemmSpec &) {
      return s.weights == WeightPath::shared ||
             s.blockN * s.blockK / (8 * 32 * s.warps) <= 64;
    };
  return nullptr;
}

/// Calls a visitor with each combination that may be legal.
class Walk {
public:
  struct Level {
    const ScheduleWord *word;
    std::vector<int> values;
    Hopeful hopeful; ///< null: always
    bool early;      ///< asks whether to go on, whatever stages and split
    bool lastNumber; ///< asks once more; only options follow
  };

  Walk(const GemmSpec &spec, const Target &target)
      : spec_(spec), target_(target) {
    for (const ScheduleWord &word : scheduleWords()) {
      if (!levels_.empty() && levels_.back().word->isNumber())
        levels_.back().lastNumber = !word.isNumber();
      levels_.push_back({&word, valuesFor(word, spec, target),
                         hopefulAfter(word.key), word.key == "kw", false});
    }
  }
  const std::vector<Level> &levels() const { return levels_; }

  /// `goOn`: whether schedules with these numbers and any options are wanted;
  /// those that are not yet decided are 0.
  template <class Visit, class GoOn>
  void run(const Visit &visit, const GoOn &goOn) const {
    Schedule s;
    from(0, s, visit, goOn);
  }

private:
  template <class Visit, class GoOn>
  void from(std::size_t at, Schedule &s, const Visit &visit,
            const GoOn &goOn) const {
    if (at == levels_.size()) {
      if (sharedBytes(s, spec_) <= target_.maxSharedBytes)
        visit(s);
      return;
    }
    const Level &level = levels_[at];
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
};

/// Equal costs: the simpler first, so that the order is one.
bool before(const RankedSchedule &a, const RankedSchedule &b) {
  auto key = [](const RankedSchedule &r) {
    const Schedule &s = r.schedule;
    return std::tuple(r.cost.total, s.split, s.stages, s.warps, s.blockK,
                      s.kWarps, s.blockN, s.blockM, static_cast<int>(s.scales),
                      static_cast<int>(s.reduce), static_cast<int>(s.weights));
  };
  return key(a) < key(b);
}

/// Why not; empty: it is legal.
std::string refusal(const Schedule &s, const GemmSpec &spec,
                    const Target &target) {
  try {
    validate(s);
    validate(s, spec, target);
    return "";
  } catch (const Error &error) {
    return error.message();
  }
}

} // namespace

SearchSpace searchSpace(const GemmSpec &spec, const Target &target,
                        const DeviceConstants &constants, std::size_t count) {
  validate(spec);
  const Walk walk(spec, target);
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
  std::set<std::pair<std::string_view, int>> values;
  std::vector<bool> taken(found.size());
  auto take = [&](std::size_t i) {
    taken[i] = true;
    if (!legal(found[i]))
      return;
    space.best.push_back(found[i]);
    for (const Walk::Level &level : walk.levels())
      values.emplace(level.word->key, level.word->get(found[i].schedule));
  };
  for (std::size_t i = 0; i < found.size() && space.best.size() < count * 3 / 4;
       ++i) {
    std::vector<int> family;
    for (const Walk::Level &level : walk.levels())
      if (level.word->key != "st" && level.word->key != "bk")
        family.push_back(level.word->get(found[i].schedule));
    if (relatives[family]++ < 2)
      take(i);
  }
  // Options first, which are few. Twice the least cost is beyond what the model
  // errs by.
  auto cover = [&](const ScheduleWord &word, int value) {
    for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i)
      if (found[i].cost.total > 2 * found.front().cost.total ||
          values.contains({word.key, value}))
        return;
      else if (!taken[i] && word.get(found[i].schedule) == value)
        take(i);
  };
  for (bool numbers : {false, true})
    for (const Walk::Level &level : walk.levels())
      if (level.word->isNumber() == numbers)
        for (int value : level.values)
          cover(*level.word, value);
  for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i)
    if (!taken[i])
      take(i);
  std::sort(space.best.begin(), space.best.end(), before);
  return space;
}

/// "bn32: bn64 would take 5.21 us (instructions 3.10 -> 3.92)" for the words
/// that have a legal neighbour.
static void explainWords(const GemmSpec &spec, const Target &target,
                         const DeviceConstants &constants,
                         const RankedSchedule &chosen, const Walk &walk,
                         std::vector<std::string> &reasons) {
  reasons.push_back(fmt::format("bm{}: rows of a tile, for m = {}",
                                chosen.schedule.blockM, spec.m));
  if (spec.split)
    reasons.push_back(fmt::format("s{}: as the spec asks", spec.split));
  for (const Walk::Level &level : walk.levels()) {
    const ScheduleWord *word = level.word;
    std::optional<RankedSchedule> next;
    auto consider = [&](const Schedule &schedule) {
      if (schedule == chosen.schedule ||
          !refusal(schedule, spec, target).empty())
        return;
      RankedSchedule other{schedule,
                           estimate(spec, schedule, target, constants)};
      if (!next || before(other, *next))
        next = other;
    };
    for (int value : level.values) {
      Schedule other = chosen.schedule;
      word->set(other, value);
      if (word->key == "s")
        for (Reduce reduce :
             {Reduce::none, Reduce::cluster, servedBy(spec.reduce)}) {
          other.reduce = reduce;
          consider(other);
        }
      else
        consider(other);
    }
    if (!next)
      continue;
    auto text = [&](const Schedule &s) {
      const int value = word->get(s);
      return word->isNumber()
                 ? fmt::format("{}{}", word->key, value)
                 : fmt::format("{}={}", word->key,
                               word->texts[static_cast<std::size_t>(value)]);
    };
    struct Part {
      const char *name;
      double Cost::*member;
    };
    constexpr Part parts[] = {
        {"memory", &Cost::memory},       {"L2", &Cost::l2},
        {"instructions", &Cost::issue},  {"warps alone", &Cost::alone},
        {"waiting", &Cost::latency},     {"fixed", &Cost::fixed},
        {"reduction", &Cost::reduction}, {"waves", &Cost::waves}};
    const Part &most = *std::max_element(
        std::begin(parts), std::end(parts), [&](const Part &a, const Part &b) {
          return next->cost.*a.member - chosen.cost.*a.member <
                 next->cost.*b.member - chosen.cost.*b.member;
        });
    reasons.push_back(fmt::format(
        "{}: {} would take {:.2f} us ({} {:.2f} instead of {:.2f})",
        text(chosen.schedule), text(next->schedule), next->cost.total,
        most.name, next->cost.*most.member, chosen.cost.*most.member));
  }
}

ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              const DeviceConstants &constants) {
  validate(spec);
  const Walk walk(spec, target);
  std::optional<RankedSchedule> best;
  std::string refused;
  auto enough = [&] {
    return best ? best->cost.total : std::numeric_limits<double>::infinity();
  };
  auto visit = [&](const Schedule &s) {
    RankedSchedule ranked{s, estimate(spec, s, target, constants, 0, enough())};
    if (best && !before(ranked, *best))
      return;
    if (std::string why = refusal(s, spec, target); why.empty())
      best = ranked;
    else if (refused.empty())
      refused = why;
  };
  auto goOn = [&](const Schedule &s) {
    return leastCost(spec, s, constants) <= enough();
  };
  walk.run(visit, goOn);
  if (!best)
    throw Error(ErrorKind::invalidSpec,
                !refused.empty()
                    ? refused
                    : fmt::format("no schedule can compute {} on {}",
                                  print(spec), target.name));
  const Cost &c = best->cost;
  ScheduleChoice choice{best->schedule, {}};
  choice.reasons.push_back(
      fmt::format("least by the cost model ({}): {:.2f} us, most of it {}",
                  constants.origin, c.total, c.bound));
  choice.reasons.push_back(fmt::format(
      "memory {:.2f}, L2 {:.2f}, instructions {:.2f}, warps alone {:.2f} and "
      "waiting {:.2f} us overlap; fixed {:.2f}, reduction {:.2f} and further "
      "waves {:.2f} us do not",
      c.memory, c.l2, c.issue, c.alone, c.latency, c.fixed, c.reduction,
      c.waves));
  explainWords(spec, target, constants, *best, walk, choice.reasons);
  return choice;
}

ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              unsigned smCount) {
  return chooseSchedule(
      spec, target,
      deviceConstants(target, smCount ? smCount : target.smCount));
}

} // namespace lath
