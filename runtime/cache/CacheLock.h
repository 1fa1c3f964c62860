// One byte of a lock file for each key, so that processes do not compile the
// same kernel at once.
//
// Locks of open file descriptions (F_OFD_SETLK): they end with their process,
// however it ends, exclude threads as well, and leave no file behind for each
// key. Nothing depends on them but the time that is wasted without.
#pragma once

#include "runtime/cache/CacheFolder.h"

namespace lath {

class CacheLock {
public:
  /// Takes no lock yet. `file`: as of CacheFolder::openLock. Two keys may share
  /// a byte; one then waits for the other.
  CacheLock(const FileCalls &calls, Descriptor file, std::uint64_t key)
      : calls_(calls), file_(std::move(file)),
        byte_(static_cast<off_t>(key >> 2)) {}
  CacheLock(const CacheLock &) = delete;
  CacheLock &operator=(const CacheLock &) = delete;
  ~CacheLock() { release(); }

  enum class Outcome {
    held,  ///< by this object
    busy,  ///< another process or thread holds it
    absent ///< this file takes no locks
  };
  /// Does not wait.
  Outcome tryToHold();
  void release();

private:
  const FileCalls &calls_;
  Descriptor file_;
  off_t byte_;
  bool held_ = false;
};

} // namespace lath
