// Protects: numbers mean the same in a program that has set a locale with a
// decimal comma, as graphical programs and Python do.
#include "kernels/tuned/TuningTable.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/CommaLocale.h"
#include "tests/unit/ErrorOf.h"

#include <bit>
#include <fmt/format.h>

using namespace lath;
using namespace lath::test;

namespace {

/// What the emulator reads a literal as.
float literal(const std::string &text) {
  return std::bit_cast<float>(
      evaluate("mov.f32 %f1, " + text + ";\nmov.b32 %r2, %f1;").front());
}

} // namespace

TEST_CASE("decimal literals of PTX are what they say in every locale") {
  auto check = [] {
    CHECK(literal("1.75") == 1.75f);
    CHECK(literal("-0.5") == -0.5f);
    CHECK(literal("2.5e-1") == 0.25f);
    CHECK(literal("3.") == 3.0f);
  };
  check();
  CommaLocale locale;
  if (!locale) {
    WARN("skipped: no locale with a decimal comma");
    return;
  }
  check();
}

TEST_CASE("a literal that is no number is refused with its line") {
  for (const char *text : {"1.7.5", "1.75f", "1.0e999"}) {
    CAPTURE(text);
    Error error = errorOf([&] { literal(text); });
    CHECK(error.message().find(fmt::format("'{}' is no number", text)) !=
          std::string::npos);
    CHECK(error.message().starts_with("PTX line "));
  }
}

TEST_CASE("tables and messages have decimal points in every locale") {
  TuningEntry entry;
  entry.problem.n = entry.problem.k = 4096;
  entry.problem.m = 16;
  entry.problem.group = 128;
  entry.schedule = parseSchedule("bm16bn32bk512w8kw8st5");
  entry.measurement.median = 5.125;
  entry.measurement.p10 = 5.0625;
  entry.measurement.p90 = 5.25;
  entry.measurement.replays = 100;
  TuningTable table;
  table.add(entry);
  const std::string text = table.toJson();
  CHECK(text.find("\"median\":5.125") != std::string::npos);
  CommaLocale locale;
  if (!locale) {
    WARN("skipped: no locale with a decimal comma");
    return;
  }
  CHECK(table.toJson() == text);
  CHECK(TuningTable::fromJson(text, "text") == table);
}
