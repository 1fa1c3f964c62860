// Protects: instructions give a GPU's very bits, over random and extreme
// operands. Where there is no GPU these kernels only must run without findings.
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <random>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::uint32_t>;

constexpr unsigned blocks = 16, count = 32 * blocks, operands = 3;

/// What random words leave out: limits, zeros, infinities, NaN, subnormals,
/// ties, of 32-bit values and of pairs of 16-bit ones.
constexpr std::uint32_t corners[] = {
    0,          1,          0xffffffff, 0x80000000, 0x7fffffff, 0x80000001,
    31,         32,         33,         0x3f800000, 0xbf800000, 0x7f800000,
    0xff800000, 0x7fc00000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000,
    0x33800000, 0x33000000, 0x4f000000, 0x4effffff, 0xcf000000, 0x7f7fffff,
    0x3c003c00, 0xbc003c00, 0x7c00fc00, 0x7e007e00, 0x00010001, 0x03ff0400,
    0x7bff7bff, 0x3f803f80, 0x477fe000, 0x477ff000, 0x38800000, 0x33800001};

/// Three arrays of `count` words.
Words inputs(std::uint32_t seed) {
  std::mt19937 random(seed);
  Words words(count * operands);
  for (std::uint32_t &w : words) {
    switch (random() % 4) {
    case 0:
      w = corners[random() % std::size(corners)];
      break;
    case 1: // a float near 1, so that sums and products stay in range
      w = (random() & 0x807fffff) | (120 + random() % 16) << 23;
      break;
    default:
      w = static_cast<std::uint32_t>(random());
    }
  }
  return words;
}

/// A kernel that applies `body` to operands %r10, %r11, %r12 (as f32 %f10 ...,
/// the first pair as b64 %rd20, the last as %rd21), the result in %r2.
Ptx sweepText(const std::string &body) {
  std::string text = "mov.u32 %r3, %ctaid.x;\nmad.lo.s32 %r3, %r3, 32, %r1;\n"
                     "mul.wide.u32 %rd10, %r3, 4;\n"
                     "add.s64 %rd11, %rd1, %rd10;\n";
  for (unsigned n = 0; n < operands; ++n)
    text += fmt::format("ld.global.b32 %r{0}, [%rd11+{1}];\n"
                        "mov.b32 %f{0}, %r{0};\n",
                        10 + n, 4 * count * n);
  text += "mov.b64 %rd20, {%r10, %r11};\nmov.b64 %rd21, {%r11, %r12};\n";
  text += body + "\nadd.s64 %rd12, %rd2, %rd10;\nst.global.b32 [%rd12], %r2;";
  return makePtx({text}, 2);
}

void sweep(const std::vector<std::string> &bodies) {
  std::shared_ptr<Device> gpu = gpuForAgreement();
  if (!gpu)
    WARN("no device");
  std::uint32_t seed = 1;
  for (const std::string &body : bodies) {
    INFO(body << " with seed " << seed);
    Words words = inputs(seed++);
    auto device = quietEmulator();
    DeviceBuffer in = uploaded(device, words), out(device, 4 * count);
    Ptx ptx = sweepText(body);
    std::vector<Bytes> before = contents(*device, {&in, &out});
    device->expectWritten(out.get(), out.bytes());
    launchPtx(*device, ptx, {in.get(), out.get()}, {blocks, 1, 1});
    std::vector<Report> reports = device->takeReports();
    for (const Report &report : reports)
      FAIL_CHECK(print(report));
    CHECK(reports.empty());
    checkGpuLeaves(ptx, before, contents(*device, {&in, &out}), {blocks, 1, 1},
                   [&](std::size_t, std::size_t byte) {
                     std::size_t at = byte / 4;
                     return fmt::format("operands {:#010x} {:#010x} {:#010x}",
                                        words[at], words[count + at],
                                        words[2 * count + at]);
                   });
  }
}

/// `text` with each of `values` in place of '@'.
std::vector<std::string> each(const std::string &text,
                              std::initializer_list<const char *> values) {
  std::vector<std::string> all;
  for (const char *value : values) {
    all.push_back(text);
    for (std::size_t at; (at = all.back().find('@')) != std::string::npos;)
      all.back().replace(at, 1, value);
  }
  return all;
}

std::vector<std::string>
joined(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> all;
  for (const auto &list : lists)
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// The 64-bit %rd22 and the predicate %p1 as words.
const std::string fold = " mov.b64 {%r4, %r5}, %rd22; xor.b32 %r2, %r4, %r5;";
const std::string choose = " selp.b32 %r2, 1, 0, %p1;";

} // namespace

TEST_CASE("sweep: integers", "[gpu]") {
  sweep(joined({
      each("@.s32 %r2, %r10, %r11;", {"add", "sub", "mul.lo", "mul.hi", "min",
                                      "max", "add.sat", "sub.sat", "mul24.lo"}),
      each("@.u32 %r2, %r10, %r11;", {"mul.hi", "min", "max", "mul24.lo"}),
      each("@ %r2, %r10, %r11, %r12;",
           {"mad.lo.s32", "mad.hi.s32", "mad.hi.u32", "sad.s32", "sad.u32"}),
      each("or.b32 %r11, %r11, 1; @ %r2, %r10, %r11;", {"div.u32", "rem.u32"}),
      each("or.b32 %r11, %r11, 1; and.b32 %r10, %r10, 0x7fffffff; "
           "@ %r2, %r10, %r11;",
           {"div.s32", "rem.s32"}),
      each("@ %r2, %r10;", {"abs.s32", "neg.s32", "popc.b32", "clz.b32",
                            "brev.b32", "bfind.u32", "bfind.s32",
                            "bfind.shiftamt.u32", "not.b32", "cnot.b32"}),
      each("mul.wide.@ %rd22, %r10, %r11;" + fold, {"s32", "u32"}),
      each("mad.wide.@ %rd22, %r10, %r11, %rd21;" + fold, {"s32", "u32"}),
      each("@ %rd22, %rd20, %rd21;" + fold,
           {"add.s64", "sub.s64", "mul.lo.s64", "mul.hi.s64", "mul.hi.u64",
            "min.s64", "max.u64", "and.b64", "or.b64", "xor.b64"}),
      each("@ %r2, %rd20;", {"popc.b64", "clz.b64"}),
      each("brev.b64 %rd22, %rd20;" + fold, {""}),
      each("cvt.u16.u32 %h1, %r10; cvt.u16.u32 %h2, %r11; @ %h3, %h1, %h2; "
           "cvt.u32.u16 %r2, %h3;",
           {"add.s16", "mul.lo.s16", "mul.hi.u16", "mul.hi.s16", "min.s16",
            "max.u16"}),
      each("cvt.u16.u32 %h1, %r10; cvt.u16.u32 %h2, %r11; "
           "mul.wide.@ %r2, %h1, %h2;",
           {"s16", "u16"}),
      each("@ %r2, %r10, %r11;", {"add.u16x2", "add.s16x2"}),
  }));
}

TEST_CASE("sweep: shifts, fields, bytes, logic", "[gpu]") {
  sweep(joined({
      each("@ %r2, %r10, %r11;", {"shl.b32", "shr.u32", "shr.s32"}),
      each("and.b32 %r11, %r11, 63; @ %r2, %r10, %r11;",
           {"shl.b32", "shr.u32", "shr.s32"}),
      each("and.b32 %r11, %r11, 31; cvt.u16.u32 %h1, %r10; @ %h2, %h1, %r11; "
           "cvt.u32.u16 %r2, %h2;",
           {"shl.b16", "shr.u16", "shr.s16"}),
      each("and.b32 %r12, %r12, 127; @ %rd22, %rd20, %r12;" + fold,
           {"shl.b64", "shr.u64", "shr.s64"}),
      each("@.b32 %r2, %r10, %r11, %r12;",
           {"shf.l.wrap", "shf.l.clamp", "shf.r.wrap", "shf.r.clamp"}),
      each("and.b32 %r12, %r12, 63; @.b32 %r2, %r10, %r11, %r12;",
           {"shf.l.wrap", "shf.l.clamp", "shf.r.wrap", "shf.r.clamp"}),
      each("and.b32 %r11, %r11, 63; and.b32 %r12, %r12, 63; "
           "@ %r2, %r10, %r11, %r12;",
           {"bfe.u32", "bfe.s32"}),
      each("and.b32 %r6, %r12, 63; shr.u32 %r7, %r12, 26; "
           "bfi.b32 %r2, %r10, %r11, %r6, %r7;",
           {""}),
      each("prmt.b32@ %r2, %r10, %r11, %r12;",
           {"", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"}),
      each("prmt.b32 %r2, %r10, %r11, @;", {"0x5410", "0x7632", "0xba98"}),
      each("lop3.b32 %r2, %r10, %r11, %r12, @;",
           {"0x00", "0x01", "0x17", "0x6c", "0x80", "0x96", "0xca", "0xe8",
            "0xea", "0xfe"}),
      each("@ %r2, %r10, %r11;", {"and.b32", "or.b32", "xor.b32"}),
  }));
}

TEST_CASE("sweep: comparisons and choices", "[gpu]") {
  sweep(joined({
      each("setp.@.s32 %p1, %r10, %r11;" + choose,
           {"eq", "ne", "lt", "le", "gt", "ge"}),
      each("setp.@.u32 %p1, %r10, %r11;" + choose, {"lo", "ls", "hi", "hs"}),
      each("setp.@.f32 %p1, %f10, %f11;" + choose,
           {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu",
            "gtu", "geu", "num", "nan"}),
      each("setp.lt.@ %p1|%p2, %r10, %r11; selp.b32 %r4, 1, 0, %p1; "
           "selp.b32 %r2, 2, %r4, %p2;",
           {"f16x2", "bf16x2"}),
      each("setp.gt.s32 %p2, %r12, 0; setp.lt.@.s32 %p1, %r10, %r11, %p2;" +
               choose,
           {"and", "or", "xor"}),
      each("testp.@.f32 %p1, %f10;" + choose,
           {"finite", "infinite", "number", "notanumber", "normal",
            "subnormal"}),
  }));
}

TEST_CASE("sweep: f32", "[gpu]") {
  sweep(joined({
      each("@.f32 %r2, %r10, %r11;",
           {"add.rn",     "add.rz",     "add.rm",  "add.rp",  "add.rn.ftz",
            "add.rn.sat", "sub.rn",     "mul.rn",  "mul.rz",  "mul.rm",
            "mul.rp",     "mul.rn.ftz", "div.rn",  "div.rz",  "div.rp",
            "min",        "max",        "min.NaN", "max.NaN", "min.ftz"}),
      each(
          "@.f32 %r2, %r10, %r11, %r12;",
          {"fma.rn", "fma.rz", "fma.rm", "fma.rp", "fma.rn.ftz", "fma.rn.sat"}),
      each("@.f32 %r2, %r10;", {"sqrt.rn", "sqrt.rz", "rcp.rn", "rcp.rm"}),
      each("copysign.f32 %r2, %r10, %r11;", {""}),
  }));
}

TEST_CASE("sweep: f64", "[gpu]") {
  sweep(joined({
      each("cvt.f64.f32 %d1, %f10; cvt.f64.f32 %d2, %f11; cvt.f64.f32 %d3, "
           "%f12; mul.rn.f64 %d1, %d1, 0d3FD5555555555555; @; "
           "cvt.rn.f32.f64 %r2, %d4;",
           {"add.rn.f64 %d4, %d1, %d2", "mul.rn.f64 %d4, %d1, %d2",
            "fma.rn.f64 %d4, %d1, %d2, %d3", "div.rn.f64 %d4, %d1, %d2"}),
  }));
}

TEST_CASE("sweep: halves", "[gpu]") {
  sweep(joined({
      each("@.f16x2 %r2, %r10, %r11;",
           {"add.rn", "sub.rn", "mul.rn", "add.rn.ftz", "add.rn.sat",
            "mul.rn.sat", "min", "max", "min.NaN", "max.NaN"}),
      each("@.f16x2 %r2, %r10, %r11, %r12;",
           {"fma.rn", "fma.rn.ftz", "fma.rn.sat", "fma.rn.relu"}),
      each("@.bf16x2 %r2, %r10, %r11;",
           {"add.rn", "sub.rn", "mul.rn", "min", "max", "max.NaN"}),
      each("@.bf16x2 %r2, %r10, %r11, %r12;", {"fma.rn", "fma.rn.relu"}),
      each("mov.b32 {%h1, %h2}, %r10; mov.b32 {%h3, %h4}, %r11; "
           "@ %h5, %h1, %h4; mov.b32 %r2, {%h5, %h2};",
           {"add.rn.f16", "sub.rn.f16", "mul.rn.f16", "add.rn.bf16",
            "mul.rn.bf16", "min.f16", "max.bf16"}),
  }));
}

TEST_CASE("sweep: conversions", "[gpu]") {
  sweep(joined({
      each("cvt.@.f32 %r2, %f10;", {"rzi.s32", "rni.s32", "rmi.s32", "rpi.s32",
                                    "rzi.u32", "rni.u32", "rzi.ftz.s32"}),
      each("cvt.@.f32 %rd22, %f10;" + fold, {"rzi.s64", "rzi.u64"}),
      each("cvt.@ %r2, %r10;",
           {"rn.f32.s32", "rz.f32.s32", "rp.f32.u32", "rn.f32.u32",
            "rmi.f32.f32", "rni.f32.f32", "sat.f32.f32"}),
      each("cvt.@ %r2, %rd20;", {"rn.f32.s64", "rn.f32.u64", "rz.f32.u64"}),
      each("cvt.@.f32 %h1, %f10; cvt.u32.u16 %r2, %h1;",
           {"rn.f16", "rz.f16", "rn.bf16", "rz.bf16", "rn.relu.f16",
            "rn.relu.bf16"}),
      each("cvt.@.f32 %r2, %f10, %f11;",
           {"rn.f16x2", "rz.f16x2", "rn.bf16x2", "rz.bf16x2", "rn.relu.f16x2",
            "rn.relu.bf16x2"}),
      each("mov.b32 {%h1, %h2}, %r10; cvt.@ %r2, %h2;",
           {"f32.f16", "f32.bf16", "rzi.s32.f16", "rni.u32.f16", "u32.u16",
            "s32.s16"}),
      each("mov.b32 {%h1, %h2}, %r10; cvt.@ %h3, %h1; cvt.u32.u16 %r2, %h3;",
           {"rn.f16.s16", "rn.f16.u16", "rzi.s16.f16", "rni.u16.f16"}),
      each(
          "cvt.@.s32 %r4, %r10; and.b32 %r2, %r4, 0xffff;",
          {"s8", "u8", "s16", "u16", "sat.s8", "sat.u8", "sat.s16", "sat.u16"}),
      each("cvt.@ %rd22, %r10;" + fold, {"s64.s32", "u64.u32"}),
      each("cvt.@ %r2, %rd20;", {"u32.u64", "sat.s32.s64", "sat.u32.u64"}),
  }));
}

TEST_CASE("sweep: lanes talk to lanes", "[gpu]") {
  sweep(joined({
      each("and.b32 %r6, %r11, 31; "
           "shfl.sync.@, -1; selp.b32 %r4, 1, 0, %p1; xor.b32 %r2, %r2, %r4;",
           {"up.b32 %r2|%p1, %r10, 3, 0", "down.b32 %r2|%p1, %r10, 5, 31",
            "bfly.b32 %r2|%p1, %r10, 9, 31", "idx.b32 %r2|%p1, %r10, %r6, 31",
            "idx.b32 %r2|%p1, %r10, %r6, 0x181f",
            "down.b32 %r2|%p1, %r10, 3, 0x1c1f",
            "up.b32 %r2|%p1, %r10, 2, 0x1c00",
            "bfly.b32 %r2|%p1, %r10, 6, 0x1c03"}),
      each("setp.gt.s32 %p1, %r10, 0; vote.sync.@, -1;",
           {"ballot.b32 %r2, %p1", "ballot.b32 %r2, !%p1"}),
      each("redux.sync.@ %r2, %r10, -1;",
           {"add.s32", "min.s32", "max.s32", "min.u32", "max.u32", "and.b32",
            "or.b32", "xor.b32"}),
      each("and.b32 %r4, %r10, 7; match.any.sync.b32 %r2, %r4, -1;", {""}),
  }));
}
