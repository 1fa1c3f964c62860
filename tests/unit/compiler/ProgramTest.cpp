// Protects what the tile language says about wrong use of programs, views,
// indices and loops: every mistake is refused at the call, with the operands
// and their shapes.
#include "compiler/dsl/Program.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"
#include "tests/unit/compiler/ProgramSample.h"

using namespace lath;
using namespace lath::test;

TEST_CASE("a program's name must be usable as a kernel's") {
  for (std::string name : {"", "9x", "a-b", "caf\xc3\xa9", "a b"})
    CHECK(refused([&] { Program p(name); }) ==
          "a program's name must be an identifier, got '" + name + "'");
  CHECK(refused([] { Program p("lath_shared"); }) ==
        "a program cannot be called lath_shared: the block's shared memory is");
  CHECK(Program("_add2").name() == "_add2");
}

TEST_CASE("parameters have names of their own") {
  Sample s;
  CHECK(refused([&] { s.p.scalar("n"); }) ==
        "sample: there is a parameter 'n' already");
  CHECK(refused([&] { s.p.scalar("halves"); }) ==
        "sample: there is a parameter 'halves' already");
  CHECK(refused([&] { s.p.view("n", Dtype::f32, {64}); }) ==
        "sample: there is a parameter 'n' already");
}

TEST_CASE("views have positive extents, and only the first is an argument") {
  Sample s;
  auto view = [&](Dtype dtype, std::vector<Extent> extents, int packed = -1) {
    return refused([&] { s.p.view("x", dtype, extents, packed); });
  };
  CHECK(view(Dtype::f32, {}) == "view 'x': expected at least one extent");
  CHECK(view(Dtype::f32, {64, 0}) ==
        "view 'x': expected positive extents, got 0");
  CHECK(view(Dtype::f32, {-8}) ==
        "view 'x': expected positive extents, got -8");
  CHECK(view(Dtype::f32, {1ll << 31}) ==
        "view 'x': expected 32-bit extents, got 2147483648");
  auto strided = [&](std::vector<Extent> strides) {
    return refused(
        [&] { s.p.view("x", Dtype::f32, {64, 64}, std::move(strides)); });
  };
  CHECK(strided({1}) == "view 'x': expected 2 strides, one a dimension, got 1");
  CHECK(strided({-64, 1}) == "view 'x': expected no negative strides, got -64");
  CHECK(refused([&] {
          s.p.view("x", Dtype::u4, {64, 64}, std::vector<Extent>{64, 1});
        }) == "view 'x': views of u4 are dense and have no strides");
  // A refused view leaves no parameter behind.
  s.p.view("x", Dtype::f32, {64});
}

TEST_CASE("views of u4 and s8, and only they, are packed along a dimension") {
  Sample s;
  auto view = [&](Dtype dtype, std::vector<Extent> extents, int packed) {
    return refused([&] { s.p.view("x", dtype, extents, packed); });
  };
  CHECK(view(Dtype::u4, {64, 64}, -1) ==
        "view 'x': views of u4 and s8, and only they, name a packed dimension; "
        "got u4 "
        "and -1");
  CHECK(view(Dtype::f16, {64, 64}, 0) ==
        "view 'x': views of u4 and s8, and only they, name a packed dimension; "
        "got f16 "
        "and 0");
  CHECK(view(Dtype::u4, {64, 64}, 2) ==
        "view 'x': expected a packed dimension below 2, got 2");
  CHECK(view(Dtype::u4, {60, 64}, 0) ==
        "view 'x': packed extent 60 is not a multiple of 8");
  CHECK(view(Dtype::u4, {s.n, 64}, 0) ==
        "view 'x': extent 0 is an argument, and packed; packed extents are "
        "numbers");
  CHECK(view(Dtype::s8, {64, 64}, -1) ==
        "view 'x': views of u4 and s8, and only they, name a packed dimension; "
        "got s8 and -1");
  CHECK(view(Dtype::s8, {62, 64}, 0) ==
        "view 'x': packed extent 62 is not a multiple of 4");
  s.p.view("y", Dtype::u4, {s.n, 64}, 1);
  s.p.view("z", Dtype::s8, {60, 64}, 0);
}

TEST_CASE("axes of the grid are 0 to 2") {
  Sample s;
  for (int axis : {-1, 3}) {
    CHECK(refused([&] { s.p.programId(axis); }) ==
          "programId: expected an axis from 0 to 2, got " +
              std::to_string(axis));
    CHECK(refused([&] { s.p.numPrograms(axis); }) ==
          "numPrograms: expected an axis from 0 to 2, got " +
              std::to_string(axis));
  }
}

TEST_CASE("indices are 32-bit values of one program") {
  Sample s;
  Program other("other");
  Index foreign = other.constant(1);
  CHECK(refused([&] { s.p.constant(1ll << 31); }) ==
        "constant: expected a 32-bit value, got 2147483648");
  CHECK(refused([&] { (void)(s.n + (1ll << 31)); }) ==
        "Index +: expected a 32-bit value, got 2147483648");
  CHECK(refused([&] { (void)(s.n + foreign); }) ==
        "Index +: a value of program 'other' is used in program 'sample'");
  CHECK(refused([&] { (void)(foreign * s.n); }) ==
        "Index *: a value of program 'sample' is used in program 'other'");
  CHECK(refused([&] { (void)(Index() - s.n); }) ==
        "Index -: a value of no program (default constructed)");
  CHECK(refused([&] { (void)(s.n - Index()); }) ==
        "Index -: a value of no program (default constructed)");
  CHECK(refused([&] { (void)(Index() * 2); }) ==
        "Index *: a value of no program (default constructed)");
  CHECK(refused([&] { (void)(s.n / 0); }) ==
        "Index /: expected a positive divisor, got 0");
  CHECK(refused([&] { (void)(s.n / -2); }) ==
        "Index /: expected a positive divisor, got -2");
}

TEST_CASE("ranges are powers of two and do not straddle groups") {
  Sample s;
  CHECK(refused([&] { s.p.range(s.n, 48); }) ==
        "range: expected a power of two, got 48; the nearest is 64");
  CHECK(refused([&] { s.p.range(s.n, 0); }) ==
        "range: expected a power of two, got 0; the nearest is 1");
  CHECK(refused([&] { s.p.range(s.n, -4); }) ==
        "range: expected a power of two, got -4; the nearest is 1");
  CHECK(
      refused([&] { (void)(s.columns / 48); }) ==
      "Range /: 64 coordinates and groups of 48 straddle each other; one must "
      "divide the other");
  CHECK(refused([&] { (void)(s.columns / 0); }) ==
        "Range /: expected a positive divisor, got 0");
  CHECK(refused([&] { (void)(Range() / 32); }) ==
        "Range /: a value of no program (default constructed)");
  CHECK(refused([&] { (void)(Range{s.n, 0} / 32); }) ==
        "Range /: expected a power of two, got 0; the nearest is 1");
  CHECK((s.columns / 16).extent == 4);
  CHECK((s.columns / 64).extent == 1);
  CHECK((s.columns / 192).extent == 1);
}

TEST_CASE("loads and stores name one coordinate a dimension") {
  Sample s;
  CHECK(refused([&] { s.floats.load({s.rows}); }) ==
        "load: expected 2 coordinates, one a dimension, got 1");
  CHECK(refused([&] { s.floats.store({s.rows, s.columns, s.rows}, s.f32); }) ==
        "store: expected 2 coordinates, one a dimension, got 3");
  CHECK(refused([&] { s.floats.load({s.rows, Range{s.n, 48}}); }) ==
        "load: expected a power of two, got 48; the nearest is 64");
  CHECK(refused([&] { s.floats.load({s.rows, Range{Index(), 64}}); }) ==
        "load: a value of no program (default constructed)");
  CHECK(
      refused([&] { s.packed.load({Range{s.n, 4}, s.columns}); }) ==
      "load: expected at least 8 elements along the packed dimension 0, got 4");
  CHECK(refused([&] { View().load({s.rows}); }) ==
        "load: a value of no program (default constructed)");
}

TEST_CASE(
    "a stored tile has the shape of the ranges and the type of the view") {
  Sample s;
  CHECK(refused([&] { s.floats.store({s.rows, s.columns}, s.f16); }) ==
        "store: expected a tile of f32 [16, 64], got f16 [16, 64]");
  CHECK(refused([&] { s.floats.store({s.columns, s.rows}, s.f32); }) ==
        "store: expected a tile of f32 [64, 16], got f32 [16, 64]");
  CHECK(refused([&] { s.packed.store({s.rows, s.columns}, s.u4); }) ==
        "store: u4 views are read only, but for stores in atoms");
  View constant = s.p.constantView("constant", Dtype::f32, {64, 64});
  CHECK(refused([&] { constant.store({s.rows, s.columns}, s.f32); }) ==
        "store: constant views are read only");
  CHECK(refused([&] { s.halves.atomicAdd({s.rows, s.columns}, s.f32); }) ==
        "atomicAdd: expected a tile of f16 [16, 64], got f32 [16, 64]");
  CHECK(refused([&] { s.floats.atomicMax({s.rows, s.columns}, s.f32); }) ==
        "atomicMax: expected a view of i32, u32 or i64, got f32");
  CHECK(
      refused([&] { s.packed.atomicAdd({s.rows, s.columns}, s.u4); }) ==
      "atomicAdd: expected a view of f32, f16, bf16, i32, u32 or i64, got u4");
}

TEST_CASE("a loop carries one kind of tile") {
  Sample s;
  CHECK(refused([&] { s.p.kRange(0, 16); }) ==
        "kRange: expected a positive 32-bit extent, got 0");
  CHECK(refused([&] { s.p.kRange(1ll << 31, 16); }) ==
        "kRange: expected a positive 32-bit extent, got 2147483648");
  CHECK(refused([&] { s.p.kRange(64, 24); }) ==
        "kRange: expected a power of two, got 24; the nearest is 32");
  CHECK(refused([&] {
          s.p.loop(s.p.kRange(64, 16), s.f32,
                   std::function<Tile(Range, Tile)>());
        }) == "loop: expected a body");
  CHECK(refused([&] {
          s.p.loop(s.p.kRange(64, 16), s.f32,
                   [&](Range, Tile t) { return cast(t, Dtype::f16); });
        }) ==
        "loop: the body must return a tile like the one it carries, f32 [16, "
        "64], got f16 [16, 64]");
  Sample t;
  CHECK(refused([&] {
          t.p.loop(t.p.kRange(64, 16), t.f32,
                   [](Range, Tile) { return Tile(); });
        }) == "loop: a value of no program (default constructed)");
}

TEST_CASE("what a loop makes stays inside") {
  Sample s;
  Tile inside;
  Index step;
  s.p.loop(s.p.kRange(64, 16), s.f32, [&](Range k, Tile t) {
    step = k.start;
    return inside = t + t;
  });
  const std::string rest =
      ": a value made inside a loop is used outside of it; "
      "carry it through the loop";
  CHECK(refused([&] { (void)(s.f32 + inside); }) == "+" + rest);
  CHECK(refused([&] { s.floats.store({s.rows, s.columns}, inside); }) ==
        "store" + rest);
  CHECK(refused([&] { (void)(step + 1); }) == "Index +" + rest);
  CHECK(refused([&] { s.halves.load({Range{step, 16}, s.columns}); }) ==
        "load" + rest);
  CHECK(refused([&] {
          s.p.loop(s.p.kRange(64, 16), s.f32,
                   [&](Range, Tile t) { return t + inside; });
        }) == "+" + rest);
}

TEST_CASE("reduceSplits is for f32 and outside of loops") {
  Sample s;
  CHECK(refused([&] { reduceSplits(s.f16); }) ==
        "reduceSplits: expected f32 or i32, got f16 [16, 64]");
  CHECK(refused([&] {
          s.p.loop(s.p.kRange(64, 16), s.f32,
                   [&](Range, Tile t) { return reduceSplits(t); });
        }) == "reduceSplits: expected outside of any loop");
}

TEST_CASE("values of one program are of no use in another") {
  Sample a;
  Program b("b");
  View view = b.view("x", Dtype::f32, {64, 64});
  Range range = b.range(b.constant(0), 16);
  auto foreign = [](const std::string &call) {
    return call + ": a value of program 'sample' is used in program 'b'";
  };
  Tile own = view.load({range, range});
  CHECK(refused([&] { (void)(own + a.f32); }) == foreign("+"));
  CHECK(refused([&] { dot(cast(own, Dtype::f16), a.f16, own); }) ==
        foreign("dot"));
  CHECK(refused([&] { view.load({a.rows, range}); }) == foreign("load"));
  CHECK(refused([&] {
          view.store({range, b.range(b.constant(0), 64)}, a.f32);
        }) == foreign("store"));
  CHECK(refused([&] { b.view("y", Dtype::f32, {a.n}); }) ==
        foreign("view 'y'"));
  CHECK(refused([&] {
          b.loop(b.kRange(64, 16), a.f32, [](Range, Tile t) { return t; });
        }) == foreign("loop"));
}

TEST_CASE("a compiled program takes no more operations") {
  Sample s;
  compile(s.p, options());
  const std::string rest =
      ": program 'sample' has been compiled and takes no more operations";
  CHECK(refused([&] { s.p.scalar("m"); }) == "scalar" + rest);
  CHECK(refused([&] { s.p.view("x", Dtype::f32, {64}); }) == "view 'x'" + rest);
  CHECK(refused([&] { s.p.programId(0); }) == "programId" + rest);
  CHECK(refused([&] { s.p.numPrograms(0); }) == "numPrograms" + rest);
  CHECK(refused([&] { s.p.constant(1); }) == "constant" + rest);
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {16}); }) == "splat" + rest);
  CHECK(refused([&] { (void)(s.n + s.n); }) == "Index +" + rest);
  CHECK(refused([&] { s.floats.load({s.rows, s.columns}); }) == "load" + rest);
  CHECK(refused([&] { s.floats.store({s.rows, s.columns}, s.f32); }) ==
        "store" + rest);
  CHECK(refused([&] { (void)(s.f32 + s.f32); }) == "+" + rest);
  CHECK(refused([&] {
          s.p.loop(KRange{64, 16}, s.f32, [](Range, Tile t) { return t; });
        }) == "loop" + rest);
  CHECK(refused([&] { compile(s.p, options()); }) ==
        "program 'sample' has been compiled already");
}

TEST_CASE("each call appends one operation to the tile IR") {
  Sample s;
  Tile acc = s.p.loop(s.p.kRange(64, 16), s.f32, [&](Range, Tile t) {
    return maximum(t, where(s.floats.inside({s.rows, s.columns}), t, 1));
  });
  Tile out = broadcast(max(reduceSplits(acc), 1), {16, 64});
  s.floats.store({s.rows, s.columns}, tanh(out));
  std::string ir = s.p.print();
  for (std::string operation :
       {"func.func @sample", "tile.view %arg1 extents %arg0",
        "tile.program_id 0", "tile.k_range extent 64 step 16", "scf.for",
        "tile.inside", "arith.select", "arith.maximumf", "tile.reduce_splits",
        "tile.reduce max", "tile.broadcast", "math.tanh", "tile.store"}) {
    CAPTURE(operation);
    CHECK(contains(ir, operation));
  }
  CHECK(contains(ir, "tile.name = \"floats\""));
  CHECK(count(ir, "tile\\.load") == 4);
}
