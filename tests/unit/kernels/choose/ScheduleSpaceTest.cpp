#include "kernels/choose/ScheduleSpace.h"

#include "kernels/choose/ScheduleChoice.h"
#include "kernels/choose/ScheduleWalk.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/tune/CostFit.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

TEST_CASE("every schedule of the search computes its spec", "[tuning]") {
  for (const char *gpu : {"sm_80", "sm_90a", "sm_120a"}) {
    const Target &t = target(gpu);
    for (const char *text :
         {"m1n8k32g32", "m16n4096k4096", "m64n4608k3584g32,x=bf16,w=u4z",
          "m7n1544k2112g64", "m16n4096k4096s8,reduce=atomic", "m1n24k512g512",
          "m300n28672k8192", "m16n4096k4096,layout=packed",
          "m1n24k512g32,layout=packed", "m64n2112k7168,layout=packed"}) {
      GemmSpec spec = parseGemmSpec(text);
      SearchSpace space = searchSpace(spec, t, deviceConstants(t), 24);
      INFO(gpu << " " << text);
      REQUIRE(!space.best.empty());
      std::set<std::string> texts;
      double last = 0;
      for (const RankedSchedule &ranked : space.best) {
        validate(ranked.schedule);
        validate(ranked.schedule, spec, t);
        CHECK(ranked.cost.total >= last);
        last = ranked.cost.total;
        texts.insert(print(ranked.schedule));
      }
      CHECK(texts.size() == space.best.size());
      CHECK(chooseSchedule(spec, t, deviceConstants(t)).schedule ==
            space.best.front().schedule);
    }
  }
}

TEST_CASE("words that few specs allow are searched where they are allowed",
          "[tuning]") {
  auto tried = [](const char *text, const char *gpu, auto member) {
    const Target &t = target(gpu);
    std::set<int> values;
    for (const RankedSchedule &ranked :
         searchSpace(parseGemmSpec(text), t, deviceConstants(t), 48).best)
      values.insert(static_cast<int>(ranked.schedule.*member));
    return values;
  };
  const int cluster = static_cast<int>(Reduce::cluster);
  const std::set<int> shared{static_cast<int>(WeightPath::shared)},
      both{static_cast<int>(WeightPath::shared),
           static_cast<int>(WeightPath::registers)},
      all{static_cast<int>(WeightPath::shared),
          static_cast<int>(WeightPath::registers),
          static_cast<int>(WeightPath::bulk)};
  CHECK(tried("m16n4096k4096", "sm_90a", &Schedule::weights) == shared);
  CHECK(tried("m16n4096k4096,layout=packed", "sm_90a", &Schedule::weights) ==
        all);
  CHECK(tried("m16n4096k4096,layout=packed", "sm_80", &Schedule::weights) ==
        both);
  CHECK(tried("m16n4096k4096,layout=packed", "sm_90a", &Schedule::producers) ==
        std::set<int>{0, 1});
  CHECK(tried("m16n4096k4096", "sm_90a", &Schedule::producers) ==
        std::set<int>{0});
  CHECK(tried("m16n1024k8192", "sm_90a", &Schedule::reduce).contains(cluster));
  CHECK_FALSE(
      tried("m16n1024k8192", "sm_80", &Schedule::reduce).contains(cluster));
  CHECK_FALSE(tried("m16n1024k8192,reduce=atomic", "sm_90a", &Schedule::reduce)
                  .contains(cluster));
  CHECK(tried("m16n1024k8192", "sm_90a", &Schedule::dependent) ==
        std::set<int>{0});
}

TEST_CASE("the model charges a stream through registers for what it holds",
          "[tuning]") {
  const Target &t = target("sm_90a");
  DeviceConstants c = deviceConstants(t);
  GemmSpec spec = parseGemmSpec("m1n8192k8192,layout=packed");
  Schedule s = parseSchedule("bm8bn64bk512w4kw4st4,scales=sums");
  Schedule streams = s;
  streams.weights = WeightPath::registers;
  // It pays by the rows, and waits for each K step but the first.
  CHECK(estimate(spec, streams, t, c, 1).issue >
        estimate(spec, s, t, c, 1).issue);
  CHECK(estimate(spec, streams, t, c, 1).latency ==
        Approx(15 * c.latency).epsilon(1e-9));
  GemmSpec many = parseGemmSpec("m32n8192k8192,layout=packed");
  Schedule rows = s, streamsRows = streams;
  rows.blockM = streamsRows.blockM = 32;
  CHECK(estimate(many, streamsRows, t, c, 1).issue <
        estimate(many, rows, t, c, 1).issue);
  // A larger cluster has more to exchange.
  auto reduction = [&](const char *text) {
    return estimate(spec, parseSchedule(text), t, c).reduction;
  };
  CHECK(reduction("bm8bn64bk512w4kw4st4s2,reduce=cluster") >
        reduction("bm8bn64bk512w4kw4st4s1"));
  CHECK(reduction("bm8bn64bk512w4kw4st4s8,reduce=cluster") >
        reduction("bm8bn64bk512w4kw4st4s2,reduce=cluster"));
}

TEST_CASE("the search tries several values of what decides", "[tuning]") {
  const Target &t = target("sm_90a");
  SearchSpace space =
      searchSpace(parseGemmSpec("m16n4096k4096"), t, deviceConstants(t), 48);
  REQUIRE(space.best.size() == 48);
  std::set<int> splits, stages, kWarps, columns;
  for (const RankedSchedule &ranked : space.best) {
    splits.insert(ranked.schedule.split);
    stages.insert(ranked.schedule.stages);
    kWarps.insert(ranked.schedule.kWarps);
    columns.insert(ranked.schedule.blockN);
  }
  CHECK(splits.size() >= 4);
  CHECK(stages.size() >= 4);
  CHECK(kWarps.size() >= 4);
  CHECK(columns.size() >= 3);
}

TEST_CASE("every word of a schedule is searched or fixed for a reason",
          "[tuning]") {
  // Each has a record, and a place among the ties.
  CHECK(searchWords().size() == scheduleWords().size());
  CHECK(tieBreaks().size() == scheduleWords().size());
  for (const ScheduleWord &word : scheduleWords()) {
    INFO(word.key);
    CHECK(std::ranges::count(searchWords(), &word, &WordSearch::word) == 1);
    std::vector<int> values = word.legalValues();
    REQUIRE(values.size() >= 2);
    Schedule s;
    for (int value : values) {
      word.set(s, value);
      CHECK(word.get(s) == value);
    }
  }
}

TEST_CASE("the order of the search is total", "[tuning]") {
  auto orders = [](const RankedSchedule &a, const RankedSchedule &b) {
    return before(a, b) + before(b, a);
  };
  // Schedules that differ in one word, whichever, have an order.
  for (const ScheduleWord &word : scheduleWords())
    for (int value : word.legalValues()) {
      RankedSchedule usual, other;
      word.set(other.schedule, value);
      INFO(word.key << " " << value);
      CHECK(orders(usual, other) == (usual.schedule == other.schedule ? 0 : 1));
    }
  std::mt19937 random(11);
  // Few values, so that many are equal in all words but one or two.
  auto any = [&] {
    RankedSchedule ranked;
    ranked.cost.total = 1 + random() % 2;
    for (const ScheduleWord &word : scheduleWords())
      if (random() % 4 == 0)
        word.set(ranked.schedule, word.legalValues()[random() % 2]);
    return ranked;
  };
  int same = 0, wrong = 0;
  for (int i = 0; i < 20000; ++i) {
    const RankedSchedule a = any(), b = any(), c = any();
    const bool equal = a.cost.total == b.cost.total && a.schedule == b.schedule;
    same += equal;
    wrong += orders(a, b) != (equal ? 0 : 1);
    wrong += before(a, b) && before(b, c) && !before(a, c);
    wrong += before(a, a);
  }
  CHECK(wrong == 0);
  CHECK(same > 10);
}

TEST_CASE("the model's parts follow the machine", "[tuning]") {
  const Target &t = target("sm_90a");
  DeviceConstants c = deviceConstants(t);
  GemmSpec spec = parseGemmSpec("m1n8192k8192");
  Schedule s = parseSchedule("bm8bn64bk1024w4st2,scales=sums");
  Cost cost = estimate(spec, s, t, c);
  // 33.6 MB and the scales.
  CHECK(cost.memory >= 33.5 * 1.03 / c.dram);
  CHECK(cost.total > cost.memory);
  CHECK(cost.bound == "warps alone"); // four, 8 fragments a step each
  Schedule more = s;
  more.warps = 8;
  more.kWarps = 2;
  CHECK(estimate(spec, more, t, c).alone < cost.alone);

  DeviceConstants slower = c;
  slower.dram /= 2;
  CHECK(estimate(spec, s, t, slower).memory >= 2 * 33.5 * 1.03 / c.dram);

  // A split costs a reduction, an idle device costs more.
  Schedule split = s;
  split.split = 4;
  split.reduce = Reduce::ordered;
  CHECK(estimate(spec, split, t, c).reduction > cost.reduction);
  GemmSpec few = parseGemmSpec("m1n1024k16384");
  CHECK(estimate(few, split, t, c).total < estimate(few, s, t, c).total);

  // One block more than the device holds at once is another wave.
  CHECK(estimate(spec, s, t, c, 1).waves == 0);
  GemmSpec wider = parseGemmSpec("m1n8512k8192"); // 133 blocks
  CHECK(estimate(wider, s, t, c, 1).waves > 0);
}

TEST_CASE("constants survive their JSON and are checked", "[tuning]") {
  DeviceConstants c = deviceConstants(target("sm_90a"), 114);
  DeviceConstants read = constantsFromJson(toJson(c));
  CHECK(toJson(read) == toJson(c));
  CHECK(read.sms == 114);
  CHECK_THAT(messageOf([] { constantsFromJson("{}"); }),
             Contains("no constants of a device"));
  c.dram = -1;
  CHECK_THAT(messageOf([&] { constantsFromJson(toJson(c)); }),
             Contains("dram = -1 is not positive"));
}

TEST_CASE("constants follow the table of GPUs", "[tuning]") {
  const Target &hopper = target("sm_90a");
  const DeviceConstants fitted;
  CHECK(hopper.gpu().name == fittedGpu);
  CHECK(hopper.gpu().sms == fitted.sms);
  CHECK(deviceConstants(hopper).dram == fitted.dram);
  CHECK(deviceConstants(hopper, 132, "NVIDIA H200").dram == fitted.dram);
  // The same SMs, another memory.
  CHECK(deviceConstants(hopper, 132, "NVIDIA H100 80GB HBM3").dram ==
        Approx(0.9 * 3.35));
  CHECK(deviceConstants(hopper, 120, "unknown").dram == fitted.dram);
  CHECK(deviceConstants(hopper, 66).l2 == Approx(fitted.l2 / 2));
  CHECK(deviceConstants(target("sm_86")).dram == Approx(0.9 * 0.70));
  CHECK(deviceConstants(target("sm_86"), 82, "NVIDIA GeForce RTX 3090").dram ==
        Approx(0.9 * 0.94));
}

TEST_CASE("a fit finds the constants that made the times", "[tuning]") {
  const Target &t = target("sm_90a");
  DeviceConstants start = deviceConstants(t), real = start;
  real.launch *= 2;
  real.columns *= 1.5;
  real.split *= 2;
  real.dram = 3;
  std::vector<TuningEntry> entries;
  for (const char *text :
       {"m1n1024k1024", "m1n8192k8192", "m16n4096k4096", "m64n8192k8192"}) {
    GemmSpec spec = parseGemmSpec(text);
    for (const RankedSchedule &ranked : searchSpace(spec, t, start, 12).best) {
      TuningEntry e;
      e.problem = tuningProblem(spec);
      e.schedule = ranked.schedule;
      e.measurement.median = estimate(spec, ranked.schedule, t, real).total;
      e.measurement.plainRead =
          start.launch + double(spec.n) * double(spec.k) / 2 / 3e6;
      entries.push_back(e);
    }
  }
  CostFit fit = fitConstants(entries, t, start);
  CHECK(fit.times == 48);
  CHECK(fit.errorBefore > 0.2);
  CHECK(fit.errorAfter < 0.03);
  CHECK(fit.constants.dram == Approx(3));
  CHECK(fit.regretWorst < 1.05);
  entries.resize(19);
  CHECK_THAT(messageOf([&] { fitConstants(entries, t, start); }),
             Contains("19 times are too few"));
}

TEST_CASE("a fit takes the memory's rate from the bytes that a format has",
          "[tuning]") {
  const Target &t = target("sm_90a");
  const DeviceConstants start = deviceConstants(t);
  std::vector<TuningEntry> entries;
  const GemmSpec spec = parseGemmSpec("m1n4096k4096,w=s8");
  for (const RankedSchedule &ranked : searchSpace(spec, t, start, 24).best) {
    TuningEntry e;
    e.problem = tuningProblem(spec);
    e.schedule = ranked.schedule;
    e.measurement.median = ranked.cost.total;
    e.measurement.plainRead = start.launch + 4096.0 * 4096 / 3e6; // 3 TB/s
    entries.push_back(e);
  }
  CHECK(fitConstants(entries, t, start).constants.dram == Approx(3));
}

TEST_CASE("what the model cannot see is tried next to what was measured",
          "[tuning]") {
  const Target &t = target("sm_90a");
  const DeviceConstants constants = deviceConstants(t);
  auto evictions = [](const std::vector<RankedSchedule> &of) {
    std::set<Eviction> values;
    for (const RankedSchedule &ranked : of)
      values.insert(ranked.schedule.evict);
    return values;
  };
  Schedule bulk = parseSchedule("bm64bn128bk128w8st3,order=contiguous,"
                                "weights=bulk");
  for (const char *text :
       {"m64n4096k4096,layout=packed", "m256n4096k4096,layout=packed"}) {
    INFO(text);
    const GemmSpec spec = parseGemmSpec(text);
    CHECK(evictions(searchSpace(spec, t, constants, 48).best) ==
          std::set{Eviction::first});
    const auto next = evictions(neighbours(spec, t, constants, bulk));
    CHECK(next.contains(Eviction::normal) == (spec.m > 64));
  }
}

TEST_CASE("neighbours are legal and one or two steps away", "[tuning]") {
  const Target &t = target("sm_90a");
  for (const char *text :
       {"m1n4096k4096,layout=packed", "m32n5120k5120,layout=packed",
        "m16n4096k4096g64,w=u4z", "m16n512k1024,launch=chained"}) {
    GemmSpec spec = parseGemmSpec(text);
    INFO(text);
    const DeviceConstants constants = deviceConstants(t);
    const Schedule from = chooseSchedule(spec, t, constants).schedule;
    std::vector<RankedSchedule> found = neighbours(spec, t, constants, from);
    CHECK(found.size() > 16);
    std::set<std::string> texts;
    double last = 0;
    for (const RankedSchedule &next : found) {
      INFO(print(next.schedule));
      validate(next.schedule);
      validate(next.schedule, spec, t);
      CHECK(next.cost.total >= last);
      last = next.cost.total;
      texts.insert(print(next.schedule));
      int numbers = 0, options = 0;
      for (const ScheduleWord &word : scheduleWords())
        if (word.get(next.schedule) != word.get(from) &&
            !word.is<&Schedule::reduce>())
          ++(word.isNumber() ? numbers : options);
      CHECK(numbers <= 2);
      CHECK(options <= 1);
      CHECK(numbers * options == 0);
    }
    CHECK(texts.size() == found.size());
    CHECK_FALSE(texts.contains(print(from)));
  }
}
