// Rules and text of a GEMM spec.
#include "kernels/gemm/GemmSpec.h"

#include "compiler/base/Error.h"
#include "compiler/base/KeyedText.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace lath {

namespace {

// Twenty times the widest layer known, and all products stay far from 64 bits.
constexpr std::int64_t maxExtent = 1 << 20;
constexpr std::int64_t maxSplit = 64;
// A split takes whole K blocks, and the smallest block is 32 deep.
constexpr std::int64_t splitGrain = 32;

constexpr std::array<std::string_view, 2> xWords = {"f16", "bf16"};
constexpr std::array<std::string_view, 2> launchWords = {"alone", "chained"};
/// All but `cluster`.
constexpr std::array<Reduce, 4> reduceValues = {
    Reduce::none, Reduce::atomic, Reduce::ordered, Reduce::atomicOut};
constexpr std::string_view example = "m16n4096k4096g128s8,reduce=ordered";

[[noreturn]] void fail(const GemmSpec &spec, std::string message) {
  throw Error(ErrorKind::invalidSpec, std::move(message),
              {fmt::format("in '{}'", print(spec))});
}

void checkRange(const GemmSpec &spec, char field, std::int64_t value,
                std::int64_t least, std::int64_t most) {
  if (value < least || value > most)
    fail(spec, fmt::format("{} = {} is not in {}..{}; the nearest is {}", field,
                           value, least, most, value < least ? least : most));
}

/// "the nearest are 4096 and 4104"
std::string nearestMultiples(std::int64_t value, std::int64_t step) {
  std::int64_t below = value / step * step;
  if (below == 0)
    return fmt::format("the nearest is {}", step);
  if (below + step > maxExtent)
    return fmt::format("the nearest is {}", below);
  return fmt::format("the nearest are {} and {}", below, below + step);
}

std::int64_t nearestGroup(std::int64_t group, std::int64_t k) {
  std::int64_t best = 32;
  for (std::int64_t candidate : {std::int64_t{64}, std::int64_t{128}, k})
    if (candidate <= k && std::abs(candidate - group) < std::abs(best - group))
      best = candidate;
  return best;
}

void checkGroup(const GemmSpec &spec) {
  const auto &[group, k] = std::pair(spec.group, spec.k);
  if (group == k) {
    if (k % splitGrain != 0)
      fail(spec, fmt::format("k = {} in one group is not a multiple of {}; {}",
                             k, splitGrain, nearestMultiples(k, splitGrain)));
    return;
  }
  if (group != 32 && group != 64 && group != 128)
    fail(spec,
         fmt::format(
             "group = {} is none of 32, 64, 128 and k = {}; the "
             "nearest is {}",
             group, k,
             nearestGroup(std::clamp(group, std::int64_t{0}, maxExtent), k)));
  if (k % group != 0)
    fail(spec, fmt::format("k = {} is not a multiple of group = {}; {}", k,
                           group, nearestMultiples(k, group)));
}

void checkSplit(const GemmSpec &spec) {
  if (spec.split < 0 || spec.split > maxSplit)
    fail(spec,
         fmt::format("split = {} is not in 1..{}, nor 0, which lets the "
                     "schedule choose; the nearest is {}",
                     spec.split, maxSplit, spec.split < 0 ? 0 : maxSplit));
  std::int64_t blocks = (spec.k + splitGrain - 1) / splitGrain;
  if (spec.split > blocks)
    fail(spec, fmt::format("split = {} is more than the {} blocks of {} that "
                           "k = {} has; the nearest is {}",
                           spec.split, blocks, splitGrain, spec.k, blocks));
}

void checkWeights(const GemmSpec &spec) {
  const WeightFormat &format = weightFormat(spec);
  if (!format.supports(spec.layout))
    fail(spec,
         fmt::format("layout = {} is not for w = {}; the nearest is {}",
                     name(spec.layout), format.name, name(WeightLayout::gptq)));
}

[[noreturn]] void failNothingToReduce(const GemmSpec &spec) {
  fail(spec, fmt::format("reduce = {} with split = 1: there is nothing to "
                         "reduce; leave reduce out, or split by 2 or more",
                         name(spec.reduce)));
}

} // namespace

std::string_view name(Launches launches) {
  return launchWords[static_cast<std::size_t>(launches)];
}

Reduce servedBy(Reduce schedule) {
  return schedule == Reduce::cluster ? Reduce::ordered : schedule;
}

void validate(const GemmSpec &spec) {
  checkRange(spec, 'm', spec.m, 1, maxRows);
  checkRange(spec, 'n', spec.n, 8, maxExtent);
  if (spec.n % 8 != 0)
    fail(spec, fmt::format("n = {} is not a multiple of 8; {}", spec.n,
                           nearestMultiples(spec.n, 8)));
  checkRange(spec, 'k', spec.k, 32, maxExtent);
  checkGroup(spec);
  checkSplit(spec);
  if (spec.x != Dtype::f16 && spec.x != Dtype::bf16)
    fail(spec, fmt::format("x = {} is neither f16 nor bf16; the nearest is f16",
                           name(spec.x)));
  checkWeights(spec);
  if (spec.reduce == Reduce::cluster)
    fail(spec,
         "reduce = cluster is a schedule's way to be ordered; a spec asks "
         "for ordered");
  if (spec.reduce == Reduce::atomicOut && spec.epilogue != Epilogue{})
    fail(spec,
         fmt::format("reduce = atomic-out adds the shares of a split into the "
                     "output, each by itself, but {} needs the whole sum; use "
                     "ordered or atomic",
                     print(spec.epilogue)));
  bool reduces =
      spec.reduce == Reduce::atomic || spec.reduce == Reduce::atomicOut;
  if (spec.split == 1 && reduces)
    failNothingToReduce(spec);
  if (spec.split != 1 && spec.reduce == Reduce::none)
    fail(spec, spec.split == 0
                   ? std::string("reduce = none needs split = 1 (s1), but the "
                                 "split is left to the schedule")
                   : fmt::format("reduce = none leaves {} partial sums apart; "
                                 "use ordered, atomic or atomic-out, or s1",
                                 spec.split));
}

GemmSpec parseGemmSpec(std::string_view text) {
  KeyedText parsed(text, gemmSpecFields, gemmSpecOptions, example);
  for (std::string_view key : {"m", "n", "k"})
    if (!parsed.has(key))
      throw Error(ErrorKind::invalidSpec,
                  fmt::format("'{}' is missing in '{}'; m, n and k are needed",
                              key, text.substr(0, 200)),
                  {fmt::format("an example: {}", example)});
  GemmSpec spec;
  spec.m = parsed.number("m", 0);
  spec.n = parsed.number("n", 0);
  spec.k = parsed.number("k", 0);
  spec.group = parsed.number("g", 128);
  // Beyond an int the value is out of range as well; keep it so.
  spec.split =
      static_cast<int>(std::min<std::int64_t>(parsed.number("s", 0), 1 << 30));
  spec.x = parsed.choice("x", xWords, 0) == 0 ? Dtype::f16 : Dtype::bf16;
  const WeightFormat &format =
      weightFormats[parsed.choice("w", weightFormatNames, 0)];
  spec.w = format.codes;
  spec.zeros = format.zeros;
  spec.layout =
      static_cast<WeightLayout>(parsed.choice("layout", weightLayoutNames, 0));
  spec.launches =
      static_cast<Launches>(parsed.choice("launch", launchWords, 0));
  std::array<std::string_view, reduceValues.size()> reduceWords;
  std::ranges::transform(reduceValues, reduceWords.begin(),
                         [](Reduce reduce) { return name(reduce); });
  if (parsed.has("reduce"))
    spec.reduce = reduceValues[parsed.choice("reduce", reduceWords, 0)];
  else
    spec.reduce = spec.split == 1 ? Reduce::none : Reduce::ordered;
  for (const EpilogueStep &step : epilogueSteps)
    step.set(spec.epilogue,
             static_cast<int>(parsed.choice(step.key, step.words, 0)));
  validate(spec);
  if (spec.split == 1 && spec.reduce != Reduce::none)
    failNothingToReduce(spec);
  return spec;
}

std::string print(const GemmSpec &spec) {
  std::string text =
      fmt::format("m{}n{}k{}g{}", spec.m, spec.n, spec.k, spec.group);
  if (spec.split != 0)
    text += fmt::format("s{}", spec.split);
  if (spec.x != Dtype::f16)
    text += fmt::format(",x={}", name(spec.x));
  const WeightFormat *format = findWeightFormat(spec.w, spec.zeros);
  if (!format) // not valid, but messages print it
    text += fmt::format(",w={}?", name(spec.w));
  else if (format != &weightFormats.front())
    text += fmt::format(",w={}", format->name);
  if (spec.layout != WeightLayout::gptq)
    text += fmt::format(",layout={}", name(spec.layout));
  if (spec.launches != Launches::alone)
    text += fmt::format(",launch={}", name(spec.launches));
  bool isDefault = spec.reduce == Reduce::ordered ||
                   (spec.split == 1 && spec.reduce == Reduce::none);
  if (!isDefault)
    text += fmt::format(",reduce={}", name(spec.reduce));
  if (std::string epilogue = print(spec.epilogue); !epilogue.empty())
    text += "," + epilogue;
  return text;
}

} // namespace lath
