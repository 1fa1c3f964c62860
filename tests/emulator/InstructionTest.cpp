// Protects: single instructions do what the PTX ISA says, also in the corners.
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::uint32_t>;

Words bits(std::initializer_list<float> values) {
  Words words;
  for (float v : values)
    words.push_back(std::bit_cast<std::uint32_t>(v));
  return words;
}

/// Lane 0 of what `body` computes from single values.
std::uint32_t one(const std::string &body,
                  std::initializer_list<std::uint32_t> inputs) {
  std::vector<Words> all;
  for (std::uint32_t value : inputs)
    all.push_back(Words(32, value));
  return evaluate(body, all)[0];
}

} // namespace

TEST_CASE("integer instructions follow the PTX ISA", "[gpu]") {
  CHECK(one("add.s32 %r2, %r10, %r11;", {0xffffffff, 2}) == 1);
  CHECK(one("add.sat.s32 %r2, %r10, %r11;", {0x7fffffff, 2}) == 0x7fffffff);
  CHECK(one("mul.hi.u32 %r2, %r10, %r11;", {0x80000000, 6}) == 3);
  CHECK(one("mul.hi.s32 %r2, %r10, %r11;", {0xffffffff, 2}) == 0xffffffff);
  CHECK(one("mad.lo.s32 %r2, %r10, %r11, %r12;", {3, 5, 7}) == 22);
  CHECK(one("mul.wide.s32 %rd20, %r10, %r11; shr.u64 %rd20, %rd20, 32; "
            "cvt.u32.u64 %r2, %rd20;",
            {0xffffffff, 2}) == 0xffffffff);
  CHECK(one("div.s32 %r2, %r10, %r11;", {0xfffffff9, 2}) == 0xfffffffd);
  CHECK(one("rem.s32 %r2, %r10, %r11;", {0xfffffff9, 2}) == 0xffffffff);
  CHECK(one("shl.b32 %r2, %r10, %r11;", {1, 32}) == 0);
  CHECK(one("shr.s32 %r2, %r10, %r11;", {0x80000000, 40}) == 0xffffffff);
  CHECK(one("shr.u32 %r2, %r10, %r11;", {0x80000000, 31}) == 1);
  CHECK(one("shf.l.wrap.b32 %r2, %r10, %r11, 8;", {0x11223344, 0xaabbccdd}) ==
        0xbbccdd11);
  CHECK(one("shf.r.clamp.b32 %r2, %r10, %r11, 40;", {1, 2}) == 2);
  CHECK(one("bfe.u32 %r2, %r10, 4, 8;", {0xabcdef12}) == 0xf1);
  CHECK(one("bfe.s32 %r2, %r10, 4, 4;", {0x000000f0}) == 0xffffffff);
  CHECK(one("bfi.b32 %r2, %r10, %r11, 8, 4;", {0xff, 0}) == 0xf00);
  CHECK(one("popc.b32 %r2, %r10;", {0xf0f0}) == 8);
  CHECK(one("clz.b32 %r2, %r10;", {0}) == 32);
  CHECK(one("brev.b32 %r2, %r10;", {1}) == 0x80000000);
  CHECK(one("bfind.u32 %r2, %r10;", {0x00100000}) == 20);
  CHECK(one("min.s32 %r2, %r10, %r11;", {0xffffffff, 1}) == 0xffffffff);
  CHECK(one("min.relu.s32 %r2, %r10, %r11;", {0xffffffff, 1}) == 0);
  CHECK(one("max.relu.s32 %r2, %r10, %r11;", {0xffffffff, 5}) == 5);
  CHECK(one("max.relu.s32 %r2, %r10, %r11;", {0x80000000, 0xfffffffe}) == 0);
  CHECK(one("abs.s32 %r2, %r10;", {0xfffffff6}) == 10);
  CHECK(one("sad.u32 %r2, %r10, %r11, %r12;", {3, 10, 100}) == 107);
}

TEST_CASE("logic and byte instructions follow the PTX ISA", "[gpu]") {
  CHECK(one("lop3.b32 %r2, %r10, %r11, %r12, 0xEA;",
            {0xf0f0, 0xff00, 0x000f}) == 0xf00f);
  CHECK(one("lop3.b32 %r2, %r10, %r11, %r12, 0x96;", {0x0f, 0x33, 0x55}) ==
        (0x0f ^ 0x33 ^ 0x55));
  CHECK(one("lop3.b32 %r2, %r10, %r11, %r12, 0x1;", {0, 0, 0}) == 0xffffffff);
  CHECK(one("prmt.b32 %r2, %r10, %r11, 0x7531;", {0x33221100, 0x77665544}) ==
        0x77553311);
  CHECK(one("prmt.b32 %r2, %r10, %r11, 0x0c00;", {0x80, 0x80808080}) ==
        0x80ff8080);
  CHECK(one("not.b32 %r2, %r10;", {0x0f}) == 0xfffffff0);
  CHECK(one("mov.b32 {%h1, %h2}, %r10; mov.b32 %r2, {%h2, %h1};",
            {0x12345678}) == 0x56781234);
  CHECK(one("setp.lt.s32 %p1, %r10, %r11; selp.b32 %r2, 5, 6, %p1;",
            {0xffffffff, 0}) == 5);
  CHECK(one("setp.lt.u32 %p1, %r10, %r11; selp.b32 %r2, 5, 6, %p1;",
            {0xffffffff, 0}) == 6);
  CHECK(one("setp.lo.u32 %p1|%p2, %r10, %r11; selp.b32 %r2, 5, 6, %p2;",
            {1, 0}) == 5);
}

TEST_CASE("floating point rounds as the PTX ISA says", "[gpu]") {
  auto f = [](float v) { return std::bit_cast<std::uint32_t>(v); };
  auto two = [&](const std::string &op, float a, float b) {
    return one("mov.b32 %f1, %r10; mov.b32 %f2, %r11; " + op +
                   " %f3, %f1, %f2; "
                   "mov.b32 %r2, %f3;",
               {f(a), f(b)});
  };
  CHECK(two("add.rn.f32", 1.0f, 0x1p-24f) == f(1.0f));
  CHECK(two("add.rp.f32", 1.0f, 0x1p-40f) == f(1.0f + 0x1p-23f));
  CHECK(two("add.rz.f32", 1.0f, -0x1p-40f) == f(1.0f - 0x1p-24f));
  CHECK(two("mul.rn.ftz.f32", 0x1p-100f, 0x1p-30f) == 0);
  CHECK(two("mul.rn.f32", 0x1p-100f, 0x1p-30f) == f(0x1p-130f));
  CHECK(two("max.f32", NAN, 2.0f) == f(2.0f));
  CHECK(two("max.NaN.f32", NAN, 2.0f) == 0x7fffffff);
  CHECK(two("min.f32", -0.0f, 0.0f) == f(-0.0f));
  CHECK(two("div.rn.f32", 1.0f, 3.0f) == f(1.0f / 3.0f));
  CHECK(two("div.rp.f32", 1.0f, 3.0f) >= f(1.0f / 3.0f));
  CHECK(two("add.sat.f32", 0.75f, 0.75f) == f(1.0f));
  CHECK(one("mov.b32 %f1, %r10; ex2.approx.ftz.f32 %f2, %f1; mov.b32 %r2, %f2;",
            {f(3)}) == f(8));
  CHECK(one("mov.b32 %f1, %r10; rsqrt.approx.f32 %f2, %f1; mov.b32 %r2, %f2;",
            {f(4)}) == f(.5f));
  CHECK(one("cvt.rzi.s32.f32 %r2, %r10;", {f(-2.75f)}) == 0xfffffffe);
  CHECK(one("cvt.rni.s32.f32 %r2, %r10;", {f(2.5f)}) == 2);
  CHECK(one("cvt.rzi.u32.f32 %r2, %r10;", {f(-1.0f)}) == 0);
  CHECK(one("cvt.rzi.s32.f32 %r2, %r10;", {f(1e20f)}) == 0x7fffffff);
  CHECK(one("cvt.rn.f32.u32 %r2, %r10;", {0xffffffff}) == f(4294967296.0f));
  CHECK(one("cvt.rn.f16x2.f32 %r2, %r10, %r11;", {f(2), f(1)}) == 0x40003c00);
  CHECK(one("cvt.rn.bf16x2.f32 %r2, %r10, %r11;", {f(2), f(1)}) == 0x40003f80);
  CHECK(one("cvt.rn.f16.f32 %h1, %r10; cvt.u32.u16 %r2, %h1;", {f(65520)}) ==
        0x7c00);
  CHECK(one("cvt.rz.f16.f32 %h1, %r10; cvt.u32.u16 %r2, %h1;", {f(65520)}) ==
        0x7bff);
  CHECK(one("cvt.sat.s8.s32 %r3, %r10; and.b32 %r2, %r3, 255;", {300}) == 127);
  CHECK(one("add.rn.f16x2 %r2, %r10, %r11;", {0x3c003c00, 0x10000001}) ==
        0x3c003c00);
  CHECK(one("fma.rn.f16x2 %r2, %r10, %r11, %r12;",
            {0x40003c00, 0x42004200, 0x3c00bc00}) == 0x47004000);
  // 1 + 2^-7 is odd in bf16: halfway cases go to even, and the far smaller
  // third term decides only where nothing was rounded before.
  CHECK(one("fma.rn.bf16x2 %r2, %r10, %r11, %r12;",
            {0x3f813f81, 0x3f803f80, 0x3b803b80}) == 0x3f823f82);
  CHECK(one("fma.rn.bf16x2 %r2, %r10, %r11, %r12;",
            {0x3f803f80, 0x3f803f80, 0x3b813b81}) == 0x3f813f81);
  CHECK(one("max.bf16x2 %r2, %r10, %r11;", {0x3f80bf80, 0x40004000}) ==
        0x40004000);
  CHECK(evaluate(
            "cvt.f64.f32 %d1, %r10; add.rn.f64 %d2, %d1, 0d3FF0000000000000; "
            "cvt.rn.f32.f64 %r2, %d2;",
            {bits({2.5f})})[0] == f(3.5f));
}

// No case of its own for a GPU: sm_100 and later have these.
TEST_CASE("pairs of f32 are two f32") {
  auto pair = [&](const std::string &op, float a, float b, bool high) {
    auto f = [](float v) { return std::bit_cast<std::uint32_t>(v); };
    auto device = quietEmulator();
    DeviceBuffer in = uploaded(device, Words{f(a), f(b), f(b), f(a)}),
                 out(device, 8);
    launchPtx(*device,
              makePtx({"ld.global.b64 %rd4, [%rd1];\nld.global.b64 %rd5, "
                       "[%rd1+8];\n" +
                           op + ";\nst.global.b64 [%rd2], %rd6;",
                       1},
                      2),
              {in.get(), out.get()});
    for (const Report &r : device->takeReports())
      FAIL_CHECK(print(r));
    return std::bit_cast<float>(
        downloaded<std::uint32_t>(*device, out)[high ? 1 : 0]);
  };
  CHECK(pair("add.rn.f32x2 %rd6, %rd4, %rd5", 1.5f, 2.25f, false) == 3.75f);
  CHECK(pair("sub.rn.f32x2 %rd6, %rd4, %rd5", 1.5f, 2.25f, false) == -0.75f);
  CHECK(pair("sub.rn.f32x2 %rd6, %rd4, %rd5", 1.5f, 2.25f, true) == 0.75f);
  CHECK(pair("mul.rn.f32x2 %rd6, %rd4, %rd5", 3, 5, true) == 15);
  CHECK(pair("fma.rn.f32x2 %rd6, %rd4, %rd5, %rd4", 3, 5, false) == 18);
  CHECK(pair("fma.rn.f32x2 %rd6, %rd4, %rd5, %rd4", 3, 5, true) == 20);
  CHECK(pair("add.rp.f32x2 %rd6, %rd4, %rd5", 1, 0x1p-40f, true) ==
        1 + 0x1p-23f);
  CHECK(pair("mul.rn.ftz.f32x2 %rd6, %rd4, %rd5", 0x1p-100f, 0x1p-30f, true) ==
        0);
}

TEST_CASE("halves are added to f32 and multiplied into it, rounded once") {
  auto f32 = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  const std::string half = "cvt.u16.u32 %h1, %r10; cvt.u16.u32 %h2, %r11; "
                           "mov.b32 %f1, %r11; mov.b32 %f2, %r12; ",
                    store = " mov.b32 %r2, %f3;";
  auto mixed = [&](const std::string &instruction, std::uint32_t a,
                   std::uint32_t b, std::uint32_t c = 0) {
    return one(half + instruction + store, {a, b, c});
  };
  // 1 + 2^-24 and 3 * 2^-24 lie between two f32.
  CHECK(mixed("add.rn.f32.f16 %f3, %h1, %f1;", 0x3c00, f32(0x1p-24f)) ==
        f32(1));
  CHECK(mixed("add.rz.f32.f16 %f3, %h1, %f1;", 0x3c00, f32(0x1.8p-23f)) ==
        f32(1 + 0x1p-23f));
  CHECK(mixed("add.rp.f32.bf16 %f3, %h1, %f1;", 0x3f80, f32(0x1p-30f)) ==
        f32(1 + 0x1p-23f));
  CHECK(mixed("add.f32.f16 %f3, %h1, %f1;", 0x0001, f32(0)) == f32(0x1p-24f));
  CHECK(mixed("sub.rn.f32.f16 %f3, %h1, %f1;", 0x4200, f32(1)) == f32(2));
  CHECK(mixed("sub.rn.sat.f32.bf16 %f3, %h1, %f1;", 0x4040, f32(4)) == f32(0));
  CHECK(mixed("add.rn.sat.f32.f16 %f3, %h1, %f1;", 0x4200, f32(1)) == f32(1));
  CHECK(mixed("add.rn.f32.f16 %f3, %h1, %f1;", 0x7c00, f32(-INFINITY)) ==
        0x7fffffff);
  CHECK(mixed("fma.rn.f32.f16 %f3, %h1, %h2, %f2;", 0x4200, 0xc000, f32(10)) ==
        f32(4));
  CHECK(mixed("fma.rn.f32.bf16 %f3, %h1, %h2, %f2;", 0x3f81, 0x3f81, f32(-1)) ==
        f32(0x1p-6f + 0x1p-14f));
  for (const char *wrong :
       {"mul.rn.f32.f16 %f3, %h1, %f1;", "add.rn.f32.f64 %f3, %h1, %f1;",
        "min.f32.f16 %f3, %h1, %f1;"}) {
    Error error = errorOf([&] { mixed(wrong, 0, 0); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.message().find(wrong) != std::string::npos);
  }
}

TEST_CASE("tf32 rounds halves away from zero") {
  auto tf32 = [](std::uint32_t value) {
    return one("mov.b32 %f1, %r10; cvt.rna.tf32.f32 %r2, %f1;", {value});
  };
  CHECK(tf32(0x3f800000) == 0x3f800000);
  CHECK(tf32(0x3f800fff) == 0x3f800000);
  CHECK(tf32(0x3f801000) == 0x3f802000); // to even it would be 0x3f800000
  CHECK(tf32(0xbf801000) == 0xbf802000);
  CHECK(tf32(0x3f803000) == 0x3f804000);
  CHECK(tf32(0x7f7fffff) == 0x7f800000);
  CHECK(tf32(0xff800000) == 0xff800000);
  CHECK((tf32(0x7fc00000) & 0x7fffe000) > 0x7f800000);
}

TEST_CASE("a module's variables hold their values, or zeros") {
  auto device = quietEmulator();
  Ptx ptx = makePtx({"mul.wide.u32 %rd5, %r1, 4;\n"
                     "mov.b64 %rd6, table;\nadd.s64 %rd6, %rd6, %rd5;\n"
                     "ld.global.b32 %r2, [%rd6];\n"
                     "ld.global.b32 %r3, [one];\nld.global.u8 %r4, [bytes+2];\n"
                     "ld.global.b32 %r5, [zeros+4];\n"
                     "add.s32 %r2, %r2, %r3;\nadd.s32 %r2, %r2, %r4;\n"
                     "add.s32 %r2, %r2, %r5;\n"
                     "add.s64 %rd7, %rd1, %rd5;\nst.global.b32 [%rd7], %r2;"},
                    1);
  const std::string head = ".address_size 64\n";
  std::string table = "1000";
  for (int i = 1; i < 31; ++i)
    table += ", " + std::to_string(1000 + i);
  ptx.text.insert(ptx.text.find(head) + head.size(),
                  ".visible .global .align 16 .b32 table[32] = {" + table +
                      "};\n.global .align 4 .u32 one = -1;\n"
                      ".global .b8 bytes[3] = {1, 2, 200};\n"
                      ".global .align 4 .f32 zeros[2];\n");
  DeviceBuffer out(device, 128);
  {
    auto kernel = device->load(ptx);
    kernel->launch(nullptr, {}, std::vector<std::uint64_t>{out.get()});
  }
  std::vector<std::uint32_t> got = downloaded<std::uint32_t>(*device, out);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    CHECK(got[lane] == (lane < 31 ? 1000 + lane : 0) - 1 + 200);
  CHECK(device->takeReports().empty());

  auto refused = [&](const std::string &variable, ErrorKind kind,
                     const std::string &message) {
    Ptx bad = makePtx({""}, 1);
    bad.text.insert(bad.text.find(head) + head.size(), variable + "\n");
    Error error = errorOf([&] { device->load(bad); });
    CHECK(error.kind() == kind);
    CHECK(error.message().find(message) != std::string::npos);
  };
  refused(".global .b8 x[2] = {1, 2, 3};", ErrorKind::compile,
          "x has 2 bytes, and 3 values of 1");
  refused(".global .b64 x = y;", ErrorKind::unsupported,
          "no constants of known bits");
  refused(".global .b8 x[];", ErrorKind::unsupported, "without a size");
}

TEST_CASE("lanes talk to lanes", "[gpu]") {
  Words lanes(32);
  for (std::uint32_t l = 0; l < 32; ++l)
    lanes[l] = l * 10;
  Words down =
      evaluate("shfl.sync.down.b32 %r2|%p1, %r10, 4, 31, -1;", {lanes});
  CHECK(down[3] == 70);
  CHECK(down[30] == 300);
  Words up = evaluate("shfl.sync.up.b32 %r2, %r10, 1, 0, -1;", {lanes});
  CHECK(up[0] == 0);
  CHECK(up[31] == 300);
  CHECK(evaluate("shfl.sync.bfly.b32 %r2, %r10, 16, 31, -1;", {lanes})[3] ==
        190);
  Words segments =
      evaluate("shfl.sync.idx.b32 %r2, %r10, 0, 0x181f, -1;", {lanes});
  CHECK(segments[7] == 0);
  CHECK(segments[9] == 80);
  CHECK(evaluate(
            "setp.lt.u32 %p1, %r1, 5; vote.sync.ballot.b32 %r2, %p1, -1;")[9] ==
        31);
  CHECK(evaluate("setp.lt.u32 %p1, %r1, 5; vote.sync.any.pred %p2, %p1, -1; "
                 "selp.b32 %r2, 1, 0, %p2;")[9] == 1);
  CHECK(evaluate("redux.sync.add.s32 %r2, %r10, -1;", {lanes})[5] == 4960);
  CHECK(evaluate("redux.sync.max.u32 %r2, %r10, -1;", {lanes})[5] == 310);
  CHECK(evaluate("and.b32 %r3, %r1, 3; match.any.sync.b32 %r2, %r3, -1;")[1] ==
        0x22222222);
  Words elected = evaluate("elect.sync %r3|%p1, -1; selp.b32 %r2, 7, 8, %p1;");
  CHECK(elected[0] == 7);
  CHECK(elected[1] == 8);
}

TEST_CASE("lanes part and meet again", "[gpu]") {
  // A loop with a different number of rounds for each lane, then a shuffle
  // that needs all of them.
  Words rounds =
      evaluate("mov.b32 %r2, 0;\nmov.b32 %r3, 0;\n"
               "LOOP:\nadd.s32 %r2, %r2, %r3;\nadd.s32 %r3, %r3, 1;\n"
               "setp.le.u32 %p1, %r3, %r1;\n@%p1 bra LOOP;\n"
               "shfl.sync.bfly.b32 %r2, %r2, 1, 31, -1;\n");
  CHECK(rounds[4] == 15);
  CHECK(rounds[31] == 30 * 31 / 2);
  Words arms =
      evaluate("and.b32 %r3, %r1, 1;\nsetp.eq.u32 %p1, %r3, 0;\n"
               "@%p1 bra EVEN;\nadd.s32 %r2, %r1, 100;\nbra DONE;\n"
               "EVEN:\nadd.s32 %r2, %r1, 200;\nDONE:\nactivemask.b32 %r4;\n"
               "popc.b32 %r4, %r4;\nadd.s32 %r2, %r2, %r4;");
  CHECK(arms[6] == 238);
  CHECK(arms[7] == 139);
}

TEST_CASE("atomic operations return the old value and apply to each lane",
          "[gpu]") {
  auto device = quietEmulator();
  DeviceBuffer cells = uploaded(device, Words(16, 0));
  std::string body =
      "mov.b32 %r3, 4;\n"
      "atom.relaxed.gpu.global.inc.u32 %r2, [%rd1], %r3;\n"
      "red.relaxed.gpu.global.add.u32 [%rd1+4], %r1;\n"
      "red.global.max.s32 [%rd1+8], %r1;\n"
      "red.global.or.b32 [%rd1+12], %r1;\n"
      "red.global.xor.b32 [%rd1+36], %r1;\n"
      "mov.b32 %f1, 0f3F800000;\nmov.b32 %f2, 0f40000000;\n"
      "red.relaxed.gpu.global.add.v4.f32 [%rd1+16], {%f1, %f2, %f1, %f2};\n"
      "mov.b32 %r4, 0x40003C00;\n"
      "red.relaxed.gpu.global.add.noftz.f16x2 [%rd1+32], %r4;\n"
      "mov.b32 %r5, 0x40003F80;\n"
      "red.relaxed.gpu.global.add.noftz.v2.bf16x2 [%rd1+40], {%r5, %r5};\n"
      "atom.global.cas.b32 %r6, [%rd1+48], 0, 9;\n";
  launchOnBoth(*device, makePtx({body}, 1), {&cells});
  for (const Report &r : device->takeReports())
    FAIL_CHECK(print(r));
  Words v = downloaded<std::uint32_t>(*device, cells);
  CHECK(v[0] == 2); // 32 increments modulo 5
  CHECK(v[1] == 496);
  CHECK(v[2] == 31);
  CHECK(v[3] == 31);
  CHECK(v[9] == 0);
  CHECK(std::bit_cast<float>(v[4]) == 32.0f);
  CHECK(std::bit_cast<float>(v[5]) == 64.0f);
  CHECK(v[8] == 0x54005000);  // 64, 32
  CHECK(v[10] == 0x42804200); // 64, 32
  CHECK(v[12] == 9);
  CHECK(device->counters().atomics == 9 * 32);
}

TEST_CASE("an instruction outside the set is an error that quotes it") {
  auto device = quietEmulator();
  Error error = errorOf([&] {
    device->load(makePtx(
        {"tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r0], 64;"},
        0));
  });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message().find("tcgen05.alloc") != std::string::npos);
  CHECK(errorOf([&] {
          device->load(makePtx({"add.frobnicate.s32 %r2, %r1, %r1;"}, 0));
        })
            .message()
            .find("frobnicate") != std::string::npos);
  CHECK(errorOf([&] { device->load(makePtx({"bra NOWHERE;"}, 0)); })
            .message()
            .find("NOWHERE") != std::string::npos);
}

// Operands and results of tests/emulator/SweepTest.cpp on an H200, driver 580.
TEST_CASE("NaN keeps its sign and payload in f64, and between formats",
          "[gpu]") {
  auto f64 = [](const std::string &op,
                std::initializer_list<std::uint32_t> inputs) {
    return one("cvt.f64.f32 %d1, %r10; cvt.f64.f32 %d2, %r11; "
               "cvt.f64.f32 %d3, %r12; "
               "mul.rn.f64 %d1, %d1, 0d3FD5555555555555; " +
                   op + "; cvt.rn.f32.f64 %r2, %d4;",
               inputs);
  };
  const char *add = "add.rn.f64 %d4, %d1, %d2";
  const char *mul = "mul.rn.f64 %d4, %d1, %d2";
  const char *fma = "fma.rn.f64 %d4, %d1, %d2, %d3";
  const char *div = "div.rn.f64 %d4, %d1, %d2";
  CHECK(f64(add, {0xffffffff, 0x00010001, 0x5f979c0b}) == 0xffffffff);
  // Of two, the first.
  CHECK(f64(mul, {0x7fc00000, 0xffffffff, 0x3d65fbb7}) == 0x7fc00000);
  CHECK(f64(fma, {0xffffffff, 0xa7b32872, 0x7fffffff}) == 0xffffffff);
  CHECK(f64(div, {0xc036f0a5, 0x7fc00000, 0x3c003c00}) == 0x7fc00000);
  // A new one is negative: infinity over infinity.
  CHECK(f64(div, {0x7f800000, 0xff800000, 0x4f000000}) == 0xffc00000);
  CHECK(one("mov.b32 {%h1, %h2}, %r10; cvt.f32.bf16 %r2, %h2;", {0x7fffffff}) ==
        0x7fff0000);
  CHECK(one("mov.b32 {%h1, %h2}, %r10; cvt.f32.bf16 %r2, %h2;", {0xffffffff}) ==
        0xffff0000);
  // f32 arithmetic and f16 have one NaN.
  CHECK(one("add.rn.f32 %r2, %r10, %r11;", {0xffffffff, 0}) == 0x7fffffff);
  CHECK(one("mov.b32 {%h1, %h2}, %r10; cvt.f32.f16 %r2, %h2;", {0xffffffff}) ==
        0x7fffffff);
}

TEST_CASE("copysign moves a bit, also into NaN", "[gpu]") {
  CHECK(one("copysign.f32 %r2, %r10, %r11;", {0xc840c5b9, 0xffffffff}) ==
        0xffffffff);
  CHECK(one("copysign.f32 %r2, %r10, %r11;", {0xb222d82e, 0x7fffffff}) ==
        0xffffffff);
  CHECK(one("copysign.f32 %r2, %r10, %r11;", {0x0000001f, 0x7fc00000}) ==
        0x7fc00000);
  CHECK(one("copysign.f32 %r2, %r10, %r11;", {0xbf800000, 0x40000000}) ==
        0xc0000000);
}

TEST_CASE("pairs of halves flush subnormals where they are told to", "[gpu]") {
  CHECK(one("add.rn.ftz.f16x2 %r2, %r10, %r11;", {0x5c8b0634, 0xe96e016f}) ==
        0xe8dd0634);
  CHECK(one("add.rn.f16x2 %r2, %r10, %r11;", {0x5c8b0634, 0xe96e016f}) ==
        0xe8dd07a3);
  CHECK(one("fma.rn.ftz.f16x2 %r2, %r10, %r11, %r12;",
            {0x00940fbe, 0xc1b1b8d2, 0x923025f3}) == 0x923025e0);
  CHECK(one("fma.rn.f16x2 %r2, %r10, %r11, %r12;",
            {0x00940fbe, 0xc1b1b8d2, 0x923025f3}) == 0x926525e0);
}

TEST_CASE("narrow signed results fill a wider register", "[gpu]") {
  CHECK(one("cvt.s8.s32 %r2, %r10;", {0xcbea3db3}) == 0xffffffb3);
  CHECK(one("cvt.s8.s32 %r4, %r10; and.b32 %r2, %r4, 0xffff;", {0xcbea3db3}) ==
        0xffb3);
  CHECK(one("cvt.sat.s8.s32 %r4, %r10; and.b32 %r2, %r4, 0xffff;",
            {0xffffffff}) == 0xffff);
  CHECK(one("cvt.s16.s32 %r2, %r10;", {0x00018000}) == 0xffff8000);
  CHECK(one("cvt.u8.s32 %r2, %r10;", {0xcbea3db3}) == 0xb3);
  CHECK(one("cvt.s8.s32 %h1, %r10; mov.b32 %r2, {%h1, %h1};", {0xcbea3db3}) ==
        0xffb3ffb3);
}

TEST_CASE("local memory is a lane's own", "[gpu]") {
  Words out = evaluate(R"(
  .local .align 16 .b8 stack[64];
  mov.b64 %rd20, stack;
  and.b32 %r3, %r1, 7;
  mul.wide.u32 %rd21, %r3, 8;
  add.s64 %rd22, %rd20, %rd21;
  add.s32 %r4, %r1, 100;
  st.local.v2.b32 [%rd22], {%r1, %r4};
  cvta.local.u64 %rd23, %rd22;
  ld.b32 %r5, [%rd23+4]; // by its generic address
  ld.local.b32 %r6, [%rd22];
  mad.lo.s32 %r2, %r5, 1000, %r6;)");
  for (std::uint32_t lane : {0u, 7u, 8u, 31u})
    CHECK(out[lane] == 1000 * (lane + 100) + lane);
}

TEST_CASE("a barrier counts and combines predicates", "[gpu]") {
  std::vector<Words> inputs{Words(32, 0)};
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    inputs[0][lane] = lane % 3 == 0;
  const std::string test = "setp.ne.b32 %p1, %r10, 0;\n";
  CHECK(evaluate(test + "bar.red.popc.u32 %r2, 0, %p1;", inputs)[5] == 11);
  CHECK(evaluate(test + "barrier.cta.red.popc.aligned.u32 %r2, 1, 32, !%p1;",
                 inputs)[5] == 21);
  auto combined = [&](const std::string &how) {
    return evaluate(test + "bar.red." + how +
                        ".pred %p2, 0, %p1; selp.b32 %r2, 5, 6, %p2;",
                    inputs)[5];
  };
  CHECK(combined("and") == 6);
  CHECK(combined("or") == 5);
  inputs[0].assign(32, 1);
  CHECK(combined("and") == 5);
  inputs[0].assign(32, 0);
  CHECK(combined("or") == 6);
}

TEST_CASE("a cache policy changes no value", "[gpu]") {
  CHECK(evaluate("createpolicy.fractional.L2::evict_first.b64 %rd20, 1.0;\n"
                 "ld.global.L2::cache_hint.b32 %r2, [%rd11], %rd20;",
                 {Words(32, 77)})[3] == 77);
  CHECK(evaluate("createpolicy.fractional.L2::evict_last.L2::evict_unchanged"
                 ".b64 %rd20, 0.5;\n"
                 "ld.global.L2::cache_hint.b32 %r2, [%rd11], %rd20;",
                 {Words(32, 78)})[3] == 78);
}
