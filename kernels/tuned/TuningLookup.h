// What requests read of the tuning database.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/tuned/TuningDb.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace lath {

/// One connection to a database that need not be there, opened when it is first
/// asked, and what was read through it until somebody writes. Requests wait for
/// no one: a database that is locked, broken or too slow to open is passed over
/// for `rest`, as if there were none. Thread safe; a process that was forked
/// opens its own connection.
class TuningLookup {
public:
  using Clock = std::chrono::steady_clock;

  /// Of the GPUs of one kind. `path` may be empty: no database.
  TuningLookup(std::string path, std::string gpu, unsigned sms,
               Clock::duration rest = std::chrono::minutes(1));
  ~TuningLookup();

  /// The measurements of a problem; none where there is no database, or it is
  /// passed over. Never throws.
  std::vector<TuningEntry> measurements(const TuningProblem &problem);
  std::vector<ProgramEntry> measurements(const ProgramProblem &problem);
  /// The constants of the cost model; nothing also where they are of another
  /// version of the model.
  std::optional<DeviceConstants> constants();

  /// Why the database is passed over; empty: it is not.
  std::string problem() const;

private:
  struct Read {
    std::vector<TuningEntry> entries;
    std::optional<DeviceConstants> constants;
  };
  /// Which file it is, and whose connection.
  struct Identity {
    dev_t device = 0;
    ino_t file = 0;
    pid_t process = 0;
    std::int64_t written = 0; ///< where the connection would not notice

    bool operator==(const Identity &) const = default;
  };

  Read read(const TuningProblem &problem);
  /// What `known` has of a problem, else what `ask` reads of the database;
  /// nothing where that is passed over.
  template <class Problem, class Value, class Ask>
  Value remembered(std::map<Problem, Value> &known, const Problem &problem,
                   const Ask &ask);
  bool opened();
  void forget();

  const std::string path_, gpu_;
  const unsigned sms_;
  const Clock::duration rest_;
  mutable std::mutex mutex_; ///< guards what follows
  std::unique_ptr<TuningDb> db_;
  Identity identity_;
  std::int64_t version_ = 0;
  std::map<TuningProblem, Read> known_; ///< at that version
  std::map<ProgramProblem, std::vector<ProgramEntry>> programs_; ///< likewise
  std::optional<Clock::time_point> restsUntil_;
  std::string problem_;
};

} // namespace lath
