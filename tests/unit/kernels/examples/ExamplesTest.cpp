// Protects the example programs: their grids and parameters, and that they
// assemble for every target at sizes that are multiples of nothing.
#include "kernels/examples/Examples.h"
#include "runtime/Assemble.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

namespace {

const Example &example(std::string_view name) {
  for (const Example &each : examples())
    if (each.name == name)
      return each;
  throw Error(ErrorKind::internal, "no example " + std::string(name));
}

using Grid = std::array<unsigned, 3>;

} // namespace

TEST_CASE("the table holds each example under its program's name") {
  for (const Example &each : examples()) {
    auto program = each.build({.m = 3, .n = 40, .k = 24}, Dtype::f16);
    CHECK(program->name() == each.name);
    CHECK_FALSE(each.formula.empty());
    CHECK(each.warps == 4);
  }
  CHECK(examples().size() == 4);
}

TEST_CASE("grids cover every element") {
  CHECK(example("vector_add").grid({.n = 1}) == Grid{1, 1, 1});
  CHECK(example("vector_add").grid({.n = 1024}) == Grid{1, 1, 1});
  CHECK(example("vector_add").grid({.n = 1025}) == Grid{2, 1, 1});
  // Rows of 4096 one at a time, of 1000 four, short ones at most sixteen.
  CHECK(example("softmax").grid({.m = 5, .n = 4096}) == Grid{5, 1, 1});
  CHECK(example("softmax").grid({.m = 5, .n = 1000}) == Grid{2, 1, 1});
  CHECK(example("softmax").grid({.m = 33, .n = 1}) == Grid{3, 1, 1});
  CHECK(example("matmul_nk").grid({.m = 65, .n = 128, .k = 7}) ==
        Grid{2, 2, 1});
  CHECK(example("matmul_kn").grid({.m = 1, .n = 1, .k = 7}) == Grid{1, 1, 1});
}

TEST_CASE("the scalar is the extent that may change between launches") {
  ExampleSizes sizes{.m = 5, .n = 70, .k = 9};
  CHECK(example("vector_add").scalar(sizes) == 70);
  CHECK(example("softmax").scalar(sizes) == 5);
  CHECK(example("matmul_nk").scalar(sizes) == 5);
}

TEST_CASE("parameters come in the documented order") {
  auto names = [](std::string_view name) {
    const Example &each = example(name);
    auto program = each.build({.m = 5, .n = 72, .k = 40}, Dtype::f16);
    std::string list;
    for (const KernelParam &param :
         compile(*program, compileOptions(each, target("sm_80"))).ptx.params)
      list += (list.empty() ? "" : " ") + param.name;
    return list;
  };
  CHECK(names("vector_add") == "n a b c");
  CHECK(names("softmax") == "rows in out");
  CHECK(names("matmul_kn") == "m a b out");
  CHECK(names("matmul_nk") == "m a b out");
}

TEST_CASE("examples assemble for every target without spills") {
  if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {
    WARN("skipped: no assembler");
    return;
  }
  for (const Target &on : targets())
    for (const Example &each : examples())
      for (Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f32})
        for (ExampleSizes sizes : {ExampleSizes{.m = 33, .n = 4096, .k = 512},
                                   ExampleSizes{.m = 7, .n = 77, .k = 35}}) {
          INFO(each.name << " of " << name(dtype) << " n " << sizes.n << " on "
                         << on.name);
          auto program = each.build(sizes, dtype);
          Cubin cubin =
              assemble(compile(*program, compileOptions(each, on)).ptx);
          CHECK(cubin.resources.localBytes == 0);
          CHECK(cubin.resources.spillStores == 0);
        }
}

TEST_CASE("aligned rows are copied in 16-byte chunks, odd ones in halves") {
  auto text = [](std::int64_t n, std::int64_t k) {
    const Example &each = example("matmul_nk");
    auto program = each.build({.m = 64, .n = n, .k = k}, Dtype::f16);
    return compile(*program, compileOptions(each, target("sm_90a"))).ptx.text;
  };
  // 64 x 64 halves a tile, two tiles, 128 threads: four chunks each.
  CHECK(count(text(128, 512), "cp\\.async\\.cg[^;]*, 16") == 2 * 2 * 4);
  CHECK(count(text(128, 511), "cp\\.async\\.c[ag]") == 0);
  CHECK(count(text(128, 511), "ld\\.global\\.b16") > 0);
  CHECK(count(text(128, 512), "mma\\.sync") == 4 * 8 * 4 / 4);
}

TEST_CASE("softmax masks with minus infinity and divides once a row") {
  auto program = softmax(1000, Dtype::f16);
  std::string ir = program->print();
  CHECK(contains(ir, "tile.inside"));
  CHECK(contains(ir, "tile.reduce max"));
  CHECK(contains(ir, "tile.reduce add"));
  std::string text =
      compile(*program, compileOptions(example("softmax"), target("sm_90a")))
          .ptx.text;
  // Four rows of a block, in the registers of every thread.
  CHECK(count(text, "div\\.full\\.f32") == 4);
  CHECK(count(text, "div\\.rn\\.f32|rcp\\.rn") == 0);
  CHECK(count(text, "ex2\\.approx\\.ftz\\.f32") == 32);
}

TEST_CASE("what an example cannot do is refused") {
  for (std::int64_t columns : {0, -5, 4097}) {
    Error error = errorOf([&] { softmax(columns); });
    CHECK(error.kind() == ErrorKind::invalidProgram);
    CHECK(error.message() == "softmax: " + std::to_string(columns) +
                                 " columns are not in 1..4096");
  }
  CHECK(
      messageOf([] { matmul(64, 64, MatrixB::kn, Dtype::i32); }) ==
      "dot: expected two matrices of f16, of bf16 or of f32, got i32 [64, 64] "
      "and i32 [64, 64]");
  CHECK(messageOf([] { vectorAdd(Dtype::u4); }) ==
        "view 'a': views of u4 and s8, and only they, name a packed dimension; "
        "got u4 "
        "and -1");
}

TEST_CASE("a matmul splits over K like any other kernel") {
  auto program = matmul(128, 2048, MatrixB::nk);
  CompileOptions options =
      compileOptions(example("matmul_nk"), target("sm_90a"));
  options.split = 4;
  options.reduce = Reduce::atomic;
  Ptx ptx = compile(*program, options).ptx;
  CHECK(ptx.workspaceBytesPerTile == 4 * 64 * 64);
  CHECK(ptx.usesTickets);
}
