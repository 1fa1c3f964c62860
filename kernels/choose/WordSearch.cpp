#include "kernels/choose/WordSearch.h"

#include "compiler/base/Error.h"
#include "kernels/gemm/Fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace lath {

namespace {

using Values = std::vector<int>;

template <class Value> void only(Values &values, Value value) {
  values = {static_cast<int>(value)};
}
template <class Value> void without(Values &values, Value value) {
  std::erase(values, static_cast<int>(value));
}

void chooseRows(Values &values, const GemmSpec &spec, const Target &) {
  // A narrower tile reads the weights again, a wider one pads.
  const auto most = static_cast<unsigned>(std::min<std::int64_t>(spec.m, 64));
  const int rows = std::clamp(static_cast<int>(std::bit_ceil(most)), 8, 64);
  only(values, rows);
  if (rows == 64) // a second read may come from L2
    values.push_back(32);
}

void chooseSplit(Values &values, const GemmSpec &spec, const Target &) {
  if (spec.split)
    only(values, spec.split);
  else // beyond 8 there is nothing to balance, only SMs to fill
    std::erase_if(values, [](int s) { return s > 8 && s % 16 != 0; });
}

void chooseReduce(Values &values, const GemmSpec &spec, const Target &target) {
  std::erase_if(values, [&](int value) {
    const auto reduce = static_cast<Reduce>(value);
    return reduce != Reduce::none && servedBy(reduce) != spec.reduce;
  });
  if (!target.hasClusters())
    without(values, Reduce::cluster);
}

void chooseWeights(Values &values, const GemmSpec &spec, const Target &target) {
  if (spec.layout != WeightLayout::packed)
    only(values, WeightPath::shared);
  else if (!target.hasBulkCopies())
    without(values, WeightPath::bulk);
}

void chooseUnit(Values &values, const GemmSpec &spec, const Target &target) {
  // Below 16 rows unpacking takes longer than the products.
  if (spec.layout != WeightLayout::packed || !target.hasWarpgroupMma() ||
      spec.m < 16)
    only(values, MatrixUnit::warp);
}

void chooseEviction(Values &values, const GemmSpec &spec, const Target &) {
  // Up to the rows of the widest tile, 64, nobody reads weights again.
  if (spec.layout != WeightLayout::packed || spec.m <= 64)
    only(values, Eviction::first);
}

void chooseDependent(Values &values, const GemmSpec &spec,
                     const Target &target) {
  // It pays where launches follow each other, if they leave room.
  if (spec.launches != Launches::chained || !target.hasDependentLaunch())
    only(values, Dependent::none);
}

/// What a split takes to be legal at all.
void followSplit(Schedule &s, const GemmSpec &spec, const Target &target) {
  if (s.split == 1)
    s.reduce = Reduce::none;
  else if (s.reduce == Reduce::none)
    s.reduce = target.hasClusters() && servedBy(Reduce::cluster) == spec.reduce
                   ? Reduce::cluster
                   : spec.reduce;
}

template <auto Member> constexpr const void *tag = &wordTag<Member>;

// In the order of ties.
const WordSearch records[] = {
    {.tag = tag<&Schedule::split>,
     .choose = chooseSplit,
     .hopeful =
         [](const Schedule &s, const GemmSpec &spec) {
           // No block without work, but where the spec asks for the split.
           return spec.split || std::int64_t{s.blockK} * (s.split - 1) < spec.k;
         }},
    {.tag = tag<&Schedule::stages>, .withinFamily = true},
    {.tag = tag<&Schedule::warps>},
    {.tag = tag<&Schedule::blockK>,
     .hopeful =
         [](const Schedule &s, const GemmSpec &spec) {
           return (s.blockK <= 64 || s.blockK < 2 * spec.k) &&
                  stepFitsGroups(s, spec);
         },
     .withinFamily = true},
    {.tag = tag<&Schedule::kWarps>,
     .hopeful =
         [](const Schedule &s, const GemmSpec &spec) {
           return kWarpsAreWarps(s) && warpsHaveK(s, spec) &&
                  // Fewer than 16 columns a warp is no fragment of weights.
                  s.warps / s.kWarps * 16 <= s.blockN;
         },
     .bounds = true},
    {.tag = tag<&Schedule::blockN>,
     .hopeful =
         [](const Schedule &s, const GemmSpec &spec) {
           return s.blockN == 32 || s.blockN < 2 * spec.n;
         }},
    {.tag = tag<&Schedule::blockM>, .choose = chooseRows},
    {.tag = tag<&Schedule::scales>},
    {.tag = tag<&Schedule::reduce>,
     .choose = chooseReduce,
     .hopeful = [](const Schedule &s,
                   const GemmSpec &) { return splitIsReduced(s); },
     .goesWith = tag<&Schedule::split>,
     .follow = followSplit},
    {.tag = tag<&Schedule::weights>,
     .choose = chooseWeights,
     .hopeful = registersHoldStep,
     .zeroIsHopeful = true},
    {.tag = tag<&Schedule::mma>,
     .choose = chooseUnit,
     .hopeful =
         [](const Schedule &s, const GemmSpec &) {
           return warpsFormGroups(s) && groupsHaveColumns(s) && groupsHaveK(s);
         },
     .zeroIsHopeful = true},
    {.tag = tag<&Schedule::producers>,
     .hopeful =
         [](const Schedule &s, const GemmSpec &) {
           // Of one warp each step would wait for another.
           return producersHaveCopies(s) && copiesAreFenced(s) &&
                  (!s.producers || s.warps > 1);
         },
     .zeroIsHopeful = true},
    {.tag = tag<&Schedule::order>,
     .choose =
         [](Values &values, const GemmSpec &, const Target &) {
           // Both orders read the same; a contiguous run has fewer tails.
           only(values, KOrder::contiguous);
         }},
    {.tag = tag<&Schedule::dependent>, .choose = chooseDependent},
    {.tag = tag<&Schedule::copies>,
     .choose =
         [](Values &values, const GemmSpec &, const Target &) {
           // The model knows nothing of them.
           only(values, CopyPath::threads);
         }},
    {.tag = tag<&Schedule::persistent>,
     .choose =
         [](Values &values, const GemmSpec &, const Target &) {
           only(values, 0); // nor of these
         }},
    {.tag = tag<&Schedule::evict>, .choose = chooseEviction, .unseen = true},
};

} // namespace

std::span<const WordSearch> tieBreaks() {
  static const std::vector<WordSearch> found = [] {
    std::vector<WordSearch> found(std::begin(records), std::end(records));
    for (WordSearch &record : found)
      for (const ScheduleWord &word : scheduleWords())
        if (word.tag == record.tag)
          record.word = &word;
    return found;
  }();
  return found;
}

std::span<const WordSearch> searchWords() {
  static const std::vector<WordSearch> found = [] {
    std::vector<WordSearch> found;
    for (const ScheduleWord &word : scheduleWords()) {
      auto of = std::ranges::find(tieBreaks(), &word, &WordSearch::word);
      if (of == tieBreaks().end())
        throw Error(
            ErrorKind::internal,
            fmt::format("the search knows nothing of the word '{}'", word.key));
      found.push_back(*of);
    }
    return found;
  }();
  return found;
}

} // namespace lath
