// Protects: a database that cannot be read costs requests nothing, is said
// once, and is not asked again and again; one that can is read once.
#include "kernels/tuned/TuningLookup.h"

#include "kernels/engine/Engine.h"
#include "kernels/tune/Tuner.h"
#include "kernels/tuned/TunedSchedules.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/kernels/tuned/TuningFiles.h"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;
using Mode = TuningDb::Mode;

namespace {

const TuningEntry first = entry("bm16bn64bk256w4kw2st4", 5),
                  second = entry("bm16bn32bk256w4kw4st3", 6);
const GemmSpec spec = parseGemmSpec("m16n4096k4096");

/// Two measurements of one problem.
void fill(const std::string &path) {
  TuningDb db(path, Mode::write);
  db.add(first);
  db.add(second);
}

/// As a backup or a tool with an exclusive lock.
void lock(Foreign &foreign) {
  foreign.run("PRAGMA journal_mode = DELETE");
  foreign.run("BEGIN EXCLUSIVE");
}

} // namespace

TEST_CASE("a locked database is passed over until it rested", "[tuning]") {
  TemporaryFolder folder;
  fill(folder / "db");
  Foreign foreign(folder / "db");
  lock(foreign);
  TunedSchedules patient(gpu, folder / "db", std::chrono::hours(1)),
      restless(gpu, folder / "db", std::chrono::seconds(0));
  for (const TunedSchedules *tuned : {&patient, &restless}) {
    CHECK_FALSE(tuned->find(spec, target("sm_90a")));
    CHECK_THAT(tuned->problem(), Contains("is locked: another process has held "
                                          "it for more than 50 ms"));
    ScheduleChoice choice = chooseTuned(spec, target("sm_90a"), *tuned);
    CHECK(choice.schedule ==
          chooseSchedule(spec, target("sm_90a"),
                         deviceConstants(target("sm_90a"), 132))
              .schedule);
    CHECK_THAT(choice.reasons.back(),
               Contains("tuned schedules are left out: the tuning database"));
  }
  foreign.run("ROLLBACK");
  // It is not asked again within the hour.
  CHECK_FALSE(patient.find(spec, target("sm_90a")));
  CHECK(patient.problem() != "");
  auto choice = restless.find(spec, target("sm_90a"));
  REQUIRE(choice);
  CHECK(choice->schedule == first.schedule);
  CHECK(restless.problem() == "");
}

TEST_CASE("what others write, remove and replace is seen", "[tuning]") {
  TemporaryFolder folder;
  const std::string path = folder / "db";
  TuningLookup lookup(path, gpu.name, gpu.smCount);
  auto count = [&] { return lookup.measurements(first.problem).size(); };
  CHECK(count() == 0); // there is none yet
  CHECK(lookup.problem() == "");
  fill(path);
  CHECK(count() == 2);
  CHECK(count() == 2);
  {
    TuningDb db(path, Mode::write);
    db.add(entry("bm16bn64bk256w4kw2st3", 7));
  }
  CHECK(count() == 3);
  CHECK_FALSE(lookup.constants());
  DeviceConstants fitted = deviceConstants(target("sm_90a"), 132);
  fitted.dram = 3;
  TuningDb(path, Mode::write)
      .setConstants(gpu.name, gpu.smCount, toJson(fitted));
  REQUIRE(lookup.constants());
  CHECK(lookup.constants()->dram == 3);
  // Of another version of the model: as if there were none, and no trouble.
  TuningDb(path, Mode::write).setConstants(gpu.name, gpu.smCount, "{}");
  CHECK_FALSE(lookup.constants());
  CHECK(lookup.problem() == "");
  for (const char *end : {"", "-wal", "-shm"})
    std::filesystem::remove(path + end);
  CHECK(count() == 0);
  fill(path); // another file of that name
  CHECK(count() == 2);
}

TEST_CASE("a forked process reads by a connection of its own", "[tuning]") {
  TemporaryFolder folder;
  fill(folder / "db");
  TuningLookup lookup(folder / "db", gpu.name, gpu.smCount);
  REQUIRE(lookup.measurements(first.problem).size() == 2);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0)
    _exit(static_cast<int>(lookup.measurements(first.problem).size()));
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 2);
  CHECK(lookup.measurements(first.problem).size() == 2);
}

TEST_CASE("many threads ask one lookup while somebody writes",
          "[tuning][threads]") {
  TemporaryFolder folder;
  fill(folder / "db");
  TunedSchedules tuned(gpu, folder / "db");
  TuningDb db(folder / "db", Mode::write);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          auto choice = tuned.find(spec, target("sm_90a"));
          wrong += !choice || choice->schedule != first.schedule;
        }
      });
    for (int i = 1; i <= 20; ++i)
      db.add(entry("st3", 5, "m1n" + std::to_string(8 * i) + "k128"));
  }
  CHECK(wrong == 0);
  CHECK(tuned.problem() == "");
}

TEST_CASE("a database that breaks is no reason for an engine to fail",
          "[tuning]") {
  TemporaryFolder folder;
  Engine engine(openEmulator(), {.disk = false});
  const GemmSpec small = parseGemmSpec("m1n64k256");
  const Schedule untuned = engine.scheduleFor(small);
  TuneOptions options;
  options.candidates = 2;
  engine.tune(std::array{small}, options, folder / "db");
  std::ofstream(folder / "db", std::ios::binary) << std::string(8192, 'x');
  CHECK(engine.scheduleFor(small) == untuned);
  CHECK(engine.gemm(small).schedule() == untuned);
}
