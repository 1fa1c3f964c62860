// The system calls of the cache, as a struct of function pointers.
//
// A value of this type is all that the cache knows of the system, so a test can
// hand it a disk that is full, broken, slow to take bytes or killed half-way.
// Fields are named after the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

namespace lath {

/// Each returns what the call returns, with its error in errno. Thread safe, as
/// the calls are.
struct FileCalls {
  int (*openat)(int folder, const char *path, int flags, mode_t mode);
  int (*close)(int file);
  int (*mkdirat)(int folder, const char *path, mode_t mode);
  int (*fstat)(int file, struct stat *status);
  /// Of the name itself, where it is a link.
  int (*fstatat)(int folder, const char *path, struct stat *status);
  ssize_t (*read)(int file, void *to, std::size_t bytes);
  ssize_t (*write)(int file, const void *from, std::size_t bytes);
  int (*fchmod)(int file, mode_t mode);
  int (*fsync)(int file);
  int (*renameat)(int folder, const char *from, const char *to);
  int (*unlinkat)(int folder, const char *path, int flags);
  /// Sets the time of access to now and leaves that of modification alone.
  int (*futimens)(int file);
  /// F_OFD_SETLK of one byte, not waiting for it: F_WRLCK or F_UNLCK.
  int (*setLock)(int file, short type, off_t byte);
  /// The f_type of fstatfs.
  int (*fstatfs)(int file, std::int64_t *type);
  /// The names in a folder, without "." and "..". `file` stays open.
  int (*listNames)(int file, std::vector<std::string> *names);
  ssize_t (*getrandom)(void *to, std::size_t bytes);
  uid_t (*geteuid)();
  std::int64_t (*time)(); ///< seconds since 1970
};

/// Those of the system.
const FileCalls &systemFileCalls();

} // namespace lath
