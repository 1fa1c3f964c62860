// Protects the example programs: their grids and parameters, and that they
// assemble for every target at sizes that are multiples of nothing.
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "runtime/Assemble.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

using Grid = std::array<unsigned, 3>;

namespace {

Grid gridOf(const Example &example, const ExampleSizes &sizes) {
  const TunableProgram problem = example.problem(sizes, Dtype::f16);
  return problem.grid(problem.usualChoice());
}

Ptx compiled(const TunableProgram &problem, const Target &on) {
  return compileChoice(problem, problem.usualChoice(), on);
}

} // namespace

TEST_CASE("the table holds each example under its program's name") {
  for (const Example &each : examples()) {
    INFO(each.name);
    const TunableProgram problem = each.problem(each.sizes, Dtype::f16);
    CHECK(problem.build(problem.usualChoice())->name() == each.name);
    CHECK(problem.name == each.name);
    CHECK(problem.problem == print(each.sizes) + ",dtype=f16");
    CHECK_FALSE(each.formula.empty());
    CHECK(&example(each.name) == &each);
  }
  CHECK(examples().size() == 23);
  CHECK(messageOf([] { example("atention"); }) ==
        "there is no example 'atention'");
}

TEST_CASE("grids cover every element") {
  CHECK(gridOf(vectorAddExample, {{"n", 1}}) == Grid{1, 1, 1});
  CHECK(gridOf(vectorAddExample, {{"n", 1024}}) == Grid{1, 1, 1});
  CHECK(gridOf(vectorAddExample, {{"n", 1025}}) == Grid{2, 1, 1});
  // Long rows one at a time, of 1000 four, short ones at most sixteen.
  auto softmaxGrid = [](std::int64_t rows, std::int64_t columns) {
    return gridOf(softmaxExample, {{"rows", rows}, {"columns", columns}});
  };
  CHECK(softmaxGrid(5, 4096) == Grid{5, 1, 1});
  CHECK(softmaxGrid(5, 100000) == Grid{5, 1, 1});
  CHECK(softmaxGrid(5, 1000) == Grid{2, 1, 1});
  CHECK(softmaxGrid(33, 1) == Grid{3, 1, 1});
  CHECK(gridOf(matmulNkExample, {{"m", 65}, {"n", 128}, {"k", 7}}) ==
        Grid{2, 2, 1});
  CHECK(gridOf(matmulKnExample, {{"m", 1}, {"n", 1}, {"k", 7}}) ==
        Grid{1, 1, 1});
}

TEST_CASE("arguments are those of the program, in its order") {
  for (const Example &each : examples()) {
    INFO(each.name);
    TunableProgram problem = each.problem(each.sizes, Dtype::f16);
    const ProgramChoice choice = problem.usualChoice();
    std::vector<std::string> named, taken;
    for (auto &argument : problem.arguments)
      named.push_back(std::visit(
          [](const auto &one) { return std::string(one.name); }, argument));
    for (const KernelParam &param :
         planLaunch(*problem.build(choice),
                    CompileOptions{{choice.schedule, &target("sm_90a")}})
             .params)
      taken.push_back(param.name);
    CHECK(named == taken);
  }
}

TEST_CASE("examples assemble for every target without spills") {
  if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {
    WARN("skipped: no assembler");
    return;
  }
  for (const Target &on : targets())
    for (const Example &each : examples())
      for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
        INFO(each.name << " of " << name(dtype) << " on " << on.name);
        TunableProgram problem = each.problem(each.sizes, dtype);
        Cubin cubin = assemble(compiled(problem, on));
        CHECK(cubin.resources.localBytes == 0);
        CHECK(cubin.resources.spillStores == 0);
      }
}

TEST_CASE("matmuls and sums of odd sizes assemble, and of f32") {
  if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {
    WARN("skipped: no assembler");
    return;
  }
  for (const Target &on : targets())
    for (Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f32})
      for (auto &[example, sizes] :
           {std::pair{&vectorAddExample, "n=77"},
            std::pair{&softmaxExample, "rows=7,columns=77"},
            std::pair{&matmulKnExample, "m=7,n=77,k=35"},
            std::pair{&matmulNkExample, "m=7,n=77,k=35"},
            std::pair{&matmulNkExample, "m=33,n=4096,k=512"}}) {
        INFO(example->name << " of " << name(dtype) << " " << sizes << " on "
                           << on.name);
        TunableProgram problem =
            example->problem(parseSizes(sizes, example->sizes), dtype);
        Cubin cubin = assemble(compiled(problem, on));
        CHECK(cubin.resources.localBytes == 0);
        CHECK(cubin.resources.spillStores == 0);
      }
}

TEST_CASE("aligned rows are copied in 16-byte chunks, odd ones in halves") {
  auto text = [](std::int64_t n, std::int64_t k) {
    TunableProgram problem =
        matmulNkExample.problem({{"m", 64}, {"n", n}, {"k", k}}, Dtype::f16);
    return compiled(problem, target("sm_90a")).text;
  };
  // 64 x 64 halves a tile, two tiles, 128 threads: four chunks each.
  CHECK(count(text(128, 512), "cp\\.async\\.cg[^;]*, 16") == 2 * 2 * 4);
  CHECK(count(text(128, 511), "cp\\.async\\.c[ag]") == 0);
  CHECK(count(text(128, 511), "ld\\.global\\.b16") > 0);
  CHECK(count(text(128, 512), "mma\\.sync") == 4 * 8 * 4 / 4);
}

TEST_CASE("softmax masks with minus infinity and divides once a row") {
  TunableProgram problem =
      softmaxExample.problem({{"rows", 8}, {"columns", 1000}}, Dtype::f16);
  std::string ir = problem.build(problem.usualChoice())->print();
  CHECK(contains(ir, "tile.inside"));
  CHECK(contains(ir, "tile.reduce max"));
  CHECK(contains(ir, "tile.reduce add"));
  std::string text = compiled(problem, target("sm_90a")).text;
  // Four rows of a block, in the registers of every thread.
  CHECK(count(text, "div\\.full\\.f32") == 4);
  CHECK(count(text, "div\\.rn\\.f32|rcp\\.rn") == 0);
  CHECK(count(text, "ex2\\.approx\\.ftz\\.f32") == 32);
}

TEST_CASE("what an example cannot do is refused") {
  for (std::int64_t columns : {0, -5}) {
    Error error = errorOf([&] { softmax(columns); });
    CHECK(error.kind() == ErrorKind::invalidProgram);
    CHECK(error.message() == "softmax: expected one column at least, got " +
                                 std::to_string(columns));
  }
  CHECK(messageOf([] { matmul(64, 64, MatrixB::kn, Dtype::i32); }) ==
        "dot: expected two matrices of f16, of bf16, of f32, of i8, or of "
        "f8e4m3 and f8e5m2 in any mixture, got i32 [64, 64] "
        "and i32 [64, 64]");
  CHECK(messageOf([] { vectorAdd(Dtype::u4); }) ==
        "view 'a': views of u4 and s8, and only they, name a packed dimension; "
        "got u4 "
        "and -1");
}

TEST_CASE("a matmul splits over K like any other kernel") {
  auto program = matmul(128, 2048, MatrixB::nk);
  CompileOptions options{{{.warps = 4, .stages = 3}, &target("sm_90a")}};
  options.split = 4;
  options.reduce = Reduce::atomic;
  Ptx ptx = compile(*program, options).ptx;
  CHECK(ptx.workspaceBytesPerTile == 4 * 64 * 64);
  CHECK(ptx.usesTickets);
}
