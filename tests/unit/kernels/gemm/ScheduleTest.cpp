// Protects the text form of a schedule, its rules, and the words of mistakes.
#include "kernels/gemm/Schedule.h"
#include "tests/unit/ErrorOf.h"

#include <string>

using namespace lath;
using lath::test::errorOf;

namespace {

std::string parseError(std::string_view text) {
  Error error = errorOf([&] { parseSchedule(text); });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(!error.notes().empty());
  return error.message();
}

} // namespace

TEST_CASE("a schedule is parsed field by field") {
  Schedule schedule =
      parseSchedule("bm32bn64bk256w8st3s16,order=contiguous,reduce=atomic");
  CHECK(schedule.blockM == 32);
  CHECK(schedule.blockN == 64);
  CHECK(schedule.blockK == 256);
  CHECK(schedule.warps == 8);
  CHECK(schedule.stages == 3);
  CHECK(schedule.split == 16);
  CHECK(schedule.order == KOrder::contiguous);
  CHECK(schedule.reduce == Reduce::atomic);
}

TEST_CASE("what a schedule leaves out has a default") {
  CHECK(parseSchedule("s1") == Schedule{});
  CHECK(parseSchedule("bm16").reduce == Reduce::none);
  CHECK(parseSchedule("s8").reduce == Reduce::ordered);
}

TEST_CASE("the printed schedule is canonical and parses back") {
  for (auto [text, canonical] :
       {std::pair("bm16bn128bk128w4st4s8,order=interleaved,reduce=ordered",
                  "bm16bn128bk128w4st4s8"),
        {"s8st4w4bk128bn128bm16", "bm16bn128bk128w4st4s8"},
        {"s1,reduce=none", "bm16bn128bk128w4st4s1"},
        {"w8kw2,scales=sums", "bm16bn128bk128w8kw2st4s1,scales=sums"},
        {"s8,reduce=cluster", "bm16bn128bk128w4st4s8,reduce=cluster"},
        {"s7,reduce=cluster", "bm16bn128bk128w4st4s7,reduce=cluster"},
        {"s1,dep=end", "bm16bn128bk128w4st4s1,dep=end"},
        {"s1,dep=none", "bm16bn128bk128w4st4s1"},
        {"s1,producers=1,weights=bulk",
         "bm16bn128bk128w4st4s1,weights=bulk,producers=1"},
        {"s1,producers=0,weights=shared", "bm16bn128bk128w4st4s1"},
        {"s1,evict=normal,weights=bulk",
         "bm16bn128bk128w4st4s1,weights=bulk,evict=normal"},
        {"s1,evict=first,weights=bulk", "bm16bn128bk128w4st4s1,weights=bulk"},
        {"kw1,scales=weights", "bm16bn128bk128w4st4s1"},
        {"s2,reduce=atomic-out,order=contiguous",
         "bm16bn128bk128w4st4s2,order=contiguous,reduce=atomic-out"}}) {
    Schedule schedule = parseSchedule(text);
    CHECK(print(schedule) == canonical);
    CHECK(parseSchedule(print(schedule)) == schedule);
  }
}

TEST_CASE("every valid schedule prints and parses back") {
  for (int m = 8; m <= 256; m *= 2)
    for (int n = 32; n <= 256; n *= 2)
      for (int warps = 1; warps <= 16; warps *= 2)
        for (int stages = 2; stages <= 6; ++stages)
          for (int split : {1, 3, 64})
            for (KOrder order : {KOrder::interleaved, KOrder::contiguous}) {
              Schedule schedule;
              schedule.blockM = m;
              schedule.blockN = n;
              schedule.blockK = 64;
              schedule.warps = warps;
              schedule.kWarps = stages % 2 ? warps : 1;
              schedule.stages = stages;
              schedule.split = split;
              schedule.order = order;
              schedule.reduce = split == 1 ? Reduce::none : Reduce::atomicOut;
              schedule.dependent = n == 64 ? Dependent::end : Dependent::none;
              schedule.scales =
                  m < 64 ? ScalePlacement::sums : ScalePlacement::weights;
              validate(schedule);
              if (parseSchedule(print(schedule)) != schedule)
                FAIL(print(schedule));
            }
}

TEST_CASE("a schedule out of range names the value and the nearest valid one") {
  for (auto [text, message] :
       {std::pair("bm4", "bm = 4 is not in 8..256; the nearest is 8"),
        {"bm512", "bm = 512 is not in 8..256; the nearest is 256"},
        {"bm24", "bm = 24 is not a power of two; the nearest are 16 and 32"},
        {"bn16", "bn = 16 is not in 32..256; the nearest is 32"},
        {"bn96", "bn = 96 is not a power of two; the nearest are 64 and 128"},
        {"bk16", "bk = 16 is not in 32..4096; the nearest is 32"},
        {"bk99999999999",
         "bk = 1073741824 is not in 32..4096; the nearest is 4096"},
        {"w0", "w = 0 is not in 1..16; the nearest is 1"},
        {"w6", "w = 6 is not a power of two; the nearest are 4 and 8"},
        {"w32", "w = 32 is not in 1..16; the nearest is 16"},
        {"kw3", "kw = 3 is not a power of two; the nearest are 2 and 4"},
        {"w4kw8", "kw = 8 exceeds w = 4: it counts warps of the block"},
        {"st1", "st = 1 is not in 2..6; the nearest is 2"},
        {"st7", "st = 7 is not in 2..6; the nearest is 6"},
        {"s0", "s = 0 is not in 1..64; the nearest is 1"},
        {"s65", "s = 65 is not in 1..64; the nearest is 64"},
        {"s1,reduce=ordered",
         "reduce = ordered with s = 1: there is nothing to reduce; leave "
         "reduce out, or split by 2 or more"},
        {"s2,reduce=none", "reduce = none leaves 2 partial sums apart; use "
                           "ordered, cluster, atomic or atomic-out, or s1"},
        {"s1,reduce=cluster",
         "reduce = cluster with s = 1: there is nothing to reduce; leave "
         "reduce out, or split by 2 or more"},
        {"s9,reduce=cluster", "s = 9 blocks form no cluster; reduce = cluster "
                              "takes s2 to s8"},
        {"s16,reduce=cluster",
         "s = 16 blocks form no cluster; reduce = cluster "
         "takes s2 to s8"},
        {"s1,producers=1",
         "producers = 1 with weights = shared: a producer warp issues bulk "
         "copies; use weights=bulk or copies=tensor, or producers=0"},
        {"s1,evict=normal",
         "evict = normal with weights = shared: L2 is told of bulk copies "
         "alone; use weights=bulk, or evict=first"},
        {"s1,producers=1,weights=registers",
         "producers = 1 with weights = registers: a producer warp issues bulk "
         "copies; use weights=bulk or copies=tensor, or producers=0"}})
    CHECK(parseError(text) == message);
}

TEST_CASE("text that is not a schedule is named with its place") {
  for (auto [text, message] :
       {std::pair("", "the text is empty"),
        {"bm16b32", "unknown field 'b' at character 5; the nearest is 'bm', "
                    "and all are bm, bn, bk, w, kw, st, s"},
        {"bm16bm16", "field 'bm' is given twice, at characters 1 and 5"},
        {"bm", "field 'bm' needs a number at character 3, found the end"},
        {"bm16,ordr=contiguous",
         "unknown option 'ordr' at character 6; the nearest is 'order', and "
         "all are order, reduce, scales, weights, mma, producers, dep, "
         "copies, persistent, evict"},
        {"bm16,weights=tma",
         "weights = 'tma' at character 14 is not known; the nearest is 'bulk', "
         "and all are shared, registers, bulk"},
        {"bm16,weights=bulk,producers=2",
         "producers = '2' at character 29 is not known; the nearest is '0', "
         "and all are 0, 1"},
        {"bm16,dep=yes",
         "dep = 'yes' at character 10 is not known; the nearest "
         "is 'end', and all are none, early, half, late, end"},
        {"bm16,order=contigous",
         "order = 'contigous' at character 12 is not known; the nearest is "
         "'contiguous', and all are interleaved, contiguous"}})
    CHECK(parseError(text) == message);
}
