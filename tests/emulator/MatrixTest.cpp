// Protects: fragments, descriptors and asynchrony of the matrix instructions.
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::uint32_t>;
using Halves = std::vector<std::uint16_t>;

/// f16 of small integers.
std::uint16_t half(int value) {
  if (value == 0)
    return 0;
  int magnitude = std::abs(value), exponent = 0;
  while (magnitude >> (exponent + 1))
    ++exponent;
  int mantissa = (magnitude << (10 - exponent)) & 0x3ff;
  return static_cast<std::uint16_t>((value < 0 ? 0x8000 : 0) |
                                    (exponent + 15) << 10 | mantissa);
}
int a(int row, int k) { return (row * 7 + k * 3) % 11 - 5; }
int b(int k, int column) { return (k * 5 + column * 2) % 9 - 4; }
int product(int row, int column, int depth) {
  int sum = 0;
  for (int k = 0; k < depth; ++k)
    sum += a(row, k) * b(k, column);
  return sum;
}

} // namespace

TEST_CASE("ldmatrix, mma and stmatrix agree on fragments", "[gpu]") {
  // A 16 x 16 and B^T 8 x 16 (a row for each column) come by ldmatrix, C goes
  // by registers as the ISA draws it.
  auto device = quietEmulator();
  Halves data;
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      data.push_back(half(a(row, k)));
  for (int column = 0; column < 8; ++column)
    for (int k = 0; k < 16; ++k)
      data.push_back(half(b(k, column)));
  DeviceBuffer in = uploaded(device, data);
  DeviceBuffer out(device, 16 * 8 * 4);
  std::string body = R"(
  // 768 bytes to shared memory: 24 bytes a lane
  mul.lo.u32 %r2, %r1, 24;
  cvt.u64.u32 %rd10, %r2;
  add.s64 %rd11, %rd1, %rd10;
  add.s32 %r3, %r0, %r2;
  ld.global.v2.b32 {%r10, %r11}, [%rd11];
  ld.global.v2.b32 {%r12, %r13}, [%rd11+8];
  ld.global.v2.b32 {%r14, %r15}, [%rd11+16];
  st.shared.v2.b32 [%r3], {%r10, %r11};
  st.shared.v2.b32 [%r3+8], {%r12, %r13};
  st.shared.v2.b32 [%r3+16], {%r14, %r15};
  bar.warp.sync -1;
  // lane 8m + r: row r + 8 (m & 1), columns 8 (m >> 1)
  and.b32 %r4, %r1, 15;
  shl.b32 %r4, %r4, 5;
  shr.u32 %r5, %r1, 4;
  shl.b32 %r5, %r5, 4;
  add.s32 %r6, %r0, %r4;
  add.s32 %r6, %r6, %r5;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r20, %r21, %r22, %r23}, [%r6];
  // lane 8m + r: row r of B^T, columns 8 m
  and.b32 %r7, %r1, 7;
  shl.b32 %r7, %r7, 5;
  bfe.u32 %r8, %r1, 3, 1;
  shl.b32 %r8, %r8, 4;
  add.s32 %r9, %r0, %r7;
  add.s32 %r9, %r9, %r8;
  ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r24, %r25}, [%r9+512];
  mov.b32 %f1, 0f00000000;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f2, %f3, %f4, %f5}, {%r20, %r21, %r22, %r23}, {%r24, %r25}, {%f1, %f1, %f1, %f1};
  // row g, columns 2t, 2t + 1 of 8
  shl.b32 %r30, %r1, 3;
  cvt.u64.u32 %rd12, %r30;
  add.s64 %rd13, %rd2, %rd12;
  st.global.v2.f32 [%rd13], {%f2, %f3};
  st.global.v2.f32 [%rd13+256], {%f4, %f5};
)";
  launchOnBoth(*device, makePtx({body, 32, 1024}, 2), {&in, &out});
  for (const Report &r : device->takeReports())
    FAIL_CHECK(print(r));
  auto result = downloaded<float>(*device, out);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      CAPTURE(row, column);
      CHECK(result[row * 8 + column] ==
            static_cast<float>(product(row, column, 16)));
    }
}

TEST_CASE("stmatrix and ldmatrix.trans transpose", "[gpu]") {
  auto device = quietEmulator();
  DeviceBuffer out(device, 128);
  // Element pair of lane l: l | (l + 100) << 16, stored plain, read transposed.
  launchOnBoth(*device,
               makePtx({R"(
  add.s32 %r2, %r1, 100;
  shl.b32 %r2, %r2, 16;
  or.b32 %r2, %r2, %r1;
  and.b32 %r3, %r1, 7;
  shl.b32 %r3, %r3, 4;
  add.s32 %r4, %r0, %r3;
  stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r4], {%r2};
  bar.warp.sync -1;
  ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r5}, [%r4];
  mul.wide.u32 %rd10, %r1, 4;
  add.s64 %rd11, %rd1, %rd10;
  st.global.b32 [%rd11], %r5;
)",
                        32, 128},
                       1),
               {&out});
  for (const Report &r : device->takeReports())
    FAIL_CHECK(print(r));
  auto result = downloaded<std::uint32_t>(*device, out);
  auto element = [](unsigned row, unsigned column) {
    unsigned lane = row * 4 + column / 2;
    return column % 2 ? lane + 100 : lane;
  };
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, t = lane % 4 * 2;
    CHECK((result[lane] & 0xffff) == element(t, g));
    CHECK(result[lane] >> 16 == element(t + 1, g));
  }
}

namespace {

/// A wgmma of n columns on 128 threads. Operands come from global memory in
/// the byte order that they have in shared memory.
struct Wgmma {
  int n = 8;
  int swizzle = 0;          ///< bytes: 0, 32, 64, 128; rows of k
  bool transposedB = false; ///< n consecutive, no swizzle
  bool registersA = false;
  std::string body() const;
  Halves operands() const;
  int bytesA() const { return swizzle ? 64 * swizzle : 64 * 32; }
  int bytesB() const { return swizzle ? n * swizzle : n * 32; }
  /// Byte of element (row, k) in an operand's tile of row-major k.
  int place(int row, int k, bool transposed) const {
    if (transposed) // units of 8 rows by 8 k: k major in a unit
      return row / 8 * 256 + k / 8 * 128 + k % 8 * 16 + row % 8 * 2;
    if (!swizzle) // LBO 128 along k, SBO 256 along rows
      return row / 8 * 256 + k / 8 * 128 + row % 8 * 16 + k % 8 * 2;
    int byte = row * swizzle + k * 2;
    return byte ^ (byte >> 7 & (swizzle / 16 - 1)) << 4;
  }
  std::uint64_t descriptor() const {
    std::uint64_t kind = swizzle == 128  ? 1
                         : swizzle == 64 ? 2
                         : swizzle == 32 ? 3
                                         : 0;
    std::uint64_t leading = swizzle ? 1 : 128 >> 4;
    std::uint64_t stride =
        static_cast<std::uint64_t>(swizzle ? 8 * swizzle : 256) >> 4;
    if (transposedB) // stride: along n; leading: along k
      leading = 128 >> 4, stride = 256 >> 4;
    return kind << 62 | stride << 32 | leading << 16;
  }
};

Halves Wgmma::operands() const {
  Halves data(static_cast<std::size_t>(bytesA() + bytesB()) / 2);
  for (int row = 0; row < 64; ++row)
    for (int k = 0; k < 16; ++k)
      data[place(row, k, false) / 2] = half(a(row, k));
  for (int column = 0; column < n; ++column)
    for (int k = 0; k < 16; ++k)
      data[(bytesA() + place(column, k, transposedB)) / 2] = half(b(k, column));
  return data;
}

std::string Wgmma::body() const {
  int bytes = bytesA() + bytesB();
  std::string text;
  // All threads copy 16-byte pieces, 2048 bytes a round.
  for (int at = 0; at < bytes; at += 2048)
    text += fmt::format(R"(
  shl.b32 %r2, %r1, 4;
  add.s32 %r2, %r2, {0};
  setp.lt.u32 %p1, %r2, {1};
  cvt.u64.u32 %rd10, %r2;
  add.s64 %rd11, %rd1, %rd10;
  add.s32 %r3, %r0, %r2;
  @%p1 ld.global.v4.b32 {{%r10, %r11, %r12, %r13}}, [%rd11];
  @%p1 st.shared.v4.b32 [%r3], {{%r10, %r11, %r12, %r13}};
)",
                        at, bytes);
  text += "fence.proxy.async.shared::cta;\nbar.sync 0;\n";
  text += fmt::format(R"(
  cvt.u64.u32 %rd12, %r0;
  shr.u64 %rd12, %rd12, 4;
  or.b64 %rd13, %rd12, {0};
  add.s64 %rd14, %rd13, {1};
  setp.ne.b32 %p2, %r0, 0;
)",
                      static_cast<std::int64_t>(descriptor()), bytesA() >> 4);
  if (registersA) // by hand, unswizzled: word (row, pair)
    text += R"(
  shr.u32 %r20, %r1, 5;
  shl.b32 %r20, %r20, 9;
  and.b32 %r21, %r1, 31;
  shl.b32 %r21, %r21, 2;
  add.s32 %r20, %r20, %r21;
  add.s32 %r20, %r20, %r0;
  ld.shared.b32 %r30, [%r20];
  ld.shared.b32 %r31, [%r20+256];
  ld.shared.b32 %r32, [%r20+128];
  ld.shared.b32 %r33, [%r20+384];
)";
  std::string sums;
  for (int r = 0; r < n / 2; ++r) {
    text += fmt::format("mov.b32 %f{}, 0f3F800000;\n", 10 + r);
    sums += fmt::format("{}%f{}", r ? ", " : "", 10 + r);
  }
  text += "wgmma.fence.sync.aligned;\n";
  text += fmt::format(
      "wgmma.mma_async.sync.aligned.m64n{}k16.f32.f16.f16 {{{}}}, {}, %rd14, "
      "%p2, 1, 1{}, {};\n",
      n, sums, registersA ? "{%r30, %r31, %r32, %r33}" : "%rd13",
      registersA ? "" : ", 0", int(transposedB));
  text += "SKIP:\n"
          "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n"
          "END:\n";
  // Lane 4g + t of warp w: rows 16 w + g and 8 on, columns 8 j + 2 t.
  text += fmt::format(R"(
  shr.u32 %r40, %r1, 5;
  shl.b32 %r40, %r40, 4;
  bfe.u32 %r41, %r1, 2, 3;
  add.s32 %r40, %r40, %r41;
  mul.lo.s32 %r40, %r40, {};
  and.b32 %r42, %r1, 3;
  shl.b32 %r42, %r42, 3;
  add.s32 %r40, %r40, %r42;
  cvt.u64.u32 %rd20, %r40;
  add.s64 %rd21, %rd2, %rd20;
)",
                      4 * n);
  for (int j = 0; j < n / 8; ++j)
    text += fmt::format("st.global.v2.f32 [%rd21+{}], {{%f{}, %f{}}};\n"
                        "st.global.v2.f32 [%rd21+{}], {{%f{}, %f{}}};\n",
                        32 * j, 10 + 4 * j, 11 + 4 * j, 32 * j + 8 * 4 * n,
                        12 + 4 * j, 13 + 4 * j);
  return text;
}

std::vector<Report> run(const Wgmma &what, const std::string &body,
                        std::vector<float> *out) {
  auto device = quietEmulator();
  DeviceBuffer in = uploaded(device, what.operands());
  DeviceBuffer result(device, static_cast<std::size_t>(64 * what.n * 4));
  Ptx ptx = makePtx(
      {body, 128, static_cast<unsigned>(what.bytesA() + what.bytesB())}, 2);
  if (body == what.body()) // no bug is planted
    launchOnBoth(*device, ptx, {&in, &result});
  else
    launchPtx(*device, ptx, {in.get(), result.get()});
  if (out)
    *out = downloaded<float>(*device, result);
  return device->takeReports();
}

} // namespace

TEST_CASE("wgmma multiplies: swizzles, transposes, all widths, A in registers",
          "[gpu]") {
  std::vector<Wgmma> cases;
  for (int n = 8; n <= 256; n += 8)
    cases.push_back({.n = n});
  for (int swizzle : {32, 64, 128})
    cases.push_back({.n = 24, .swizzle = swizzle});
  cases.push_back({.n = 16, .transposedB = true});
  cases.push_back({.n = 40, .registersA = true});
  for (const Wgmma &c : cases) {
    CAPTURE(c.n, c.swizzle, c.transposedB, c.registersA);
    std::vector<float> out;
    for (const Report &r : run(c, c.body(), &out))
      FAIL_CHECK(print(r));
    int wrong = 0;
    for (int row = 0; row < 64; ++row)
      for (int column = 0; column < c.n; ++column)
        wrong += out[row * c.n + column] !=
                 static_cast<float>(1 + product(row, column, 16));
    CHECK(wrong == 0);
  }
}

TEST_CASE("planted bugs: wgmma") {
  struct Bug {
    const char *name, *from, *to;
    Suspicion expected;
    bool registersA = false;
  };
  for (const Bug &bug : {
           Bug{"no proxy fence", "fence.proxy.async.shared::cta;", "",
               Suspicion::proxy},
           Bug{"no barrier", "bar.sync 0;", "", Suspicion::sharedRace},
           Bug{"reads sums in flight", "wait_group.sync.aligned 0",
               "wait_group.sync.aligned 1", Suspicion::inFlight},
           Bug{"no wait", "wgmma.wait_group.sync.aligned 0;", "",
               Suspicion::inFlight},
           Bug{"no commit", "wgmma.commit_group.sync.aligned;", "",
               Suspicion::inFlight},
           Bug{"no wgmma.fence", "wgmma.fence.sync.aligned;", "",
               Suspicion::undefined},
           Bug{"overwrites operands in flight",
               "wgmma.wait_group.sync.aligned 0;",
               "st.shared.b32 [%r0], %r1;\nwgmma.wait_group.sync.aligned 0;",
               Suspicion::inFlight},
           Bug{"overwrites registers in flight",
               "wgmma.wait_group.sync.aligned 0;",
               "mov.b32 %r30, 0;\nwgmma.wait_group.sync.aligned 0;",
               Suspicion::inFlight, true},
           Bug{"three of four warps", "wgmma.mma_async",
               "setp.ge.u32 %p3, %r1, 96;\n@%p3 bra SKIP;\nwgmma.mma_async",
               Suspicion::divergentBarrier},
           Bug{"another product in one warp", "wgmma.mma_async",
               "setp.lt.u32 %p3, %r1, 96;\n@%p3 bra OTHER;\n"
               "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f10, %f11, "
               "%f12, %f13}, %rd13, %rd14, %p2, 1, 1, 0, 0;\n"
               "wgmma.commit_group.sync.aligned;\n"
               "wgmma.wait_group.sync.aligned 0;\nbra END;\n"
               "OTHER:\nwgmma.mma_async",
               Suspicion::divergentBarrier},
           Bug{"another B in one warp", "wgmma.fence.sync.aligned;",
               "setp.lt.u32 %p3, %r1, 32;\n@%p3 mov.b64 %rd14, %rd13;\n"
               "wgmma.fence.sync.aligned;",
               Suspicion::undefined},
           Bug{"part of a warp", "wgmma.mma_async",
               "setp.ne.u32 %p3, %r1, 5;\n@%p3 wgmma.mma_async",
               Suspicion::divergentBarrier},
       }) {
    INFO(bug.name);
    Wgmma what{.n = 16, .registersA = bug.registersA};
    std::string body = what.body();
    std::size_t at = body.find(bug.from);
    REQUIRE(at != std::string::npos);
    body.replace(at, std::string(bug.from).size(), bug.to);
    bool found = false;
    std::string all;
    for (const Report &r : run(what, body, nullptr)) {
      found |= r.kind == bug.expected;
      all += print(r) + "\n";
    }
    INFO(all);
    CHECK(found);
  }
}

TEST_CASE("planted bugs: registers of warpgroups") {
  auto reports = [](const std::string &body, const char *directives) {
    auto device = quietEmulator();
    launchPtx(*device, makePtx({body, 256, 0, directives}, 0), {});
    return device->takeReports();
  };
  // The first warpgroup gives up 64 registers a thread, the second takes them.
  const std::string good = "setp.lt.u32 %p1, %r1, 128;\n@%p1 bra LESS;\n"
                           "setmaxnreg.inc.sync.aligned.u32 192;\nbra END;\n"
                           "LESS:\nsetmaxnreg.dec.sync.aligned.u32 64;\nEND:\n";
  for (const char *directives : {".maxnreg 128", ".minnctapersm 2"}) {
    INFO(directives);
    for (const Report &r : reports(good, directives))
      FAIL_CHECK(print(r));
    CHECK(reports(good, directives).empty());
  }
  auto with = [&](const char *from, const char *to) {
    std::string body = good;
    body.replace(body.find(from), std::string(from).size(), to);
    return body;
  };
  auto expect = [&](const std::string &body, const char *directives,
                    Suspicion expected) {
    INFO(body);
    std::vector<Report> found = reports(body, directives);
    REQUIRE(!found.empty());
    CHECK(found[0].kind == expected);
  };
  expect(good, "", Suspicion::undefined);
  expect(with("u32 192", "u32 200"), ".maxnreg 128", Suspicion::deadlock);
  expect(with("u32 64", "u32 136"), ".maxnreg 128", Suspicion::undefined);
  expect(with("u32 192", "u32 120"), ".maxnreg 128", Suspicion::undefined);
  expect(with("%r1, 128", "%r1, 96"), ".maxnreg 128",
         Suspicion::divergentBarrier);
}
