// Protects: what another build, another program or a damaged page wrote into a
// tuning database or an export is passed over or refused, and never used.
#include "kernels/tuned/TuningRow.h"

#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/kernels/tuned/TuningFiles.h"

#include <catch2/catch.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

namespace {

/// A value, as SQL says it, that no row may have in a column.
struct Wrong {
  std::string column, value;
};

std::vector<Wrong> wrongValues() {
  std::vector<Wrong> all;
  for (const TuningColumn &column : tuningColumns) {
    all.push_back({std::string(column.sql), "NULL"});
    all.push_back({std::string(column.sql), "x'00'"});
  }
  for (const char *number :
       {"n", "k", "m", "grp", "x", "zeros", "layout", "deterministic", "sms",
        "status", "median", "p10", "p90", "replays", "plain_read", "predicted",
        "time"}) {
    all.push_back({number, "'many'"});
    all.push_back({number, "-1"});
  }
  for (const char *whole : {"n", "k", "m", "grp", "x", "zeros", "layout", "sms",
                            "status", "replays"})
    all.push_back({whole, "2.5"});
  for (const char *time : {"median", "p10", "p90", "plain_read", "predicted"}) {
    all.push_back({time, "9e999"}); // infinite
    all.push_back({time, "-9e999"});
    all.push_back({time, "1e13"});
  }
  for (const char *whole : {"n", "k", "m", "grp", "x", "zeros", "layout", "sms",
                            "status", "replays", "time"})
    all.push_back({whole, "9223372036854775807"});
  all.insert(all.end(), {{"op", "'gemv'"},
                         {"n", "4097"},
                         {"k", "0"},
                         {"m", "15"},
                         {"grp", "48"},
                         {"x", "0"},
                         {"x", "9"},
                         {"zeros", "7"},
                         {"layout", "5"},
                         {"deterministic", "2"},
                         {"sms", "65536"},
                         {"schedule", "'bm17'"},
                         {"schedule", "'bm16,word=9'"},
                         {"schedule", "'bm16bn64bk128w4st3s1,dep=early'"},
                         {"status", "5"},
                         {"status", "12"},
                         {"median", "0"},
                         {"median", "4"}, // below p10
                         {"p10", "6"},
                         {"p90", "4"},
                         {"replays", "2147483648"},
                         {"unit", "'ns'"},
                         {"time", "253402300800"}});
  return all;
}

/// A row as plain values, one of them replaced.
TuningEntry readWith(const TuningEntry &e, std::string_view column,
                     const TuningValue &value) {
  std::vector<TuningValue> row = tuningRow(e);
  for (std::size_t i = 0; i < row.size(); ++i)
    if (tuningColumns[i].sql == column)
      row[i] = value;
  return readTuningRow([&](std::size_t i) { return row[i]; });
}

} // namespace

TEST_CASE("rows that this build cannot read are passed over", "[tuning]") {
  TemporaryFolder folder;
  const std::string path = folder / "db";
  const TuningEntry good = entry("bm16bn64bk256w4kw2st4", 5),
                    other = entry("bm16bn32bk256w4kw4st3", 6),
                    bad = entry("bm16bn64bk256w4kw2st5", 5);
  {
    TuningDb db(path, TuningDb::Mode::write);
    for (const TuningEntry &e : {good, other, bad})
      db.add(e);
  }
  Foreign foreign(path);
  // Without the constraints, which a damaged page knows nothing of either.
  foreign.run("CREATE TABLE plain AS SELECT * FROM measurement; "
              "DROP TABLE measurement; "
              "CREATE TABLE kept AS SELECT * FROM plain; "
              "ALTER TABLE plain RENAME TO measurement;");
  const GemmSpec spec = parseGemmSpec("m16n4096k4096");
  REQUIRE(TuningDb(path, TuningDb::Mode::read).all().size() == 3);
  for (const auto &[column, value] : wrongValues()) {
    INFO(column << " = " << value);
    foreign.run("DELETE FROM measurement; "
                "INSERT INTO measurement SELECT * FROM kept; "
                "UPDATE measurement SET " +
                column + " = " + value + " WHERE schedule LIKE '%st5%'");
    const TuningTable all = TuningDb(path, TuningDb::Mode::read).all();
    CHECK(all.size() == 2);
    CHECK(TuningTable::fromJson(all.toJson(), "export") == all);
    TunedSchedules tuned(gpu, path);
    CHECK(tuned.measurements(spec).size() == 2);
    auto choice = tuned.find(spec, target("sm_90a"));
    REQUIRE(choice);
    CHECK(choice->schedule == good.schedule);
    CHECK(tuned.problem() == "");
  }
}

TEST_CASE("a row is read as it was written", "[tuning]") {
  TuningEntry e = entry("bm8bn32bk256w4kw4st3,dep=late", 7,
                        "m8n512k1024g64,x=bf16,w=u4z1,layout=packed,"
                        "launch=chained,reduce=atomic");
  e.measurement.status = Measurement::Status::hung;
  e.measurement.p10 = 6;
  e.measurement.p90 = 8;
  e.measurement.plainRead = 3;
  e.measurement.predicted = 2.5;
  e.measurement.unit = "cost";
  e.measurement.note = "why";
  e.measurement.when = 11;
  const std::vector<TuningValue> row = tuningRow(e);
  REQUIRE(row.size() == tuningColumns.size());
  TuningEntry read = readTuningRow([&](std::size_t i) { return row[i]; });
  CHECK(read.problem == e.problem);
  CHECK(read.place == e.place);
  CHECK(read.schedule == e.schedule);
  CHECK(read.measurement == e.measurement);
}

TEST_CASE("what is wrong in a row is named", "[tuning]") {
  const TuningEntry e = entry("st3", 5);
  auto message = [&](std::string_view column, const TuningValue &value) {
    return messageOf([&] { readWith(e, column, value); });
  };
  CHECK(message("x", std::int64_t{9}) == "9 is none of 2 = f16, 3 = bf16 (x)");
  CHECK(message("x", "f8") == "'f8' is none of f16, bf16 (x)");
  CHECK(message("status", std::int64_t{12}) ==
        "12 is none of 0 = ok, 1 = wrong, 2 = rejected, 3 = crashed, 4 = hung "
        "(status)");
  CHECK(message("unit", "ns") == "'ns' is none of us, cost (unit)");
  CHECK(message("median", std::numeric_limits<double>::quiet_NaN()) ==
        "nan is no number of 0..1e+12 (median)");
  CHECK(message("sms", std::int64_t{-1}) ==
        "-1 is no whole number of 0..65535 (sms)");
  CHECK(message("note", TuningValue()) == "nothing is no text (note)");
  CHECK(message("p90", 4.5) ==
        "p10 = 5, median = 5 and p90 = 4.5 are not in order");
  CHECK(message("m", std::int64_t{15}) ==
        "m = 15 is no bucket of rows; the next is 16");
  // Who launches alone may write the weights in the launch before.
  CHECK_THAT(message("schedule", "bm16bn64bk128w4st3s1,dep=early"),
             Contains("dep=early starts before the launch ahead of it is "
                      "done, the problem m16n4096k4096g128 is of launches "
                      "alone"));
}

TEST_CASE("a JSON table with values that this build does not know is refused",
          "[tuning]") {
  TuningTable table;
  table.add(entry("st3", 5));
  const std::string text = table.toJson();
  auto message = [&](const std::string &from, const std::string &to) {
    std::string changed = text;
    REQUIRE(changed.find(from) != std::string::npos);
    changed.replace(changed.find(from), from.size(), to);
    return messageOf([&] { TuningTable::fromJson(changed, "file"); });
  };
  CHECK_THAT(message(R"("x":"f16")", R"("x":"?")"),
             Contains("entry 0: '?' is none of f16, bf16 (x)"));
  CHECK_THAT(message(R"("w":"u4")", R"("w":"nf4")"),
             Contains("entry 0: 'nf4' is none of u4, "));
  CHECK_THAT(message(R"("sms":132)", R"("sms":-1)"),
             Contains("entry 0: -1 is no whole number of 0..65535 (sms)"));
  CHECK_THAT(message(R"("sms":132)", R"("sms":4294967428)"),
             Contains("4294967428 is no whole number of 0..65535 (sms)"));
  CHECK_THAT(message(R"("n":4096)", R"("n":18446744073709551615)"),
             Contains("is no whole number of 1.."));
  CHECK_THAT(message(R"("p90":5.0)", R"("p90":4.0)"),
             Contains("are not in order"));
  CHECK_THAT(message(R"("median":5.0)", R"("median":null)"),
             Contains("entry 0: nothing is no number of 0.."));
  CHECK_THAT(message(R"("replays":24)", R"("replays":4294967296)"),
             Contains("4294967296 is no whole number of 0..2147483647"));
  CHECK_THAT(message(R"("op":"gemm",)", ""),
             Contains("entry 0: it has no 'op'"));
  CHECK_THAT(message(R"("version": 2)", R"("version": "2")"),
             Contains("its version is \"2\", this Lath reads 1 and 2"));
}

TEST_CASE("a row that nobody can read gives way to a measurement", "[tuning]") {
  TemporaryFolder folder;
  TuningDb db(folder / "db", TuningDb::Mode::write);
  TuningEntry e = entry("st3", 5);
  db.add(e);
  Foreign(folder / "db").run("UPDATE measurement SET status = 12");
  CHECK(db.all().size() == 0);
  e.measurement.replays = 4;
  db.add(e);
  REQUIRE(db.all().size() == 1);
  CHECK(db.all().rows().begin()->second == e.measurement);
}

TEST_CASE("constants of a device that make no sense are refused", "[tuning]") {
  const DeviceConstants c = deviceConstants(target("sm_90a"));
  const std::string text = toJson(c);
  CHECK(toJson(constantsFromJson(text)) == text);
  auto message = [&](const std::string &from, const std::string &to) {
    std::string changed = text;
    REQUIRE(changed.find(from) != std::string::npos);
    changed.replace(changed.find(from), from.size(), to);
    return messageOf([&] { constantsFromJson(changed); });
  };
  CHECK(message(R"("sms":132)", R"("sms":-1)") ==
        "sms = -1 is not in 1..65535");
  CHECK(message(R"("sms":132)", R"("sms":132.5)") ==
        "sms = 132.5 is not in 1..65535");
  CHECK(message(R"("dram":4.62)", R"("dram":1e300)") ==
        "dram = 1e+300 is not in 1e-9..1e9");
}

TEST_CASE("memory rates are TB/s", "[tuning]") {
  for (const char *name :
       {"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_120a"}) {
    INFO(name);
    CHECK(deviceConstants(target(name)).dram > 0.3);
    CHECK(deviceConstants(target(name)).dram < 10);
  }
}
