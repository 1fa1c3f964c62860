// Protects what reductions, running sums, order and shapes of tiles refuse, the
// types they give, and that what they become assembles for every GPU.
#include "runtime/Assemble.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

namespace {

struct Tiles {
  Program p{"tiles"};
  Tile f32 = p.zeros({16, 64}), f16 = p.zeros({16, 64}, Dtype::f16),
       i64 = p.zeros({16, 64}, Dtype::i64), u8 = p.zeros({16, 64}, Dtype::u8),
       u32 = p.zeros({16, 64}, Dtype::u32), cube = p.zeros({2, 4, 8});
  View packed = p.view("packed", Dtype::u4, {256, 64}, 0);
  Tile u4 =
      packed.load({p.range(p.programId(0), 16), p.range(p.constant(0), 64)});
};

} // namespace

TEST_CASE("reductions say their types and refuse what has none") {
  Tiles t;
  CHECK(sum(t.f16, 1).dtype() == Dtype::f32);
  CHECK(max(t.u8, 1).dtype() == Dtype::u32);
  CHECK(sum(t.f32 < 0, 1).dtype() == Dtype::i32);
  CHECK(min(t.i64, 0).dtype() == Dtype::i64);
  CHECK(cumsum(t.f16, 0).dtype() == Dtype::f32);
  CHECK(cummax(t.u32, 0).shape() == Shape{16, 64});
  CHECK(any(t.f32 < 0, 1).dtype() == Dtype::b1);
  CHECK(argmax(t.u8, 1).dtype() == Dtype::i32);
  CHECK(argmin(t.cube, 1).shape() == Shape{2, 1, 8});
  CHECK(sort(t.f16, 1).dtype() == Dtype::f16);

  CHECK(refused([&] { sum(t.u4, 1); }) == "sum: not for u4 [16, 64]");
  CHECK(refused([&] { cumsum(t.f32, 2); }) ==
        "cumsum: expected a dimension below 2, got 2");
  CHECK(refused([&] { min(t.cube, -1); }) ==
        "min: expected a dimension below 3, got -1");
  CHECK(refused([&] { any(t.f32, 1); }) ==
        "any: expected conditions, b1, got f32 [16, 64]");
  CHECK(refused([&] { argmax(t.i64, 1); }) ==
        "argmax: expected elements of up to 32 bits, got i64 [16, 64]");
  CHECK(refused([&] { sort(t.cube, 3); }) ==
        "sort: expected a dimension below 3, got 3");
  CHECK(refused([&] { sort(t.u4, 1); }) == "sort: not for u4 [16, 64]");
  CHECK(refused([&] { all(t.p.splat(1, Dtype::b1, {4}), 1); }) ==
        "all: expected a dimension below 1, got 1");
  CHECK(refused([&] { sum(2.0, 0); }) ==
        "sum: a value of no program (default constructed)");
}

TEST_CASE("parts, joins and orders refuse what does not fit") {
  Tiles t;
  CHECK(slice(t.f32, 1, 32, 32).shape() == Shape{16, 32});
  CHECK(join(t.f32, 1).shape() == Shape{16, 64, 2});
  CHECK(split(join(t.u8, t.u8)).second.shape() == Shape{16, 64});
  CHECK(permute(t.cube, {2, 0, 1}).shape() == Shape{8, 2, 4});
  CHECK(iota(t.p.range(t.p.constant(3), 8)).shape() == Shape{8});

  CHECK(refused([&] { slice(t.f32, 1, 16, 32); }) ==
        "slice: expected a start that is a multiple of 32 in dimension 1 of "
        "f32 [16, 64], got 16");
  CHECK(refused([&] { slice(t.f32, 1, 64, 32); }) ==
        "slice: expected a start that is a multiple of 32 in dimension 1 of "
        "f32 [16, 64], got 64");
  CHECK(refused([&] { slice(t.f32, 1, 0, 48); }) ==
        "slice: expected a power of two, got 48; the nearest is 64");
  CHECK(refused([&] { slice(t.f32, 1, 0, 128); }) ==
        "slice: expected a start that is a multiple of 128 in dimension 1 of "
        "f32 [16, 64], got 0");
  CHECK(refused([&] { slice(t.f32, 2, 0, 1); }) ==
        "slice: expected a dimension below 2, got 2");
  CHECK(refused([&] { split(t.f32); }) ==
        "split: expected two dimensions at least, the last of 2, got f32 [16, "
        "64]");
  CHECK(refused([&] { split(t.p.zeros({2})); }) ==
        "split: expected two dimensions at least, the last of 2, got f32 [2]");
  CHECK(refused([&] { join(t.f32, t.f16); }) ==
        "join: expected one element type, got f32 [16, 64] and f16 [16, 64]");
  CHECK(refused([&] { join(t.u4, t.u4); }) == "join: not for u4 [16, 64]");
  CHECK(refused([&] { permute(t.cube, {0, 0, 1}); }) ==
        "permute: expected an order of the 3 dimensions of f32 [2, 4, 8], got "
        "[0, 0, 1]");
  CHECK(refused([&] { permute(t.cube, {0, 1}); }) ==
        "permute: expected an order of the 3 dimensions of f32 [2, 4, 8], got "
        "[0, 1]");
  CHECK(refused([&] { iota(Range{t.p.constant(0), 48}); }) ==
        "iota: expected a power of two, got 48; the nearest is 64");
  CHECK(refused([&] { iota(Range()); }) ==
        "iota: a value of no program (default constructed)");
}

TEST_CASE("reductions, running sums, order and shapes assemble") {
  const Toolchain &tools = toolchain();
  if (!tools.nvJitLink && !tools.ptxas.found()) {
    WARN("skipped: no assembler");
    return;
  }
  for (std::string gpu :
       {"sm_80", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_120a"})
    for (Dtype dtype : {Dtype::f32, Dtype::i32, Dtype::u32, Dtype::i64}) {
      INFO(name(dtype) << " on " << gpu);
      Program p("along");
      View x = p.view("x", dtype, {64, 32}), y = p.view("y", dtype, {64, 32});
      Range rows = p.range(p.constant(0), 64),
            columns = p.range(p.constant(0), 32);
      Tile t = x.load({rows, columns});
      Tile positive = all(t > 0, 1);
      t = where(positive, cumsum(t, 0), cummax(t, 1)) + sum(t, 0) * max(t, 1) -
          min(t, 0);
      auto [even, odd] = split(reshape(t, {64, 16, 2}));
      t = permute(reshape(join(odd, even), {64, 4, 8}), {0, 2, 1});
      t = reshape(t, {64, 32}) + cast(sum(positive, 0), dtype);
      if (dtype != Dtype::i64)
        t = t + cast(argmax(t, 1) + argmin(t, 0), dtype);
      y.store({rows, columns}, sort(t, 1) + slice(t, 0, 32, 1));
      Cubin cubin = assemble(compile(p, options(gpu)).ptx);
      CHECK(cubin.resources.localBytes == 0);
      CHECK(cubin.resources.spillStores == 0);
    }
}
