// How long a cold kernel takes: of each example at its usual sizes, from its
// sizes to machine code, in a process that has compiled another program.
#include "kernels/examples/Examples.h"
#include "runtime/Assemble.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <numeric>

namespace lath::verify {

namespace {

using Clock = std::chrono::steady_clock;

std::vector<PhaseTime> phasesOf(const Example &example, Dtype dtype,
                                const Target &target) {
  const Clock::time_point start = Clock::now();
  ExampleProblem problem = example.problem(example.sizes, dtype);
  const std::chrono::duration<double, std::milli> built = Clock::now() - start;
  CompileResult result =
      compile(*problem.program, {{problem.schedule, &target}});
  std::vector<PhaseTime> phases{{"build", built.count()}};
  phases.insert(phases.end(), result.phases.begin(), result.phases.end());
  phases.push_back({"assemble", assemble(result.ptx).milliseconds});
  return phases;
}

} // namespace

int compileCosts(const CompileCostOptions &options) {
  const Target &target = lath::target(options.target);
  phasesOf(vectorAddExample, Dtype::f32, target); // warms the process up
  int slow = 0;
  bool first = true;
  for (const Example &example : lath::examples()) {
    if (!options.name.empty() && options.name != example.name)
      continue;
    // Of several rounds the one of the median total.
    std::vector<std::pair<double, std::vector<PhaseTime>>> rounds;
    for (int round = 0; round < options.rounds; ++round) {
      std::vector<PhaseTime> phases = phasesOf(example, Dtype::bf16, target);
      const double total = std::accumulate(
          phases.begin(), phases.end(), 0.0,
          [](double sum, const PhaseTime &p) { return sum + p.milliseconds; });
      rounds.push_back({total, std::move(phases)});
    }
    std::sort(rounds.begin(), rounds.end(),
              [](const auto &a, const auto &b) { return a.first < b.first; });
    const auto &[total, phases] = rounds[rounds.size() / 2];
    if (std::exchange(first, false)) {
      std::string rule = "|---|";
      fmt::print("| |");
      for (const PhaseTime &phase : phases)
        fmt::print(" {} |", phase.name), rule += "---:|";
      fmt::print(" total |\n{}---:|\n", rule);
    }
    fmt::print("| `{}` |", example.name);
    for (const PhaseTime &phase : phases)
      fmt::print(" {:.1f} |", phase.milliseconds);
    fmt::print(" **{:.1f}** |\n", total);
    slow += total > options.most;
  }
  fmt::print("{} above {} ms\n", slow, options.most);
  return slow;
}

} // namespace lath::verify
