// Protects: what is said of a schedule's shared memory before it is compiled is
// what the compiled kernel asks for, to the byte.
#include "kernels/gemm/SharedPlan.h"

#include "compiler/base/Error.h"
#include "compiler/base/SharedSpace.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/tuned/TunedSchedules.h"

#include <catch2/catch.hpp>

#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <vector>

using namespace lath;

TEST_CASE("buffers lie one behind the other, each at its alignment") {
  SharedSpace space;
  CHECK(space.bytes() == 0);
  CHECK(space.place(8) == 0);
  CHECK(space.bytes() == 8);
  CHECK(space.place(0) == 128);
  CHECK(space.place(100) == 128);
  CHECK(space.place(256, matrixOperandAlignment) == 1024);
  CHECK(space.place(ticketBytes) == 1280);
  CHECK(space.bytes() == 1284);
}

namespace {

/// One of those that validate() accepts; nothing is said of how likely each is.
std::optional<Schedule> anySchedule(std::mt19937 &random, const GemmSpec &spec,
                                    const Target &target) {
  for (int attempt = 0; attempt < 2000; ++attempt) {
    Schedule s;
    for (const ScheduleWord &word : scheduleWords()) {
      std::vector<int> values = word.legalValues();
      word.set(s, values[random() % values.size()]);
    }
    // What few would have by chance.
    if (random() % 2)
      s.split = 1 + static_cast<int>(random() % 8);
    if (target.hasWarpgroupMma() && attempt % 2) {
      s.mma = MatrixUnit::warpgroup;
      s.kWarps = 1;
    }
    if (s.split == 1)
      s.reduce = Reduce::none;
    if (s.weights != WeightPath::bulk)
      s.producers = 0;
    try {
      validate(s);
      validate(s, spec, target);
      return s;
    } catch (const Error &) {
    }
  }
  return std::nullopt;
}

GemmSpec anySpec(std::mt19937 &random) {
  auto of = [&](auto... values) {
    const std::int64_t all[] = {values...};
    return all[random() % sizeof...(values)];
  };
  GemmSpec spec;
  spec.m = of(1, 2, 3, 7, 8, 9, 16, 31, 64, 100, 300);
  spec.n = of(8, 24, 256, 1000, 4096, 11008);
  spec.k = of(128, 384, 1024, 2176, 4096, 14336);
  spec.group = of(32, 64, 128, 0);
  if (!spec.group)
    spec.group = spec.k;
  spec.x = random() % 2 ? Dtype::f16 : Dtype::bf16;
  const WeightFormat &format = weightFormats[random() % weightFormats.size()];
  spec.w = format.codes;
  spec.zeros = format.zeros;
  spec.layout =
      format.packed && random() % 3 ? WeightLayout::packed : WeightLayout::gptq;
  spec.reduce = static_cast<Reduce>(of(1, 2, 3, 3, 3));
  spec.launches = random() % 2 ? Launches::chained : Launches::alone;
  spec.epilogue.bias = spec.reduce != Reduce::atomicOut && random() % 2;
  return spec;
}

} // namespace

TEST_CASE("every shipped schedule takes the shared memory that is foretold",
          "[tuning]") {
  const Target &h200 = target("sm_90a");
  for (const auto &[key, measurement] : shippedTuning().rows()) {
    const GemmSpec spec = specOf(key.problem);
    const Schedule schedule = parseSchedule(key.schedule);
    INFO(print(spec) << " by " << key.schedule);
    CHECK(planLaunch(spec, schedule, h200).sharedBytes ==
          sharedBytes(schedule, spec));
  }
}

TEST_CASE("any legal schedule takes the shared memory that is foretold",
          "[tuning]") {
  std::mt19937 random(20);
  int compared = 0;
  std::set<std::string_view> seen;
  while (compared < 1000) {
    const Target &target = targets()[random() % targets().size()];
    const GemmSpec spec = anySpec(random);
    const std::optional<Schedule> s = anySchedule(random, spec, target);
    if (!s)
      continue;
    INFO(print(spec) << " by " << print(*s) << " on " << target.name);
    CHECK(planLaunch(spec, *s, target).sharedBytes == sharedBytes(*s, spec));
    ++compared;
    seen.insert(name(s->reduce));
    if (s->mma == MatrixUnit::warpgroup)
      seen.insert("wgmma");
    if (s->producers)
      seen.insert("producers");
    if (s->weights == WeightPath::registers)
      seen.insert("registers");
    if (s->kWarps > 1 && s->reduce == Reduce::cluster)
      seen.insert("warps of a cluster");
    if (tileRows(*s, spec) < s->blockM)
      seen.insert("few rows");
  }
  for (const char *kind :
       {"none", "atomic", "atomic-out", "ordered", "cluster", "wgmma",
        "producers", "registers", "warps of a cluster", "few rows"}) {
    INFO(kind);
    CHECK(seen.contains(kind));
  }
}
