#include "runtime/cache/FileCalls.h"

#include <cerrno>
#include <ctime>

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace lath {

static int listNames(int file, std::vector<std::string> *names) {
  // A second descriptor: closedir closes it, and reading moves its position,
  // which duplicates would share.
  int again = openat(file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0)
    return -1;
  DIR *folder = fdopendir(again);
  if (!folder) {
    int error = errno;
    close(again);
    errno = error;
    return -1;
  }
  names->clear();
  errno = 0;
  while (const dirent *entry = readdir(folder)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..")
      names->push_back(std::move(name));
    errno = 0;
  }
  int error = errno;
  closedir(folder);
  errno = error;
  return error ? -1 : 0;
}

static int setLock(int file, short type, off_t byte) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(file, F_OFD_SETLK, &lock);
}

const FileCalls &systemFileCalls() {
  static const FileCalls calls = {
      .openat = [](int folder, const char *path, int flags,
                   mode_t mode) { return ::openat(folder, path, flags, mode); },
      .close = ::close,
      .mkdirat = ::mkdirat,
      .fstat = [](int file, struct stat *to) { return ::fstat(file, to); },
      .fstatat =
          [](int folder, const char *path, struct stat *to) {
            return ::fstatat(folder, path, to, AT_SYMLINK_NOFOLLOW);
          },
      .read = ::read,
      .write = ::write,
      .fchmod = ::fchmod,
      .fsync = ::fsync,
      .renameat =
          [](int folder, const char *from, const char *to) {
            return ::renameat(folder, from, folder, to);
          },
      .unlinkat = ::unlinkat,
      .futimens =
          [](int file) {
            timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
            return ::futimens(file, times);
          },
      .setLock = setLock,
      .fstatfs =
          [](int file, std::int64_t *type) {
            struct statfs status;
            int result = ::fstatfs(file, &status);
            *type = status.f_type;
            return result;
          },
      .listNames = listNames,
      .getrandom = [](void *to,
                      std::size_t bytes) { return ::getrandom(to, bytes, 0); },
      .geteuid = ::geteuid,
      .time = [] { return std::int64_t(std::time(nullptr)); },
  };
  return calls;
}

} // namespace lath
