// Protects: each example gives what its formula says in fp64, at sizes
// that are multiples of nothing, and without findings of the emulator.
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/ExampleSizes.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

TEST_CASE("examples: each is right at small and odd sizes", "[examples]") {
  REQUIRE(exampleSizes.size() == examples().size());
  for (auto &[name, sizes] : exampleSizes)
    for (std::string_view text : sizes)
      for (Dtype dtype : {Dtype::f16, Dtype::bf16})
        DYNAMIC_SECTION(name << " " << text << " " << lath::name(dtype)) {
          const Example &kernel = example(name);
          ProgramBench bench(
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

TEST_CASE("examples: choices with wgmma and tensor copies are right",
          "[examples]") {
  for (auto [name, sizes, choice] :
       {std::tuple{"attention",
                   "batches=2,length=200,heads=4,groups=2,dim=64,causal=2",
                   "queries64keys64w4st2,mma=warpgroup,copies=tensor"},
        std::tuple{"attention",
                   "batches=1,length=300,heads=2,groups=1,dim=128,causal=2",
                   "queries64keys128w4st2,mma=warpgroup"},
        std::tuple{"attention",
                   "batches=1,length=150,heads=2,groups=2,dim=64,causal=1",
                   "queries128keys64w8st3,mma=warpgroup,copies=tensor"},
        std::tuple{"batched_matmul", "batches=3,m=70,n=72,k=136",
                   "bm64bn64bk64w4st3,mma=warpgroup,copies=tensor"},
        std::tuple{"batched_matmul", "batches=2,m=130,n=72,k=200",
                   "bm128bn64bk64w8st3,mma=warpgroup,producers=1,"
                   "copies=tensor"},
        std::tuple{"grouped_matmul", "matrices=5,rows=150,n=136,k=72",
                   "bm64bn128bk64blocks132w4st3,mma=warpgroup"},
        std::tuple{"top_k", "rows=5,columns=100,k=5", "rows4w4"}})
    for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
      CAPTURE(name, sizes, choice, dtype);
      const Example &kernel = example(name);
      TunableProgram program =
          kernel.problem(parseSizes(sizes, kernel.sizes), dtype);
      const ProgramChoice chosen =
          program.space.parse(choice, program.usualChoice());
      ProgramBench bench(openEmulator(), std::move(program), chosen, 7);
      bench.launch();
      for (const OutputCheck &output : bench.check()) {
        CAPTURE(output.name, output.error, output.bound, output.strays);
        CHECK(output.ok());
      }
    }
}

TEST_CASE("examples: sums and rows of f32 as well", "[examples]") {
  for (auto [name, text] : {std::pair{"vector_add", "n=5000"},
                            std::pair{"softmax", "rows=3,columns=1000"},
                            std::pair{"matmul_nk", "m=33,n=40,k=96"}}) {
    CAPTURE(name);
    const Example &kernel = example(name);
    TunableProgram problem =
        kernel.problem(parseSizes(text, kernel.sizes), Dtype::f32);
    if (problem.flops > 0 && std::string_view(name) == "matmul_nk")
      problem.bound = 0x1p-10 / 0x1p-24; // factors are rounded to tf32
    ProgramBench bench(openEmulator(), std::move(problem), 7);
    bench.launch();
    CHECK(bench.check().at(0).ok());
  }
}

TEST_CASE("examples: products of i8 are exact", "[examples]") {
  for (const Example *kernel : {&matmulKnExample, &matmulNkExample}) {
    CAPTURE(kernel->name);
    TunableProgram problem =
        kernel->problem({{"m", 33}, {"n", 40}, {"k", 96}}, Dtype::i8);
    for (auto &argument : problem.arguments)
      if (auto *array = std::get_if<ArrayArgument>(&argument))
        array->low = -128, array->high = 128;
    ProgramBench bench(openEmulator(), std::move(problem), 7);
    bench.launch();
    CHECK(bench.check().at(0).ok());
  }
}

TEST_CASE("examples: a check sees a wrong element, and one that is not written",
          "[examples]") {
  for (bool writes : {true, false}) {
    TunableProgram problem = vectorAddExample.problem({{"n", 100}}, Dtype::f32);
    problem.reference = [](ArgumentValues &v) {
      for (std::size_t i = 0; i < v[3].size(); ++i)
        v[3][i] = v[1][i] + v[2][i] + (i == 7);
    };
    EmulatorOptions options;
    options.throwOnReport = false;
    ProgramBench bench(openEmulator("sm_90a", options), std::move(problem), 7);
    if (writes)
      bench.launch();
    CHECK_FALSE(bench.check().at(0).ok());
  }
}

TEST_CASE("examples: sizes that there are not are refused") {
  const ExampleSizes sizes{{"rows", 4}, {"columns", 8}};
  CHECK(print(parseSizes("columns=9", sizes)) == "rows=4,columns=9");
  for (const char *text : {"row=3", "rows", "rows=", "rows=0", "rows=3x"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parseSizes(text, sizes), Error);
  }
  CHECK_THROWS_AS(example("attentio"), Error);
}
