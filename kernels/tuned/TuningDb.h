// The tuning database: a file that several processes share.
#pragma once

#include "kernels/tuned/TuningTable.h"

#include <memory>
#include <optional>
#include <string>

namespace lath {

/// SQLite with a write-ahead log: readers and a writer at the same time, from
/// any number of processes; what add() wrote survives a crash of the process.
/// Thread safe.
///
/// All throw Error{invalidInput} that names the file and says what is wrong
/// with it: no database, another program's, of a newer Lath, corrupt, locked
/// by another process, not writable, the disk full.
class TuningDb {
public:
  enum class Mode {
    read,  ///< the file must be there; a read-only folder is no obstacle
    write, ///< made, with its folder, where it is not there
  };
  /// `lockMilliseconds`: to wait for a lock that another process holds.
  explicit TuningDb(const std::string &path, Mode mode,
                    int lockMilliseconds = 10000);
  ~TuningDb();
  TuningDb(TuningDb &&) noexcept;

  /// Adds or improves (TuningTable::add), one transaction.
  void add(const TuningEntry &entry);
  void add(const ProgramEntry &entry);
  void merge(const TuningTable &table);

  /// Everything; or of one problem on GPUs of one kind, whatever the driver
  /// and the build. Rows that this build cannot read (TuningRow.h) are passed
  /// over: those of another version of Lath, and damaged ones.
  TuningTable all() const;
  std::vector<TuningEntry> of(const TuningProblem &problem,
                              const std::string &gpu, unsigned sms) const;
  std::vector<ProgramEntry> of(const ProgramProblem &problem,
                               const std::string &gpu, unsigned sms) const;

  /// The constants of the cost model for a device, as JSON; empty: not fitted.
  std::string constants(const std::string &gpu, unsigned sms) const;
  void setConstants(const std::string &gpu, unsigned sms,
                    const std::string &json);

  /// Both of one state of the file.
  struct Known {
    std::vector<TuningEntry> entries;
    std::string constants;
  };
  Known known(const TuningProblem &problem, const std::string &gpu,
              unsigned sms) const;
  /// Another number once anybody else has changed the database.
  std::int64_t version() const;
  /// Opened in a folder that cannot be written to: the file is read as it was
  /// then, and version() stays.
  bool immutable() const;

  const std::string &path() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Where the database is unless the user says: LATH_TUNING_DB, else
/// lath/tuning.sqlite in XDG_DATA_HOME or ~/.local/share; empty where none of
/// these variables is set.
std::string defaultTuningDb();

} // namespace lath
