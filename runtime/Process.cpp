// Child processes by posix_spawn.

#include "runtime/Process.h"

#include "compiler/base/Error.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace lath {

static Error systemError(const std::string &what, int error) {
  return Error(ErrorKind::toolchain, what + ": " + std::strerror(error));
}

namespace {

/// A pipe whose ends no other child inherits, even when several threads start
/// processes at once.
class Pipe {
public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC))
      throw systemError("cannot make a pipe", errno);
  }
  ~Pipe() {
    closeWriter();
    close(ends_[0]);
  }
  int writer() const { return ends_[1]; }

  void closeWriter() {
    if (ends_[1] >= 0)
      close(ends_[1]);
    ends_[1] = -1;
  }

  std::string readAll() {
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
      ssize_t count = read(ends_[0], buffer.data(), buffer.size());
      if (count > 0)
        text.append(buffer.data(), static_cast<std::size_t>(count));
      else if (count == 0 || errno != EINTR)
        return text;
    }
  }

private:
  std::array<int, 2> ends_{-1, -1};
};

} // namespace

std::string ProcessResult::status() const {
  if (signal)
    return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
  return "exit code " + std::to_string(exitCode);
}

ProcessResult runProcess(const std::vector<std::string> &command) {
  std::vector<char *> words;
  for (const std::string &word : command)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);

  Pipe pipe;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer(), 1);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer(), 2);
  pid_t child = 0;
  int error =
      posix_spawn(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error)
    throw systemError("cannot start " + command.front(), error);

  pipe.closeWriter();
  ProcessResult result;
  result.output = pipe.readAll();
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      // ECHILD: the program ignores SIGCHLD, so the status is lost.
      throw systemError("cannot learn how " + command.front() + " ended",
                        errno);
  if (WIFSIGNALED(status))
    result.signal = WTERMSIG(status);
  else
    result.exitCode = WEXITSTATUS(status);
  return result;
}

std::string shellCommand(const std::vector<std::string> &command) {
  std::string line;
  for (const std::string &word : command) {
    if (!line.empty())
      line += ' ';
    bool plain =
        !word.empty() &&
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_-+=./,:@") == std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (char c : word)
      line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

TemporaryFolder::TemporaryFolder(const std::string &parent) {
  std::string name = parent + "/lath-XXXXXX";
  if (!mkdtemp(name.data()))
    throw systemError("cannot make a temporary folder in " + parent, errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored; // nothing better to do with it in a destructor
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::file(std::string_view name) const {
  return (path_ / name).string();
}

void writeFile(const std::string &path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file)
    throw Error(ErrorKind::toolchain, "cannot write " + path);
}

std::vector<char> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  if (!file)
    throw Error(ErrorKind::toolchain, "cannot read " + path);
  return content;
}

} // namespace lath
