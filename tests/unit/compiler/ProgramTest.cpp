// Protects what the tile language says about wrong use: every mistake is
// refused at the call, with the operands and their shapes.
#include "compiler/dsl/Program.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

namespace {

/// The message of the Error{invalidProgram} that a call throws.
template <typename Call> std::string refused(Call &&call) {
  Error error = errorOf(call);
  CHECK(error.kind() == ErrorKind::invalidProgram);
  return error.message();
}

/// Tiles and views of each kind in one program.
struct Sample {
  Program p{"sample"};
  Index n = p.scalar("n");
  View floats = p.view("floats", Dtype::f32, {n, 64});
  View halves = p.view("halves", Dtype::f16, {256, 64});
  View words = p.view("words", Dtype::i32, {256, 64});
  View packed = p.view("packed", Dtype::u4, {256, 64}, 0);
  Range rows = p.range(p.programId(0), 16);
  Range columns = p.range(p.constant(0), 64);
  Tile f32 = floats.load({rows, columns});
  Tile f16 = halves.load({rows, columns});
  Tile i32 = words.load({rows, columns});
  Tile u4 = packed.load({rows, columns});
};

} // namespace

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

TEST_CASE("inside says which elements lie in an unpacked view") {
  Sample s;
  CHECK(refused([&] { s.packed.inside({s.rows, s.columns}); }) ==
        "inside: not for u4 views");
  CHECK(refused([&] { s.floats.inside({s.rows}); }) ==
        "inside: expected 2 coordinates, one a dimension, got 1");
  Tile inside = s.words.inside({s.rows, s.columns});
  CHECK(inside.dtype() == Dtype::b1);
  CHECK(inside.shape() == Shape{16, 64});
}

TEST_CASE("where chooses between tiles of one type") {
  Sample s;
  Tile inside = s.floats.inside({s.rows, s.columns});
  CHECK(refused([&] { where(s.f32, s.f32, 0); }) ==
        "where: expected a condition of b1, got f32 [16, 64]");
  CHECK(refused([&] { where(inside, s.f32, s.f16); }) ==
        "where: expected one element type, got f32 [16, 64] and f16 [16, 64]");
  CHECK(refused([&] { where(inside, 1, 2); }) ==
        "where: expected a tile among the operands");
  CHECK(refused([&] { where(inside, transpose(s.f32), 0); }) ==
        "where: expected shapes that broadcast, extents equal or 1, got b1 "
        "[16, 64] and f32 [64, 16]");
  CHECK(where(inside, s.i32, 7).dtype() == Dtype::i32);
}

TEST_CASE("elementwise operations take one type, and shapes that broadcast") {
  Sample s;
  Tile tall = transpose(s.f32);
  CHECK(refused([&] { (void)(s.f32 + tall); }) ==
        "+: expected shapes that broadcast, extents equal or 1, got f32 [16, "
        "64] and f32 [64, 16]");
  CHECK(refused([&] { (void)(s.f32 - s.f16); }) ==
        "-: expected one element type, got f32 [16, 64] and f16 [16, 64]");
  CHECK(refused([&] { (void)(s.u4 * s.u4); }) == "*: not for u4 [16, 64]");
  CHECK(refused([&] { (void)(Tile() + s.f32); }) ==
        "+: a value of no program (default constructed)");
  CHECK(refused([&] { (void)maximum(s.f32, Tile()); }) ==
        "maximum: a value of no program (default constructed)");
  CHECK(refused([&] { (void)(s.i32 + 0.5); }) == "+: cannot make i32 of 0.5");
  CHECK(refused([&] { (void)(s.f32 * s.n); }) ==
        "*: an index goes with tiles of i32 and u32, got f32");
  CHECK(refused([&] { divRn(s.i32, s.i32); }) == "divRn: not for i32 [16, 64]");
  CHECK(minimum(s.i32, s.i32).dtype() == Dtype::i32);
  Tile row = s.p.splat(1, Dtype::f32, {64}), column = max(s.f32, 1);
  CHECK((row + column).shape() == Shape{16, 64});
  CHECK((0.5 * row - 1).shape() == Shape{64});
  Tile t = s.f32;
  t += row;
  CHECK(t.shape() == Shape{16, 64});
}

TEST_CASE("a refused call says where it stands") {
  Sample s;
  const unsigned line = __LINE__ + 1;
  Error error = errorOf([&] { (void)(s.f32 + s.f16); });
  REQUIRE(error.notes().size() == 1);
  CHECK(error.notes()[0] ==
        std::string("at ") + __FILE__ + ":" + std::to_string(line));
}

TEST_CASE("functions of one tile are for f32") {
  Sample s;
  CHECK(refused([&] { exp(s.f16); }) == "exp: expected f32, got f16 [16, 64]");
  CHECK(refused([&] { exp2(s.f16); }) ==
        "exp2: expected f32, got f16 [16, 64]");
  CHECK(refused([&] { sqrt(s.i32); }) ==
        "sqrt: expected f32, got i32 [16, 64]");
  CHECK(refused([&] { rsqrt(s.f16); }) ==
        "rsqrt: expected f32, got f16 [16, 64]");
  CHECK(refused([&] { tanh(s.f16); }) ==
        "tanh: expected f32, got f16 [16, 64]");
  CHECK(refused([&] { log2(s.i32); }) ==
        "log2: expected f32, got i32 [16, 64]");
  CHECK(abs(s.f16).dtype() == Dtype::f16);
  CHECK(refused([&] { abs(s.u4); }) == "abs: not for u4 [16, 64]");
  CHECK(refused([&] { exp(Tile()); }) ==
        "exp: a value of no program (default constructed)");
}

TEST_CASE("casts are between all types but codes of weights") {
  Sample s;
  CHECK(cast(s.i32, Dtype::f32).dtype() == Dtype::f32);
  CHECK(cast(s.f32, Dtype::i32).dtype() == Dtype::i32);
  CHECK(refused([&] { cast(s.u4, Dtype::f16); }) ==
        "cast: u4 and s8 are codes that only dequant takes, got u4 [16, 64] to "
        "f16");
  CHECK(cast(s.f16, Dtype::bf16).dtype() == Dtype::bf16);
  CHECK(cast(s.f16, Dtype::f16).dtype() == Dtype::f16);
}

TEST_CASE("tiles have power-of-two extents and fit a block's registers") {
  Sample s;
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {}); }) ==
        "splat: expected at least one extent");
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {16, 48}); }) ==
        "splat: expected power-of-two extents, got [16, 48]");
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {-16}); }) ==
        "splat: expected power-of-two extents, got [-16]");
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {1024, 2048}); }) ==
        "a tile holds at most 1048576 elements, got [1024, 2048]");
  CHECK(refused([&] { s.p.splat(0, Dtype::f32, {1ll << 40, 1ll << 40}); }) ==
        "a tile holds at most 1048576 elements, got [1099511627776, "
        "1099511627776]");
  CHECK(refused([&] { s.p.splat(0, Dtype::u4, {16}); }) ==
        "splat: cannot make u4 of 0");
  CHECK(refused([&] { s.p.splat(0.5, Dtype::i32, {16}); }) ==
        "splat: cannot make i32 of 0.5");
  CHECK(refused([&] { s.p.splat(2147483648.0, Dtype::i32, {16}); }) ==
        "splat: cannot make i32 of 2147483648");
  CHECK(s.p.splat(-7, Dtype::i32, {16}).dtype() == Dtype::i32);
}

TEST_CASE("broadcast, reshape and transpose keep the elements") {
  Sample s;
  CHECK(refused([&] { broadcast(s.f32, {32, 64}); }) ==
        "broadcast: f32 [16, 64] does not repeat to [32, 64]; extents must be "
        "equal or 1");
  CHECK(
      refused([&] { broadcast(s.f32, {16, 64, 2}); }) ==
      "broadcast: f32 [16, 64] does not repeat to [16, 64, 2]; extents must be "
      "equal or 1");
  CHECK(refused([&] { reshape(s.f32, {16, 32}); }) ==
        "reshape: f32 [16, 64] has 1024 elements, [16, 32] has 512");
  CHECK(refused([&] { transpose(reshape(s.f32, {1024})); }) ==
        "transpose: expected a matrix, got f32 [1024]");
  // Eight u4 share a word; only dequant takes them apart.
  CHECK(refused([&] { broadcast(s.u4, {16, 64}); }) ==
        "broadcast: not for u4 [16, 64]");
  CHECK(refused([&] { reshape(s.u4, {1024}); }) ==
        "reshape: not for u4 [16, 64]");
  CHECK(refused([&] { transpose(s.u4); }) == "transpose: not for u4 [16, 64]");
  CHECK(transpose(s.f16).shape() == Shape{64, 16});
}

TEST_CASE("reductions are over one dimension") {
  Sample s;
  CHECK(sum(s.f16, 1).dtype() == Dtype::f32);
  CHECK(refused([&] { sum(s.u4, 1); }) == "sum: not for u4 [16, 64]");
  CHECK(refused([&] { max(s.f32, 2); }) ==
        "max: expected a dimension below 2, got 2");
  CHECK(refused([&] { sum(s.f32, -1); }) ==
        "sum: expected a dimension below 2, got -1");
  CHECK(sum(s.f32, 0).shape() == Shape{1, 64});
}

TEST_CASE("tiles of s8 are loaded and dequantised only") {
  Sample s;
  View bytes = s.p.view("bytes", Dtype::s8, {64, 64}, 0);
  Tile tile = bytes.load({s.rows, s.columns});
  Tile scales = s.p.splat(1, Dtype::f16, {1, 64});
  CHECK(dequant(tile, scales).dtype() == Dtype::f16);
  CHECK(refused([&] { (void)(tile * tile); }) == "*: not for s8 [16, 64]");
  CHECK(refused([&] { transpose(tile); }) == "transpose: not for s8 [16, 64]");
  CHECK(refused([&] { bytes.load({Range{s.n, 2}, s.columns}); }) ==
        "load: expected at least 4 elements along the packed dimension 0, got "
        "2");
  CHECK(refused([&] { bytes.store({s.rows, s.columns}, tile); }) ==
        "store: s8 views are read only, but for stores in atoms");
  CHECK(refused([&] { bytes.inside({s.rows, s.columns}); }) ==
        "inside: not for s8 views");
  View nibbles = s.p.view("nibbles", Dtype::u4, {1, 64}, 1);
  Tile zeros = nibbles.load({Range{s.n, 1}, s.columns});
  CHECK(refused([&] { dequant(tile, scales, &zeros); }) ==
        "dequant: zeros are for u4 alone, got q of s8 [16, 64]");
}

TEST_CASE("dequant takes u4 [K, N] and scales of whole groups") {
  Sample s;
  auto tile = [&](Dtype dtype, Shape shape) {
    return s.p.splat(0, dtype, shape);
  };
  Tile scales = tile(Dtype::f16, {1, 64});
  Tile zeros = s.packed.load({Range{s.n, 8}, s.columns});
  CHECK(refused([&] { dequant(s.i32, scales); }) ==
        "dequant: expected q of u4 or s8 [K, N], got i32 [16, 64]");
  CHECK(
      refused([&] { dequant(s.u4, tile(Dtype::f32, {1, 64})); }) ==
      "dequant: expected scales of f16 or bf16 [G, 64] with G a divisor of 16, "
      "got f32 [1, 64]");
  CHECK(
      refused([&] { dequant(s.u4, tile(Dtype::f16, {1, 32})); }) ==
      "dequant: expected scales of f16 or bf16 [G, 64] with G a divisor of 16, "
      "got f16 [1, 32]");
  CHECK(
      refused([&] { dequant(s.u4, tile(Dtype::bf16, {32, 64})); }) ==
      "dequant: expected scales of f16 or bf16 [G, 64] with G a divisor of 16, "
      "got bf16 [32, 64]");
  CHECK(refused([&] { dequant(s.u4, scales, &zeros); }) ==
        "dequant: expected zeros of u4 [1, 64], got u4 [8, 64]");
  CHECK(refused([&] { dequant(s.u4, scales, &s.i32); }) ==
        "dequant: expected zeros of u4 [1, 64], got i32 [16, 64]");
  CHECK(refused([&] { dequant(s.u4, scales, nullptr, 1); }) ==
        "dequant: a zero offset needs zeros");
  CHECK(dequant(s.u4, tile(Dtype::bf16, {2, 64})).dtype() == Dtype::bf16);
}

TEST_CASE("dot takes two 16-bit matrices and an f32 accumulator") {
  Sample s;
  auto tile = [&](Dtype dtype, Shape shape) {
    return s.p.splat(0, dtype, shape);
  };
  Tile b = tile(Dtype::f16, {64, 32}), acc = tile(Dtype::f32, {16, 32});
  CHECK(
      refused([&] { dot(s.f32, b, acc); }) ==
      "dot: expected two matrices of f16, of bf16 or of f32, got f32 [16, 64] and f16 "
      "[64, 32]");
  CHECK(
      refused([&] { dot(s.f16, tile(Dtype::bf16, {64, 32}), acc); }) ==
      "dot: expected two matrices of f16, of bf16 or of f32, got f16 [16, 64] and bf16 "
      "[64, 32]");
  CHECK(
      refused([&] { dot(s.f16, tile(Dtype::f16, {64}), acc); }) ==
      "dot: expected two matrices of f16, of bf16 or of f32, got f16 [16, 64] and f16 "
      "[64]");
  CHECK(refused([&] { dot(s.f16, tile(Dtype::f16, {32, 32}), acc); }) ==
        "dot: expected [M, K] * [K, N] + f32 [M, N], got [16, 64] * [32, 32] + "
        "f32 "
        "[16, 32]");
  CHECK(refused([&] { dot(s.f16, b, tile(Dtype::f16, {16, 32})); }) ==
        "dot: expected [M, K] * [K, N] + f32 [M, N], got [16, 64] * [64, 32] + "
        "f16 "
        "[16, 32]");
  CHECK(refused([&] { dot(s.f16, b, tile(Dtype::f32, {32, 16})); }) ==
        "dot: expected [M, K] * [K, N] + f32 [M, N], got [16, 64] * [64, 32] + "
        "f32 "
        "[32, 16]");
  CHECK(dot(s.f16, b, acc).shape() == Shape{16, 32});
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
        "reduceSplits: expected f32, got f16 [16, 64]");
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
