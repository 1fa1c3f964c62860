// Protects: the counters count as the hardware does, and the GEMM kernels keep
// their properties: each weight is read once, in full sectors, with no bank
// conflicts.
#include "tests/emulator/Gemm.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace lath;
using namespace lath::test;

namespace {

LaunchCounters count(const std::string &body, unsigned shared = 0) {
  auto device = quietEmulator();
  DeviceBuffer buffer = uploaded(device, std::vector<std::uint32_t>(4096, 1));
  launchPtx(*device, makePtx({body, 32, shared}, 1), {buffer.get()});
  for (const Report &r : device->takeReports())
    FAIL_CHECK(print(r));
  return device->counters();
}

std::string strided(int bytes, const char *load) {
  return "mul.wide.u32 %rd10, %r1, " + std::to_string(bytes) +
         ";\nadd.s64 %rd11, %rd1, %rd10;\n" + load;
}

} // namespace

TEST_CASE("sectors: coalesced, strided, repeated, misaligned loads") {
  auto sectors = [](int stride, const char *load) {
    LaunchCounters c = count(strided(stride, load));
    REQUIRE(c.accesses.size() == 1);
    return std::pair(c.accesses[0].sectors, c.accesses[0].idealSectors);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(sectors(4, "ld.global.b32 %r2, [%rd11];") == Pair{4, 4});
  CHECK(sectors(16, "ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%rd11];") ==
        Pair{16, 16});
  CHECK(sectors(32, "ld.global.b32 %r2, [%rd11];") == Pair{32, 4});
  CHECK(sectors(0, "ld.global.b32 %r2, [%rd11];") == Pair{1, 1});
  CHECK(sectors(4, "ld.global.b32 %r2, [%rd11+16];") == Pair{5, 4});
}

TEST_CASE("wavefronts: bank conflicts, broadcasts, wide accesses") {
  auto wavefronts = [](int stride, const char *type) {
    bool wide = std::string(type) == "v4.b32";
    std::string registers = wide ? "{%r5, %r6, %r7, %r8}" : "%r5";
    std::string body =
        "mul.lo.u32 %r2, %r1, " + std::to_string(stride) +
        ";\nadd.s32 %r3, %r0, %r2;\nmov.b32 %r5, 0;\nmov.b32 %r6, 0;\n"
        "mov.b32 %r7, 0;\nmov.b32 %r8, 0;\n";
    LaunchCounters c =
        count(body + (stride ? "" : "setp.eq.u32 %p1, %r1, 0;\n@%p1 ") +
                  "st.shared." + type + " [%r3], " + registers + ";\n",
              8192);
    REQUIRE(c.accesses.size() == 1);
    return c.accesses[0].wavefronts;
  };
  CHECK(wavefronts(4, "b32") == 1);
  CHECK(wavefronts(8, "b32") == 2);
  CHECK(wavefronts(128, "b32") == 32);
  CHECK(wavefronts(0, "b32") == 1);
  CHECK(wavefronts(16, "v4.b32") == 4);
  CHECK(wavefronts(32, "v4.b32") == 8);
}

TEST_CASE("wavefronts of loads: lanes that share places go together") {
  // Lane l at size * ((l >> shift) & mask); wavefronts of an H200, driver 580,
  // as Nsight Compute counts them (docs/results/profiler.md).
  struct Load {
    const char *type, *registers;
    unsigned shift, mask, size;
    std::uint64_t wavefronts;
  };
  const char *two = "{%r5, %r6}", *four = "{%r5, %r6, %r7, %r8}";
  for (const Load &load : {
           Load{"b32", "%r5", 0, 31, 4, 1},
           Load{"b32", "%r5", 0, 0, 4, 1},
           Load{"b32", "%r5", 0, 31, 8, 2},
           Load{"v2.b32", two, 0, 31, 8, 2},
           Load{"v2.b32", two, 1, 31, 8, 1},
           Load{"v2.b32", two, 2, 31, 8, 1},
           Load{"v2.b32", two, 0, 7, 8, 2},
           Load{"v2.b32", two, 0, 15, 8, 2},
           Load{"v2.b32", two, 0, 0, 8, 1},
           Load{"v2.b32", two, 0, 31, 16, 4},
           Load{"v4.b32", four, 0, 31, 16, 4},
           Load{"v4.b32", four, 1, 31, 16, 2},
           Load{"v4.b32", four, 2, 31, 16, 2},
           Load{"v4.b32", four, 0, 3, 16, 4},
           Load{"v4.b32", four, 0, 7, 16, 4},
           Load{"v4.b32", four, 0, 0, 16, 2},
           Load{"v4.b32", four, 0, 31, 32, 8},
       }) {
    CAPTURE(load.type, load.shift, load.mask, load.size);
    LaunchCounters c =
        count(fmt::format(
                  "shl.b32 %r2, %r1, 4;\nadd.s32 %r3, %r0, %r2;\n"
                  "st.shared.v4.b32 [%r3], {{%r1, %r1, %r1, %r1}};\n"
                  "st.shared.v4.b32 [%r3+512], {{%r1, %r1, %r1, %r1}};\n"
                  "bar.warp.sync -1;\nshr.u32 %r4, %r1, {};\n"
                  "and.b32 %r4, %r4, {};\nmad.lo.u32 %r4, %r4, {}, %r0;\n"
                  "ld.shared.{} {}, [%r4];\n",
                  load.shift, load.mask, load.size, load.type, load.registers),
              1024);
    REQUIRE(c.accesses.size() == 3);
    CHECK(c.accesses[2].kind == "ld.shared");
    CHECK(c.accesses[2].wavefronts == load.wavefronts);
  }
  LaunchCounters store =
      count("shr.u32 %r4, %r1, 2;\nmad.lo.u32 %r4, %r4, 8, %r0;\n"
            "mov.b32 %r5, 0;\nst.shared.v2.b32 [%r4], {%r5, %r5};\n",
            1024);
  REQUIRE(store.accesses.size() == 1);
  CHECK(store.accesses[0].wavefronts == 2); // four lanes share: not stores
}

TEST_CASE("wavefronts: more than eight words of a bank, each for two lanes") {
  LaunchCounters c =
      count("shr.u32 %r4, %r1, 1;\nmad.lo.u32 %r4, %r4, 128, %r0;\n"
            "mov.b32 %r5, 0;\nst.shared.b32 [%r4], %r5;\n",
            2048);
  REQUIRE(c.accesses.size() == 1);
  CHECK(c.accesses[0].wavefronts == 16);
}

TEST_CASE("sectors of copies and atomics count what hardware asks for") {
  // Of an H200, driver 580 (docs/results/profiler.md).
  auto copies = [](int apart) {
    LaunchCounters c = count(
        strided(16, ("mad.lo.u32 %r3, %r1, " + std::to_string(apart) +
                     ", %r0;\ncp.async.cg.shared.global [%r3], [%rd11], 16;\n"
                     "cp.async.wait_all;\n")
                        .c_str()),
        4096);
    REQUIRE(c.accesses.size() == 1);
    CHECK(c.buffers.at(0).sectorsRead == 16);
    return c.accesses[0].sectors;
  };
  CHECK(copies(16) == 16);
  CHECK(copies(32) == 32);
  CHECK(copies(128) == 32);
  auto atomics = [](int stride) {
    LaunchCounters c =
        count(strided(stride, "mov.b32 %f1, 0f3F800000;\n"
                              "red.global.add.f32 [%rd11], %f1;"));
    REQUIRE(c.accesses.size() == 1);
    return std::pair(c.accesses[0].sectors, c.accesses[0].idealSectors);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(atomics(4) == Pair{4, 4});
  CHECK(atomics(0) == Pair{32, 1});
  CHECK(atomics(32) == Pair{32, 4});
}

TEST_CASE("an access that no lane makes is issued, not executed") {
  LaunchCounters c = count("setp.gt.u32 %p1, %r1, 31;\n"
                           "@%p1 ld.global.b32 %r2, [%rd1];\n"
                           "ld.global.b32 %r3, [%rd1];\n");
  REQUIRE(c.accesses.size() == 1);
  CHECK(c.accesses[0].executed == 1);
  CHECK(c.byKind.at("ld.global") == 2);
}

TEST_CASE("a copy and an atomic are one access each, with their sectors") {
  LaunchCounters copy =
      count(strided(16, "add.s32 %r3, %r0, 0;\nmad.lo.u32 %r3, %r1, 16, %r3;\n"
                        "cp.async.cg.shared.global [%r3], [%rd11], 16;\n"
                        "cp.async.wait_all;\n"),
            1024);
  REQUIRE(copy.accesses.size() == 1);
  CHECK(copy.accesses[0].kind == "cp.async");
  CHECK(copy.accesses[0].executed == 1);
  CHECK(copy.accesses[0].sectors == 16);
  CHECK(copy.accesses[0].wavefronts == 4);
  LaunchCounters fill =
      count(strided(16, "mov.b32 %r4, 0;\nmad.lo.u32 %r3, %r1, 16, %r0;\n"
                        "cp.async.cg.shared.global [%r3], [%rd11], 16, %r4;\n"
                        "cp.async.wait_all;\n"),
            1024);
  REQUIRE(fill.accesses.size() == 1);
  CHECK(fill.accesses[0].executed == 1);
  CHECK(fill.accesses[0].sectors == 0);
  LaunchCounters atomic = count(strided(4, "red.global.add.u32 [%rd11], %r1;"));
  REQUIRE(atomic.accesses.size() == 1);
  CHECK(atomic.accesses[0].kind == "atomic");
  CHECK(atomic.accesses[0].executed == 1);
  CHECK(atomic.accesses[0].sectors == 4);
  CHECK(atomic.atomics == 32);
}

TEST_CASE("instructions are counted once a warp, also where lanes part") {
  LaunchCounters c =
      count("setp.lt.u32 %p1, %r1, 7;\n@%p1 bra SKIP;\nadd.s32 %r2, %r1, 1;\n"
            "SKIP:\nadd.s32 %r3, %r1, 2;\n");
  CHECK(c.byKind.at("integer") == 2);
  CHECK(c.byKind.at("compare") == 1);
  CHECK(c.warps == 1);
}

TEST_CASE(
    "a GEMM reads each weight once, in whole sectors, without conflicts") {
  for (auto [text, reduce] : {std::pair("m16n512k1024g128s4", Reduce::ordered),
                              {"m16n512k1024g128s4", Reduce::cluster},
                              {"m16n512k1024g128s4,x=bf16", Reduce::ordered},
                              {"m16n512k1024g128s4,x=bf16", Reduce::cluster}}) {
    INFO(text << " " << name(reduce));
    GemmSpec spec = parseGemmSpec(text);
    auto device = openEmulator();
    Engine engine(device);
    EmulatedGemm gemm(device, spec);
    Schedule schedule = engine.scheduleFor(spec);
    schedule.reduce = reduce;
    gemm.run(engine.gemm(spec, schedule), 0, 1);
    LaunchCounters c = device->counters();
    INFO(print(c));
    for (const BufferCounters &b : c.buffers) {
      if (b.name == "qweight") {
        CHECK(b.bytesRead == gemm.weights()["qweight"].bytes());
        CHECK(b.sectorsRead == gemm.weights()["qweight"].bytes() / 32);
      }
      if (b.name == "scales")
        CHECK(b.bytesRead == gemm.weights()["scales"].bytes());
      if (b.name == "out")
        CHECK(b.bytesWritten == gemm.out.bytes());
    }
    for (const AccessCounters &a : c.accesses) {
      CAPTURE(a.line, a.statement);
      // Of a cluster each block stores a part of each row of the tile, which
      // may be half a sector.
      const bool partial = reduce == Reduce::cluster &&
                           a.statement.find("st.global") != std::string::npos;
      CHECK(a.sectors <= (partial ? 2 : 1) * a.idealSectors);
      if (a.statement.find("cp.async") != std::string::npos)
        CHECK(a.wavefronts == a.idealWavefronts);
    }
    CHECK(c.stagesInFlight >= 1);
    std::uint64_t fragments = static_cast<std::uint64_t>(spec.n * spec.k) / 256;
    CHECK(c.perFragment(fragments) < 80);
  }
}
