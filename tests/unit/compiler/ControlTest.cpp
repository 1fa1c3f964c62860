// Protects: loops, branches and indices refuse wrong use at the call, what
// certainly lies outside of a view is refused when the program is built, and an
// error of a pass names the line of the call that made the operation.
#include "runtime/Assemble.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace lath;
using namespace lath::test;

namespace {

struct Sample {
  Program p{"sample"};
  Index n = p.scalar("n");
  View x = p.view("x", Dtype::f32, {64, 256});
  View ids = p.view("ids", Dtype::i32, {64});
  View words = p.view("w", Dtype::u4, {64, 64}, /*packedDim=*/0);
  Range rows = p.range(p.constant(0), 64), columns = p.range(p.constant(0), 64);
  Tile t = x.load({rows, columns});
  Tile one = p.splat(1, Dtype::i32, {1});
};

} // namespace

TEST_CASE("control: ranges of loops are checked when they are made") {
  Sample s;
  Program &p = s.p;
  CHECK(refused([&] { p.kRange(s.n, 48); }) ==
        "kRange: expected a power of two, got 48; the nearest is 64");
  CHECK(refused([&] { p.kRange(p.constant(0), 64); }) ==
        "kRange: expected a positive 32-bit extent, got 0");
  CHECK(refused([&] { p.steps(0, s.n, 3); }) ==
        "steps: expected a power of two, got 3; the nearest is 4");
  CHECK(refused([&] { p.each(0, s.n, 0); }) ==
        "each: expected a positive stride, got 0");
  CHECK(refused([&] { p.each(0, s.n, p.constant(4) - 6); }) ==
        "each: expected a positive stride, got -2");
}

TEST_CASE("control: bodies return what they carry") {
  Sample s;
  Program &p = s.p;
  CHECK(refused([&] {
          p.loop(
              p.each(0, s.n), std::tuple{s.t, s.n},
              [&](Index i, Tile t, Index) { return std::tuple{sum(t, 1), i}; });
        }) == "loop: the body must return a tile like the one it carries, f32 "
              "[64, 64], got f32 [64, 1]");
  CHECK(refused([&] {
          p.when(s.n < 3, s.t, [&](Tile t) { return sum(t, 0); });
        }) == "when: the body must return a tile like the one it carries, f32 "
              "[64, 64], got f32 [1, 64]");
  Tile inner;
  p.when(s.n < 3, [&] { inner = s.t + s.t; });
  CHECK(contains(refused([&] { sum(inner, 0); }),
                 "a value made inside a branch is used outside of it; carry it "
                 "through the branch"));
  CHECK(contains(refused([&] { p.when(s.n < 3, [&] { reduceSplits(s.t); }); }),
                 "reduceSplits: expected outside of any branch"));
}

TEST_CASE("control: indices refuse what is known to be wrong") {
  Sample s;
  Program &p = s.p;
  CHECK(refused([&] { s.n / 0; }) ==
        "Index /: expected a positive divisor, got 0");
  CHECK(refused([&] { s.n % (p.constant(2) - 3); }) ==
        "Index %: expected a positive divisor, got -1");
  CHECK(refused([&] { p.constant(-3) % 2; }) ==
        "Index %: expected a dividend that is not negative, got -3");
  CHECK(refused([&] { ceilDiv(s.n, 0); }) ==
        "ceilDiv: expected a positive divisor, got 0");
  CHECK(refused([&] { toIndex(s.t); }) ==
        "toIndex: expected an integer of up to 32 bits, got f32 [64, 64]");
  CHECK(refused([&] { toIndex(s.ids.load({s.rows})); }) ==
        "toIndex: expected a tile of one element, got i32 [64]");
  CHECK(refused([&] { toBool(s.one); }) == "toBool: expected b1, got i32 [1]");
  CHECK(refused([&] { s.x.loadIndex({0, 0}); }) ==
        "loadIndex: expected a view of integers of up to 32 bits, got f32");
  CHECK(refused([&] { s.ids.loadIndex({s.rows}); }) ==
        "loadIndex: expected one coordinate in each dimension");
  CHECK(refused([&] {
          p.devicePrint("codes", s.words.load({s.rows, s.rows}));
        }) == "devicePrint: not for u4 [64, 64]");
  CHECK(refused([&] { p.deviceAssert(s.one, "one"); }) ==
        "deviceAssert: expected a condition of b1, got i32 [1]");
}

TEST_CASE("control: what certainly lies outside of a view is refused") {
  Sample s;
  Program &p = s.p;
  auto outside = [](int start, int dimension, int extent) {
    return fmt::format("load: the 64 coordinates from {} lie outside of "
                       "dimension {}, whose extent is {}",
                       start, dimension, extent);
  };
  CHECK(refused([&] { s.x.load({Range{p.constant(64), 64}, s.columns}); }) ==
        outside(64, 0, 64));
  CHECK(refused([&] { s.x.load({Range{p.constant(-64), 64}, s.columns}); }) ==
        outside(-64, 0, 64));
  CHECK(refused([&] {
          p.loop(p.kRange(512, 64),
                 [&](Range k) { (void)s.x.load({s.rows, k}); });
        }) == outside(448, 1, 256));
  CHECK(refused([&] {
          p.loop(p.each(0, 9),
                 [&](Index i) { (void)s.x.load({s.rows, Range{i * 32, 64}}); });
        }) == outside(256, 1, 256));
  CHECK(refused([&] { s.words.load({Range{p.constant(4), 8}, s.columns}); }) ==
        "load: expected a start that is a multiple of 8 along dimension 0, got "
        "4");
  // Behind a condition, never, partly inside, or asked for: no mistake.
  p.loop(p.each(4, 4),
         [&](Index i) { (void)s.x.load({s.rows, Range{i * 64, 64}}); });
  p.loop(p.each(0, 9), [&](Index i) {
    p.when(i < 8, [&] { (void)s.x.load({s.rows, Range{i * 32, 64}}); });
  });
  (void)s.x.load({Range{p.constant(-63), 64}, s.columns});
  (void)s.x.inside({Range{p.constant(64), 64}, s.columns});
}

TEST_CASE("control: an error of a pass names the caller's line") {
  Program p("small");
  View a = p.view("a", Dtype::f16, {8, 64}),
       b = p.view("b", Dtype::f16, {64, 8});
  View out = p.view("out", Dtype::f32, {8, 8});
  Range eight = p.range(p.constant(0), 8), deep = p.range(p.constant(0), 64);
  Tile left = a.load({eight, deep}), right = b.load({deep, eight});
  const int line = __LINE__ + 1;
  Tile sum = dot(left, right, p.zeros({8, 8}));
  out.store({eight, eight}, sum);
  try {
    compile(p, options());
    FAIL("expected an error");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::compile);
    REQUIRE(!error.notes().empty());
    CHECK(contains(error.notes()[0], fmt::format("ControlTest.cpp:{}", line)));
  }
}

TEST_CASE("control: all targets assemble branches, prints and assertions") {
  for (const char *name :
       {"sm_80", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_120a"}) {
    CAPTURE(name);
    Program p("everything");
    Index n = p.scalar("n");
    View x = p.view("x", Dtype::f32, {n, 64});
    View ids = p.view("ids", Dtype::i32, {n});
    View out = p.view("out", Dtype::f32, {64});
    Range columns = p.range(p.constant(0), 64);
    p.loop(p.each(p.programId(0), n, p.numPrograms(0)), [&](Index i) {
      Index id = ids.loadIndex({i});
      p.when((id >= 0) & !(id >= n), [&] {
        Tile t =
            p.loop(p.steps(0, id, 8), p.zeros({1, 64}), [&](Range at, Tile t) {
              return t + sum(x.load({at, columns}), 0);
            });
        p.deviceAssert(x.inside({Range{id + 1, 1}, columns}), "a row");
        p.devicePrint("sum", t);
        out.store({columns}, reshape(t, {64}));
      });
    });
    Ptx ptx = compile(p, options(name, 2, 3)).ptx;
    CHECK(contains(ptx.text, "vprintf"));
    CHECK(contains(ptx.text, "trap;"));
    const Toolchain &tools = toolchain();
    if (!tools.nvJitLink.has_value() && !tools.ptxas.found()) {
      WARN("skipped: no assembler");
      continue;
    }
    CHECK(assemble(ptx).bytes.size() > 0);
  }
}
