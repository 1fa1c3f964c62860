// The example programs against fp64, outputs poisoned.
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::verify {

/// The usual sizes would take the reference minutes: a few hundred of each, and
/// multiples of nothing.
static ExampleSizes small(const Example &example) {
  std::vector<ExampleSizes::Entry> sizes = example.sizes.entries();
  for (auto &[name, value] : sizes)
    if (value > 300)
      value = 297;
  return ExampleSizes(sizes);
}

int examples(const std::shared_ptr<Device> &device, std::uint64_t seed) {
  int failures = 0;
  for (const Example &example : lath::examples())
    for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
      const ExampleSizes sizes = small(example);
      ProgramBench bench(device, example.problem(sizes, dtype), seed);
      bench.launch();
      for (const OutputCheck &output : bench.check()) {
        failures += !output.ok();
        fmt::print("{:<20} {:<5} {:<50} {:<8} error {:.2e} of {:.0e} {}\n",
                   example.name, name(dtype), print(sizes), output.name,
                   output.error, output.bound, output.ok() ? "ok" : "FAIL");
      }
    }
  return failures;
}

} // namespace lath::verify
