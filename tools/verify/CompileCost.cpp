// How long a cold kernel takes: of each example at its usual sizes, from its
// sizes to machine code, in a process that has compiled another program. Beside
// wall-clock time stands the processor's, which is what it takes on a machine
// that does nothing else.
#include "kernels/examples/Examples.h"
#include "runtime/Assemble.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fmt/format.h>
#include <utility>

namespace lath::verify {

namespace {

using Clock = std::chrono::steady_clock;

struct Cost {
  std::vector<PhaseTime> phases;
  double total = 0, processor = 0;
};

Cost costOf(const Example &example, Dtype dtype, const Target &target) {
  const std::clock_t before = std::clock();
  const Clock::time_point start = Clock::now();
  ExampleProblem problem = example.problem(example.sizes, dtype);
  const std::chrono::duration<double, std::milli> built = Clock::now() - start;
  CompileResult result =
      compile(*problem.program, {{problem.schedule, &target}});
  Cost cost{.phases = {{"build", built.count()}}};
  cost.phases.insert(cost.phases.end(), result.phases.begin(),
                     result.phases.end());
  cost.phases.push_back({"assemble", assemble(result.ptx).milliseconds});
  for (const PhaseTime &phase : cost.phases)
    cost.total += phase.milliseconds;
  cost.processor = 1000.0 * double(std::clock() - before) / CLOCKS_PER_SEC;
  return cost;
}

} // namespace

int compileCosts(const CompileCostOptions &options) {
  const Target &target = lath::target(options.target);
  costOf(vectorAddExample, Dtype::f32, target); // warms the process up
  int slow = 0;
  bool first = true;
  for (const Example &example : lath::examples()) {
    if (!options.name.empty() && options.name != example.name)
      continue;
    std::vector<Cost> rounds;
    for (int round = 0; round < options.rounds; ++round)
      rounds.push_back(costOf(example, Dtype::bf16, target));
    std::sort(rounds.begin(), rounds.end(), [](const Cost &a, const Cost &b) {
      return a.processor < b.processor;
    });
    const Cost &cost = rounds[rounds.size() / 2];
    if (std::exchange(first, false)) {
      std::string rule = "|---|";
      fmt::print("| |");
      for (const PhaseTime &phase : cost.phases)
        fmt::print(" {} |", phase.name), rule += "---:|";
      fmt::print(" total | processor |\n{}---:|---:|\n", rule);
    }
    fmt::print("| `{}` |", example.name);
    for (const PhaseTime &phase : cost.phases)
      fmt::print(" {:.1f} |", phase.milliseconds);
    fmt::print(" {:.1f} | **{:.1f}** |\n", cost.total, cost.processor);
    slow += cost.processor > options.most;
  }
  fmt::print("{} take more than {} ms of a processor\n", slow, options.most);
  return slow;
}

} // namespace lath::verify
