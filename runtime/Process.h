// Running a tool as a child process, and the private folder it works in.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

struct ProcessResult {
  int exitCode = 0;   ///< meaningful when signal is 0
  int signal = 0;     ///< that ended the child; 0: it exited
  std::string output; ///< what it wrote to stdout and stderr, as it came

  bool ok() const { return exitCode == 0 && signal == 0; }
  /// "exit code 255" or "signal 11 (Segmentation fault)".
  std::string status() const;
};

/// Runs `command` (the first word is a path, no PATH search) with no input and
/// waits for it. Thread safe. Throws Error{toolchain} where it cannot be
/// started or waited for.
ProcessResult runProcess(const std::vector<std::string> &command);

/// As one would type it into a shell: words with special characters quoted.
std::string shellCommand(const std::vector<std::string> &command);

/// A fresh folder that only this user can read, removed with all that is in it
/// at the end of its scope.
class TemporaryFolder {
public:
  /// Throws Error{toolchain} where `parent` takes no new folder.
  explicit TemporaryFolder(const std::string &parent);
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder();

  std::string file(std::string_view name) const;

private:
  std::filesystem::path path_;
};

/// Throws Error{toolchain} where the file cannot be written or read whole.
void writeFile(const std::string &path, std::string_view content);
std::vector<char> readFile(const std::string &path);

} // namespace lath
