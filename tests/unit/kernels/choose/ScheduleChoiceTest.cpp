#include "kernels/choose/ScheduleChoice.h"

#include "kernels/choose/CostModel.h"
#include "kernels/choose/ScheduleSpace.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/gemm/SharedPlan.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <random>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

TEST_CASE("the chosen schedule is legal for every spec and target",
          "[tuning]") {
  int checked = 0;
  for (const Target &target : targets())
    for (std::int64_t m : {1, 8, 17, 64, 200})
      for (std::int64_t n : {8, 24, 2112, 5120, 28672})
        for (std::int64_t k : {32, 96, 2112, 14336})
          for (std::int64_t group : {std::int64_t(32), std::int64_t(128), k})
            for (int split : {0, 1, 3})
              for (WeightLayout layout :
                   {WeightLayout::gptq, WeightLayout::packed}) {
                GemmSpec spec;
                spec.m = m;
                spec.n = n;
                spec.k = k;
                spec.group = group;
                spec.split = split;
                spec.layout = layout;
                // Half of them with zero points, which share the stages.
                spec.zeros = (n / 8 + split) % 2 ? Zeros::symmetric : Zeros::v1;
                spec.reduce = split == 1 ? Reduce::none : Reduce::ordered;
                if (k % group || split > (k + 31) / 32)
                  continue;
                INFO(print(spec) << " on " << target.name);
                Schedule s = chooseSchedule(spec, target).schedule;
                INFO(print(s));
                validate(s);
                validate(s, spec, target); // throws where illegal
                CHECK((split == 0 || s.split == split));
                CHECK(sharedBytes(s, spec) <= target.maxSharedBytes);
                CHECK(parseSchedule(print(s)) == s);
                ++checked;
              }
  CHECK(checked > 4000);
}

TEST_CASE("a choice says what it is estimated to take, and what others would",
          "[tuning]") {
  ScheduleChoice choice =
      chooseSchedule(parseGemmSpec("m16n4096k4096g128"), target("sm_90a"));
  std::string all;
  for (const std::string &reason : choice.reasons)
    all += reason + "\n";
  for (const char *word :
       {"least by the cost model", "132 SMs", "memory", "instructions",
        "bn32: bn64 would take", "s1: s2 would take", "would take",
        "scales=sums: scales=weights would take"})
    CHECK_THAT(all, Contains(word));
}

TEST_CASE("a choice is for the device's SMs and its constants", "[tuning]") {
  const Target &t = target("sm_90a");
  GemmSpec spec = parseGemmSpec("m1n4096k8192");
  for (unsigned sms : {28u, 132u}) {
    Schedule here = chooseSchedule(spec, t, sms).schedule;
    Schedule there = chooseSchedule(spec, t, 160 - sms).schedule;
    DeviceConstants c = deviceConstants(t, sms);
    CHECK(estimate(spec, here, t, c).total < estimate(spec, there, t, c).total);
  }

  DeviceConstants c = deviceConstants(t);
  spec = parseGemmSpec("m1n5120k5120");
  CHECK(chooseSchedule(spec, t, c).schedule.split > 1);
  c.split = c.cluster = 100;
  CHECK(chooseSchedule(spec, t, c).schedule.split == 1);
}

TEST_CASE("what a target cannot do is refused with its reason", "[tuning]") {
  CHECK_THAT(messageOf([] {
               chooseSchedule(
                   parseGemmSpec("m1n512k512s2,x=bf16,reduce=atomic-out"),
                   target("sm_80"));
             }),
             Contains("sm_80 has no atomic add of bf16"));
}

TEST_CASE("the quick bound is never above the estimate", "[tuning]") {
  // Else the choice would pass over schedules.
  std::mt19937 random(7);
  auto any = [&](const std::vector<int> &values) {
    return values[random() % values.size()];
  };
  const Target &t = target("sm_90a");
  DeviceConstants usual = deviceConstants(t), steep = usual;
  steep.overlap = 20; // the 8-norm would be above this one
  int compared = 0;
  for (int i = 0; i < 120000; ++i) {
    GemmSpec spec;
    spec.m = 1 << random() % 9;
    spec.n = 8 * (1 + std::int64_t(random() % 4000));
    spec.k = 128 * (1 + std::int64_t(random() % 200));
    spec.layout = random() % 2 ? WeightLayout::packed : WeightLayout::gptq;
    Schedule s;
    for (const ScheduleWord &word : scheduleWords())
      word.set(s, any(word.legalValues()));
    try {
      validate(s);
      validate(s, spec, t);
    } catch (const Error &) {
      continue;
    }
    for (const DeviceConstants &c : {usual, steep}) {
      INFO(print(s) << " for " << print(spec));
      const double total = estimate(spec, s, t, c).total;
      CHECK(leastCost(spec, s, c) <= total * (1 + 1e-9));
      Schedule any = s;
      any.split = 0;
      any.stages = 4;
      CHECK(leastCost(spec, any, c) <= total * (1 + 1e-9));
      // Cut short only where it is really more.
      CHECK(estimate(spec, s, t, c, 0, total * (1 + 1e-9)).total == total);
      ++compared;
    }
  }
  CHECK(compared > 500);
}

TEST_CASE("clusters leave the rest of a GPC idle", "[tuning]") {
  CHECK(clusterSms(132, 1) == 132);
  CHECK(clusterSms(132, 2) == 132);
  // 128 blocks in clusters of 4 or 8 were seen to take two rounds.
  CHECK(clusterSms(132, 4) == 124);
  CHECK(clusterSms(132, 8) == 120);
  for (unsigned sms : {1u, 7u, 28u, 78u, 114u, 132u, 148u, 188u})
    for (unsigned blocks = 1; blocks <= 8; ++blocks) {
      INFO(sms << " SMs, clusters of " << blocks);
      CHECK(clusterSms(sms, blocks) <= std::max(sms, blocks));
      CHECK(clusterSms(sms, blocks) >= std::min(sms, blocks));
    }
}
