#include "kernels/tune/WorkerProcess.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char **environ;

namespace lath {

namespace {

using Clock = std::chrono::steady_clock;

/// The two ends of a socket or a pipe, closed at the end of the scope.
struct Ends {
  int mine = -1, its = -1;

  Ends() = default;
  Ends(const Ends &) = delete;
  ~Ends() {
    for (int fd : {mine, its})
      if (fd >= 0)
        close(fd);
  }
  int keepMine() { return std::exchange(mine, -1); }

  /// Off 0, 1 and 2, which the child's copies would overwrite.
  void take(const int (&ends)[2]) {
    for (auto [to, from] : {std::pair(&mine, ends[0]), {&its, ends[1]}}) {
      *to = fcntl(from, F_DUPFD_CLOEXEC, 3);
      close(from);
    }
  }
};

/// Writes to this process's standard error. Where nobody reads that any more
/// nobody is told, and no SIGPIPE ends the program.
void passOn(const char *bytes, std::size_t count) {
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  const bool wasPending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  if (::write(STDERR_FILENO, bytes, count) < 0 && errno == EPIPE &&
      !wasPending) {
    // The signal was sent to this thread: take it away.
    const timespec atOnce = {};
    while (sigtimedwait(&pipe, nullptr, &atOnce) < 0 && errno == EINTR)
      ;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

[[noreturn]] void cannot(const std::string &what, int error) {
  throw Error(ErrorKind::toolchain,
              fmt::format("{}: {}", what, std::strerror(error)));
}

} // namespace

WorkerProcess::WorkerProcess(const std::vector<std::string> &command) {
  if (command.empty())
    throw Error(ErrorKind::toolchain,
                "the command of the tuning worker is empty");
  Ends talk, errors;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    cannot("no socket for the tuning worker", errno);
  talk.take(ends);
  if (pipe2(ends, O_CLOEXEC) != 0)
    cannot("no pipe for the tuning worker", errno);
  errors.take(ends);
  if (talk.mine < 0 || talk.its < 0 || errors.mine < 0 || errors.its < 0 ||
      fcntl(errors.mine, F_SETFL, O_NONBLOCK) != 0)
    cannot("no pipe for the tuning worker", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, talk.its, 0);
  posix_spawn_file_actions_adddup2(&actions, talk.its, 1);
  posix_spawn_file_actions_adddup2(&actions, errors.its, 2);
  std::vector<char *> words;
  for (const std::string &word : command)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  int failed = posix_spawn(&pid_, words.front(), &actions, nullptr,
                           words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed)
    cannot(
        fmt::format("the tuning worker {} cannot be started", command.front()),
        failed);
  socket_ = talk.keepMine();
  errors_ = errors.keepMine();
}

WorkerProcess::~WorkerProcess() {
  end(false);
  if (errors_ >= 0)
    close(errors_);
}

void WorkerProcess::takeErrors() {
  constexpr std::size_t kept = 4096;
  char buffer[4096];
  while (errors_ >= 0) {
    ssize_t count = ::read(errors_, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && errno == EAGAIN)
      return;
    if (count <= 0) {
      close(errors_);
      errors_ = -1;
      return;
    }
    passOn(buffer, static_cast<std::size_t>(count));
    printed_.append(buffer, static_cast<std::size_t>(count));
    if (printed_.size() > kept)
      printed_.erase(0, printed_.size() - kept);
  }
}

template <bool reading>
WorkerProcess::Io WorkerProcess::transfer(char *bytes, std::size_t count,
                                          Deadline deadline) {
  // Also while it is written to: a process that waits for somebody to read its
  // standard error reads nothing itself.
  while (count) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    pollfd wait[] = {{socket_, reading ? POLLIN : POLLOUT, 0},
                     {errors_, POLLIN, 0}};
    int ready = poll(
        wait, 2,
        static_cast<int>(std::clamp<long long>(left.count(), 0, 1'000'000)));
    if (ready < 0 && errno != EINTR)
      return Io::ended;
    if (ready > 0 && wait[1].revents)
      takeErrors();
    if (ready <= 0 || !wait[0].revents) {
      if (Clock::now() >= deadline)
        return Io::late;
      continue;
    }
    ssize_t moved =
        reading ? recv(socket_, bytes, count, MSG_DONTWAIT)
                : send(socket_, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (moved < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (moved <= 0)
      return Io::ended;
    bytes += moved;
    count -= static_cast<std::size_t>(moved);
  }
  return Io::done;
}

WorkerProcess::Io WorkerProcess::write(std::string_view bytes,
                                       Deadline deadline) {
  return transfer<false>(const_cast<char *>(bytes.data()), bytes.size(),
                         deadline);
}

WorkerProcess::Io WorkerProcess::read(char *bytes, std::size_t count,
                                      Deadline deadline) {
  return transfer<true>(bytes, count, deadline);
}

std::string WorkerProcess::end(bool atOnce) {
  if (socket_ >= 0)
    close(socket_);
  socket_ = -1;
  if (!pid_)
    return "";
  // The input's end is its signal to leave; it may be past hearing that.
  int status = 0;
  pid_t ended = 0;
  for (int wait = 0; !atOnce && wait < 200; ++wait) {
    ended = waitpid(pid_, &status, WNOHANG);
    takeErrors();
    if (ended != 0)
      break;
    poll(nullptr, 0, 10);
  }
  if (ended == 0) {
    kill(pid_, SIGKILL);
    do
      ended = waitpid(pid_, &status, 0);
    while (ended < 0 && errno == EINTR);
    takeErrors();
  }
  pid_ = 0;
  if (ended < 0)
    return "nobody knows how, as this program ignores SIGCHLD";
  return WIFSIGNALED(status) ? fmt::format("signal {} ({})", WTERMSIG(status),
                                           strsignal(WTERMSIG(status)))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

std::vector<std::string> WorkerProcess::lastLines() const {
  std::vector<std::string> lines;
  std::string_view rest = printed_;
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0)
      lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  constexpr std::size_t most = 5;
  if (lines.size() > most)
    lines.erase(lines.begin(), lines.end() - most);
  return lines;
}

} // namespace lath
