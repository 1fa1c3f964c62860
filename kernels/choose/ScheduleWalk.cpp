#include "kernels/choose/ScheduleWalk.h"

#include "compiler/base/Error.h"
#include "kernels/gemm/DequantGemm.h"

#include <algorithm>
#include <bit>
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
    else if (!target.hasBulkCopies())
      std::erase(values, static_cast<int>(WeightPath::bulk));
  } else if (word.key == "mma") {
    // Below, unpacking takes longer than the products.
    if (spec.layout != WeightLayout::packed || !target.hasWarpgroupMma() ||
        spec.m < 16)
      only(static_cast<int>(MatrixUnit::warp));
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
ScheduleWalk::Hopeful hopefulAfter(std::string_view key) {
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
      return s.weights != WeightPath::registers ||
             s.blockN * s.blockK / (8 * 32 * s.warps) <= 64;
    };
  if (key == "mma") // as validate() has it
    return [](const Schedule &s, const GemmSpec &) {
      return s.mma == MatrixUnit::warp ||
             (s.kWarps == 1 && s.warps % 4 == 0 && s.warps * 16 <= s.blockN &&
              s.blockK >= 64);
    };
  if (key == "producers") // of one warp each step would wait for another
    return [](const Schedule &s, const GemmSpec &) {
      return !s.producers || (s.weights == WeightPath::bulk &&
                              s.mma == MatrixUnit::warp && s.warps > 1);
    };
  return nullptr;
}

} // namespace

ScheduleWalk::ScheduleWalk(const GemmSpec &spec, const Target &target)
    : spec_(spec), target_(target) {
  for (const ScheduleWord &word : scheduleWords()) {
    std::vector<int> values = valuesFor(word, spec, target);
    if (!levels_.empty() && levels_.back().word->isNumber())
      levels_.back().lastNumber = !word.isNumber();
    Hopeful hopeful = hopefulAfter(word.key);
    if (values == std::vector{0} &&
        (word.key == "mma" || word.key == "producers"))
      hopeful = nullptr; // goes with anything
    levels_.push_back(
        {&word, std::move(values), hopeful, word.key == "kw", false});
  }
  // Words of one value are set once.
  for (const Level &level : levels_)
    if (level.values.size() == 1 && !level.hopeful && !level.early &&
        !level.lastNumber)
      level.word->set(start_, level.values.front());
    else
      steps_.push_back(&level);
}

bool before(const RankedSchedule &a, const RankedSchedule &b) {
  auto key = [](const RankedSchedule &r) {
    const Schedule &s = r.schedule;
    return std::tuple(r.cost.total, s.split, s.stages, s.warps, s.blockK,
                      s.kWarps, s.blockN, s.blockM, static_cast<int>(s.scales),
                      static_cast<int>(s.reduce), static_cast<int>(s.weights),
                      static_cast<int>(s.mma), s.producers);
  };
  return key(a) < key(b);
}

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

} // namespace lath
