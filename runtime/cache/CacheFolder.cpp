#include "runtime/cache/CacheFolder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fmt/format.h>

#include <fcntl.h>

namespace lath {

namespace {

/// A call, repeated where a signal interrupts it.
template <typename Call> auto uninterrupted(Call &&call) {
  for (;;)
    if (auto result = call(); result >= 0 || errno != EINTR)
      return result;
}

std::string withoutSlashes(std::string path) {
  // open() follows a link that has a slash behind it.
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

/// Makes the folder and those above it. Returns 0 or the first error.
int makeFolders(const FileCalls &calls, const std::string &path) {
  int error = 0;
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/')
      continue;
    std::string part = path.substr(0, end);
    int made = uninterrupted(
        [&] { return calls.mkdirat(AT_FDCWD, part.c_str(), 0700); });
    if (made < 0 && errno != EEXIST && !error)
      error = errno;
  }
  return error;
}

const char *kind(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a file";
  case S_IFDIR:
    return "a folder";
  case S_IFLNK:
    return "a symbolic link";
  case S_IFIFO:
    return "a FIFO";
  case S_IFSOCK:
    return "a socket";
  default:
    return "a device";
  }
}

CacheFolder::File missed(CubinMiss miss, std::string why) {
  CacheFolder::File file;
  file.miss = miss;
  file.why = std::move(why);
  return file;
}

constexpr std::string_view temporaryPrefix = "tmp-";
constexpr std::size_t temporaryLength = 4 + 16 + 1 + 16;

/// Empty where there are no random numbers, with the error in errno.
std::string temporaryName(const FileCalls &calls) {
  std::uint64_t random = 0;
  if (uninterrupted([&] { return calls.getrandom(&random, sizeof random); }) <
      0)
    return {};
  return fmt::format("{}{:016x}-{:016x}", temporaryPrefix, calls.time(),
                     random);
}

} // namespace

std::optional<std::int64_t> temporarySince(const std::string &name) {
  if (!name.starts_with(temporaryPrefix) || name.size() != temporaryLength)
    return std::nullopt;
  const char *begin = name.data() + temporaryPrefix.size();
  std::int64_t since = 0;
  auto [end, error] = std::from_chars(begin, begin + 16, since, 16);
  if (error != std::errc() || end != begin + 16)
    return std::nullopt;
  return since;
}

int Descriptor::close() {
  int file = std::exchange(file_, -1);
  // Linux has closed it even where a signal interrupts the call.
  return calls_->close(file) < 0 && errno != EINTR ? errno : 0;
}

Descriptor openFile(const FileCalls &calls, int folder, const std::string &path,
                    int flags, mode_t mode) {
  return {calls, uninterrupted([&] {
            return calls.openat(folder, path.c_str(),
                                flags | O_CLOEXEC | O_NOFOLLOW, mode);
          })};
}

std::optional<std::string> distrust(const FileCalls &calls,
                                    const struct stat &status, bool folder) {
  if (folder ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode))
    return fmt::format("it is {}; expected {}", kind(status.st_mode),
                       folder ? "a folder" : "a file");
  if (uid_t user = calls.geteuid(); status.st_uid != user)
    return fmt::format("it belongs to user {}; expected user {}", status.st_uid,
                       user);
  if (status.st_mode & (S_IWGRP | S_IWOTH))
    return fmt::format("others may write it (mode {:04o}); expected {}",
                       status.st_mode & 07777, folder ? "0700" : "0600");
  // None: another writer has replaced it since it was opened.
  if (!folder && status.st_nlink > 1)
    return fmt::format("it has {} names (hard links); expected 1",
                       status.st_nlink);
  return std::nullopt;
}

std::shared_ptr<const CacheFolder>
CacheFolder::open(const FileCalls &calls, const std::string &givenPath,
                  bool create, std::string &why) {
  std::string path = withoutSlashes(givenPath);
  auto tryOpen = [&] {
    return openFile(calls, AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  };
  Descriptor file = tryOpen();
  int error = file.get() < 0 ? errno : 0;
  int makeError = 0;
  if (error == ENOENT && create) {
    makeError = makeFolders(calls, path);
    Descriptor made = tryOpen();
    error = made.get() < 0 ? errno : 0;
    if (!error)
      return open(calls, path, false, why);
  }
  if (error) {
    struct stat status{};
    bool link = calls.fstatat(AT_FDCWD, path.c_str(), &status) == 0 &&
                S_ISLNK(status.st_mode);
    if (link)
      why = fmt::format("{} is refused: it is a symbolic link; expected a "
                        "folder",
                        path);
    else
      why = fmt::format("{} cannot be {}: {}", path,
                        makeError ? "made" : "opened",
                        std::strerror(makeError ? makeError : error));
    return nullptr;
  }
  struct stat status{};
  if (uninterrupted([&] { return calls.fstat(file.get(), &status); }) < 0) {
    why = fmt::format("{} cannot be examined: {}", path, std::strerror(errno));
    return nullptr;
  }
  if (auto reason = distrust(calls, status, true)) {
    why = fmt::format("{} is refused: {}", path, *reason);
    return nullptr;
  }
  return std::make_shared<const CacheFolder>(calls, std::move(file));
}

CacheFolder::File CacheFolder::read(const std::string &name,
                                    std::uint64_t maxBytes, bool use) const {
  // Without O_NONBLOCK a FIFO would wait for its writer. The time of access is
  // that of the last use, which listing the folder is not.
  Descriptor file = openFile(calls_, file_.get(), name,
                             O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME);
  if (file.get() < 0) {
    int error = errno;
    if (error == ENOENT)
      return missed(CubinMiss::absent, "it is not there");
    // ELOOP: a link. ENXIO: a socket. EPERM: another user's.
    if (auto found = status(name))
      if (auto reason = distrust(calls_, *found, false))
        return missed(CubinMiss::refused, *reason);
    return missed(CubinMiss::unreadable,
                  fmt::format("it cannot be opened: {}", std::strerror(error)));
  }
  struct stat status{};
  if (uninterrupted([&] { return calls_.fstat(file.get(), &status); }) < 0)
    return missed(
        CubinMiss::unreadable,
        fmt::format("it cannot be examined: {}", std::strerror(errno)));
  if (auto reason = distrust(calls_, status, false))
    return missed(CubinMiss::refused, *reason);
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > maxBytes)
    return missed(
        CubinMiss::damaged,
        fmt::format("it has {} bytes; expected at most {}", size, maxBytes));
  File result;
  result.lastUsed = status.st_atim.tv_sec;
  result.bytes.resize(size);
  for (std::size_t at = 0; at < size;) {
    ssize_t count = uninterrupted([&] {
      return calls_.read(file.get(), result.bytes.data() + at, size - at);
    });
    if (count < 0)
      return missed(CubinMiss::unreadable,
                    fmt::format("it cannot be read: {}", std::strerror(errno)));
    if (count == 0) // it became shorter meanwhile
      result.bytes.resize(size = at);
    at += static_cast<std::size_t>(count);
  }
  if (use)
    // It fails on a disk that is read-only, where nothing is pruned.
    calls_.futimens(file.get());
  return result;
}

int CacheFolder::writeTemporary(const std::string &temporary,
                                std::initializer_list<std::string_view> parts,
                                std::string &step) const {
  step = "made";
  Descriptor file = openFile(calls_, file_.get(), temporary,
                             O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file.get() < 0)
    return errno;
  // A umask may have taken rights of the owner's away.
  step = "made private";
  if (uninterrupted([&] { return calls_.fchmod(file.get(), 0600); }) < 0)
    return errno;
  step = "written";
  for (std::string_view rest : parts)
    while (!rest.empty()) {
      ssize_t count = uninterrupted(
          [&] { return calls_.write(file.get(), rest.data(), rest.size()); });
      if (count < 0)
        return errno;
      if (count == 0) // no progress and no error: a file never does so
        return EIO;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  step = "brought to the disk";
  if (uninterrupted([&] { return calls_.fsync(file.get()); }) < 0 &&
      errno != EINVAL) // a file system that knows no such thing
    return errno;
  step = "closed";
  return file.close();
}

int CacheFolder::replace(const std::string &temporary, const std::string &name,
                         std::string &step) const {
  auto rename = [&] {
    return uninterrupted([&] {
      return calls_.renameat(file_.get(), temporary.c_str(), name.c_str());
    });
  };
  // The folder is not synchronised: after a crash the name is there or not.
  step = "renamed";
  if (rename() == 0)
    return 0;
  if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
    return errno;
  // A folder of that name goes if it is empty; else it is somebody's.
  int error = errno;
  step = fmt::format("renamed to {}", name);
  if (calls_.unlinkat(file_.get(), name.c_str(), AT_REMOVEDIR) < 0)
    return error;
  return rename() == 0 ? 0 : errno;
}

int CacheFolder::write(const std::string &name,
                       std::initializer_list<std::string_view> parts,
                       std::string &why) const {
  // A second time where the name was taken, or `lath cache clear` has removed
  // the file.
  for (bool again : {true, false}) {
    std::string temporary = temporaryName(calls_), step = "named";
    int error =
        temporary.empty() ? errno : writeTemporary(temporary, parts, step);
    bool made = step != "named" && step != "made";
    if (!error)
      error = replace(temporary, name, step);
    if (!error)
      return 0;
    if (made)
      remove(temporary);
    if (again && (error == EEXIST || error == ENOENT))
      continue;
    why = fmt::format("it cannot be {}: {}", step, std::strerror(error));
    return error;
  }
  return EIO; // unreachable
}

std::vector<std::string> CacheFolder::names(std::string &why) const {
  std::vector<std::string> names;
  if (uninterrupted([&] { return calls_.listNames(file_.get(), &names); }) <
      0) {
    why = std::strerror(errno);
    return {};
  }
  return names;
}

std::optional<struct stat> CacheFolder::status(const std::string &name) const {
  struct stat status{};
  if (uninterrupted([&] {
        return calls_.fstatat(file_.get(), name.c_str(), &status);
      }) < 0)
    return std::nullopt;
  return status;
}

int CacheFolder::remove(const std::string &name) const {
  if (uninterrupted(
          [&] { return calls_.unlinkat(file_.get(), name.c_str(), 0); }) == 0 ||
      errno == ENOENT)
    return 0;
  return errno;
}

Descriptor CacheFolder::openLock(const std::string &name,
                                 std::string &why) const {
  Descriptor file = openFile(calls_, file_.get(), name,
                             O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
  struct stat status{};
  std::optional<std::string> reason;
  if (file.get() < 0) {
    if (auto found = this->status(name))
      reason = distrust(calls_, *found, false);
  } else if (uninterrupted([&] { return calls_.fstat(file.get(), &status); }) ==
             0) {
    reason = distrust(calls_, status, false);
    if (!reason)
      return file;
  }
  if (reason)
    why = fmt::format("{} is refused: {}", name, *reason);
  return {calls_, -1};
}

bool CacheFolder::onNetwork() const {
  // statfs(2) and linux/magic.h; FUSE may be anything, sshfs for one.
  static constexpr std::array<std::int64_t, 13> network = {
      0x6969,     /* NFS */ 0x517B,       /* SMB */
      0xFF534D42, /* CIFS */ 0xFE534D42,  /* SMB2 */
      0x00C36400, /* Ceph */ 0x0BD00BD0,  /* Lustre */
      0x47504653, /* GPFS */ 0x65735546,  /* FUSE */
      0x5346414F, /* AFS */ 0x01021997,   /* 9P */
      0xAAD7AAEA, /* PanFS */ 0x19830326, /* BeeGFS */
      0x7461636F,                         /* OCFS2 */
  };
  std::int64_t type = 0;
  if (calls_.fstatfs(file_.get(), &type) < 0)
    return true;
  return std::find(network.begin(), network.end(), type & 0xFFFFFFFF) !=
         network.end();
}

std::string CacheFolder::identity() const {
  struct stat status{};
  if (calls_.fstat(file_.get(), &status) < 0)
    return {};
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

} // namespace lath
