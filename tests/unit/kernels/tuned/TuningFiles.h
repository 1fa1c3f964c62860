// What tests of the tuning database share: entries, and a way to write to a
// database past Lath.
#pragma once

#include "kernels/tuned/TuningTable.h"

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace lath::test {

inline DeviceInfo named(const char *name) {
  DeviceInfo info;
  info.name = name;
  info.smCount = 132;
  return info;
}

inline const DeviceInfo gpu = named("Test GPU");

inline TuningEntry entry(std::string_view schedule, double median,
                         std::string_view spec = "m16n4096k4096") {
  TuningEntry e;
  e.problem = tuningProblem(parseGemmSpec(spec));
  e.place = tuningPlace(gpu);
  e.schedule = parseSchedule(schedule);
  e.measurement.median = e.measurement.p10 = e.measurement.p90 = median;
  e.measurement.replays = 24;
  return e;
}

/// Runs SQL by SQLite itself, as another program would.
struct Foreign {
  sqlite3 *db = nullptr;
  explicit Foreign(const std::filesystem::path &path) {
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  }
  Foreign(const Foreign &) = delete;
  ~Foreign() { sqlite3_close(db); }
  void run(const std::string &sql) {
    INFO(sql);
    REQUIRE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) ==
            SQLITE_OK);
  }
};

} // namespace lath::test
