// Protects: every kind of GEMM that the engine makes today gives the right
// numbers on the emulator, and the emulator finds nothing wrong with it.
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <tuple>

using namespace lath;
using namespace lath::test;

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
    checkGemm("sm_90a", spec);
}

TEST_CASE("emulated GEMMs are right from signed bytes") {
  for (const char *spec :
       {"m16n512k1024g128s4,w=s8", "m16n512k512g128s1,w=s8",
        "m8n256k512g64s2,w=s8", "m16n256k1024g128s4,w=s8,reduce=atomic",
        "m16n256k1024g128s4,w=s8,reduce=atomic-out", "m16n256k512g32s2,w=s8",
        "m16n256k512g512s2,w=s8", "m16n256k1024g128s4,x=bf16,w=s8",
        "m16n256k512g64s2,x=bf16,w=s8,reduce=atomic",
        "m16n256k512g64s2,x=bf16,w=s8,reduce=atomic-out",
        "m64n256k512g128s2,w=s8", "m64n256k512g128s2,x=bf16,w=s8",
        "m32n1544k2112g64s3,w=s8", "m1n24k2112g32s8,w=s8",
        "m5n8k512g128s1,w=s8"})
    for (const char *target : {"sm_80", "sm_90a"}) {
      if (std::string_view(target) == "sm_80" &&
          std::string_view(spec).find("bf16") != std::string_view::npos &&
          std::string_view(spec).find("atomic-out") != std::string_view::npos)
        continue; // no such instruction
      checkGemm(target, spec);
    }
  // Scales of weights and of sums, warps along K, tails of rows, columns and K,
  // a deep K step, and clusters.
  for (auto [spec, schedule, m] :
       {std::tuple{"m16n256k1024g128,w=s8",
                   "bm16bn64bk128w4kw2st3s1,scales=weights", 13},
        {"m16n256k1024g128,w=s8", "bm16bn64bk128w4kw2st3s1,scales=sums", 16},
        {"m1n200k1088g64,x=bf16,w=s8", "bm8bn32bk256w4kw4st2s3,scales=sums", 1},
        {"m8n128k512g32,w=s8", "bm8bn64bk32w1st4s1", 5},
        {"m8n128k512g32,x=bf16,w=s8", "bm8bn64bk32w1st4s1,order=contiguous", 8},
        {"m16n256k2048g128,w=s8",
         "bm16bn32bk256w8kw8st2s4,reduce=cluster,scales=sums", 16}})
    checkGemm("sm_90a", spec, m, schedule);
}

TEST_CASE("emulated GEMMs are right from packed weights") {
  for (const char *spec :
       {"m16n512k1024g128s4,layout=packed", "m8n256k512g64s2,layout=packed",
        "m16n256k512g32s2,w=u4z1,layout=packed",
        "m16n256k512g512s2,w=u4z,layout=packed",
        "m16n256k512g64s2,x=bf16,w=u4z1,layout=packed,reduce=atomic",
        "m64n256k512g128s2,layout=packed", "m1n24k2112g32s8,layout=packed",
        "m5n8k96g32s1,layout=packed"})
    checkGemm("sm_90a", spec);
  checkGemm("sm_80", "m16n256k512g64s2,w=u4z,layout=packed");
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
      checkGemm(target, spec, 0, std::string(schedule) + ",weights=registers");
  for (auto [spec, schedule] : {
           std::pair{"m16n256k1024g128,layout=packed",
                     "bm16bn32bk256w2kw2st2s2,reduce=cluster,scales=sums"},
           std::pair{"m8n128k512g128,layout=packed",
                     "bm8bn64bk128w2kw2st2s1,scales=sums,dep=end"},
           std::pair{"m16n136k960g64,x=bf16,w=u4z,layout=packed",
                     "bm16bn64bk128w4kw2st3s4,reduce=cluster,dep=end"},
       })
    checkGemm("sm_90a", spec, 0, std::string(schedule) + ",weights=registers");
}

TEST_CASE("emulated GEMMs are right with fewer rows than the bucket") {
  for (int m : {1, 3, 9, 16})
    checkGemm("sm_90a", "m16n256k512g128s2", m);
  checkGemm("sm_90a", "m64n256k512g128s2,reduce=atomic", 33);
}

TEST_CASE("emulated GEMMs are right reduced over clusters") {
  // Tiles with registers for all blocks and k warps, for some, and for few;
  // one wave of rows and several; whole and ragged shapes; all types.
  struct Case {
    const char *spec, *schedule;
    std::int64_t m = 0;
  };
  for (auto [spec, schedule, m] : {
           Case{"m16n256k1024g128", "bm16bn64bk128w2st3s2,reduce=cluster"},
           {"m16n256k2048g128",
            "bm16bn32bk512w8kw8st2s4,reduce=cluster,scales=sums"},
           {"m1n256k2048g128",
            "bm8bn32bk256w8kw8st2s8,reduce=cluster,scales=sums"},
           {"m8n256k1024g64", "bm8bn32bk64w2st2s8,reduce=cluster"},
           {"m8n128k512g128", "bm8bn32bk64w1st2s2,reduce=cluster"},
           {"m64n256k512g128", "bm64bn128bk64w4st2s2,reduce=cluster"},
           {"m64n256k512g128", "bm64bn128bk64w4st2s2,reduce=cluster", 33},
           {"m32n1544k2112g64",
            "bm32bn64bk128w4kw2st2s4,order=contiguous,reduce=cluster"},
           {"m1n24k2112g32", "bm8bn32bk64w2kw2st2s8,reduce=cluster"},
           {"m13n200k2048g64,x=bf16,w=u4z1",
            "bm16bn64bk128w4kw2st3s4,reduce=cluster"},
           {"m16n256k512g512,w=u4z", "bm16bn32bk64w1st2s2,reduce=cluster"},
           {"m16n256k1024g128,x=bf16",
            "bm8bn64bk64w2st2s2,order=contiguous,reduce=cluster,scales=sums",
            11},
           // Blocks that own no part: 1 of 3, 5 and 7, 2 and more of 6.
           {"m16n256k1024g128", "bm16bn64bk128w2st3s3,reduce=cluster"},
           {"m16n200k1088g64,layout=packed",
            "bm16bn64bk64w2st2s5,reduce=cluster,scales=sums", 13},
           {"m1n256k2048g128,layout=packed",
            "bm8bn32bk256w4kw4st2s6,reduce=cluster,scales=sums,"
            "weights=registers"},
           {"m32n512k3584g128,layout=packed",
            "bm32bn64bk128w1st2s7,order=contiguous,reduce=cluster,"
            "scales=sums,weights=registers"},
           {"m8n128k896g128", "bm8bn32bk128w8kw4st2s7,reduce=cluster"},
       })
    checkGemm("sm_90a", spec, m, schedule);
}

TEST_CASE("emulated GEMMs are right by wgmma") {
  // One warpgroup and several, one 64 columns of each and more; all widths of
  // rows; all types, groups, reductions; ragged shapes.
  struct Case {
    const char *spec, *schedule;
    std::int64_t m = 0;
  };
  for (auto [spec, schedule, m] : {
           Case{"m32n128k512g128", "bm32bn64bk128w4st3,scales=sums"},
           {"m64n256k512g128", "bm64bn128bk128w8st2,scales=sums"},
           {"m64n256k512g128", "bm64bn128bk128w4st2,scales=weights"},
           {"m8n128k512g64", "bm8bn64bk64w4st4,scales=sums"},
           {"m16n256k1024g32,w=u4z",
            "bm16bn64bk256w4st2,scales=sums,weights=registers"},
           {"m128n256k512g128", "bm128bn256bk64w16st2"},
           {"m256n128k256g128", "bm256bn64bk64w4st2,scales=weights"},
           {"m16n256k512g512,x=bf16,w=u4z1", "bm16bn128bk128w8st3,scales=sums"},
           {"m32n256k1024g128,x=bf16",
            "bm32bn128bk128w4st2s2,reduce=cluster,weights=registers", 17},
           {"m32n200k1088g64", "bm32bn64bk64w4st3s3,scales=sums", 29},
           {"m32n256k1024g64,w=u4z1",
            "bm32bn128bk128w8st3,scales=sums,weights=bulk"},
           {"m64n72k2112g32,w=u4z,reduce=atomic",
            "bm32bn64bk128w4st2s2,reduce=atomic,scales=sums", 50},
           {"m32n256k1024g128",
            "bm32bn128bk256w8st2s4,order=contiguous,reduce=cluster,"
            "scales=sums,weights=registers,dep=end"},
       })
    checkGemm("sm_90a", std::string(spec) + ",layout=packed", m,
              std::string(schedule) + ",mma=warpgroup");
}

TEST_CASE("emulated GEMMs are right when tensor copies bring x") {
  struct Case {
    const char *spec, *schedule;
    std::int64_t m = 0;
  };
  for (auto [spec, schedule, m] : {
           Case{"m200n256k512g128",
                "bm64bn128bk128w8st3,mma=warpgroup,weights=bulk,producers=1"},
           {"m200n256k512g128", "bm64bn128bk128w8st3,mma=warpgroup", 70},
           // Scales of many columns and groups fill the swizzle, too.
           {"m64n512k512g32,x=bf16,w=u4z1",
            "bm64bn256bk128w4st2,weights=bulk,producers=1,scales=sums", 61},
           {"m16n200k1088g64,w=u4z",
            "bm16bn128bk128w4kw2st3s2,producers=1,reduce=cluster,scales=sums"},
           {"m64n1024k256g64",
            "bm64bn128bk64w8st3,mma=warpgroup,weights=bulk,producers=1,"
            "persistent=1"},
           {"m64n128k512g128,reduce=atomic",
            "bm64bn64bk128w4st2s2,weights=bulk,producers=1,reduce=atomic,"
            "dep=end"},
       })
    checkGemm("sm_90a", std::string(spec) + ",layout=packed", m,
              std::string(schedule) + ",copies=tensor");
}

TEST_CASE("emulated GEMMs are right on sm_80") {
  for (const char *spec :
       {"m16n512k1024g128s4", "m16n256k512g64s2,reduce=atomic",
        "m16n256k512g64s2,reduce=atomic-out", "m64n256k512g128s1"})
    checkGemm("sm_80", spec);
}
