// A folder that only this user can write, and whole files in it.
//
// The folder is opened once and then used by its descriptor, so that nobody
// can put another one in its place. A file is read only if it is a plain file
// of this user's, of one name, that nobody else can write; links are never
// followed. What is refused is never opened for writing either: a new file
// takes its name by a rename.
#pragma once

#include "runtime/CubinCache.h"
#include "runtime/cache/FileCalls.h"

#include <initializer_list>
#include <utility>

namespace lath {

/// A descriptor that closes itself.
class Descriptor {
public:
  Descriptor(const FileCalls &calls, int file) : calls_(&calls), file_(file) {}
  Descriptor(Descriptor &&other) noexcept
      : calls_(other.calls_), file_(std::exchange(other.file_, -1)) {}
  Descriptor &operator=(Descriptor &&) = delete;
  ~Descriptor() {
    if (file_ >= 0)
      calls_->close(file_);
  }
  int get() const { return file_; }
  /// Closes it now. Returns 0 or the error.
  int close();

private:
  const FileCalls *calls_;
  int file_;
};

/// openat, repeated where a signal interrupts it; O_CLOEXEC and O_NOFOLLOW are
/// added.
Descriptor openFile(const FileCalls &calls, int folder, const std::string &path,
                    int flags, mode_t mode = 0);

/// Why a file or a folder of this status is not to be trusted; nothing: it is.
std::optional<std::string> distrust(const FileCalls &calls,
                                    const struct stat &status, bool folder);

/// Thread safe.
class CacheFolder {
public:
  /// Opens a folder, or makes it and those above it. Nothing, and `why`, where
  /// that cannot be done, or where it is not to be trusted.
  static std::shared_ptr<const CacheFolder> open(const FileCalls &calls,
                                                 const std::string &path,
                                                 bool create, std::string &why);

  struct File {
    std::string bytes;
    std::int64_t lastUsed = 0; ///< seconds since 1970
    CubinMiss miss = CubinMiss::none;
    std::string why;
  };
  /// The whole file, if it has at most `maxBytes`. `use`: notes that it was
  /// used.
  File read(const std::string &name, std::uint64_t maxBytes, bool use) const;

  /// Writes the parts to a temporary file and gives it the name. Returns 0, or
  /// the error and `why`; no file stays behind then unless its removal fails
  /// too.
  int write(const std::string &name,
            std::initializer_list<std::string_view> parts,
            std::string &why) const;

  /// The names in it; none, and `why`, where it cannot be read.
  std::vector<std::string> names(std::string &why) const;
  /// Nothing where there is no such file.
  std::optional<struct stat> status(const std::string &name) const;
  /// Returns 0, also where there is none, or the error.
  int remove(const std::string &name) const;

  /// Opens a file for locks, making it where it is missing. Negative: there is
  /// none; `why`, where it is there and not to be trusted.
  Descriptor openLock(const std::string &name, std::string &why) const;
  /// Whether it is on a file system that other machines share.
  bool onNetwork() const;
  /// Tells folders of one machine apart.
  std::string identity() const;

  CacheFolder(const FileCalls &calls, Descriptor file)
      : calls_(calls), file_(std::move(file)) {}

private:
  int writeTemporary(const std::string &temporary,
                     std::initializer_list<std::string_view> parts,
                     std::string &step) const;
  int replace(const std::string &temporary, const std::string &name,
              std::string &step) const;

  const FileCalls &calls_;
  Descriptor file_;
};

/// Whether a name is that of a temporary file, and since when: seconds since
/// 1970 by the clock of its writer.
std::optional<std::int64_t> temporarySince(const std::string &name);

} // namespace lath
