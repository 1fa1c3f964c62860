// Rules and text of a schedule.
#include "kernels/gemm/Schedule.h"

#include "compiler/base/Error.h"
#include "compiler/base/KeyedText.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace lath {

namespace {

constexpr std::string_view example =
    "bm16bn128bk128w4st4s8,order=interleaved,reduce=ordered";

template <int Schedule::*Member>
ScheduleWord tile(std::string_view key, int least, int most) {
  return {{key,
           key,
           &wordTag<Member>,
           least,
           most,
           /*powerOfTwo=*/true,
           {},
           /*omitted=*/-1,
           nullptr,
           WordOwner::kernel},
          Member};
}

// MMA shapes bound the tiles from below (m16n8k16 with M on the side of 8, two
// fragments of weight rows, two steps of K), the registers of a block from
// above. Two stages are the fewest that overlap a copy with arithmetic; with
// six the latency of memory is long covered.
std::vector<ScheduleWord> makeWords() {
  std::vector<ScheduleWord> words = {tile<&Schedule::blockM>("bm", 8, 256),
                                     tile<&Schedule::blockN>("bn", 32, 256),
                                     tile<&Schedule::blockK>("bk", 32, 4096)};
  for (const KernelWord &word : kernelWords()) {
    ScheduleWord &added = words.emplace_back(word);
    auto within = [&](int least, int most) {
      added.least = least;
      added.most = most;
    };
    if (word.is<&Schedule::warps>() || word.is<&Schedule::kWarps>())
      within(1, 16);
    else if (word.is<&Schedule::stages>())
      within(2, 6);
    else if (word.is<&Schedule::split>())
      within(1, 64);
  }
  // The text has all numbers before its first comma.
  assert(std::ranges::is_partitioned(words, &ScheduleWord::isNumber));
  return words;
}

[[noreturn]] void fail(const Schedule &schedule, std::string message) {
  throw Error(ErrorKind::invalidSpec, std::move(message),
              {fmt::format("in schedule '{}'", print(schedule))});
}

} // namespace

std::span<const ScheduleWord> scheduleWords() {
  static const std::vector<ScheduleWord> words = makeWords();
  return words;
}

std::string contradictionIn(const Schedule &schedule) {
  for (const ScheduleWord &word : scheduleWords())
    if (std::string why = word.refusal(word.get(schedule)); !why.empty())
      return why;
  return contradiction(schedule);
}

void validate(const Schedule &schedule) {
  if (std::string why = contradictionIn(schedule); !why.empty())
    fail(schedule, std::move(why));
}

Schedule parseSchedule(std::string_view text) {
  std::vector<std::string_view> numberKeys, optionKeys;
  for (const ScheduleWord &word : scheduleWords())
    (word.isNumber() ? numberKeys : optionKeys).push_back(word.key);
  KeyedText said(text, numberKeys, optionKeys, example);
  Schedule schedule;
  for (const ScheduleWord &word : scheduleWords())
    word.set(schedule, word.valueIn(said, word.get(schedule)));
  for (const ScheduleWord &word : scheduleWords())
    if (word.follows && !said.has(word.key))
      word.set(schedule, word.follows(schedule));
  validate(schedule);
  return schedule;
}

std::string print(const Schedule &schedule) {
  return fmt::format("bm{}bn{}bk{}{}", schedule.blockM, schedule.blockN,
                     schedule.blockK, scheduleText(schedule));
}

} // namespace lath
