// Rules and text of a schedule.
#include "kernels/Schedule.h"

#include "compiler/Error.h"
#include "kernels/KeyedText.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

namespace lath {

namespace {

/// A number of a schedule: its key, its bounds, where it lives.
struct Field {
  std::string_view key;
  int Schedule::*member;
  int least, most;
  bool powerOfTwo;
};

// MMA shapes bound the tiles from below (m16n8k16 with M on the side of 8, two
// fragments of weight rows, two steps of K), the registers of a block from
// above. Two stages are the fewest that overlap a copy with arithmetic; with
// six the latency of memory is long covered.
constexpr std::array<Field, 7> fields = {{
    {"bm", &Schedule::blockM, 8, 256, true},
    {"bn", &Schedule::blockN, 32, 256, true},
    {"bk", &Schedule::blockK, 32, 4096, true},
    {"w", &Schedule::warps, 1, 16, true},
    {"kw", &Schedule::kWarps, 1, 16, true},
    {"st", &Schedule::stages, 2, 6, false},
    {"s", &Schedule::split, 1, 64, false},
}};
constexpr std::array<std::string_view, 7> fieldKeys = {"bm", "bn", "bk", "w",
                                                       "kw", "st", "s"};
constexpr std::array<std::string_view, 4> optionKeys = {"order", "reduce",
                                                        "scales", "dep"};
constexpr std::array<std::string_view, 2> flagWords = {"0", "1"};
constexpr std::array<std::string_view, 2> scaleWords = {"weights", "sums"};
constexpr std::array<std::string_view, 2> orderWords = {"interleaved",
                                                        "contiguous"};
constexpr std::array<std::string_view, 5> reduceWords = {
    "none", "atomic", "atomic-out", "ordered", "cluster"};
constexpr std::array<Reduce, 5> reduceValues = {
    Reduce::none, Reduce::atomic, Reduce::atomicOut, Reduce::ordered,
    Reduce::cluster};
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

void checkPowerOfTwo(const Schedule &schedule, const Field &field, int value) {
  auto bits = static_cast<unsigned>(value);
  if (!std::has_single_bit(bits))
    fail(schedule,
         fmt::format("{} = {} is not a power of two; the nearest are {} and {}",
                     field.key, value, std::bit_floor(bits),
                     std::bit_ceil(bits)));
}

} // namespace

void validate(const Schedule &schedule) {
  for (const Field &field : fields) {
    int value = schedule.*field.member;
    if (value < field.least || value > field.most)
      fail(schedule, fmt::format("{} = {} is not in {}..{}; the nearest is {}",
                                 field.key, value, field.least, field.most,
                                 std::clamp(value, field.least, field.most)));
    if (field.powerOfTwo)
      checkPowerOfTwo(schedule, field, value);
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
  if (schedule.reduce == Reduce::cluster &&
      (schedule.split > maxCluster ||
       !std::has_single_bit(static_cast<unsigned>(schedule.split))))
    fail(schedule,
         fmt::format("s = {} blocks form no cluster; reduce = cluster "
                     "takes s2, s4 or s8",
                     schedule.split));
}

Schedule parseSchedule(std::string_view text) {
  KeyedText parsed(text, fieldKeys, optionKeys, example);
  Schedule schedule;
  for (const Field &field : fields) {
    int &member = schedule.*field.member;
    // Beyond an int the value is out of range as well; keep it so.
    member = static_cast<int>(
        std::min<std::int64_t>(parsed.number(field.key, member), 1 << 30));
  }
  schedule.order = parsed.choice("order", orderWords, 0) == 0
                       ? KOrder::interleaved
                       : KOrder::contiguous;
  schedule.reduce = parsed.has("reduce")
                        ? reduceValues[parsed.choice("reduce", reduceWords, 0)]
                        : defaultReduce(schedule.split);
  schedule.scales = parsed.choice("scales", scaleWords, 0) == 0
                        ? ScalePlacement::weights
                        : ScalePlacement::sums;
  schedule.dependent = parsed.choice("dep", flagWords, 0) == 1;
  validate(schedule);
  return schedule;
}

std::string print(const Schedule &schedule) {
  std::string text;
  for (const Field &field : fields)
    if (field.member != &Schedule::kWarps || schedule.kWarps != 1)
      text += fmt::format("{}{}", field.key, schedule.*field.member);
  if (schedule.order != KOrder::interleaved)
    text += ",order=contiguous";
  if (schedule.reduce != defaultReduce(schedule.split))
    text += fmt::format(",reduce={}", name(schedule.reduce));
  if (schedule.scales != ScalePlacement::weights)
    text += ",scales=sums";
  if (schedule.dependent)
    text += ",dep=1";
  return text;
}

} // namespace lath
