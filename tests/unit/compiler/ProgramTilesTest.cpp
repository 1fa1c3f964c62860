// Protects what operations on tiles refuse, with the operands and their shapes,
// and the types and shapes that they give.
#include "compiler/dsl/Program.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"
#include "tests/unit/compiler/ProgramSample.h"

using namespace lath;
using namespace lath::test;

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
  CHECK(refused([&] { dot(s.f32, b, acc); }) ==
        "dot: expected two matrices of f16, of bf16, of f32, of i8, or of "
        "f8e4m3 and f8e5m2 in any mixture, got f32 [16, "
        "64] and f16 "
        "[64, 32]");
  CHECK(refused([&] { dot(s.f16, tile(Dtype::bf16, {64, 32}), acc); }) ==
        "dot: expected two matrices of f16, of bf16, of f32, of i8, or of "
        "f8e4m3 and f8e5m2 in any mixture, got f16 [16, "
        "64] and bf16 "
        "[64, 32]");
  CHECK(refused([&] { dot(s.f16, tile(Dtype::f16, {64}), acc); }) ==
        "dot: expected two matrices of f16, of bf16, of f32, of i8, or of "
        "f8e4m3 and f8e5m2 in any mixture, got f16 [16, "
        "64] and f16 "
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

TEST_CASE("dot takes bytes: i8 into i32, 8-bit floats into f32") {
  Sample s;
  auto left = [&](Dtype dtype) { return s.p.splat(0, dtype, {16, 64}); };
  auto right = [&](Dtype dtype) { return s.p.splat(0, dtype, {64, 32}); };
  Tile ints = s.p.zeros({16, 32}, Dtype::i32), floats = s.p.zeros({16, 32});
  CHECK(dot(left(Dtype::i8), right(Dtype::i8), ints).dtype() == Dtype::i32);
  for (Dtype a : {Dtype::f8e4m3, Dtype::f8e5m2})
    for (Dtype b : {Dtype::f8e4m3, Dtype::f8e5m2})
      CHECK(dot(left(a), right(b), floats).dtype() == Dtype::f32);
  const std::string taken =
      "dot: expected two matrices of f16, of bf16, of f32, of i8, or of f8e4m3 "
      "and f8e5m2 in any mixture, got ";
  CHECK(refused([&] { dot(left(Dtype::u8), right(Dtype::u8), ints); }) ==
        taken + "u8 [16, 64] and u8 [64, 32]");
  CHECK(refused([&] { dot(left(Dtype::i8), right(Dtype::u8), ints); }) ==
        taken + "i8 [16, 64] and u8 [64, 32]");
  CHECK(refused([&] { dot(left(Dtype::f8e4m3), right(Dtype::f16), floats); }) ==
        taken + "f8e4m3 [16, 64] and f16 [64, 32]");
  CHECK(refused([&] { dot(left(Dtype::i8), right(Dtype::i8), floats); }) ==
        "dot: expected [M, K] * [K, N] + i32 [M, N], got [16, 64] * [64, 32] + "
        "f32 [16, 32]");
  CHECK(
      refused([&] { dot(left(Dtype::f8e5m2), right(Dtype::f8e5m2), ints); }) ==
      "dot: expected [M, K] * [K, N] + f32 [M, N], got [16, 64] * [64, 32] + "
      "i32 [16, 32]");
  CHECK(reduceSplits(ints).dtype() == Dtype::i32);
  CHECK(refused([&] { reduceSplits(s.f16); }) ==
        "reduceSplits: expected f32 or i32, got f16 [16, 64]");
}
