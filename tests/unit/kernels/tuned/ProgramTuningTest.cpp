// Protects what the database and its JSON keep of programs of one's own, and
// what a request makes of it.
#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/kernels/tuned/TuningFiles.h"

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;
using Mode = TuningDb::Mode;

namespace {

ProgramEntry measured(const std::string &choice, double median,
                      const std::string &problem = "n=64") {
  ProgramEntry e;
  e.problem = {"add", problem};
  e.place = entry("st3", median).place;
  e.choice = choice;
  e.measurement = entry("st3", median).measurement;
  return e;
}

TunableProgram program() {
  TunableProgram p;
  p.name = "add";
  p.problem = "n=64";
  p.space = ProgramSpace("tile=64|128 w=1|2|4 mma=warp|warpgroup st=1|2");
  p.usual = "tile64w2";
  p.fits = [](const ProgramChoice &c) { return c.schedule.warps != 1; };
  return p;
}

} // namespace

TEST_CASE("choices of programs are kept, exported and merged", "[tuning]") {
  TemporaryFolder folder;
  const ProgramEntry fast = measured("tile64w4st1s1", 5),
                     slow = measured("tile128w4st1s1", 6),
                     other = measured("tile64w4st1s1", 7, "n=65");
  {
    TuningDb db(folder / "db", Mode::write);
    for (const ProgramEntry &e : {fast, slow, other})
      db.add(e);
    ProgramEntry worse = slow; // less well founded
    worse.measurement.replays = 4;
    worse.measurement.median = 1;
    db.add(worse);
    db.add(entry("st3", 5));
  }
  TuningDb db(folder / "db", Mode::read);
  auto found = ranked(db.of(fast.problem, "Test GPU", 132));
  REQUIRE(found.size() == 2);
  CHECK(found[0].choice == fast.choice);
  CHECK(found[1].measurement.median == 6);
  CHECK(db.of(fast.problem, "Test GPU", 108).empty());
  CHECK(db.of(ProgramProblem{"sub", "n=64"}, "Test GPU", 132).empty());

  const TuningTable all = db.all();
  CHECK(all.size() == 4);
  CHECK(TuningTable::fromJson(all.toJson(), "export") == all);
  TuningDb merged(folder / "merged", Mode::write);
  merged.merge(all);
  merged.merge(all);
  CHECK(merged.all() == all);
  CHECK(all.best(1).programs().size() == 2);
  CHECK(all.best(1).programs().begin()->first.choice == fast.choice);
  // Nothing of programs is said where there are none.
  TuningTable gemms;
  gemms.add(entry("st3", 5));
  CHECK_THAT(gemms.toJson(), !Contains("programs"));
}

TEST_CASE("a database from before programs is read, and written to",
          "[tuning]") {
  TemporaryFolder folder;
  const std::string path = folder / "old";
  TuningDb(path, Mode::write).add(entry("st3", 5));
  Foreign(path).run("DROP TABLE program_measurement");
  {
    TuningDb old(path, Mode::read);
    CHECK(old.of(measured("w4", 1).problem, "Test GPU", 132).empty());
    CHECK(old.all().size() == 1);
  }
  TuningDb(path, Mode::write).add(measured("tile64w4st1s1", 5));
  CHECK(TuningDb(path, Mode::read).all().size() == 2);
}

TEST_CASE("a program gets the fastest choice that was measured", "[tuning]") {
  TemporaryFolder folder;
  const std::string path = folder / "db";
  const TunableProgram p = program();
  auto chosen = [&] {
    return TunedSchedules(gpu, path).choose(p, target("sm_80"));
  };
  CHECK(print(chosen().choice) == "tile64w2st1s1");
  CHECK_FALSE(chosen().measured);
  TuningDb db(path, Mode::write);
  db.add(measured("tile128w4st1s1", 5));
  CHECK_FALSE(chosen().measured); // a single one beats none
  db.add(measured("tile64w4st1s1", 6));
  REQUIRE(chosen().measured);
  CHECK(print(chosen().choice) == "tile128w4st1s1");
  CHECK_THAT(chosen().reasons.at(0), Contains("tuned on Test GPU: 5.000 us") &&
                                         Contains("the best of 2 measured"));

  // What this build, the program or the target cannot do is passed over, were
  // it ever so fast.
  for (const char *choice :
       {"tile256w4st1s1", "tile64w4st1s1,swizzle=8", "tile128w1st1s1",
        "tile64w4st2s1,mma=warpgroup", "w4tile64st1s1", "nonsense"})
    db.add(measured(choice, 1));
  ProgramEntry wrong = measured("tile64w2st2s1", 1);
  wrong.measurement.status = Measurement::Status::wrong;
  db.add(wrong);
  CHECK(print(chosen().choice) == "tile128w4st1s1");

  // Neither are rows that are damaged, nor a database that is none.
  Foreign(path).run("UPDATE program_measurement SET median = 'x' "
                    "WHERE choice = 'tile128w4st1s1'");
  CHECK_FALSE(chosen().measured);
  Foreign(path).run("PRAGMA user_version = 99");
  const ChosenProgram without = chosen();
  CHECK_FALSE(without.measured);
  CHECK_THAT(without.reasons.back(), Contains("has version 99"));
}

TEST_CASE("an export with a wrong entry of a program is refused whole",
          "[tuning]") {
  TuningTable table;
  table.add(measured("tile64w4st1s1", 5));
  const std::string good = table.toJson();
  auto refused = [&](const std::string &from, const std::string &to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return messageOf([&] { TuningTable::fromJson(text, "file"); });
  };
  CHECK_THAT(refused("\"median\":5.0", "\"median\":-1"),
             Contains("entry 0: -1 is no number of 0..1e+12 (median)"));
  CHECK_THAT(refused("\"program\":\"add\"", "\"program\":\"\""),
             Contains("'' is no text of 1 to 4096 bytes (program)"));
  CHECK_THAT(refused("\"choice\"", "\"chance\""),
             Contains("it has no 'choice'"));
  CHECK_THAT(refused("\"unit\":\"us\"", "\"unit\":\"ms\""),
             Contains("'ms' is none of us, cost (unit)"));
}
