// Protects that element types and elementwise operations are refused where they
// do not exist, with what was given, and assemble on every target where they
// do.
#include "runtime/Assemble.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

namespace {

constexpr Dtype arithmeticTypes[] = {Dtype::i8,   Dtype::u8,  Dtype::i32,
                                     Dtype::u32,  Dtype::i64, Dtype::f16,
                                     Dtype::bf16, Dtype::f32};
constexpr Dtype bytesAndWider[] = {
    Dtype::i8,     Dtype::u8,     Dtype::i32, Dtype::u32,  Dtype::i64,
    Dtype::f8e4m3, Dtype::f8e5m2, Dtype::f16, Dtype::bf16, Dtype::f32};
constexpr const char *targetNames[] = {"sm_80",   "sm_89",   "sm_90a",
                                       "sm_100a", "sm_103a", "sm_120a"};

/// Assembles without spills, where there is an assembler.
void checkAssembles(const Ptx &ptx) {
  const Toolchain &tools = toolchain();
  if (!tools.nvJitLink.has_value() && !tools.ptxas.found()) {
    WARN("not assembled: no assembler");
    return;
  }
  Cubin cubin = assemble(ptx);
  CHECK(cubin.resources.localBytes == 0);
}

Tile loaded(Program &p, const std::string &name, Dtype dtype) {
  return p.view(name, dtype, {64}).load({p.range(p.constant(0), 64)});
}

} // namespace

TEST_CASE("element types: operations assemble on every target") {
  for (const char *targetName : targetNames)
    for (Dtype dtype : arithmeticTypes) {
      CAPTURE(targetName, name(dtype));
      Program p("operations");
      View out = p.view("out", dtype, {4096});
      Range r = p.range(p.programId(0), 1024);
      Tile a = p.view("a", dtype, {4096}).load({r});
      Tile b = p.view("b", dtype, {4096}).load({r});
      Tile t =
          where(a < b, maximum(a, b) - a * b, minimum(-a, abs(b)) / (a + 1));
      if (isFloat(dtype))
        t = fma(t, a, b);
      else
        t = ((t << b) ^ (t >> a) | ~a) & t % b;
      out.store({r}, where(!(t == a) & (t != b), t, 3));
      checkAssembles(compile(p, options(targetName)).ptx);
    }
}

TEST_CASE("element types: casts assemble on every target") {
  for (const char *targetName : targetNames)
    for (Dtype from : bytesAndWider) {
      CAPTURE(targetName, name(from));
      Program p("casts");
      Tile source = loaded(p, "in", from);
      for (Dtype to : bytesAndWider) {
        View out = p.view("out_" + std::string(name(to)), to, {64});
        out.store({p.range(p.constant(0), 64)}, cast(source, to));
      }
      checkAssembles(compile(p, options(targetName, 1)).ptx);
    }
}

TEST_CASE("element types: functions and random numbers assemble") {
  for (const char *targetName : targetNames) {
    CAPTURE(targetName);
    Program p("functions");
    View out = p.view("out", Dtype::f32, {64});
    Tile t = loaded(p, "x", Dtype::f32);
    t = erf(sin(cos(log(log2(exp(sigmoid(floor(ceil(round(t))))))))));
    t = t + randomNormal(loaded(p, "counter", Dtype::u32),
                         p.scalar("key", Dtype::u32));
    out.store({p.range(p.constant(0), 64)}, t);
    Ptx ptx = compile(p, options(targetName, 2)).ptx;
    CHECK(!contains(ptx.text, "call")); // nothing of a library
    checkAssembles(ptx);
  }
}

TEST_CASE("element types: instructions that convert 8-bit floats") {
  auto converted = [](const char *targetName) {
    Program p("bytes");
    View out = p.view("out", Dtype::f8e4m3, {1024});
    Range r = p.range(p.constant(0), 1024);
    Tile t = p.view("x", Dtype::f8e4m3, {1024}).load({r});
    out.store({r}, cast(cast(t, Dtype::f32) * 2, Dtype::f8e4m3));
    return compile(p, options(targetName)).ptx.text;
  };
  const std::string text = converted("sm_90a");
  // 1024 elements of 128 threads: four pairs each.
  CHECK(count(text, "cvt\\.rn\\.f16x2\\.e4m3x2") == 4);
  CHECK(count(text, "cvt\\.rn\\.satfinite\\.e4m3x2\\.f32") == 4);
  CHECK(count(text, "ld\\.global") == 1); // of 8 bytes
  CHECK(count(text, "st\\.global") == 1);
  CHECK(!contains(converted("sm_80"), "e4m3"));
}

TEST_CASE("element types: what is refused") {
  Program p("refused");
  Tile words = loaded(p, "words", Dtype::i32),
       bytes = loaded(p, "bytes", Dtype::u8),
       floats = loaded(p, "floats", Dtype::f32),
       small = loaded(p, "small", Dtype::f8e4m3);
  Tile condition = words < 3;
  CHECK(messageOf([&] { return words + floats; }) ==
        "+: expected one element type, got i32 [64] and f32 [64]");
  CHECK(messageOf([&] { return floats + small; }) ==
        "+: expected one element type, got f32 [64] and f8e4m3 [64]");
  CHECK(messageOf([&] { return small * small; }) ==
        "*: not for f8e4m3 [64]; cast to f16, bf16 or f32 first");
  CHECK(messageOf([&] { return condition + condition; }) ==
        "+: not for b1 [64]");
  CHECK(messageOf([&] { return condition < condition; }) ==
        "<: not for b1 [64]");
  CHECK(messageOf([&] { return floats % 2; }) == "%: not for f32 [64]");
  CHECK(messageOf([&] { return floats & 2; }) == "&: not for f32 [64]");
  CHECK(messageOf([&] { return fma(words, words, words); }) ==
        "fma: not for i32 [64]");
  CHECK(messageOf([&] { return words << 32; }) ==
        "<<: expected a distance from 0 to 31, got 32");
  CHECK(messageOf([&] { return bytes >> -1; }) == ">>: cannot make u8 of -1");
  CHECK(messageOf([&] { return words / 0; }) == "/: a division by 0");
  CHECK(messageOf([&] { return words + 0.5; }) == "+: cannot make i32 of 0.5");
  CHECK(messageOf([&] { return !words; }) ==
        "!: expected a condition of b1, got i32 [64]");
  CHECK(messageOf([&] { return where(words, words, words); }) ==
        "where: expected a condition of b1, got i32 [64]");
  CHECK(messageOf([&] { return multiplyHigh(words, words); }) ==
        "multiplyHigh: expected u32, got i32 [64]");
  CHECK(messageOf([&] { return erf(words); }) ==
        "erf: expected f32, got i32 [64]");
  CHECK(messageOf([&] { return bitcast(floats, Dtype::f16); }) ==
        "bitcast: expected two types of one width of whole bytes, got f32 [64] "
        "to f16");
  CHECK(messageOf([&] { return philox(floats, 3); }) ==
        "philox: expected words of u32 or i32, got f32 [64]");
  CHECK(
      messageOf([&] { return cast(words, Dtype::u4); }) ==
      "cast: u4 and s8 are codes that only dequant takes, got i32 [64] to u4");
  CHECK(messageOf([&] { return p.scalar("s", Dtype::f16); }) ==
        "scalar: expected f32, i32, u32 or i64, got f16");
  CHECK(messageOf([&] { p.view("v", Dtype::b1, {64}); }) ==
        "view 'v': conditions, b1, are a type of tiles; memory has bytes, u8");
  Error error = errorOf([&] { return erf(words); });
  CHECK(error.kind() == ErrorKind::invalidProgram);
  REQUIRE(!error.notes().empty());
  CHECK(contains(error.notes()[0], "ElementTypesTest.cpp:"));
}
