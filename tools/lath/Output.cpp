#include "tools/lath/Output.h"

#include "tools/lath/CliError.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lath::cli {

namespace fs = std::filesystem;

namespace {

constexpr int labelWidth = 14;
constexpr std::size_t lineWidth = 80;

[[noreturn]] void fail(std::string_view where, int error) {
  throw CliError{
      failure,
      fmt::format("cannot write {}: {}", where, std::strerror(error)),
      {}};
}

/// Returns 0 or the errno of the write that failed.
int writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

void writeStandardOutput(std::string_view bytes) {
  int error = writeAll(STDOUT_FILENO, bytes);
  if (error && error != EPIPE)
    fail("to standard output", error);
}

/// A device or a pipe: there is nothing to rename over.
void writeInPlace(const std::string &path, std::string_view bytes) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0)
    fail(path, errno);
  int error = writeAll(descriptor, bytes);
  if (close(descriptor) != 0 && !error)
    error = errno;
  if (error && error != EPIPE)
    fail(path, error);
}

void writeAndRename(const std::string &path, std::string_view bytes) {
  // A rename would replace a link by a file.
  std::error_code unknown;
  fs::path target = fs::weakly_canonical(path, unknown);
  if (unknown)
    target = path;
  // It would replace a read-only file as well.
  struct stat old{};
  bool exists = stat(target.c_str(), &old) == 0;
  if (exists && access(target.c_str(), W_OK) != 0)
    fail(path, errno);

  std::string partial = fmt::format("{}.{}.part", target.string(), getpid());
  mode_t mode = exists ? old.st_mode & 07777 : 0666;
  int descriptor =
      open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0)
    fail(path, errno);
  int error = writeAll(descriptor, bytes);
  if (exists && !error && fchmod(descriptor, mode) != 0)
    error = errno;
  if (close(descriptor) != 0 && !error)
    error = errno;
  if (!error && rename(partial.c_str(), target.c_str()) != 0)
    error = errno;
  if (error) {
    unlink(partial.c_str());
    fail(path, error);
  }
}

} // namespace

void writeResult(std::string_view bytes,
                 const std::optional<std::string> &path) {
  if (!path || *path == "-")
    return writeStandardOutput(bytes);
  if (path->empty())
    throw CliError{usage, "the name of the output file is empty", {}};
  struct stat status{};
  if (stat(path->c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode))
      fail(*path, EISDIR);
    return writeInPlace(*path, bytes);
  }
  writeAndRename(*path, bytes);
}

bool goesToTerminal(const std::optional<std::string> &path) {
  return (!path || *path == "-") && isatty(STDOUT_FILENO);
}

void warn(std::string_view message) {
  std::fputs(fmt::format("lath: warning: {}\n", message).c_str(), stderr);
}

void remark(std::string_view message) {
  std::fputs(fmt::format("lath: {}\n", message).c_str(), stderr);
}

std::string row(std::string_view label, std::string_view value) {
  return fmt::format("{:<{}}{}\n", label, labelWidth, value);
}

std::string wrappedRow(std::string_view label, std::string_view value) {
  std::string text;
  while (value.size() + labelWidth > lineWidth) {
    std::size_t end = value.rfind(' ', lineWidth - labelWidth);
    if (end == value.npos)
      end = value.find(' ');
    if (end == value.npos)
      break;
    text += row(label, value.substr(0, end));
    value.remove_prefix(end + 1);
    label = "";
  }
  return text + row(label, value);
}

std::string bytesText(double bytes) {
  static constexpr std::array units = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < units.size(); ++unit)
    bytes /= 1000;
  if (unit == 0)
    return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", bytes,
                     bytes >= 99.95   ? 0
                     : bytes >= 9.995 ? 1
                                      : 2,
                     units[unit]);
}

} // namespace lath::cli
