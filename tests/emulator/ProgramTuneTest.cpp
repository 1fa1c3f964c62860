// Protects the tuning of a program of one's own, as its author writes it: on
// the emulator, into a database that a fresh engine finds.
#include "kernels/engine/Engine.h"
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "kernels/tune/ProgramCandidates.h"
#include "kernels/tune/ProgramTuner.h"
#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"

#include <cstdlib>
#include <optional>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t length = 1000;

/// y[i] = 2 x[i] + 1
TunableProgram line() {
  TunableProgram p;
  p.name = "line";
  p.problem = "n=1000";
  p.space = ProgramSpace("tile=32|128|512|1024 w=1|2|4|8");
  p.usual = "tile32w1";
  p.build = [](const ProgramChoice &c) {
    auto program = std::make_unique<Program>("line");
    Index n = program->scalar("n");
    View x = program->view("x", Dtype::f32, {n});
    View y = program->view("y", Dtype::f32, {n});
    Range i = program->range(program->programId(0), c["tile"]);
    y.store({i}, x.load({i}) * 2 + 1);
    return program;
  };
  p.grid = [](const ProgramChoice &c) {
    return ProgramGrid{tilesOf(length, c["tile"]), 1, 1};
  };
  p.fits = [](const ProgramChoice &c) {
    return c["tile"] >= 32 * c.schedule.warps;
  };
  p.arguments = {
      NumberArgument{"n", double(length)},
      ArrayArgument{"x", Dtype::f32, {length}},
      ArrayArgument{"y", Dtype::f32, {length}, ArrayArgument::Use::output}};
  p.reference = [](ArgumentValues &v) {
    for (std::size_t i = 0; i < v[1].size(); ++i)
      v[2][i] = 2 * v[1][i] + 1;
  };
  return p;
}

/// A database that engines find meanwhile.
class OwnDatabase {
public:
  OwnDatabase() : path_((folder_ / "tuning.sqlite").string()) {}
  const std::string &path() const { return path_; }

private:
  TemporaryFolder folder_;
  std::string path_;
};

} // namespace

TEST_CASE("one's own program is tuned, and loaded by the best choice",
          "[tuning]") {
  OwnDatabase database;
  const TunableProgram program = line();
  Engine engine(openEmulator());
  const LoadedProgram before = engine.load(program);
  CHECK_FALSE(before.tuned);
  CHECK(print(before.choice) == "tile32w1st1s1");
  CHECK(before.config.grid == ProgramGrid{32, 1, 1});

  const ProgramTuneResult result =
      engine.tune(program, TuneOptions{}, database.path());
  CHECK(result.complete);
  CHECK(result.unit == "cost");
  CHECK(result.measured == 12); // of 16 those that fit
  CHECK(result.failed == 0);
  REQUIRE(result.winner);
  REQUIRE(result.usualMedian);
  CHECK(result.winner->measurement.median <= *result.usualMedian);
  for (const ProgramEntry &entry : result.entries)
    CHECK(entry.measurement.median >= result.winner->measurement.median);

  // The engine that tuned finds it, and so does another process's.
  const LoadedProgram after = engine.load(program);
  CHECK(after.tuned);
  CHECK(print(after.choice) == result.winner->choice);
  CHECK(after.config.grid == program.grid(after.choice));
  TunedSchedules fresh(openEmulator()->info(), database.path());
  CHECK(print(fresh.choose(program, engine.target()).choice) ==
        result.winner->choice);
  // A choice by name needs no database.
  CHECK(engine.load(program, program.space.parse("tile512w4"))
            .kernel->ptx()
            .threads == 128);
  CHECK(messageOf([&] {
          engine.load(program, program.space.parse("w4st1,mma=warpgroup"));
        }) ==
        "mma=warpgroup reads from copy stages: it needs st = 2 or more, got 1");

  // What is known is not measured again.
  const ProgramTuneResult again =
      engine.tune(program, TuneOptions{}, database.path());
  CHECK(again.measured == 0);
  CHECK(again.known == 12);
  CHECK(again.winner->choice == result.winner->choice);
}

TEST_CASE("a choice that is wrong or does not compile never wins", "[tuning]") {
  OwnDatabase database;
  TuningDb db(database.path(), TuningDb::Mode::write);
  TunableProgram program = line();
  program.build = [build = program.build](const ProgramChoice &c) {
    if (c["tile"] == 512)
      throw Error(ErrorKind::invalidProgram, "no tiles of 512");
    return build(c);
  };
  // A grid of too few blocks leaves elements unwritten.
  program.grid = [grid = program.grid](const ProgramChoice &c) {
    return c["tile"] == 128 ? ProgramGrid{1, 1, 1} : grid(c);
  };
  const ProgramTuneResult result = tuneProgram(program, openEmulator(), db);
  CHECK(result.failed == 7);
  REQUIRE(result.winner);
  for (const ProgramEntry &entry : result.entries) {
    const ProgramChoice choice = program.space.parse(entry.choice);
    const Measurement &m = entry.measurement;
    CAPTURE(entry.choice, m.note);
    if (choice["tile"] == 512) {
      CHECK(m.status == Measurement::Status::rejected);
      CHECK(m.note == "no tiles of 512");
    } else if (choice["tile"] == 128) {
      CHECK(m.status == Measurement::Status::wrong);
      CHECK_FALSE(m.note.empty());
    } else {
      CHECK(m.status == Measurement::Status::ok);
    }
  }
}

TEST_CASE("without a reference others are compared with the usual choice",
          "[tuning]") {
  OwnDatabase database;
  TuningDb db(database.path(), TuningDb::Mode::write);
  TunableProgram program = line();
  program.reference = {};
  program.build = [build = program.build](const ProgramChoice &c) {
    if (c["tile"] != 1024)
      return build(c);
    auto other = std::make_unique<Program>("line");
    Index n = other->scalar("n");
    View x = other->view("x", Dtype::f32, {n});
    View y = other->view("y", Dtype::f32, {n});
    Range i = other->range(other->programId(0), 1024);
    y.store({i}, x.load({i}) * 3);
    return other;
  };
  const ProgramTuneResult result = tuneProgram(program, openEmulator(), db);
  CHECK(result.failed == 4);
  for (const ProgramEntry &entry : result.entries)
    CHECK((entry.measurement.status == Measurement::Status::ok) ==
          (program.space.parse(entry.choice)["tile"] != 1024));
  ProgramArrays arrays(openEmulator(), program, 1);
  CHECK(messageOf([&] { arrays.check(); }) ==
        "line has no reference to compare with");
}

TEST_CASE("of a large space some are taken, with every value", "[tuning]") {
  const TunableProgram program =
      example("matmul_kn")
          .problem({{"m", 64}, {"n", 64}, {"k", 64}}, Dtype::f16);
  const Target &on = target("sm_90a");
  const ProgramCandidates some = candidatesOf(program, on, 40, 1);
  CHECK_FALSE(some.all);
  REQUIRE(some.chosen.size() == 40);
  CHECK(some.chosen.front() == program.usualChoice());
  for (const ProgramSpace::Dimension &dimension : program.space.dimensions())
    for (std::int64_t value : dimension.values) {
      CAPTURE(dimension.key, value);
      CHECK(std::ranges::any_of(some.chosen, [&](const ProgramChoice &c) {
        return (dimension.word ? dimension.word->get(c.schedule)
                               : c[dimension.key]) == value;
      }));
    }
  for (const ProgramChoice &choice : some.chosen)
    CHECK(refusal(program, choice, on) == "");
  for (const ProgramChoice &next :
       neighbours(program, on, program.usualChoice())) {
    CHECK(next != program.usualChoice());
    CHECK(refusal(program, next, on) == "");
  }
  // Nothing of sm_90 is tried where it is not.
  for (const ProgramChoice &choice :
       candidatesOf(program, target("sm_80"), 1000, 1).chosen)
    CHECK(choice.schedule.mma == MatrixUnit::warp);
  CHECK(candidatesOf(line(), on, 100, 1).all);
  CHECK(candidatesOf(line(), on, 100, 1).chosen.size() == 12);
}

TEST_CASE("a tuning that is stopped keeps what it measured", "[tuning]") {
  OwnDatabase database;
  TuningDb db(database.path(), TuningDb::Mode::write);
  std::atomic<bool> stop = false;
  TuneOptions options;
  options.stop = &stop;
  options.progress = [&](const TuneProgress &p) { stop = p.done >= 3; };
  const ProgramTuneResult cut =
      tuneProgram(line(), openEmulator(), db, options);
  CHECK_FALSE(cut.complete);
  CHECK(cut.measured == 3);
  const ProgramTuneResult rest = tuneProgram(line(), openEmulator(), db);
  CHECK(rest.complete);
  CHECK(rest.known == 3);
  CHECK(rest.measured == 9);
}
