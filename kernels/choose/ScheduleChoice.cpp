// The choice for a spec that nobody has tuned, and its reasons.
#include "kernels/choose/ScheduleChoice.h"

#include "compiler/base/Error.h"
#include "kernels/choose/ScheduleWalk.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace lath {

/// "bn32: bn64 would take 5.21 us (instructions 3.92 instead of 3.10)" for
/// words that have a legal neighbour.
static void explainWords(const GemmSpec &spec, const Target &target,
                         const DeviceConstants &constants,
                         const RankedSchedule &chosen, const ScheduleWalk &walk,
                         std::vector<std::string> &reasons) {
  reasons.push_back(fmt::format("bm{}: rows of a tile, for m = {}",
                                chosen.schedule.blockM, spec.m));
  if (spec.split)
    reasons.push_back(fmt::format("s{}: as the spec asks", spec.split));
  for (const ScheduleWalk::Level &level : walk.levels()) {
    const ScheduleWord *word = level.word;
    if (level.values.size() < 2)
      continue;
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
      bool alone = true;
      for (const ScheduleWalk::Level &with : walk.levels())
        if (with.search->goesWith == word->tag) {
          alone = false;
          for (int companion : with.values) {
            with.word->set(other, companion);
            consider(other);
          }
        }
      if (alone)
        consider(other);
    }
    if (!next)
      continue;
    auto text = [&](const Schedule &s) {
      return fmt::format("{}{}{}", word->key, word->isNumber() ? "" : "=",
                         word->text(word->get(s)));
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
  const ScheduleWalk walk(spec, target);
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
  if (c.spills)
    choice.reasons.push_back("it probably spills, as all others do");
  explainWords(spec, target, constants, *best, walk, choice.reasons);
  return choice;
}

ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              unsigned smCount) {
  return chooseSchedule(
      spec, target,
      deviceConstants(target, smCount ? smCount : target.gpu().sms));
}

CompiledGemm compileChosen(const GemmSpec &spec, const Target &target,
                           unsigned smCount) {
  return compileGemm(spec, chooseSchedule(spec, target, smCount).schedule,
                     target);
}

} // namespace lath
