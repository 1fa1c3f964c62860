// How long a cold kernel takes: of each example at its usual sizes, from its
// sizes to machine code, in a process that has compiled another program. In
// time of a processor, which is what it takes on a machine that does nothing
// else: all of it is the work of one thread.
#include "kernels/examples/Examples.h"
#include "runtime/Assemble.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <vector>

namespace lath::verify {

namespace {

/// Milliseconds of a processor.
struct Cost {
  double build, compile, assemble;
  long lines; ///< of PTX

  double total() const { return build + compile + assemble; }
};

double processor() { return 1000.0 * double(std::clock()) / CLOCKS_PER_SEC; }

Cost costOf(const Example &example, const Target &target) {
  const double start = processor();
  const TunableProgram problem = example.problem(example.sizes, Dtype::bf16);
  const ProgramChoice choice = problem.usualChoice();
  const std::unique_ptr<Program> program = problem.build(choice);
  const double built = processor();
  const Ptx ptx = compile(*program, {{choice.schedule, &target}}).ptx;
  const double compiled = processor();
  assemble(ptx);
  return {built - start, compiled - built, processor() - compiled,
          std::count(ptx.text.begin(), ptx.text.end(), '\n')};
}

} // namespace

int compileCosts(const CompileCostOptions &options) {
  const Target &target = lath::target(options.target);
  costOf(vectorAddExample, target); // warms the process up
  fmt::print("| | lines of PTX | build | compile | assemble | total |\n"
             "|---|---:|---:|---:|---:|---:|\n");
  int slow = 0;
  for (const Example &example : lath::examples()) {
    if (!options.name.empty() && options.name != example.name)
      continue;
    std::vector<Cost> rounds;
    for (int round = 0; round < options.rounds; ++round)
      rounds.push_back(costOf(example, target));
    std::sort(rounds.begin(), rounds.end(), [](const Cost &a, const Cost &b) {
      return a.total() < b.total();
    });
    const Cost &cost = rounds[rounds.size() / 2];
    fmt::print("| `{}` | {} | {:.1f} | {:.1f} | {:.1f} | **{:.1f}** |\n",
               example.name, cost.lines, cost.build, cost.compile,
               cost.assemble, cost.total());
    slow += cost.total() > options.most;
  }
  fmt::print("{} take more than {} ms\n", slow, options.most);
  return slow;
}

} // namespace lath::verify
