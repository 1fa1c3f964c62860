// A child process that is talked to over a socket, and how it ended.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace lath {

/// The process has one socket for standard input and output. What it prints to
/// standard error goes on to this process's, and its end is kept. No signal is
/// handled or ignored for it. For one thread.
class WorkerProcess {
public:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class Io {
    done,
    ended, ///< the other end is closed
    late,  ///< not all until the deadline
  };

  /// Starts `command`; the first word is a path. Throws Error{toolchain}.
  explicit WorkerProcess(const std::vector<std::string> &command);
  WorkerProcess(const WorkerProcess &) = delete;
  ~WorkerProcess();

  /// All bytes, or the reason why not.
  Io write(std::string_view bytes, Deadline deadline);
  Io read(char *bytes, std::size_t count, Deadline deadline);

  /// Ends the process: at once, or after two seconds in which it may leave by
  /// itself. Returns how it ended, "exit code 1" or "signal 6 (Aborted)".
  std::string end(bool atOnce);

  /// The last lines, five at most, that it printed to standard error.
  std::vector<std::string> lastLines() const;

private:
  template <bool reading>
  Io transfer(char *bytes, std::size_t count, Deadline deadline);
  void takeErrors();

  pid_t pid_ = 0;
  int socket_ = -1, errors_ = -1;
  std::string printed_; ///< the end of it
};

} // namespace lath
