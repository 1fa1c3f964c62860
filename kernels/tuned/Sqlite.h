// The little of SQLite's interface that the tuning database needs.
#pragma once

#include "compiler/base/Error.h"

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace lath {

/// A prepared statement; values are bound in order.
class Statement {
public:
  Statement(sqlite3 *db, const char *sql) {
    code = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr);
  }
  Statement(const Statement &) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  void bind(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
  }
  void bind(double value) { sqlite3_bind_double(statement_, ++bound_, value); }
  void bind(const std::string &value) {
    sqlite3_bind_text(statement_, ++bound_, value.data(),
                      static_cast<int>(value.size()), SQLITE_TRANSIENT);
  }
  int step() { return code == SQLITE_OK ? sqlite3_step(statement_) : code; }
  void reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  /// SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL.
  int type(int column) const { return sqlite3_column_type(statement_, column); }
  std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  double real(int column) const {
    return sqlite3_column_double(statement_, column);
  }
  std::string text(int column) const {
    auto *bytes = sqlite3_column_text(statement_, column);
    return bytes ? std::string(reinterpret_cast<const char *>(bytes),
                               static_cast<std::size_t>(
                                   sqlite3_column_bytes(statement_, column)))
                 : "";
  }

private:
  sqlite3_stmt *statement_ = nullptr;
  int bound_ = 0;
  int code;
};

/// What a code that SQLite returned means for the user of the tuning database
/// `path`. `db` may be null, `waited` are milliseconds for a lock.
Error sqliteError(sqlite3 *db, int code, const std::string &path, int waited);

} // namespace lath
