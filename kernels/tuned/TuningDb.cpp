#include "kernels/tuned/TuningDb.h"

#include "compiler/base/Error.h"
#include "kernels/tuned/Sqlite.h"
#include "kernels/tuned/TuningRow.h"
#include "runtime/Environment.h"

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mutex>
#include <thread>

namespace lath {

namespace {

constexpr int applicationId = 0x4c617468; // "Lath"
constexpr int schemaVersion = 2;          // 1 had no layout

constexpr const char *schema = R"(
CREATE TABLE measurement(
  op TEXT NOT NULL, n INTEGER NOT NULL, k INTEGER NOT NULL, m INTEGER NOT NULL,
  grp INTEGER NOT NULL, x INTEGER NOT NULL, zeros INTEGER NOT NULL,
  layout INTEGER NOT NULL, deterministic INTEGER NOT NULL,
  gpu TEXT NOT NULL, sms INTEGER NOT NULL, driver TEXT NOT NULL,
  build TEXT NOT NULL, schedule TEXT NOT NULL,
  status INTEGER NOT NULL, median REAL NOT NULL, p10 REAL NOT NULL,
  p90 REAL NOT NULL, replays INTEGER NOT NULL, plain_read REAL NOT NULL,
  predicted REAL NOT NULL, unit TEXT NOT NULL, note TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY(op, n, k, m, grp, x, zeros, layout, deterministic, gpu, sms,
              driver, build, schedule)) WITHOUT ROWID;
CREATE TABLE device(gpu TEXT NOT NULL, sms INTEGER NOT NULL,
  constants TEXT NOT NULL, PRIMARY KEY(gpu, sms)) WITHOUT ROWID;
)";

/// A table more than files of earlier builds have, which read ours all the
/// same: it is made where it is missing.
constexpr const char *programSchema = R"(
CREATE TABLE IF NOT EXISTS program_measurement(
  program TEXT NOT NULL, problem TEXT NOT NULL,
  gpu TEXT NOT NULL, sms INTEGER NOT NULL, driver TEXT NOT NULL,
  build TEXT NOT NULL, choice TEXT NOT NULL,
  status INTEGER NOT NULL, median REAL NOT NULL, p10 REAL NOT NULL,
  p90 REAL NOT NULL, replays INTEGER NOT NULL, plain_read REAL NOT NULL,
  predicted REAL NOT NULL, unit TEXT NOT NULL, note TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY(program, problem, gpu, sms, driver, build, choice)) WITHOUT ROWID;
)";

/// "op, n, ..." of the first `count` columns, with what is put between them.
std::string columns(const TuningShape &shape, std::size_t count,
                    std::string_view between) {
  std::vector<std::string_view> names;
  for (const TuningColumn &column : shape.columns.first(count))
    names.push_back(column.sql);
  return fmt::format("{}", fmt::join(names, between));
}

/// "SELECT all FROM measurement WHERE" the first `count` columns are those
/// that are bound.
std::string select(const TuningShape &shape, std::size_t count) {
  std::string sql =
      fmt::format("SELECT {} FROM {}",
                  columns(shape, shape.columns.size(), ", "), shape.table);
  return count ? sql + " WHERE " + columns(shape, count, "=? AND ") + "=?"
               : sql;
}

void bindRow(Statement &statement, const std::vector<TuningValue> &row,
             std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (auto *whole = std::get_if<std::int64_t>(&row[i]))
      statement.bind(*whole);
    else if (auto *real = std::get_if<double>(&row[i]))
      statement.bind(*real);
    else
      statement.bind(std::get<std::string>(row[i]));
}

void readRow(const std::function<TuningValue(std::size_t)> &value,
             TuningEntry &entry) {
  entry = readTuningRow(value);
}
void readRow(const std::function<TuningValue(std::size_t)> &value,
             ProgramEntry &entry) {
  entry = readProgramRow(value);
}

/// The row that a statement stands on; nothing where it is of another version
/// of Lath, or damaged: of no use to this one.
template <class Entry>
std::optional<Entry> entryOf(const Statement &statement) {
  try {
    Entry entry;
    readRow(
        [&](std::size_t column) -> TuningValue {
          const int at = static_cast<int>(column);
          switch (statement.type(at)) {
          case SQLITE_INTEGER:
            return statement.integer(at);
          case SQLITE_FLOAT:
            return statement.real(at);
          case SQLITE_TEXT:
            return statement.text(at);
          default:
            return {};
          }
        },
        entry);
    return entry;
  } catch (const Error &) {
    return std::nullopt;
  }
}

} // namespace

struct TuningDb::State {
  std::string path;
  sqlite3 *db = nullptr;
  int lockMilliseconds = 0;
  bool immutable = false;
  std::mutex mutex;

  ~State() { sqlite3_close(db); }

  [[noreturn]] void fail(int code) const {
    throw sqliteError(db, code, path, lockMilliseconds);
  }
  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
      fail(code);
  }
  void execute(const char *sql) const {
    check(sqlite3_exec(db, sql, nullptr, nullptr, nullptr));
  }
  std::int64_t pragma(const char *sql) const {
    Statement statement(db, sql);
    int code = statement.step();
    check(code);
    return code == SQLITE_ROW ? statement.integer(0) : 0;
  }
  /// Ends the transaction that it is given to, one way or the other.
  template <class Body> void transaction(const char *begin, const Body &body) {
    std::lock_guard lock(mutex);
    execute(begin);
    try {
      body();
      execute("COMMIT");
    } catch (...) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

  template <class Body> void transaction(const Body &body) {
    transaction("BEGIN IMMEDIATE", body);
  }

  void open(Mode mode) {
    int flags = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                    : SQLITE_OPEN_READONLY;
    check(sqlite3_open_v2(path.c_str(), &db, flags, nullptr));
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, lockMilliseconds);
    if (mode == Mode::read && !readable()) {
      // A log beside the file cannot be made where the folder is read-only:
      // then nobody writes, and the file alone is everything.
      sqlite3_close(db);
      db = nullptr;
      immutable = true;
      std::string escaped;
      for (char c : path)
        escaped += c == '?' || c == '#' || c == '%'
                       ? fmt::format("%{:02x}", static_cast<unsigned char>(c))
                       : std::string(1, c);
      check(sqlite3_open_v2(fmt::format("file:{}?immutable=1", escaped).c_str(),
                            &db, flags | SQLITE_OPEN_URI, nullptr));
    }
  }
  bool readable() const {
    Statement statement(db, "PRAGMA user_version");
    int code = statement.step(), primary = code & 0xff;
    if (primary == SQLITE_BUSY) // and would be at each further step
      fail(code);
    return primary != SQLITE_CANTOPEN && primary != SQLITE_READONLY;
  }

  void checkOwner(Mode mode) {
    // One snapshot: another process may be creating the database right now.
    std::int64_t owner = 0, version = 0, tables = 0;
    transaction("BEGIN", [&] {
      owner = pragma("PRAGMA application_id");
      version = pragma("PRAGMA user_version");
      tables = pragma("SELECT count(*) FROM sqlite_master");
    });
    if (owner == 0 && tables == 0) {
      if (mode == Mode::read)
        throw Error(ErrorKind::invalidInput,
                    fmt::format("the tuning database {} is empty", path),
                    {"`lath tune` fills it"});
      create();
      return;
    }
    if (owner != applicationId)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("{} is another program's database, not one of "
                              "Lath's tuning (application id {:#x}, expected "
                              "{:#x})",
                              path, owner, applicationId),
                  {"--db FILE or LATH_TUNING_DB names another one"});
    if (version != schemaVersion)
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("the tuning database {} has version {}, this Lath "
                      "reads {}",
                      path, version, schemaVersion),
          version < schemaVersion
              ? std::vector<std::string>{"it is of an older Lath: export it "
                                         "with that one (`lath tune --export "
                                         "FILE`), and merge the export into a "
                                         "new database",
                                         "--db FILE or LATH_TUNING_DB names "
                                         "another one"}
              : std::vector<std::string>{"it is of a newer Lath",
                                         "--db FILE or LATH_TUNING_DB names "
                                         "another one"});
    if (mode == Mode::write && !has(programShape))
      transaction([&] { execute(programSchema); });
  }

  bool has(const TuningShape &shape) const {
    Statement statement(db, "SELECT count(*) FROM sqlite_master WHERE name=?");
    statement.bind(std::string(shape.table));
    int code = statement.step();
    check(code);
    return code == SQLITE_ROW && statement.integer(0) != 0;
  }

  /// SQLite asks no busy handler when it changes the journal, so the wait for
  /// another process that creates the same database is here.
  void enterWal() const {
    using Clock = std::chrono::steady_clock;
    const auto deadline =
        Clock::now() + std::chrono::milliseconds(lockMilliseconds);
    for (;;) {
      int code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", nullptr, nullptr,
                              nullptr);
      if ((code & 0xff) != SQLITE_BUSY || Clock::now() >= deadline)
        return check(code);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void create() {
    enterWal();
    transaction([&] {
      // Another process may have been faster.
      if (pragma("SELECT count(*) FROM sqlite_master") != 0)
        return;
      execute(schema);
      execute(programSchema);
      execute(fmt::format("PRAGMA application_id = {}", applicationId).c_str());
      execute(fmt::format("PRAGMA user_version = {}", schemaVersion).c_str());
    });
  }

  /// Inside a transaction. A row that this Lath cannot read gives way.
  template <class Entry> void put(const Entry &entry) {
    const TuningShape &shape = shapeOf(&entry);
    const std::vector<TuningValue> row = tuningRow(entry);
    static const std::string find = select(shape, shape.keyColumns);
    Statement known(db, find.c_str());
    bindRow(known, row, shape.keyColumns);
    int code = known.step();
    check(code);
    if (code == SQLITE_ROW)
      if (auto old = entryOf<Entry>(known);
          old && !betterFounded(entry.measurement, old->measurement))
        return;
    static const std::string insert = fmt::format(
        "INSERT OR REPLACE INTO {}({}) VALUES({})", shape.table,
        columns(shape, row.size(), ", "),
        fmt::join(std::vector<std::string_view>(row.size(), "?"), ","));
    Statement statement(db, insert.c_str());
    bindRow(statement, row, row.size());
    check(statement.step());
  }

  template <class Entry, class Use>
  void each(Statement &statement, const Use &use) const {
    for (;;) {
      int code = statement.step();
      check(code);
      if (code != SQLITE_ROW)
        return;
      if (std::optional<Entry> entry = entryOf<Entry>(statement))
        use(std::move(*entry));
    }
  }

  /// These three under the lock.
  template <class Entry>
  std::vector<Entry> of(const decltype(Entry::problem) &problem,
                        const std::string &gpu, unsigned sms) const {
    Entry wanted;
    const TuningShape &shape = shapeOf(&wanted);
    wanted.problem = problem;
    wanted.place.gpu = gpu;
    wanted.place.sms = sms;
    static const std::string find = select(shape, shape.gpuColumns);
    Statement statement(db, find.c_str());
    bindRow(statement, tuningRow(wanted), shape.gpuColumns);
    std::vector<Entry> entries;
    each<Entry>(statement, [&](Entry e) { entries.push_back(std::move(e)); });
    return entries;
  }

  template <class Entry> void addAll(TuningTable &to) const {
    Statement statement(
        db, select(shapeOf(static_cast<const Entry *>(nullptr)), 0).c_str());
    each<Entry>(statement, [&](const Entry &e) { to.add(e); });
  }

  std::string constants(const std::string &gpu, unsigned sms) const {
    Statement statement(db,
                        "SELECT constants FROM device WHERE gpu=? AND sms=?");
    statement.bind(gpu);
    statement.bind(std::int64_t{sms});
    int code = statement.step();
    check(code);
    return code == SQLITE_ROW ? statement.text(0) : "";
  }
};

TuningDb::TuningDb(const std::string &path, Mode mode, int lockMilliseconds)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->lockMilliseconds = lockMilliseconds;
  if (path.empty())
    throw Error(ErrorKind::invalidInput,
                "there is no place for the tuning database: HOME is unset",
                {"LATH_TUNING_DB names one"});
  std::error_code error;
  bool exists = std::filesystem::exists(path, error);
  if (std::filesystem::is_directory(path, error))
    throw Error(ErrorKind::invalidInput,
                fmt::format("the tuning database {} is a folder", path));
  if (mode == Mode::read && !exists)
    throw Error(ErrorKind::invalidInput,
                fmt::format("there is no tuning database {}", path),
                {"`lath tune` makes one"});
  if (auto folder = std::filesystem::path(path).parent_path();
      mode == Mode::write && !folder.empty()) {
    std::filesystem::create_directories(folder, error);
    if (error)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("the folder of the tuning database {} cannot be "
                              "made: {}",
                              path, error.message()));
  }
  state_->open(mode);
  state_->checkOwner(mode);
}

TuningDb::~TuningDb() = default;
TuningDb::TuningDb(TuningDb &&) noexcept = default;

const std::string &TuningDb::path() const { return state_->path; }

void TuningDb::add(const TuningEntry &entry) {
  state_->transaction([&] { state_->put(entry); });
}

void TuningDb::add(const ProgramEntry &entry) {
  state_->transaction([&] { state_->put(entry); });
}

void TuningDb::merge(const TuningTable &table) {
  state_->transaction([&] {
    for (const auto &[key, measurement] : table.rows())
      state_->put(TuningEntry{key.problem, key.place,
                              parseSchedule(key.schedule), measurement});
    for (const auto &[key, measurement] : table.programs())
      state_->put(
          ProgramEntry{key.problem, key.place, key.choice, measurement});
  });
}

TuningTable TuningDb::all() const {
  std::lock_guard lock(state_->mutex);
  TuningTable table;
  state_->addAll<TuningEntry>(table);
  if (state_->has(programShape))
    state_->addAll<ProgramEntry>(table);
  return table;
}

std::vector<TuningEntry> TuningDb::of(const TuningProblem &problem,
                                      const std::string &gpu,
                                      unsigned sms) const {
  std::lock_guard lock(state_->mutex);
  return state_->of<TuningEntry>(problem, gpu, sms);
}

std::vector<ProgramEntry> TuningDb::of(const ProgramProblem &problem,
                                       const std::string &gpu,
                                       unsigned sms) const {
  std::lock_guard lock(state_->mutex);
  if (!state_->has(programShape))
    return {};
  return state_->of<ProgramEntry>(problem, gpu, sms);
}

std::string TuningDb::constants(const std::string &gpu, unsigned sms) const {
  std::lock_guard lock(state_->mutex);
  return state_->constants(gpu, sms);
}

TuningDb::Known TuningDb::known(const TuningProblem &problem,
                                const std::string &gpu, unsigned sms) const {
  Known known;
  state_->transaction("BEGIN", [&] {
    known = {state_->of<TuningEntry>(problem, gpu, sms),
             state_->constants(gpu, sms)};
  });
  return known;
}

std::int64_t TuningDb::version() const {
  std::lock_guard lock(state_->mutex);
  return state_->pragma("PRAGMA data_version");
}

bool TuningDb::immutable() const { return state_->immutable; }

void TuningDb::setConstants(const std::string &gpu, unsigned sms,
                            const std::string &json) {
  state_->transaction([&] {
    Statement statement(state_->db,
                        "INSERT OR REPLACE INTO device VALUES(?,?,?)");
    statement.bind(gpu);
    statement.bind(std::int64_t{sms});
    statement.bind(json);
    state_->check(statement.step());
  });
}

std::string defaultTuningDb() {
  const Environment &env = environment();
  if (!env.tuningDb.empty())
    return env.tuningDb;
  return env.dataFolder.empty() ? "" : env.dataFolder + "/lath/tuning.sqlite";
}

} // namespace lath
