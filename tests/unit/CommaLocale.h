// A locale whose decimal mark is a comma, as German and French ones have it.
#pragma once

#include "runtime/Process.h"
#include "tests/unit/TemporaryFolder.h"

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace lath::test {

/// The process's locale for as long as this lives: an installed one, else one
/// that localedef makes in a folder of its own. Unset where neither can be had.
class CommaLocale {
public:
  CommaLocale() : before_(std::setlocale(LC_ALL, nullptr)) {
    for (const char *name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"})
      if (std::setlocale(LC_ALL, name))
        return;
    const char *compiler = "/usr/bin/localedef";
    if (!std::filesystem::exists(compiler))
      return;
    // It warns by its exit code, so that what it wrote has to tell.
    runProcess({compiler, "-i", "de_DE", "-f", "UTF-8",
                (folder_ / "de_DE.UTF-8").string()});
    setenv("LOCPATH", folder_.path().c_str(), 1);
    std::setlocale(LC_ALL, "de_DE.UTF-8");
  }
  CommaLocale(const CommaLocale &) = delete;
  CommaLocale &operator=(const CommaLocale &) = delete;
  ~CommaLocale() {
    std::setlocale(LC_ALL, before_.c_str());
    unsetenv("LOCPATH");
  }
  explicit operator bool() const {
    return *std::localeconv()->decimal_point == ',';
  }

private:
  std::string before_;
  TemporaryFolder folder_;
};

} // namespace lath::test
