#include "kernels/tuned/Sqlite.h"

#include <fmt/format.h>

#include <vector>

namespace lath {

Error sqliteError(sqlite3 *db, int code, const std::string &path, int waited) {
  std::string why;
  switch (code & 0xff) {
  case SQLITE_NOTADB:
    why = "is not a database";
    break;
  case SQLITE_CORRUPT:
    why = "is corrupt";
    break;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    why = fmt::format("is locked: another process has held it for more than "
                      "{} ms",
                      waited);
    break;
  case SQLITE_READONLY:
  case SQLITE_PERM:
    why = "cannot be written to";
    break;
  case SQLITE_CANTOPEN:
    why = "cannot be opened";
    break;
  case SQLITE_FULL:
    why = "has no room: the disk is full";
    break;
  default:
    why = "does not answer";
  }
  std::vector<std::string> notes{fmt::format(
      "SQLite says: {}", db ? sqlite3_errmsg(db) : sqlite3_errstr(code))};
  if (int primary = code & 0xff;
      primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT)
    notes.push_back("move it away, and tune again or merge an export into "
                    "a new one");
  else
    notes.push_back("--db FILE or LATH_TUNING_DB names another one");
  return Error(ErrorKind::invalidInput,
               fmt::format("the tuning database {} {}", path, why),
               std::move(notes));
}

} // namespace lath
