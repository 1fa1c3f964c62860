// One measurement as a row of plain values: what the database and JSON hold,
// read and checked in one place.
#pragma once

#include "kernels/tuned/TuningTable.h"

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lath {

/// Nothing: NULL, or what has no other type here.
using TuningValue =
    std::variant<std::monostate, std::int64_t, double, std::string>;

/// By its name in the database, and in JSON.
struct TuningColumn {
  std::string_view sql, json;
};

/// A table of the database: its columns in order.
struct TuningShape {
  std::string_view table;
  std::span<const TuningColumn> columns;
  std::size_t gpuColumns; ///< the first: a problem on one kind of GPU
  std::size_t keyColumns; ///< the first: the key
};

/// Of GEMMs.
inline constexpr std::array<TuningColumn, 24> tuningColumns = {
    {{"op", "op"},
     {"n", "n"},
     {"k", "k"},
     {"m", "m"},
     {"grp", "group"},
     {"x", "x"},
     {"zeros", "w"}, // the format of the weights
     {"layout", "layout"},
     {"deterministic", "deterministic"},
     {"gpu", "gpu"},
     {"sms", "sms"},
     {"driver", "driver"},
     {"build", "build"},
     {"schedule", "schedule"},
     {"status", "status"},
     {"median", "median"},
     {"p10", "p10"},
     {"p90", "p90"},
     {"replays", "replays"},
     {"plain_read", "plain_read"},
     {"predicted", "predicted"},
     {"unit", "unit"},
     {"note", "note"},
     {"time", "when"}}};
inline constexpr TuningShape gemmShape{"measurement", tuningColumns, 11, 14};

/// Of programs of one's own.
inline constexpr std::array<TuningColumn, 17> programColumns = {
    {{"program", "program"},
     {"problem", "problem"},
     {"gpu", "gpu"},
     {"sms", "sms"},
     {"driver", "driver"},
     {"build", "build"},
     {"choice", "choice"},
     {"status", "status"},
     {"median", "median"},
     {"p10", "p10"},
     {"p90", "p90"},
     {"replays", "replays"},
     {"plain_read", "plain_read"},
     {"predicted", "predicted"},
     {"unit", "unit"},
     {"note", "note"},
     {"time", "when"}}};
inline constexpr TuningShape programShape{"program_measurement", programColumns,
                                          4, 7};

inline constexpr const TuningShape &shapeOf(const TuningEntry *) {
  return gemmShape;
}
inline constexpr const TuningShape &shapeOf(const ProgramEntry *) {
  return programShape;
}

/// The values of a row in that order, enumerations as numbers.
std::vector<TuningValue> tuningRow(const TuningEntry &entry);
std::vector<TuningValue> tuningRow(const ProgramEntry &entry);

/// The other way round: `value` tells the value of a column, an enumeration's
/// by number or by name. Throws Error{invalidInput} or Error{invalidSpec} that
/// names what is wrong: a type, a number out of its range or not finite, a
/// value of another version of Lath, a schedule that starts before the launch
/// ahead of it is done in a problem of launches alone.
TuningEntry
readTuningRow(const std::function<TuningValue(std::size_t column)> &value);
/// Likewise; whether the choice is one of the program's, who has it asks.
ProgramEntry
readProgramRow(const std::function<TuningValue(std::size_t column)> &value);

} // namespace lath
