// What tuning has measured, as plain data: every candidate's time, by problem
// and device. The database (TuningDb.h) stores it, JSON carries it.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"
#include "runtime/Device.h"

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// The rows that a problem is tuned for: 1, else the next of 8, 16, 32, ...
/// All below share the tensor core's narrow side.
LATH_API std::int64_t tuningBucket(std::int64_t m);

/// A problem up to what the schedule decides. Any valid schedule computes any
/// m, so that m is only what it was timed with.
struct TuningProblem {
  Launches launches = Launches::alone;
  std::int64_t n = 0, k = 0, m = 0, group = 0;
  Dtype x = Dtype::f16;
  Dtype w = Dtype::u4; ///< with zeros the format of the weights
  Zeros zeros = Zeros::symmetric;
  WeightLayout layout = WeightLayout::gptq;
  bool deterministic = true; ///< the reduction asked for is `ordered`
  Epilogue epilogue = {};

  auto operator<=>(const TuningProblem &) const = default;
};

/// The problem of a spec, m at its bucket.
LATH_API TuningProblem tuningProblem(const GemmSpec &spec);

/// What databases and JSON call a problem's operation: "gemm", or "gemm
/// chained". The other way throws Error{invalidInput} on any other text.
LATH_API std::string_view operationText(Launches launches);
LATH_API Launches launchesOf(std::string_view operation);

/// The same with what an epilogue does, so that databases of before keep their
/// meaning and need no column: "gemm chained,bias=yes". The other way throws
/// Error{invalidSpec} on an epilogue that there is not.
LATH_API std::string operationText(const TuningProblem &problem);
LATH_API void setOperation(TuningProblem &problem, std::string_view text);

/// The spec to tune: without a split, reduction as `deterministic` allows.
LATH_API GemmSpec specOf(const TuningProblem &problem);

/// Where it was timed.
struct TuningPlace {
  std::string gpu; ///< DeviceInfo::name
  unsigned sms = 0;
  std::string driver; ///< "580.159.04"
  std::string build;  ///< of Lath, build::id

  auto operator<=>(const TuningPlace &) const = default;
};

/// The place of this process on that device.
LATH_API TuningPlace tuningPlace(const DeviceInfo &device);

struct Measurement {
  enum class Status {
    ok,
    wrong,    ///< the result was outside its bound
    rejected, ///< did not compile, assemble or load, or spills
    crashed,  ///< the worker ended, or the device refused to go on
    hung,     ///< no answer in time
  };
  Status status = Status::ok;
  /// Microseconds cold, or `unit`; p10 and p90 both 0: not known.
  double median = 0, p10 = 0, p90 = 0;
  int replays = 0;         ///< timed, of all rounds together
  double plainRead = 0;    ///< of the weights, the same run; 0: none
  double predicted = 0;    ///< by the cost model then
  std::string unit = "us"; ///< "us", or "cost": the emulator's count, no time
  std::string note;        ///< why it failed
  std::int64_t when = 0;   ///< Unix seconds

  auto operator<=>(const Measurement &) const = default;
};

LATH_API std::string_view name(Measurement::Status status);

struct TuningEntry {
  TuningProblem problem;
  TuningPlace place;
  Schedule schedule;
  Measurement measurement;
};

/// A program of one's own, by its name and what it was built for and timed
/// with: TunableProgram has both.
struct ProgramProblem {
  std::string program, problem;

  auto operator<=>(const ProgramProblem &) const = default;
};

/// A choice is text here: what it may say, the program's space knows.
struct ProgramEntry {
  ProgramProblem problem;
  TuningPlace place;
  std::string choice;
  Measurement measurement;
};

/// All measurements, one for each problem, place and schedule, and for each
/// program, place and choice. A value.
class LATH_API TuningTable {
public:
  struct Key {
    TuningProblem problem;
    TuningPlace place;
    std::string schedule; ///< canonical text

    auto operator<=>(const Key &) const = default;
  };
  struct ProgramKey {
    ProgramProblem problem;
    TuningPlace place;
    std::string choice;

    auto operator<=>(const ProgramKey &) const = default;
  };

  /// Keeps the better founded of two measurements of one key: more replays (a
  /// failure counts as 19), then the smaller median, then the rest in order.
  /// That is the larger in a total order, so merging is associative,
  /// commutative and idempotent.
  void add(const TuningEntry &entry);
  void add(const ProgramEntry &entry);
  void merge(const TuningTable &other);

  /// Of each problem and GPU the `count` fastest by one build and driver: those
  /// that measured last, and more than one schedule. What a request needs.
  TuningTable best(std::size_t count) const;

  const std::map<Key, Measurement> &rows() const { return rows_; }
  const std::map<ProgramKey, Measurement> &programs() const {
    return programs_;
  }
  std::size_t size() const { return rows_.size() + programs_.size(); }
  bool operator==(const TuningTable &) const = default;

  /// {"format": "lath tuning", "version": 2, "groups": [{problem, place, unit,
  /// "entries": [{schedule, measurement}, ...]}, ...]}, one entry a line,
  /// sorted. A group names its layout where it is not gptq, an entry its status
  /// where it is not ok. Of programs a list "programs" of such groups,
  /// {program, problem, place, unit, "entries": [{choice, measurement}, ...]},
  /// where there are any.
  std::string toJson() const;
  /// Also version 1, a flat list of entries.
  /// Throws Error{invalidInput} naming `source` and the entry that is wrong.
  static TuningTable fromJson(std::string_view text, std::string_view source);

private:
  std::map<Key, Measurement> rows_;
  std::map<ProgramKey, Measurement> programs_;
};

/// Whether `a` is the better founded of two measurements of one key.
LATH_API bool betterFounded(const Measurement &a, const Measurement &b);

/// The measurements of one problem and place, fastest first; those that failed
/// behind. Only candidates of the final round compete for the first places,
/// because a coarse median is noise; within the noise the smaller split, then
/// the fewer stages of a schedule go first.
LATH_API std::vector<TuningEntry> ranked(std::vector<TuningEntry> entries);
LATH_API std::vector<ProgramEntry> ranked(std::vector<ProgramEntry> entries);

/// What two medians must differ by to be told apart: twice the standard error
/// of their difference, by their spreads and replays, and at least 0.5 %.
LATH_API double tuningNoise(const Measurement &a, const Measurement &b);

} // namespace lath
