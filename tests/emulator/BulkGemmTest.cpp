// Protects: GEMMs whose packed weights the copy engine brings, with and without
// a warp of its own for all copies, give the right numbers and no findings, and
// read weights once and without conflicts.
#include "compiler/base/Target.h"
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

namespace {

struct Case {
  const char *spec, *schedule;
  std::int64_t m = 0; ///< rows of the launch; 0: as the spec says
};

const char *const variants[] = {",weights=bulk", ",weights=bulk,producers=1"};

void check(const Case &c, const char *gpu = "sm_90a") {
  for (const char *variant : variants)
    checkGemm(gpu, std::string(c.spec) + ",layout=packed", c.m,
              std::string(c.schedule) + variant);
}

} // namespace

TEST_CASE("bulk copies: whole tiles of every group size and type") {
  for (const Case &c : {
           Case{"m16n512k1024g128", "bm16bn64bk256w4kw4st3s1,scales=sums"},
           {"m8n256k512g64", "bm8bn32bk64w1st2s1"},
           {"m1n256k2048g128", "bm8bn32bk512w8kw8st2s1,scales=sums"},
           {"m16n256k512g32,w=u4z1", "bm16bn32bk128w2kw2st3s1"},
           {"m16n256k512g512,w=u4z", "bm16bn64bk64w4st4s1"},
           {"m16n256k512g64,x=bf16,w=u4z1",
            "bm16bn64bk128w4kw2st3s1,scales=sums"},
           {"m64n256k512g128", "bm32bn128bk128w8kw2st2s1"},
           // More stages than steps; a tile as wide as the array.
           {"m16n32k512g128", "bm16bn32bk256w4kw4st6s1"},
       })
    check(c);
}

TEST_CASE("bulk copies: ragged N, tails of K, fewer rows") {
  for (const Case &c : {
           Case{"m1n520k960g64,x=bf16,w=u4z",
                "bm8bn64bk256w2kw2st3s1,scales=sums"},
           {"m16n520k1088g64", "bm16bn64bk512w8kw8st2s1,scales=sums"},
           {"m1n24k2112g32", "bm8bn32bk64w1st3s1"},
           {"m13n200k2144g32,w=u4z1", "bm16bn64bk128w4kw2st4s1"},
           // One step, not full; one atom, half of it columns.
           {"m5n8k96g32", "bm8bn32bk128w2kw2st2s1"},
           {"m5n40k96g32", "bm8bn64bk256w2kw2st3s1"},
           {"m16n136k1344g64", "bm16bn128bk256w4kw2st3s1,scales=sums", 3},
           {"m64n72k448g448", "bm64bn64bk128w4st3s1", 33},
       })
    check(c);
}

TEST_CASE("bulk copies: splits and their reductions") {
  for (const Case &c : {
           Case{"m16n256k1024g128", "bm16bn64bk128w4kw2st3s4"},
           {"m32n1544k2112g64",
            "bm32bn64bk128w4kw2st2s4,order=contiguous,reduce=cluster"},
           {"m1n24k2112g32", "bm8bn32bk64w1st2s8,reduce=cluster"},
           {"m8n128k512g128", "bm8bn32bk64w1st2s2,reduce=cluster"},
           // The last split has a step less than the others, and a tail.
           {"m16n192k1408g128",
            "bm16bn64bk256w4kw4st2s3,order=contiguous,scales=sums"},
           {"m16n256k1088g64,x=bf16,reduce=atomic",
            "bm16bn64bk128w2st3s4,reduce=atomic"},
           {"m9n200k1024g128,reduce=atomic-out",
            "bm16bn32bk128w2kw2st3s4,order=contiguous,reduce=atomic-out"},
           {"m16n520k1088g64,w=u4z",
            "bm16bn64bk128w4kw2st3s2,reduce=cluster,dep=end"},
           {"m16n136k1088g64", "bm16bn64bk128w4kw2st2s2,dep=end"},
       })
    check(c);
}

TEST_CASE("bulk copies on other targets that have them") {
  for (const char *gpu : {"sm_100a", "sm_120a"})
    check({"m16n200k1088g64", "bm16bn64bk128w4kw2st3s2"}, gpu);
}

TEST_CASE("bulk copies read weights once, and lanes without conflicts") {
  for (const char *variant : variants) {
    INFO(variant);
    auto device = openEmulator();
    Engine engine(device);
    // Two tiles of columns, one of them ragged; a step and a half of K.
    GemmSpec spec = parseGemmSpec("m16n112k768g128,layout=packed");
    EmulatedGemm gemm(device, spec);
    Kernel kernel = engine.gemm(
        spec, parseSchedule(std::string("bm16bn64bk512w8kw4st2s1,scales=sums") +
                            variant));
    CHECK(gemm.run(kernel, 0, 1).relativeFrobenius <=
          bound(spec.x, Reduce::none));
    LaunchCounters counters = device->counters();
    bool found = false;
    for (const BufferCounters &b : counters.buffers)
      if (b.name == "qweight") {
        found = true;
        CHECK(b.bytesRead == gemm.weights()["qweight"].bytes());
        CHECK(b.bytesRead == 112 * 768 / 2);
      }
    CHECK(found);
    int wide = 0;
    for (const AccessCounters &a : counters.accesses) {
      CAPTURE(a.line, a.statement);
      if (a.statement.find("ld.shared.v4.b32") == std::string::npos)
        continue;
      ++wide;
      CHECK(a.wavefronts == a.idealWavefronts);
    }
    CHECK(wide >= 4);
    // A stage of weights at least, and no more than the stages hold.
    const std::uint64_t weights = 512 * 64 / 2,
                        others = 16 * 512 * 2 + 4 * 64 * 2;
    CHECK(counters.bytesInFlight >= weights);
    CHECK(counters.bytesInFlight <= 2 * (weights + others));
  }
}
