#include "runtime/cache/CacheLock.h"

#include <cerrno>

#include <fcntl.h>

namespace lath {

CacheLock::Outcome CacheLock::tryToHold() {
  if (held_)
    return Outcome::held;
  if (file_.get() < 0)
    return Outcome::absent;
  int result;
  do
    result = calls_.setLock(file_.get(), F_WRLCK, byte_);
  while (result < 0 && errno == EINTR);
  held_ = result == 0;
  if (held_)
    return Outcome::held;
  // Linux never says EACCES of a lock that somebody holds.
  return errno == EAGAIN ? Outcome::busy : Outcome::absent;
}

void CacheLock::release() {
  // By hand: a child that the process has forked keeps the file open.
  if (held_)
    calls_.setLock(file_.get(), F_UNLCK, byte_);
  held_ = false;
}

} // namespace lath
