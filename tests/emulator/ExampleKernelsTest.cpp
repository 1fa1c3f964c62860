// Protects: each example kernel gives what its formula says in fp64, at sizes
// that are multiples of nothing, and without findings of the emulator.
#include "kernels/examples/ExampleKernels.h"
#include "kernels/examples/ExampleBench.h"
#include "runtime/EmulatedDevice.h"

#include <catch2/catch.hpp>

using namespace lath;

namespace {

/// Small sizes of each, and none that the table lacks.
const std::vector<std::pair<std::string_view, std::vector<std::string_view>>>
    problems = {
        {"layer_norm", {"rows=3,columns=1000", "rows=2,columns=64"}},
        {"layer_norm_backward", {"rows=5,columns=100"}},
        {"column_sum", {"rows=70,columns=100", "rows=1,columns=64"}},
        {"rms_norm", {"rows=3,columns=1000"}},
        {"rope", {"tokens=3,heads=6,dim=64"}},
        {"swiglu", {"rows=3,columns=1300"}},
        {"matmul_bias_gelu", {"m=130,n=200,k=100", "m=300,n=136,k=64"}},
        {"batched_matmul", {"batches=3,m=70,n=72,k=40"}},
        {"grouped_matmul", {"matrices=5,rows=150,n=136,k=72"}},
        {"attention",
         {"batches=2,length=200,heads=4,groups=2,dim=64,causal=2",
          "batches=1,length=130,heads=2,groups=2,dim=64,causal=1"}},
        {"paged_attention",
         {"batches=2,length=200,heads=8,groups=2,dim=64,shares=3"}},
        {"paged_combine", {"lines=5,ratio=4,dim=64,shares=3"}},
        {"embedding", {"words=100,rows=21,columns=300"}},
        {"cross_entropy", {"rows=3,words=5000"}},
        {"dropout", {"n=3000", "n=4096"}},
        {"quantize_rows", {"rows=3,columns=1000"}},
        {"argmax", {"rows=3,columns=5000"}},
        {"top_k", {"rows=3,columns=100,k=5"}},
        {"cumsum", {"rows=2,columns=3000"}},
};

} // namespace

TEST_CASE("example kernels: each is right at small and odd sizes",
          "[examples]") {
  REQUIRE(problems.size() == exampleKernels().size());
  for (auto &[name, sizes] : problems)
    for (std::string_view text : sizes)
      for (Dtype dtype : {Dtype::f16, Dtype::bf16})
        DYNAMIC_SECTION(name << " " << text << " " << lath::name(dtype)) {
          const ExampleKernel &kernel = exampleKernel(name);
          ExampleBench bench(
              openEmulator(),
              kernel.problem(parseSizes(text, kernel.sizes), dtype), 7);
          bench.launch();
          for (const OutputCheck &output : bench.check()) {
            INFO(output.name << ": error " << output.error << ", bound "
                             << output.bound << ", strays " << output.strays);
            CHECK(output.ok());
          }
        }
}

TEST_CASE("example kernels: sizes that there are not are refused") {
  const ProblemSizes sizes{{"rows", 4}, {"columns", 8}};
  CHECK(print(parseSizes("columns=9", sizes)) == "rows=4,columns=9");
  for (const char *text : {"row=3", "rows", "rows=", "rows=0", "rows=3x"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parseSizes(text, sizes), Error);
  }
  CHECK_THROWS_AS(exampleKernel("attentio"), Error);
}
