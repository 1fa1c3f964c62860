#include "kernels/ScheduleSpace.h"

#include "compiler/Error.h"
#include "kernels/DequantGemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
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
    else // other counts than these have nothing to balance
      std::erase_if(values, [](int s) { return s > 8 && s % 4 != 0; });
  } else if (word.key == "reduce") {
    values = {static_cast<int>(Reduce::none), static_cast<int>(spec.reduce)};
    if (spec.reduce == Reduce::none)
      values.pop_back();
    if (spec.reduce == Reduce::ordered && target.hasClusters())
      values.push_back(static_cast<int>(Reduce::cluster));
  } else if (word.key == "order") {
    // Both orders read the same; a contiguous run has fewer tails.
    only(static_cast<int>(KOrder::contiguous));
  } else if (word.key == "weights") {
    if (spec.layout != WeightLayout::packed)
      only(static_cast<int>(WeightPath::shared));
    else if (!target.hasBulkCopies())
      std::erase(values, static_cast<int>(WeightPath::bulk));
  } else if (word.key == "mma") {
    // With few rows most of an instruction's 64 columns of weights would wait.
    if (spec.layout != WeightLayout::packed || !target.hasWarpgroupMma() ||
        spec.m < 16)
      only(static_cast<int>(MatrixUnit::warp));
  } else if (word.key == "dep") {
    // It pays where launches follow each other; candidates are timed alone.
    only(0);
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
    return s.kWarps <= s.warps &&
           s.blockK / s.kWarps >=
               (spec.layout == WeightLayout::packed ? 64 : 32) &&
           // Fewer than 16 columns a warp is no fragment of weights.
           s.warps / s.kWarps * 16 <= s.blockN;
  if (last == "reduce")
    return (s.split == 1) == (s.reduce == Reduce::none) &&
           (s.reduce != Reduce::cluster || s.split <= 8);
  if (last == "mma") // as validate() has it
    return s.mma == MatrixUnit::warp ||
           (s.kWarps == 1 && s.warps % 4 == 0 && s.warps * 16 <= s.blockN &&
            s.blockK >= 64);
  if (last == "weights") // as validate() counts the words of a lane
    return s.weights != WeightPath::registers ||
           s.blockN * s.blockK / (8 * 32 * s.warps) <= 64;
  if (last == "producers")
    return !s.producers ||
           (s.weights == WeightPath::bulk && s.mma == MatrixUnit::warp);
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
    search.words.emplace_back(&word, valuesFor(word, spec, target));
  Schedule s;
  search.walk(0, s);

  SearchSpace space;
  space.considered = search.found.size();
  // Equal costs: the simpler first, so that the order is one.
  auto before = [](const RankedSchedule &a, const RankedSchedule &b) {
    auto key = [](const RankedSchedule &r) {
      return std::tuple(
          r.cost.total, r.schedule.split, r.schedule.stages, r.schedule.warps,
          r.schedule.blockK, r.schedule.kWarps, r.schedule.blockN,
          r.schedule.blockM, static_cast<int>(r.schedule.scales),
          static_cast<int>(r.schedule.reduce),
          static_cast<int>(r.schedule.weights), r.schedule.producers);
    };
    return key(a) < key(b);
  };
  auto legal = [&](const RankedSchedule &ranked) {
    try {
      validate(ranked.schedule);
      validate(ranked.schedule, spec, target);
      return true;
    } catch (const Error &error) {
      if (space.refused.size() < count)
        space.refused.emplace_back(ranked.schedule, error.message());
      return false;
    }
  };
  std::vector<RankedSchedule> &found = search.found;
  if (count <= 2) { // a choice, not a search
    std::partial_sort(found.begin(),
                      found.begin() +
                          std::min<std::ptrdiff_t>(64, std::ssize(found)),
                      found.end(), before);
    for (std::size_t i = 0; i < found.size() && space.best.size() < count;
         ++i) {
      if (i == 64)
        std::sort(found.begin() + 64, found.end(), before);
      if (legal(found[i]))
        space.best.push_back(found[i]);
    }
    return space;
  }
  std::sort(found.begin(), found.end(), before);
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
    for (const auto &[word, all] : search.words)
      values.emplace(word->key, word->get(found[i].schedule));
  };
  for (std::size_t i = 0; i < found.size() && space.best.size() < count * 3 / 4;
       ++i) {
    std::vector<int> family;
    for (const auto &[word, all] : search.words)
      if (word->key != "st" && word->key != "bk")
        family.push_back(word->get(found[i].schedule));
    if (relatives[family]++ < 2)
      take(i);
  }
  for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i) {
    // Twice the least cost is beyond what the model errs by.
    if (found[i].cost.total > 2 * found.front().cost.total)
      break;
    bool isNew = false;
    for (const auto &[word, all] : search.words)
      isNew |= !values.contains({word->key, word->get(found[i].schedule)});
    if (isNew && !taken[i])
      take(i);
  }
  for (std::size_t i = 0; i < found.size() && space.best.size() < count; ++i)
    if (!taken[i])
      take(i);
  std::sort(space.best.begin(), space.best.end(), before);
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
