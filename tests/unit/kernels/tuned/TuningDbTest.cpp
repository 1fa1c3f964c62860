#include "kernels/tuned/TuningDb.h"

#include "kernels/tuned/TunedSchedules.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/kernels/tuned/TuningFiles.h"

#include <catch2/catch.hpp>

#include <array>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;
using Mode = TuningDb::Mode;

namespace {

void write(const std::filesystem::path &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

} // namespace

TEST_CASE("measurements are kept from one opening to the next", "[tuning]") {
  TemporaryFolder folder;
  std::string path = folder / "sub" / "tuning.sqlite";
  TuningEntry fast = entry("bm16bn64bk256w4kw2st4", 5),
              slow = entry("bm16bn32bk512w8kw8st3", 6);
  {
    TuningDb db(path, Mode::write);
    db.add(fast);
    db.add(slow);
    slow.measurement.replays = 4; // less well founded
    slow.measurement.median = 1;
    db.add(slow);
  }
  TuningDb db(path, Mode::read);
  auto found = db.of(fast.problem, "Test GPU", 132);
  REQUIRE(found.size() == 2);
  auto sorted = ranked(found);
  CHECK(sorted[0].schedule == fast.schedule);
  CHECK(sorted[1].measurement.median == 6);
  CHECK(db.of(fast.problem, "Test GPU", 108).empty());
  CHECK(db.of(fast.problem, "Other GPU", 132).empty());
  CHECK(db.all() == TuningTable::fromJson(db.all().toJson(), "export"));
}

TEST_CASE("layouts of weights are kept apart", "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", Mode::write);
  TuningEntry gptq = entry("st3", 5),
              packed = entry("st3,weights=registers", 4,
                             "m16n4096k4096,layout=packed");
  db.add(gptq);
  db.add(packed);
  db.add(entry("st3", 6, "m16n4096k4096,layout=packed"));
  CHECK(db.all().size() == 3);
  auto found = db.of(packed.problem, "Test GPU", 132);
  REQUIRE(found.size() == 2);
  for (const TuningEntry &e : found)
    CHECK(e.problem.layout == WeightLayout::packed);
  CHECK(db.of(gptq.problem, "Test GPU", 132).size() == 1);
  // In JSON too, where what is not said is gptq.
  TuningTable read = TuningTable::fromJson(db.all().toJson(), "export");
  CHECK(read == db.all());
  TuningDb other(folder / "other", Mode::write);
  other.merge(read);
  CHECK(other.all() == read);
  TunedSchedules tuned(gpu, folder / "db");
  auto choice = tuned.find(parseGemmSpec("m16n4096k4096,layout=packed"),
                           target("sm_90a"));
  REQUIRE(choice);
  CHECK(choice->schedule == packed.schedule);
  CHECK_FALSE(tuned.find(parseGemmSpec("m16n4096k4096"), target("sm_90a")));
}

TEST_CASE("two openings write one database at once", "[tuning][threads]") {
  TemporaryFolder folder;
  std::string path = folder / "tuning.sqlite";
  auto fill = [&](int from) {
    TuningDb db(path, Mode::write);
    for (int i = from; i < from + 40; ++i)
      db.add(entry("st3", 5, "m1n" + std::to_string(8 * (i + 1)) + "k128"));
  };
  std::jthread first([&] { fill(0); }), second([&] { fill(40); });
  first.join();
  second.join();
  CHECK(TuningDb(path, Mode::read).all().size() == 80);
}

TEST_CASE("one database is created by whoever comes first",
          "[tuning][threads]") {
  TemporaryFolder folder;
  for (int round = 0; round < 25; ++round) {
    std::string path = folder / std::to_string(round);
    std::barrier start(6);
    std::array<std::string, 6> errors;
    {
      std::vector<std::jthread> threads;
      for (int thread = 0; thread < 6; ++thread)
        threads.emplace_back([&, thread] {
          start.arrive_and_wait();
          try {
            TuningDb(path, Mode::write)
                .add(entry("st3", 5,
                           "m1n" + std::to_string(8 * (thread + 1)) + "k128"));
          } catch (const Error &error) {
            errors[thread] = error.message();
          }
        });
    }
    for (const std::string &error : errors)
      CHECK(error == "");
    CHECK(TuningDb(path, Mode::read).all().size() == 6);
  }
}

TEST_CASE("constants of a device are stored", "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "tuning.sqlite", Mode::write);
  CHECK(db.constants("Test GPU", 132).empty());
  db.setConstants("Test GPU", 132, "{}");
  db.setConstants("Test GPU", 132, "{\"a\":1}");
  CHECK(db.constants("Test GPU", 132) == "{\"a\":1}");
}

TEST_CASE("databases that are none are told apart", "[tuning]") {
  TemporaryFolder folder;
  auto message = [&](Mode mode, const char *name) {
    return messageOf([&] { TuningDb(folder / name, mode, 50); });
  };
  CHECK_THAT(message(Mode::read, "missing"), Contains("there is no tuning"));
  CHECK_THAT(messageOf([&] { TuningDb(folder.path(), Mode::write); }),
             Contains("is a folder"));

  write(folder / "empty", "");
  CHECK_THAT(message(Mode::read, "empty"), Contains("is empty"));
  TuningDb(folder / "empty", Mode::write).add(entry("st3", 5));
  CHECK(TuningDb(folder / "empty", Mode::read).all().size() == 1);

  write(folder / "text", std::string(4096, 'x'));
  CHECK_THAT(message(Mode::write, "text"), Contains("is not a database"));
  CHECK_THAT(message(Mode::read, "text"), Contains("is not a database"));

  Foreign(folder / "foreign").run("CREATE TABLE t(a)");
  CHECK_THAT(message(Mode::write, "foreign"),
             Contains("another program's database"));

  {
    TuningDb(folder / "newer", Mode::write);
  }
  Foreign(folder / "newer").run("PRAGMA user_version = 7");
  CHECK_THAT(message(Mode::read, "newer"),
             Contains("has version 7, this Lath reads 2"));
  // One that knew no layouts, and the way out of it.
  Foreign(folder / "newer").run("PRAGMA user_version = 1");
  Error older = errorOf([&] { TuningDb(folder / "newer", Mode::write, 50); });
  CHECK_THAT(older.message(), Contains("has version 1, this Lath reads 2"));
  REQUIRE(!older.notes().empty());
  CHECK_THAT(older.notes().front(), Contains("lath tune --export"));

  {
    TuningDb db(folder / "corrupt", Mode::write);
    for (int i = 1; i < 200; ++i)
      db.add(entry("st3", 5, "m1n" + std::to_string(8 * i) + "k128"));
  }
  {
    std::fstream file(folder / "corrupt",
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096);
    file << std::string(20000, '\xa5');
  }
  CHECK_THAT(messageOf([&] { TuningDb(folder / "corrupt", Mode::read).all(); }),
             Contains("is corrupt"));
}

TEST_CASE("a lock that another process holds is reported", "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "tuning.sqlite", Mode::write, 50);
  db.add(entry("st3", 5));
  Foreign other(folder / "tuning.sqlite");
  other.run("BEGIN IMMEDIATE");
  CHECK_THAT(messageOf([&] { db.add(entry("st4", 5)); }),
             Contains("is locked: another process"));
  // Reading goes on.
  CHECK(db.all().size() == 1);
  other.run("ROLLBACK");
  db.add(entry("st4", 5));
  CHECK(db.all().size() == 2);
}

TEST_CASE("a schedule of another version of Lath is skipped", "[tuning]") {
  TemporaryFolder folder;
  {
    TuningDb db(folder / "tuning.sqlite", Mode::write);
    db.add(entry("st3", 5));
    db.add(entry("st4", 5));
  }
  Foreign(folder / "tuning.sqlite")
      .run("UPDATE measurement SET schedule = 'bm16,warp=9' "
           "WHERE schedule LIKE '%st4%'");
  CHECK(TuningDb(folder / "tuning.sqlite", Mode::read).all().size() == 1);
}

TEST_CASE("requests get the tuned schedule", "[tuning]") {
  TemporaryFolder folder;
  std::string path = folder / "tuning.sqlite";
  const Target &sm90 = target("sm_90a");
  GemmSpec spec = parseGemmSpec("m13n4096k4096");
  TunedSchedules tuned(gpu, path);
  CHECK_FALSE(tuned.find(spec, sm90));
  CHECK(tuned.problem().empty());

  TuningDb db(path, Mode::write);
  db.add(entry("bm16bn64bk256w4kw2st4", 5));
  CHECK_FALSE(tuned.find(spec, sm90)); // one alone beats none
  db.add(entry("bm16bn32bk256w4kw4st3", 6));
  db.add(entry("bm16bn64bk256w4kw2st4s8", 7));
  auto choice = tuned.find(spec, sm90);
  REQUIRE(choice);
  CHECK(choice->schedule == parseSchedule("bm16bn64bk256w4kw2st4"));
  CHECK_THAT(choice->reasons.front(),
             Contains("tuned for m = 16 on Test GPU: 5.000 us"));
  CHECK_FALSE(tuned.find(parseGemmSpec("m17n4096k4096"), sm90));
  // One schedule is left that splits as asked: nothing to compare.
  CHECK_FALSE(tuned.find(parseGemmSpec("m16n4096k4096s8"), sm90));

  // Another build's measurements count where this one has none.
  TuningEntry newer = entry("bm16bn32bk256w4kw4st4", 4);
  newer.place.build = "another";
  db.add(newer);
  CHECK(tuned.find(spec, sm90)->schedule ==
        parseSchedule("bm16bn64bk256w4kw2st4"));
}

TEST_CASE("a broken database costs a request nothing", "[tuning]") {
  TemporaryFolder folder;
  write(folder / "text", std::string(4096, 'x'));
  TunedSchedules tuned(gpu, folder / "text");
  CHECK_FALSE(tuned.find(parseGemmSpec("m16n4096k4096"), target("sm_90a")));
  CHECK_THAT(tuned.problem(), Contains("is not a database"));
}

TEST_CASE("the shipped table knows the layers of Llama 3", "[tuning]") {
  TunedSchedules tuned(named("NVIDIA H200"), "");
  const Target &t = target("sm_90a");
  for (auto [n, k] : {std::pair{6144, 4096},
                      {4096, 4096},
                      {28672, 4096},
                      {4096, 14336},
                      {10240, 8192},
                      {8192, 8192},
                      {57344, 8192},
                      {8192, 28672}})
    for (WeightLayout layout : {WeightLayout::gptq, WeightLayout::packed})
      for (int m : {1, 4, 16, 32, 64}) {
        GemmSpec spec;
        spec.m = m;
        spec.n = n;
        spec.k = k;
        spec.layout = layout;
        INFO(print(spec));
        auto choice = tuned.find(spec, t);
        REQUIRE(choice);
        CHECK_THAT(choice->reasons.front(), Contains("on NVIDIA H200"));
        // Back to back: the packed ones were tuned for it, up to 16 rows.
        spec.launches = Launches::chained;
        choice = tuned.find(spec, t);
        REQUIRE(choice);
        const bool own = choice->reasons.back().find("nobody has tuned") ==
                         std::string::npos;
        CHECK(own == (layout == WeightLayout::packed && m <= 16));
      }
}

TEST_CASE("the shipped table holds schedules that compute their problems",
          "[tuning]") {
  REQUIRE(shippedTuning().size() > 0);
  TunedSchedules tuned(named("NVIDIA H200"), "");
  auto choice = tuned.find(parseGemmSpec("m16n8192k8192"), target("sm_90a"));
  REQUIRE(choice);
  CHECK_THAT(choice->reasons.front(), Contains("on NVIDIA H200"));
}
