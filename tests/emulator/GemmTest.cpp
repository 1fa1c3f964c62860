// Protects: every kind of GEMM that the engine makes today gives the right
// numbers on the emulator, and the emulator finds nothing wrong with it.
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace lath;
using namespace lath::test;

namespace {

void check(const std::string &target, const char *text, std::int64_t m = 0,
           const std::optional<Schedule> &schedule = std::nullopt) {
  GemmSpec spec = parseGemmSpec(text);
  INFO(target << " " << text << " m = " << m);
  auto device = openEmulator(target);
  Engine engine(device);
  try {
    EmulatedGemm gemm(device, spec);
    Kernel kernel = engine.gemm(spec, schedule);
    INFO(print(kernel.schedule()));
    Comparison c = gemm.run(kernel, m);
    CHECK(c.nonFinite == 0);
    CHECK(c.relativeFrobenius <= bound(spec.x, kernel.schedule().reduce));
  } catch (const Error &error) {
    std::string notes;
    for (const std::string &note : error.notes())
      notes += "\n  " + note;
    FAIL(error.message() << notes);
  }
}

} // namespace

TEST_CASE("emulated GEMMs are right: shapes, splits, reductions, types") {
  const char *specs[] = {
      "m16n512k1024g128s4",
      "m16n512k512g128s1",
      "m8n256k512g64s2",
      "m16n256k1024g128s4,reduce=atomic",
      "m16n256k1024g128s4,reduce=atomic-out",
      "m16n256k512g32s2,w=u4z1",
      "m16n256k512g512s2,w=u4z",
      "m16n256k1024g128s4,x=bf16",
      "m16n256k512g64s2,x=bf16,w=u4z1,reduce=atomic",
      "m16n256k512g64s2,x=bf16,reduce=atomic-out",
      "m64n256k512g128s2",
      "m32n1544k2112g64s3",
      "m1n24k2112g32s8",
      "m5n8k512g128s1",
  };
  for (const char *spec : specs)
    check("sm_90a", spec);
}

TEST_CASE("emulated GEMMs are right from packed weights") {
  for (const char *spec :
       {"m16n512k1024g128s4,layout=packed", "m8n256k512g64s2,layout=packed",
        "m16n256k512g32s2,w=u4z1,layout=packed",
        "m16n256k512g512s2,w=u4z,layout=packed",
        "m16n256k512g64s2,x=bf16,w=u4z1,layout=packed,reduce=atomic",
        "m64n256k512g128s2,layout=packed", "m1n24k2112g32s8,layout=packed",
        "m5n8k96g32s1,layout=packed"})
    check("sm_90a", spec);
  check("sm_80", "m16n256k512g64s2,w=u4z,layout=packed");
}

TEST_CASE("emulated GEMMs are right where weights skip shared memory") {
  for (const char *target : {"sm_80", "sm_90a"})
    for (auto [spec, schedule] : {
             std::pair{"m16n512k1024g128,layout=packed",
                       "bm16bn32bk512w4kw4st2s1,scales=sums"},
             std::pair{"m1n520k960g64,x=bf16,w=u4z,layout=packed",
                       "bm8bn64bk256w2kw2st3s1,scales=sums"},
             std::pair{"m16n256k512g32,w=u4z1,layout=packed",
                       "bm16bn32bk128w2kw2st2s2,order=contiguous"},
             // The last split has a step less than the others.
             std::pair{"m32n192k1344g64,layout=packed",
                       "bm32bn64bk128w2kw2st2s3,order=contiguous"},
             std::pair{"m8n128k512g512,layout=packed",
                       "bm8bn128bk64w4st2s4,scales=sums"},
         })
      check(target, spec, 0,
            parseSchedule(std::string(schedule) + ",weights=registers"));
}

TEST_CASE("emulated GEMMs are right with fewer rows than the bucket") {
  for (int m : {1, 3, 9, 16})
    check("sm_90a", "m16n256k512g128s2", m);
  check("sm_90a", "m64n256k512g128s2,reduce=atomic", 33);
}

TEST_CASE("emulated GEMMs are right on sm_80") {
  for (const char *spec :
       {"m16n512k1024g128s4", "m16n256k512g64s2,reduce=atomic",
        "m16n256k512g64s2,reduce=atomic-out", "m64n256k512g128s1"})
    check("sm_80", spec);
}
