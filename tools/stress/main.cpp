// lath-stress: what the cache of kernels on disk withstands, at full size.
//
//   lath-stress [--small] [--folder FOLDER] [--output FILE]
//
// Ends with 1 if anything is not as it must be. The page it writes is
// docs/results/cache.md.

#include "tools/stress/Page.h"

#include "runtime/Process.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

using namespace lath;
using namespace lath::stress;

namespace {

std::string inner(const TemporaryFolder &folder, const char *name) {
  return folder.file(name);
}

Figures measure(const TemporaryFolder &folder, bool small) {
  Figures f;
  auto begin = std::chrono::steady_clock::now();
  auto step = [&](const char *what) {
    std::chrono::duration<double> now =
        std::chrono::steady_clock::now() - begin;
    fmt::print(stderr, "{:7.1f} s  {}\n", now.count(), what);
  };
  step("hits");
  f.hit = hitTime(inner(folder, "hits"), 30'000, small ? 1000 : 20'000);
  step("damage");
  f.damage = small ? damage(inner(folder, "damage"), 1000, {0x01, 0xff}, 997)
                   : damage(inner(folder, "damage"), 30'000,
                            {1, 2, 4, 8, 16, 32, 64, 128, 255}, 997);
  step("faults");
  f.faults = faults(inner(folder, "faults"));
  step("attacks");
  f.attacks = attacks(inner(folder, "attacks"));
  step("kills");
  f.kills = kills(inner(folder, "kills"), small ? 50 : 1000, 1);
  step("cold key");
  f.cold = small ? coldKey(inner(folder, "cold"), 8, 4, 5, 10)
                 : coldKey(inner(folder, "cold"), 64, 8, 100, 50);
  step("done");
  return f;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"What the cache of kernels on disk withstands."};
  bool small = false;
  std::string parent = "/tmp", output;
  app.add_flag("--small", small, "A few seconds instead of minutes");
  app.add_option("--folder", parent, "Folder to work in (/tmp)");
  app.add_option("-o,--output", output, "File for the page (standard output)");
  CLI11_PARSE(app, argc, argv);
  try {
    TemporaryFolder folder(parent);
    Figures figures = measure(folder, small);
    std::string text = page(figures);
    if (output.empty())
      std::fputs(text.c_str(), stdout);
    else
      writeFile(output, text);
    std::vector<std::string> wrong = problems(figures);
    for (const std::string &problem : wrong)
      fmt::print(stderr, "lath-stress: {}\n", problem);
    return wrong.empty() ? 0 : 1;
  } catch (const std::exception &error) {
    fmt::print(stderr, "lath-stress: error: {}\n", error.what());
    return 1;
  }
}
