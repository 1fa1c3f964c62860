// One measurement as a row of plain values: what the database and JSON hold,
// read and checked in one place.
#pragma once

#include "kernels/tuned/TuningTable.h"

#include <array>
#include <cstdint>
#include <functional>
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

/// All columns in the order of the database: the first nine are the problem,
/// with the next two it is the problem on one kind of GPU, with the next three
/// the key.
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
inline constexpr std::size_t tuningProblemColumns = 9;
inline constexpr std::size_t tuningGpuColumns = 11;
inline constexpr std::size_t tuningKeyColumns = 14;

/// The values of a row in that order, enumerations as numbers.
std::vector<TuningValue> tuningRow(const TuningEntry &entry);

/// The other way round: `value` tells the value of a column, an enumeration's
/// by number or by name. Throws Error{invalidInput} or Error{invalidSpec} that
/// names what is wrong: a type, a number out of its range or not finite, a
/// value of another version of Lath, a schedule that starts before the launch
/// ahead of it is done in a problem of launches alone.
TuningEntry
readTuningRow(const std::function<TuningValue(std::size_t column)> &value);

} // namespace lath
