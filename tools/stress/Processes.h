// Child processes that share a few counters with their parent.
#pragma once

#include <functional>
#include <new>
#include <system_error>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lath::stress {

/// A T that this process shares with those it forks.
template <typename T> class Shared {
public:
  Shared() {
    void *memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      throw std::system_error(errno, std::generic_category(), "mmap");
    value_ = new (memory) T();
  }
  Shared(const Shared &) = delete;
  Shared &operator=(const Shared &) = delete;
  ~Shared() {
    value_->~T();
    munmap(value_, sizeof(T));
  }
  T *operator->() const { return value_; }
  T &operator*() const { return *value_; }

private:
  T *value_;
};

/// Starts a process that does `work` and ends with what it returns; 125 where
/// it throws. No thread may run in this process.
inline pid_t startProcess(const std::function<int()> &work) {
  std::fflush(nullptr); // or the child would print what is waiting, again
  pid_t child = fork();
  if (child < 0)
    throw std::system_error(errno, std::generic_category(), "fork");
  if (child)
    return child;
  int code = 125;
  try {
    code = work();
  } catch (...) {
  }
  _exit(code);
}

/// How it ended, as waitpid says.
inline int waitForProcess(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "waitpid");
  return status;
}

} // namespace lath::stress
