// Rules and text of a schedule.
#include "kernels/gemm/Schedule.h"

#include "compiler/base/Error.h"
#include "compiler/base/KeyedText.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

namespace lath {

namespace {

constexpr std::array<std::string_view, 2> orderTexts = {"interleaved",
                                                        "contiguous"};
constexpr std::array<std::string_view, 5> reduceTexts = {
    "none", "atomic", "atomic-out", "ordered", "cluster"};
constexpr std::array<std::string_view, 2> scalesTexts = {"weights", "sums"};

constexpr std::array<std::string_view, 2> flagTexts = {"0", "1"};
constexpr std::array<std::string_view, 3> pathTexts = {"shared", "registers",
                                                       "bulk"};
constexpr std::array<std::string_view, 5> dependentTexts = {
    "none", "early", "half", "late", "end"};
constexpr std::array<std::string_view, 2> unitTexts = {"warp", "warpgroup"};

template <auto Member> int get(const Schedule &schedule) {
  return static_cast<int>(schedule.*Member);
}
template <auto Member> void set(Schedule &schedule, int value) {
  auto &member = schedule.*Member;
  member = static_cast<std::remove_reference_t<decltype(member)>>(value);
}

template <auto Member>
constexpr ScheduleWord number(std::string_view key, int least, int most,
                              bool powerOfTwo, int omitted = -1) {
  return {key, get<Member>, set<Member>, least, most, powerOfTwo, {}, omitted};
}
template <auto Member>
constexpr ScheduleWord option(std::string_view key,
                              std::span<const std::string_view> texts,
                              int omitted = 0) {
  return {
      key,   get<Member>, set<Member>, 0, static_cast<int>(texts.size()) - 1,
      false, texts,       omitted};
}

// MMA shapes bound the tiles from below (m16n8k16 with M on the side of 8, two
// fragments of weight rows, two steps of K), the registers of a block from
// above. Two stages are the fewest that overlap a copy with arithmetic; with
// six the latency of memory is long covered.
constexpr std::array words = {
    number<&Schedule::blockM>("bm", 8, 256, true),
    number<&Schedule::blockN>("bn", 32, 256, true),
    number<&Schedule::blockK>("bk", 32, 4096, true),
    number<&Schedule::warps>("w", 1, 16, true),
    number<&Schedule::kWarps>("kw", 1, 16, true, 1),
    number<&Schedule::stages>("st", 2, 6, false),
    number<&Schedule::split>("s", 1, 64, false),
    option<&Schedule::order>("order", orderTexts),
    // Left out where it is the one that follows from the split.
    option<&Schedule::reduce>("reduce", reduceTexts, -1),
    option<&Schedule::scales>("scales", scalesTexts),
    option<&Schedule::weights>("weights", pathTexts),
    option<&Schedule::mma>("mma", unitTexts),
    option<&Schedule::producers>("producers", flagTexts),
    option<&Schedule::dependent>("dep", dependentTexts),
};

// What every device with clusters can hold (CUDA C++ Programming Guide,
// "Thread Block Clusters"); larger ones need not be portable.
constexpr int maxCluster = 8;
constexpr std::string_view example =
    "bm16bn128bk128w4st4s8,order=interleaved,reduce=ordered";

Reduce defaultReduce(int split) {
  return split == 1 ? Reduce::none : Reduce::ordered;
}

[[noreturn]] void fail(const Schedule &schedule, std::string message) {
  throw Error(ErrorKind::invalidSpec, std::move(message),
              {fmt::format("in schedule '{}'", print(schedule))});
}

void checkPowerOfTwo(const Schedule &schedule, const ScheduleWord &word,
                     int value) {
  auto bits = static_cast<unsigned>(value);
  if (!std::has_single_bit(bits))
    fail(schedule,
         fmt::format("{} = {} is not a power of two; the nearest are {} and {}",
                     word.key, value, std::bit_floor(bits),
                     std::bit_ceil(bits)));
}

} // namespace

void validate(const Schedule &schedule) {
  for (const ScheduleWord &word : words) {
    int value = word.get(schedule);
    if (value < word.least || value > word.most)
      fail(schedule, fmt::format("{} = {} is not in {}..{}; the nearest is {}",
                                 word.key, value, word.least, word.most,
                                 std::clamp(value, word.least, word.most)));
    if (word.powerOfTwo)
      checkPowerOfTwo(schedule, word, value);
  }
  if (schedule.kWarps > schedule.warps)
    fail(schedule,
         fmt::format("kw = {} exceeds w = {}: it counts warps of the block",
                     schedule.kWarps, schedule.warps));
  if (schedule.split == 1 && schedule.reduce != Reduce::none)
    fail(schedule,
         fmt::format("reduce = {} with s = 1: there is nothing to "
                     "reduce; leave reduce out, or split by 2 or more",
                     name(schedule.reduce)));
  if (schedule.split > 1 && schedule.reduce == Reduce::none)
    fail(schedule, fmt::format("reduce = none leaves {} partial sums apart; "
                               "use ordered, cluster, atomic or atomic-out, "
                               "or s1",
                               schedule.split));
  if (schedule.producers && schedule.weights != WeightPath::bulk)
    fail(schedule,
         fmt::format("producers = {} with weights = {}: a producer warp issues "
                     "bulk copies; use weights=bulk, or producers=0",
                     schedule.producers,
                     pathTexts[static_cast<std::size_t>(schedule.weights)]));
  if (schedule.reduce == Reduce::cluster && schedule.split > maxCluster)
    fail(schedule,
         fmt::format("s = {} blocks form no cluster; reduce = cluster "
                     "takes s2 to s{}",
                     schedule.split, maxCluster));
}

Schedule parseSchedule(std::string_view text) {
  std::vector<std::string_view> numberKeys, optionKeys;
  for (const ScheduleWord &word : words)
    (word.isNumber() ? numberKeys : optionKeys).push_back(word.key);
  KeyedText parsed(text, numberKeys, optionKeys, example);
  Schedule schedule;
  for (const ScheduleWord &word : words) {
    if (!parsed.has(word.key))
      continue;
    // Beyond an int the value is out of range as well; keep it so.
    word.set(schedule,
             word.isNumber()
                 ? static_cast<int>(std::min<std::int64_t>(
                       parsed.number(word.key, 0), 1 << 30))
                 : static_cast<int>(parsed.choice(word.key, word.texts, 0)));
  }
  if (!parsed.has("reduce"))
    schedule.reduce = defaultReduce(schedule.split);
  validate(schedule);
  return schedule;
}

std::string print(const Schedule &schedule) {
  Schedule usual = schedule;
  usual.reduce = defaultReduce(schedule.split);
  std::string text;
  for (const ScheduleWord &word : words) {
    int value = word.get(schedule);
    if (value == word.omitted)
      continue;
    if (word.isNumber())
      text += fmt::format("{}{}", word.key, value);
    else if (word.omitted >= 0 || value != word.get(usual))
      text += fmt::format(",{}={}", word.key,
                          word.texts[static_cast<std::size_t>(value)]);
  }
  return text;
}

std::span<const ScheduleWord> scheduleWords() { return words; }

std::vector<int> ScheduleWord::legalValues() const {
  std::vector<int> values;
  for (int value = least; value <= most;
       value = powerOfTwo ? 2 * value : value + 1)
    values.push_back(value);
  return values;
}

} // namespace lath
