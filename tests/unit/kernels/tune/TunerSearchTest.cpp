// Protects: what the tuner tries, on a device whose fastest schedule is known.
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/choose/ScheduleSpace.h"
#include "kernels/tune/TuneMeasure.h"
#include "tests/unit/kernels/tune/Tuning.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <map>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

namespace {

/// A device on which one schedule is the fastest, and others the slower the
/// more they differ from it.
class Valley : public Measurer {
public:
  explicit Valley(const Schedule &bottom) : bottom_(bottom) {
    info_.name = "valley";
    info_.target = "sm_90a";
    info_.major = 9;
    info_.smCount = 132;
  }
  void prepare(const GemmSpec &, std::uint64_t) override {}
  TuneVerdict check(const TuneCandidate &candidate) override {
    schedules_[candidate.id] = candidate.gemm.schedule;
    return {};
  }
  std::vector<TuneSamples> time(const std::vector<int> &ids, std::int64_t,
                                int replays) override {
    std::vector<TuneSamples> samples;
    for (int id : ids)
      samples.emplace_back(std::size_t(replays), height(schedules_.at(id)));
    samples.emplace_back(std::size_t(replays), 1.0);
    return samples;
  }
  std::vector<TuneSamples> timeWarm(int, std::int64_t, int) override {
    return {};
  }
  void drop(const std::vector<int> &) override {}
  DeviceProbe probe() override {
    ++probes;
    if (probeFails)
      throw Error(ErrorKind::driver, "out of memory");
    return {.dram = 2.5, .l2 = 7, .tensor = 500, .launch = 1.5};
  }
  int probes = 0;
  bool probeFails = false;
  const DeviceInfo &device() const override { return info_; }
  std::string unit() const override { return "us"; }

  double height(const Schedule &s) const {
    double steps = 0;
    for (const ScheduleWord &word : scheduleWords()) {
      const double a = word.get(s), b = word.get(bottom_);
      steps += word.powerOfTwo ? std::abs(std::log2(a / b)) : std::abs(a - b);
    }
    return 10 + steps;
  }

private:
  Schedule bottom_;
  std::map<int, Schedule> schedules_;
  DeviceInfo info_;
};

} // namespace

TEST_CASE("tuning goes on next to the fastest while that helps", "[tuning]") {
  // Four steps from where it starts, and none that the model would propose.
  const GemmSpec layer = parseGemmSpec("m1n512k512");
  Schedule bottom = parseSchedule("bm8bn64bk64w1st5,order=contiguous");
  Valley valley(bottom);
  Schedule start =
      chooseSchedule(layer, target("sm_90a"),
                     deviceConstants(valley.device(), valley.probe()))
          .schedule;
  TuneOptions options = few(1);
  options.neighbours = 200;
  options.refinements = 0;
  TemporaryFolder folder;
  TuningDb one(folder / "one", TuningDb::Mode::write),
      all(folder / "all", TuningDb::Mode::write);
  TuneResult without = tune({layer}, valley, one, options).results.front();
  REQUIRE(without.winner);
  CHECK(without.winner->schedule == start);
  CHECK(without.measured == 1);
  options.refinements = 20;
  TuneResult with = tune({layer}, valley, all, options).results.front();
  REQUIRE(with.winner);
  CHECK(with.winner->schedule == bottom);
  CHECK(with.measured > 1);
  // It ends by itself: no schedule was measured twice.
  CHECK(all.all().size() == with.measured + with.failed);
}

TEST_CASE("a device is probed once, and the model scaled by what it reaches",
          "[tuning]") {
  const GemmSpec layer = parseGemmSpec("m1n512k512");
  Valley valley(parseSchedule("bm8bn64bk64w1st5,order=contiguous"));
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  CHECK(db.constants("valley", 132).empty());
  tune({layer}, valley, db, few(1));
  tune({parseGemmSpec("m8n512k512")}, valley, db, few(1));
  CHECK(valley.probes == 1);
  DeviceConstants c = constantsFromJson(db.constants("valley", 132));
  CHECK(toJson(c) == toJson(deviceConstants(valley.device(), valley.probe())));
  CHECK_THAT(c.origin, Contains("scaled by probes of this valley: 2.50 TB/s of "
                                "memory, 7.0 of L2, 500 TFLOP/s, 1.50 us"));
  CHECK(c.tensor == 500);
}

TEST_CASE("a probe that fails stops no tuning, and is tried again",
          "[tuning]") {
  const GemmSpec layer = parseGemmSpec("m1n512k512");
  Valley valley(parseSchedule("bm8bn64bk64w1st5,order=contiguous"));
  valley.probeFails = true;
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  CHECK(tune({layer}, valley, db, few(1)).results.front().winner);
  CHECK(db.constants("valley", 132).empty());
  valley.probeFails = false;
  tune({layer}, valley, db, few(1));
  CHECK(valley.probes == 2);
  CHECK(!db.constants("valley", 132).empty());
}

TEST_CASE("what was fastest elsewhere is tried", "[tuning]") {
  const GemmSpec layer = parseGemmSpec("m8n512k512");
  const Schedule odd = parseSchedule("bm16bn64bk64w1st5,order=contiguous"),
                 other = parseSchedule("bm16bn32bk64w1st5,order=contiguous");
  Valley valley(odd);
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  // By another build, with more rows.
  GemmSpec more = layer;
  more.m = 16;
  for (const Schedule &s : {odd, other}) {
    Measurement m;
    m.median = s == odd ? 1 : 2;
    m.replays = 24;
    db.add({tuningProblem(more), {"valley", 132, "", "older"}, s, m});
  }
  TuneOptions options = few(1);
  options.refinements = 0;
  TuneResult r = tune({layer}, valley, db, options).results.front();
  REQUIRE(r.winner);
  CHECK(print(r.winner->schedule) == "bm8bn64bk64w1st5s1,order=contiguous");
  CHECK(r.measured == 3); // both, in tiles of eight rows, and the model's
  // An epilogue starts from what was fastest without one.
  GemmSpec biased = layer;
  biased.epilogue.bias = true;
  TuneResult b = tune({biased}, valley, db, options).results.front();
  REQUIRE(b.winner);
  CHECK(b.winner->problem.epilogue == biased.epilogue);
  CHECK(b.winner->schedule == r.winner->schedule);
}
