// Protects: tuning measures what it should, survives what goes wrong, and its
// results are used.
#include "kernels/choose/ScheduleSpace.h"
#include "kernels/engine/Engine.h"
#include "kernels/tune/TuneWorker.h"
#include "kernels/tuned/TunedSchedules.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/kernels/tune/Tuning.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;
using Status = Measurement::Status;

namespace {

std::vector<RankedSchedule> candidates(std::size_t count) {
  const Target &t = target("sm_90a");
  return searchSpace(spec, t, deviceConstants(t, 132), count).best;
}

std::unique_ptr<Measurer> worker(std::vector<std::string> plants,
                                 double seconds = 30) {
  plants.insert(plants.begin(), LATH_TEST_WORKER);
  return measureInWorker(std::move(plants), seconds);
}

/// By schedule.
std::map<std::string, Measurement> rows(const TuningDb &db) {
  std::map<std::string, Measurement> found;
  const TuningTable table = db.all();
  for (const auto &[key, measurement] : table.rows())
    found[key.schedule] = measurement;
  return found;
}

} // namespace

TEST_CASE("tuning on the emulator finds the least cost and keeps all",
          "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  auto measurer = measureHere(openEmulator());
  TuneReport report = tune({spec}, *measurer, db, few());
  REQUIRE(report.results.size() == 1);
  const TuneResult &r = report.results.front();
  CHECK(r.complete);
  CHECK(r.failed == 0);
  CHECK(r.measured >= 6);
  REQUIRE(r.winner);
  auto all = rows(db);
  CHECK(all.size() == r.measured);
  for (const auto &[schedule, m] : all) {
    INFO(schedule);
    CHECK(m.status == Status::ok);
    CHECK(m.unit == "cost"); // never taken for a time
    CHECK(m.median > 0);
    CHECK(m.median >= 0.99 * r.winner->measurement.median);
  }
  const TuningTable table = db.all();
  for (const auto &[key, m] : table.rows())
    CHECK_THAT(key.place.gpu, Contains("emulator"));
  CHECK(r.defaultMedian);

  // All is known: nothing is measured again, and the result is the same.
  TuneReport again = tune({spec}, *measurer, db, few());
  CHECK(again.results.front().measured == 0);
  CHECK(again.results.front().known == r.measured);
  CHECK(again.results.front().winner->schedule == r.winner->schedule);

  // A new candidate costs only its own time.
  TuneReport more = tune({spec}, *measurer, db, few(12));
  CHECK(more.results.front().measured > 0);
  CHECK(more.results.front().measured + more.results.front().known >= 12);
  CHECK(more.results.front().measured <= 12);
}

TEST_CASE("the worker measures what this process measures", "[tuning]") {
  TemporaryFolder folder;
  TuningDb here(folder / "here", TuningDb::Mode::write),
      there(folder / "there", TuningDb::Mode::write);
  tune({spec}, *measureHere(openEmulator()), here, few());
  tune({spec}, *worker({}), there, few());
  auto a = rows(here), b = rows(there);
  REQUIRE(a.size() == b.size());
  for (const auto &[schedule, m] : a) {
    INFO(schedule);
    REQUIRE(b.contains(schedule));
    CHECK(b[schedule].median == m.median);
  }
}

TEST_CASE("candidates that misbehave are left out and the rest is measured",
          "[tuning]") {
  auto best = candidates(6);
  REQUIRE(best.size() == 6);
  auto text = [&](std::size_t i) { return print(best[i].schedule); };
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  // The emulator checks these in a few milliseconds, on a busy machine in a few
  // hundred. The one that hangs costs the whole time.
  auto measurer = worker({"crash=" + text(0), "hang=" + text(1),
                          "wrong=" + text(2), "crash-late=" + text(3)},
                         10);
  TuneReport report = tune({spec}, *measurer, db, few());
  const TuneResult &r = report.results.front();
  auto all = rows(db);
  CHECK(all[text(0)].status == Status::crashed);
  CHECK_THAT(all[text(0)].note, Contains("signal 9"));
  CHECK(all[text(1)].status == Status::hung);
  CHECK_THAT(all[text(1)].note, Contains("no answer for 10 s"));
  CHECK(all[text(2)].status == Status::wrong);
  CHECK(all[text(3)].status == Status::crashed);
  CHECK(r.failed == 4);
  CHECK(all[text(4)].status == Status::ok);
  CHECK(all[text(5)].status == Status::ok);
  REQUIRE(r.winner);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(print(r.winner->schedule) != text(i));
  // They are known now, and not tried again.
  TuneReport again = tune({spec}, *measurer, db, few());
  CHECK(again.results.front().measured == 0);
}

TEST_CASE("a stop keeps what was measured, and a second run goes on",
          "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  auto measurer = measureHere(openEmulator());
  std::atomic<bool> stop = false;
  TuneOptions options = few(10);
  options.stop = &stop;
  options.progress = [&](const TuneProgress &p) { stop = p.done >= 3; };
  TuneReport first = tune({spec}, *measurer, db, options);
  CHECK(first.stopped);
  CHECK_FALSE(first.results.front().complete);
  std::size_t kept = first.results.front().measured;
  TuneReport second = tune({spec}, *measurer, db, few(10));
  CHECK_FALSE(second.stopped);
  CHECK(second.results.front().complete);
  CHECK(second.results.front().known == kept);
  CHECK(second.results.front().measured > 0);
}

TEST_CASE("shards share the work without overlap", "[tuning]") {
  std::vector<GemmSpec> specs;
  for (const char *text : {"m1n64k64g64", "m16n64k64g64", "m1n128k64g64"})
    specs.push_back(parseGemmSpec(text));
  auto measurer = measureHere(openEmulator());
  TemporaryFolder folder;
  TuningDb whole(folder / "whole", TuningDb::Mode::write);
  tune(specs, *measurer, whole, few(3));
  TuningTable merged;
  std::size_t problems = 0;
  for (unsigned shard = 0; shard < 2; ++shard) {
    TuningDb db(folder / std::to_string(shard), TuningDb::Mode::write);
    TuneOptions options = few(3);
    options.shard = shard;
    options.shards = 2;
    problems += tune(specs, *measurer, db, options).results.size();
    merged.merge(db.all());
  }
  CHECK(problems == 3);
  TuningTable all = whole.all();
  REQUIRE(merged.size() == all.size());
  for (const auto &[key, m] : merged.rows())
    CHECK(all.rows().at(key).median == m.median);
  CHECK_THAT(messageOf([&] {
               TuneOptions options;
               options.shard = 2;
               options.shards = 2;
               tune(specs, *measurer, whole, options);
             }),
             Contains("shard 2 of 2 does not exist"));
}

TEST_CASE("the engine takes what it tuned", "[tuning]") {
  TemporaryFolder folder;
  Engine engine(openEmulator());
  TuneReport report = engine.tune(std::array{spec}, few(), folder / "db");
  REQUIRE(report.results.front().winner);
  CHECK(engine.gemm(spec).schedule() ==
        report.results.front().winner->schedule);
  CHECK(engine.gemm(parseGemmSpec("m1n512k256")).schedule().blockM == 8);
}

TEST_CASE("an engine's worker dies of a candidate, the engine does not",
          "[tuning]") {
  const std::string bad = print(candidates(2)[1].schedule);
  TemporaryFolder folder;
  Engine engine(openEmulator());
  TuneOptions options = few();
  options.worker = {LATH_TEST_WORKER, "crash=" + bad};
  TuneReport report = engine.tune(std::array{spec}, options, folder / "db");
  const TuneResult &r = report.results.front();
  CHECK(r.failed == 1);
  CHECK(r.measured > 1);
  REQUIRE(r.winner);
  CHECK(engine.gemm(spec).schedule() == r.winner->schedule);
  auto all = rows(TuningDb(folder / "db", TuningDb::Mode::read));
  CHECK(all[bad].status == Status::crashed);
}

TEST_CASE("an engine refuses a worker on another device", "[tuning]") {
  TemporaryFolder folder;
  Engine engine(openEmulator("sm_80"));
  TuneOptions options = few();
  options.worker = {LATH_TEST_WORKER};
  Error error =
      errorOf([&] { engine.tune(std::array{spec}, options, folder / "db"); });
  CHECK(error.kind() == ErrorKind::invalidInput);
  CHECK(error.message() ==
        "the worker measures on Lath emulator (sm_90a) of 132 SMs, the "
        "engine's device is Lath emulator (sm_80) of 108");
}

TEST_CASE("requests that name no schedule choose anew after a tuning",
          "[tuning]") {
  TemporaryFolder folder;
  Engine engine(openEmulator(), {.disk = false});
  Schedule asked = parseSchedule("bm8bn32bk64w1st2");
  Kernel before = engine.gemm(spec), named = engine.gemm(spec, asked);
  REQUIRE(engine.stats().entries == 2);
  // Of the candidates that were measured one is not the model's.
  TuneReport report = engine.tune(std::array{spec}, few(), folder / "db");
  REQUIRE(report.results.front().winner);
  CHECK(engine.stats().entries == 1); // that of the named schedule
  Kernel after = engine.gemm(spec);
  CHECK(after.schedule() == report.results.front().winner->schedule);
  CHECK(before.schedule() == report.results.front().defaultChoice);
  CHECK(engine.gemm(spec, asked).schedule() == asked);
  CHECK(engine.scheduleFor(spec) == after.schedule());
  // Found in memory from then on, whatever becomes of the database.
  std::filesystem::remove(folder / "db");
  CHECK(engine.gemm(spec).schedule() == after.schedule());
  CHECK(engine.stats().compiled >= 2);
}

TEST_CASE("packed weights are tuned as a problem of their own", "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  GemmSpec packed = spec;
  packed.layout = WeightLayout::packed;
  auto measurer = measureHere(openEmulator());
  TuneReport report = tune({spec, packed}, *measurer, db, few(12));
  REQUIRE(report.results.size() == 2);
  std::set<WeightPath> paths;
  for (const TuneResult &r : report.results) {
    CHECK(r.failed == 0);
    REQUIRE(r.winner);
    CHECK(specOf(r.problem).layout == r.problem.layout);
    for (const TuningEntry &e : db.of(r.problem, r.winner->place.gpu, 132)) {
      CHECK(e.measurement.status == Status::ok);
      if (r.problem.layout == WeightLayout::packed)
        paths.insert(e.schedule.weights);
      else
        CHECK(e.schedule.weights == WeightPath::shared);
    }
  }
  CHECK(paths == std::set<WeightPath>{WeightPath::shared, WeightPath::registers,
                                      WeightPath::bulk});
  CHECK(report.results[0].problem != report.results[1].problem);
}

TEST_CASE("a cluster's sum is measured as one that is ordered", "[tuning]") {
  auto measurer = measureHere(openEmulator());
  GemmSpec split = spec;
  split.split = 2;
  measurer->prepare(split, 1);
  TuneCandidate candidate;
  candidate.gemm =
      compileGemm(split, parseSchedule("bm8bn32bk64w2st2s2,reduce=cluster"),
                  target("sm_90a"));
  TuneVerdict verdict = measurer->check(candidate);
  INFO(verdict.note);
  CHECK(verdict.status == Status::ok);
}

TEST_CASE("a launch that the driver refuses is the candidate's fault alone",
          "[tuning]") {
  auto device = openCuda(fakeDriver(), [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  });
  auto measurer = measureHere(device);
  measurer->prepare(spec, 1);
  TuneCandidate candidate;
  candidate.gemm =
      compileGemm(spec, parseSchedule("bm8bn32bk64w1st2"), target("sm_90a"));
  record().failing["launchKernelEx"] = cuda::CUDA_ERROR_INVALID_VALUE;
  TuneVerdict verdict = measurer->check(candidate);
  CHECK(verdict.status == Status::rejected);
  CHECK_THAT(verdict.note, Contains("cuLaunchKernelEx failed"));
  // What costs the context ends the measurer.
  record().failing["launchKernelEx"] = cuda::CUDA_ERROR_ILLEGAL_ADDRESS;
  CHECK(errorOf([&] { measurer->check(candidate); }).fault() ==
        Fault::contextLost);
  record().failing.clear();
}

TEST_CASE("constants of another version of the model stop no tuning",
          "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  auto measurer = measureHere(openEmulator());
  db.setConstants(measurer->device().name, measurer->device().smCount,
                  R"({"origin": "old", "sms": 132, "ramp": 0.5})");
  CHECK(tune({spec}, *measurer, db, few(2)).results.front().winner);
}
