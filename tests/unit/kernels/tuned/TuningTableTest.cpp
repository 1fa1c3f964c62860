#include "kernels/tuned/TuningTable.h"

#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <random>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

namespace {

/// Entries that collide often: few problems, places and schedules.
TuningEntry randomEntry(std::mt19937 &random) {
  auto below = [&](int n) { return static_cast<int>(random() % n); };
  TuningEntry e;
  e.problem.n = 4096 << below(2);
  e.problem.k = 4096;
  e.problem.m = below(2) ? 16 : 1;
  e.problem.group = 128;
  e.problem.layout = below(2) ? WeightLayout::packed : WeightLayout::gptq;
  e.place = {"GPU", 132, below(2) ? "580" : "590", "build"};
  e.schedule.stages = 2 + below(3);
  Measurement &m = e.measurement;
  m.status = static_cast<Measurement::Status>(below(5));
  m.median = 1 + below(3);
  m.p10 = m.median - below(2);
  m.p90 = m.median + below(2);
  m.replays = below(3) * 12;
  m.when = below(3);
  return e;
}

TuningTable randomTable(std::mt19937 &random) {
  TuningTable table;
  for (int i = 0; i < 12; ++i)
    table.add(randomEntry(random));
  return table;
}

TuningTable merged(TuningTable a, const TuningTable &b) {
  a.merge(b);
  return a;
}

TuningEntry timed(std::string_view schedule, double median, double spread,
                  int replays) {
  TuningEntry e;
  e.schedule = parseSchedule(schedule);
  e.measurement.median = median;
  e.measurement.p10 = median - spread / 2;
  e.measurement.p90 = median + spread / 2;
  e.measurement.replays = replays;
  return e;
}

} // namespace

TEST_CASE("merging is associative, commutative and idempotent", "[tuning]") {
  std::mt19937 random(7);
  int different = 0;
  for (int i = 0; i < 300; ++i) {
    TuningTable a = randomTable(random), b = randomTable(random),
                c = randomTable(random);
    REQUIRE(merged(merged(a, b), c) == merged(a, merged(b, c)));
    REQUIRE(merged(a, b) == merged(b, a));
    REQUIRE(merged(a, a) == a);
    different += merged(a, b) != a;
  }
  CHECK(different > 200); // the tables do differ
}

TEST_CASE("a table survives its JSON", "[tuning]") {
  std::mt19937 random(8);
  for (int i = 0; i < 50; ++i) {
    TuningTable table = randomTable(random);
    TuningTable read = TuningTable::fromJson(table.toJson(), "text");
    REQUIRE(read == table);
    REQUIRE(read.toJson() == table.toJson());
  }
}

TEST_CASE("what is no tuning table is refused by name", "[tuning]") {
  auto message = [](std::string_view text) {
    return messageOf([&] { TuningTable::fromJson(text, "file.json"); });
  };
  CHECK_THAT(message("{"), Contains("file.json is no tuning table"));
  CHECK_THAT(message("[]"), Contains("expected an object with format"));
  CHECK_THAT(message(R"({"format": "lath tuning", "version": 9})"),
             Contains("its version is 9, this Lath reads 1"));
  CHECK_THAT(message(R"({"format": "lath tuning", "version": 1})"),
             Contains("no list 'entries'"));
  CHECK_THAT(message(R"({"format": "lath tuning", "version": 2})"),
             Contains("no list 'groups'"));
  CHECK_THAT(message(R"({"format": "lath tuning", "version": 2,
                         "groups": [{"op": "gemm"}]})"),
             Contains("no list 'entries'"));
  std::mt19937 random(9);
  std::string text = randomTable(random).toJson();
  std::size_t at = text.find("bm16");
  text.replace(at, 4, "bm17");
  CHECK_THAT(message(text), Contains("entry 0: bm = 17 is not a power of two"));
}

TEST_CASE("tables of the first version are read", "[tuning]") {
  TuningTable table = TuningTable::fromJson(
      R"({"format": "lath tuning", "version": 1, "entries": [
{"op":"gemm","n":512,"k":1024,"m":8,"group":128,"x":"f16","w":"u4z",
 "layout":"packed","deterministic":true,"gpu":"GPU","sms":132,"driver":"580",
 "build":"b","schedule":"bm8bn32bk512w4kw2st2s1","status":"hung","median":0,
 "p10":0,"p90":0,"replays":0,"unit":"us","when":7,"note":"why"}]})",
      "old");
  REQUIRE(table.size() == 1);
  const auto &[key, m] = *table.rows().begin();
  CHECK(print(specOf(key.problem)) == "m8n512k1024g128,w=u4z,layout=packed");
  CHECK(key.place == TuningPlace{"GPU", 132, "580", "b"});
  CHECK(key.schedule == "bm8bn32bk512w4kw2st2s1");
  CHECK(m.status == Measurement::Status::hung);
  CHECK(m.note == "why");
  CHECK(m.when == 7);
}

TEST_CASE("how launches follow each other is kept as an operation",
          "[tuning]") {
  for (Launches launches : {Launches::alone, Launches::chained}) {
    CHECK(launchesOf(operationText(launches)) == launches);
    TuningEntry entry;
    entry.problem =
        tuningProblem({.m = 8, .n = 512, .k = 1024, .launches = launches});
    entry.schedule = parseSchedule("bm8bn32bk512w4kw2st2s1");
    entry.measurement.median = 2;
    TuningTable table;
    table.add(entry);
    TuningTable read = TuningTable::fromJson(table.toJson(), "file.json");
    CHECK(read == table);
    CHECK(specOf(read.rows().begin()->first.problem).launches == launches);
  }
  CHECK(operationText(Launches::alone) == "gemm");
  CHECK(operationText(Launches::chained) == "gemm chained");
  CHECK(messageOf([] { launchesOf("gemv"); }) ==
        "'gemv' is none of gemm, gemm chained");
}

TEST_CASE("an epilogue is a problem of its own, kept in the operation",
          "[tuning]") {
  GemmSpec spec{.m = 8, .n = 512, .k = 1024, .launches = Launches::chained};
  spec.epilogue.bias = true;
  TuningEntry entry;
  entry.problem = tuningProblem(spec);
  CHECK(operationText(entry.problem) == "gemm chained,bias=yes");
  CHECK(specOf(entry.problem).epilogue == spec.epilogue);
  entry.schedule = parseSchedule("bm8bn32bk512w4kw2st2s1");
  entry.measurement.median = 2;
  TuningEntry plain = entry;
  plain.problem.epilogue = {};
  TuningTable table;
  table.add(entry);
  table.add(plain);
  REQUIRE(table.size() == 2);
  CHECK(TuningTable::fromJson(table.toJson(), "file.json") == table);
  TuningProblem read;
  for (const char *text : {"gemm", "gemm,bias=yes", "gemm chained,bias=yes"}) {
    setOperation(read, text);
    CHECK(operationText(read) == text);
  }
  CHECK_THROWS_AS(setOperation(read, "gemm,act=silu"), Error);
}

TEST_CASE("the best of a table are those of the newest build", "[tuning]") {
  TuningTable table;
  auto add = [&](const char *spec, const char *build, const char *schedule,
                 double median, std::int64_t when) {
    TuningEntry e = timed(schedule, median, 0.01, 24);
    e.problem = tuningProblem(parseGemmSpec(spec));
    e.place = {"GPU", 132, "580", build};
    e.measurement.when = when;
    table.add(e);
  };
  const char *spec = "m1n512k512", *other = "m8n512k512";
  add(spec, "old", "st2", 1, 100); // faster, but of kernels that are no more
  add(spec, "old", "st3", 2, 100);
  add(spec, "new", "st2", 5, 200);
  add(spec, "new", "st3", 4, 201);
  add(spec, "new", "st4", 6, 202);
  add(spec, "newest", "st4", 3, 300); // alone, and so the best of none
  add(other, "old", "st5", 7, 100);
  TuningEntry failed = timed("st6", 0, 0, 0);
  failed.problem = tuningProblem(parseGemmSpec(spec));
  failed.place = {"GPU", 132, "580", "new"};
  failed.measurement.status = Measurement::Status::wrong;
  failed.measurement.when = 400;
  table.add(failed);

  std::vector<std::string> kept;
  const TuningTable best = table.best(2);
  for (const auto &[key, m] : best.rows())
    kept.push_back(key.place.build + " " +
                   std::to_string(static_cast<int>(m.median)));
  CHECK(kept == std::vector<std::string>{"new 5", "new 4", "old 7"});
  CHECK(best.best(2) == best);
  // As well of what came out of a merge.
  TuningTable merged = best;
  merged.merge(table);
  CHECK(merged == table);
  CHECK(merged.best(2) == best);
}

TEST_CASE("chained launches have a key of their own", "[tuning]") {
  GemmSpec spec = parseGemmSpec("m8n4096k4096,layout=packed,launch=chained");
  TuningProblem problem = tuningProblem(spec);
  CHECK(specOf(problem) == spec);
  spec.launches = Launches::alone;
  CHECK(tuningProblem(spec) != problem);
  TuningEntry e = timed("st3", 5, 0.01, 24);
  e.problem = problem;
  TuningTable table;
  table.add(e);
  CHECK(TuningTable::fromJson(table.toJson(), "text") == table);
}

TEST_CASE("an entry without a layout is of GPTQ's", "[tuning]") {
  TuningEntry e = timed("st3", 5, 0.01, 24);
  e.problem = tuningProblem(parseGemmSpec("m16n4096k4096,layout=packed"));
  TuningTable packed;
  packed.add(e);
  std::string text = packed.toJson();
  CHECK_THAT(text, Contains("\"layout\":\"packed\""));
  std::string without = text;
  const std::string field = "\"layout\":\"packed\",";
  without.erase(without.find(field), field.size());
  e.problem.layout = WeightLayout::gptq;
  TuningTable gptq;
  gptq.add(e);
  CHECK(TuningTable::fromJson(without, "text") == gptq);
  CHECK(gptq.toJson() == without);
  text.replace(text.find("\"packed\""), 8, "\"marlin\"");
  CHECK_THAT(messageOf([&] { TuningTable::fromJson(text, "text"); }),
             Contains("entry 0: 'marlin' is none of gptq, packed"));
}

TEST_CASE("buckets of rows", "[tuning]") {
  CHECK(tuningBucket(1) == 1);
  CHECK(tuningBucket(2) == 8);
  CHECK(tuningBucket(8) == 8);
  CHECK(tuningBucket(9) == 16);
  CHECK(tuningBucket(33) == 64);
  CHECK(tuningBucket(65536) == 65536);
}

TEST_CASE("the fastest wins, ties go to the simplest", "[tuning]") {
  auto first = [](std::vector<TuningEntry> entries) {
    return print(ranked(std::move(entries)).front().schedule);
  };
  // Clearly faster, though it splits.
  CHECK(first({timed("s1", 10, 0.01, 24), timed("s4", 9, 0.01, 24)}) ==
        print(parseSchedule("s4")));
  // Within half a percent: the smaller split, then the fewer stages.
  CHECK(first({timed("s4", 10, 0.01, 24), timed("s2", 10.03, 0.01, 24)}) ==
        print(parseSchedule("s2")));
  CHECK(first({timed("st5", 10, 0.01, 24), timed("st3", 10.03, 0.01, 24)}) ==
        print(parseSchedule("st3")));
  // Wide spreads cannot tell 3 % apart from few rounds, but from many.
  CHECK(first({timed("s4", 10, 1, 24), timed("s1", 10.2, 1, 24)}) ==
        print(parseSchedule("s1")));
  CHECK(first({timed("s4", 10, 1, 2400), timed("s1", 10.2, 1, 2400)}) ==
        print(parseSchedule("s4")));
  // A coarse time does not win, nor does a failure.
  TuningEntry failed = timed("st2", 0, 0, 0);
  failed.measurement.status = Measurement::Status::crashed;
  CHECK(first({failed, timed("s4", 5, 0.01, 4), timed("s1", 10, 0.01, 24)}) ==
        print(parseSchedule("s1")));
  CHECK(ranked(std::vector<TuningEntry>{}).empty());
}

TEST_CASE("a failure outweighs a coarse time, not a final one", "[tuning]") {
  Measurement failed;
  failed.status = Measurement::Status::hung;
  CHECK(betterFounded(failed, timed("s1", 5, 0, 4).measurement));
  CHECK_FALSE(betterFounded(failed, timed("s1", 5, 0, 24).measurement));
}
