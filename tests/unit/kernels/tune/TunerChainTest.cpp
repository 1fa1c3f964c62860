// Protects: launches back to back are a problem of their own.
#include "kernels/engine/Engine.h"
#include "kernels/tune/TuneMeasure.h"
#include "kernels/tuned/TunedSchedules.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/kernels/tune/Tuning.h"

#include <catch2/catch.hpp>

#include <array>
#include <set>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;
using Status = Measurement::Status;

TEST_CASE("chained launches are tuned as a problem of their own", "[tuning]") {
  TemporaryFolder folder;
  GemmSpec chained = spec;
  chained.launches = Launches::chained;
  Engine engine(openEmulator(), {.disk = false});
  TuneReport report =
      engine.tune(std::array{spec, chained}, few(32), folder / "db");
  REQUIRE(report.results.size() == 2);
  TuningDb db(folder / "db", TuningDb::Mode::read);
  for (const TuneResult &r : report.results) {
    CHECK(r.failed == 0);
    REQUIRE(r.winner);
    const bool inChain = specOf(r.problem).launches == Launches::chained;
    std::set<Dependent> dependent;
    for (const TuningEntry &e : db.of(r.problem, r.winner->place.gpu, 132))
      dependent.insert(e.schedule.dependent);
    // All of them: which is fastest in a chain is to be measured.
    CHECK(dependent ==
          (inChain ? std::set{Dependent::none, Dependent::early,
                              Dependent::half, Dependent::late, Dependent::end}
                   : std::set{Dependent::none}));
    CHECK(engine.gemm(specOf(r.problem)).schedule() == r.winner->schedule);
  }
  CHECK(report.results[0].problem != report.results[1].problem);
  // The code is the same; only the choice is for another use.
  const Schedule s = parseSchedule("bm8bn32bk64w2st2");
  engine.gemm(spec, s);
  const std::uint64_t compiled = engine.stats().compiled;
  CHECK(engine.gemm(chained, s).spec().launches == Launches::chained);
  CHECK(engine.stats().compiled == compiled);
}

TEST_CASE("what nobody tuned for chains takes what is tuned for one launch",
          "[tuning]") {
  TemporaryFolder folder;
  TuneReport report;
  {
    TuningDb db(folder / "db", TuningDb::Mode::write);
    report = tune({spec}, *measureHere(openEmulator()), db, few(8));
  }
  const TuningEntry &winner = *report.results.front().winner;
  auto device = openEmulator();
  TunedSchedules tuned(device->info(), folder / "db");
  GemmSpec chained = spec;
  chained.launches = Launches::chained;
  auto choice = tuned.find(chained, target("sm_90a"));
  REQUIRE(choice);
  CHECK(choice->schedule == winner.schedule);
  CHECK_THAT(choice->reasons.back(), Contains("launch=chained"));
  CHECK(tuned.find(spec, target("sm_90a"))->schedule == winner.schedule);
}

TEST_CASE("a chain whose launches do not wait for each other is wrong",
          "[tuning]") {
  auto device = openEmulator();
  auto measurer = measureHere(device);
  GemmSpec chained = spec;
  chained.launches = Launches::chained;
  measurer->prepare(chained, 1);
  TuneCandidate candidate;
  candidate.gemm = compileGemm(
      chained, parseSchedule("bm8bn32bk64w2st2,dep=end"), target("sm_90a"));
  REQUIRE(candidate.gemm.ptx.dependent);
  CHECK(measurer->check(candidate).status == Status::ok);
  std::string &text = candidate.gemm.ptx.text;
  std::size_t at = text.find("griddepcontrol.wait;");
  REQUIRE(at != std::string::npos);
  text.replace(at, 20, "");
  ++candidate.id;
  const TuneVerdict verdict = measurer->check(candidate);
  CHECK(verdict.status == Status::wrong);
  CHECK_THAT(verdict.note, Contains("griddepcontrol.wait"));
}
