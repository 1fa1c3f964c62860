// Protects the code of the default kernel: how many instructions of each kind a
// thread runs in a K step, as the tile shapes say.
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/gemm/DequantGemm.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <algorithm>
#include <thread>

using namespace lath;
using namespace lath::test;

namespace {

/// What one thread does in a K step, by arithmetic on the schedule.
struct Expected {
  int mma, lop3, copies, wordLoads, activationLoads;
  bool fourWords; ///< a lane's words lie four in a row, else two

  Expected(const GemmSpec &spec, const Schedule &s) {
    // Warps share the columns of the weights first, then the rows of x.
    int warps = s.warps / s.kWarps;
    int weightWarps = std::min(warps, s.blockN / 16);
    int rowWarps = warps / weightWarps;
    int words = s.blockN * s.blockK / 8 / 32 / weightWarps / s.kWarps;
    mma = s.blockN / 16 * (s.blockM / 8) * (s.blockK / 16) / s.warps;
    lop3 = 4 * words;
    fourWords = s.blockN / weightWarps >= 32;
    wordLoads = words / (fourWords ? 4 : 2);
    activationLoads = s.blockK / 32 / s.kWarps * (s.blockM / 8 / rowWarps);

    // Chunks of 16 bytes, one a thread: weights, x, scales, zeros.
    int groups = std::max<int>(1, s.blockK / static_cast<int>(spec.group));
    auto share = [&](int chunks) {
      return std::max(1, chunks / (32 * s.warps));
    };
    copies = share(s.blockN * s.blockK / 32) + share(s.blockM * s.blockK / 8) +
             share(groups * s.blockN / 8);
    if (spec.zeros != Zeros::symmetric)
      copies += share(groups * s.blockN / 32);
  }
};

struct Case {
  std::string spec, schedule, target;
};

CompiledGemm compiled(const Case &c) {
  return compileGemm(parseGemmSpec(c.spec), parseSchedule(c.schedule),
                     target(c.target));
}

const std::vector<Case> &cases() {
  static const std::vector<Case> list = {
      {"m16n4096k4096g128s1", "bm16bn128bk128w4st4s1", "sm_90a"},
      {"m16n4096k4096g128s1,x=bf16", "bm16bn64bk128w2st4s1", "sm_80"},
      {"m16n4096k4096g128s1,w=u4z", "bm16bn128bk128w4st4s1", "sm_90a"},
      {"m8n4096k4096g32s1,w=u4z1", "bm8bn64bk64w2st3s1", "sm_86"},
      {"m8n4096k4096g64s1,x=bf16,w=u4z1", "bm8bn128bk128w4st2s1", "sm_100a"},
      {"m64n4096k4096g128s1", "bm64bn128bk64w8st3s1", "sm_90a"},
      {"m64n4096k4096g4096s1,w=u4z", "bm64bn64bk64w4st3s1", "sm_120a"},
      {"m16n4096k4096g32s1", "bm16bn64bk128w4st3s1", "sm_89"},
      {"m16n4096k4096g128s4", "bm16bn128bk128w4st4s4", "sm_90a"},
      {"m16n4096k4096g128s4,reduce=atomic",
       "bm16bn128bk128w4st4s4,reduce=atomic", "sm_90a"},
      {"m16n4096k4096g128s4,reduce=atomic-out",
       "bm16bn128bk128w4st4s4,reduce=atomic-out", "sm_80"},
      {"m16n4096k4096g128s4", "bm16bn128bk128w4st4s4,order=contiguous",
       "sm_90a"},
      {"m16n4096k4096g128s1", "bm16bn32bk512w4kw4st3s1,scales=sums", "sm_90a"},
      {"m8n4096k4096g32s1,x=bf16,w=u4z1", "bm8bn64bk128w2st3s1,scales=sums",
       "sm_80"},
  };
  return list;
}

} // namespace

TEST_CASE("a thread's instructions are those of its share of the tile") {
  for (const Case &c : cases()) {
    INFO(c.spec << " by " << c.schedule << " on " << c.target);
    CompiledGemm gemm = compiled(c);
    const std::string &text = gemm.ptx.text;
    Expected expected(gemm.spec, gemm.schedule);
    std::string type = gemm.spec.x == Dtype::f16 ? "f16" : "bf16";
    CHECK(count(text, "mma\\.sync\\.aligned\\.m16n8k16\\.row\\.col\\.f32\\." +
                          type + "\\." + type + "\\.f32") == expected.mma);
    CHECK(count(text, "mma\\.sync") == expected.mma);
    // Two weights each: a mask, a magic number, one instruction.
    CHECK(count(text, "lop3\\.b32[^;]*, 0xEA;") == expected.lop3);
    CHECK(count(text, "0x(e|E)a|0xEA") == expected.lop3);
    // Twice: before the loop and in it. Sixteen bytes each, past L1.
    CHECK(count(text, "cp\\.async\\.cg\\.shared\\.global[^;]*, 16") ==
          2 * expected.copies);
    CHECK(count(text, "cp\\.async\\.ca") == 0);
    CHECK(count(text, "cp\\.async\\.commit_group") == 2);
    CHECK(count(text, "cp\\.async\\.wait_group") == 1);
    CHECK(contains(text,
                   "wait_group \t" + std::to_string(gemm.schedule.stages - 2)));
  }
}

TEST_CASE("shared memory is read in wide words") {
  for (const Case &c : cases()) {
    INFO(c.spec << " by " << c.schedule << " on " << c.target);
    CompiledGemm gemm = compiled(c);
    const std::string &text = gemm.ptx.text;
    Expected expected(gemm.spec, gemm.schedule);
    int four = expected.activationLoads +
               (expected.fourWords ? expected.wordLoads : 0);
    int wide = count(text, "ld\\.shared\\.v4\\.b32");
    // Zero points may add one wide load a group.
    CHECK(wide >= four);
    CHECK(wide <= four + (gemm.spec.zeros != Zeros::symmetric ? 4 : 0));
    if (!expected.fourWords)
      CHECK(count(text, "ld\\.shared\\.v2\\.b32") >= expected.wordLoads);
  }
}

TEST_CASE("nothing goes through local memory or unaligned global loads") {
  for (const Case &c : cases()) {
    INFO(c.spec << " by " << c.schedule << " on " << c.target);
    const std::string text = compiled(c).ptx.text;
    CHECK(count(text, "(ld|st)\\.local") == 0);
    CHECK(count(text, "\\.local ") == 0);
    // All operands come by cp.async; what is loaded is partial sums.
    CHECK(count(text, "ld\\.global") == 0);
  }
}

TEST_CASE("partial sums meet as the reduction says") {
  auto text = [](const std::string &reduce, const std::string &targetName,
                 const std::string &options = "") {
    return compiled({"m16n4096k4096g128s4" + options + ",reduce=" + reduce,
                     "bm16bn128bk128w4st4s4,reduce=" + reduce, targetName})
        .ptx.text;
  };
  // 16 accumulators a thread.
  std::string ordered = text("ordered", "sm_80");
  CHECK(count(ordered, "red\\.relaxed") == 0);
  CHECK(count(ordered, "atom\\.relaxed\\.gpu\\.global\\.inc\\.u32") == 1);
  CHECK(count(ordered, "st\\.global\\.v4") >= 4);
  CHECK(count(ordered, "ld\\.relaxed\\.gpu\\.global\\.v4\\.f32") == 4 * 4);
  CHECK(count(ordered, "fence\\.acq_rel\\.gpu") == 2);

  std::string atomic80 = text("atomic", "sm_89");
  CHECK(count(atomic80, "red\\.relaxed\\.gpu\\.global\\.add\\.f32") == 16);
  CHECK(count(atomic80, "atom\\.relaxed\\.gpu\\.global\\.inc\\.u32") == 1);
  CHECK(count(atomic80, "ld\\.relaxed\\.gpu\\.global\\.v4\\.f32") == 4);
  std::string atomic90 = text("atomic", "sm_90a");
  CHECK(count(atomic90, "red\\.relaxed\\.gpu\\.global\\.add\\.v4\\.f32") == 4);
  CHECK(count(atomic90, "red\\.relaxed\\.gpu\\.global\\.add\\.f32") == 0);

  std::string out80 = text("atomic-out", "sm_80");
  CHECK(count(out80, "red\\.relaxed\\.gpu\\.global\\.add\\.noftz\\.f16x2") ==
        8);
  CHECK(count(out80, "atom\\.") == 0);
  CHECK(count(out80, "st\\.global") == 0);
  std::string out90 = text("atomic-out", "sm_90a");
  CHECK(count(out90,
              "red\\.relaxed\\.gpu\\.global\\.add\\.noftz\\.(v[24]\\.)?f16x2") >
        0);
  CHECK(
      count(out90,
            "red\\.relaxed\\.gpu\\.global\\.add\\.noftz\\.(v[24]\\.)?f16x2") <=
      8);
  std::string bf16 = text("atomic-out", "sm_90a", ",x=bf16");
  CHECK(
      count(bf16,
            "red\\.relaxed\\.gpu\\.global\\.add\\.noftz\\.(v[24]\\.)?bf16x2") >
      0);
  CHECK(count(bf16, "st\\.global") == 0);

  std::string none =
      compiled({"m16n4096k4096g128s1", "bm16bn128bk128w4st4s1", "sm_90a"})
          .ptx.text;
  CHECK(count(none, "red\\.relaxed|atom\\.") == 0);
  CHECK(count(none, "st\\.global\\.(v[24]\\.)?b32|st\\.global\\.v4\\.b16") > 0);
}

TEST_CASE("warps that share a K step exchange their sums once") {
  CompiledGemm gemm =
      compiled({"m16n4096k4096g128s1", "bm16bn64bk128w4kw2st4s1", "sm_90a"});
  Expected expected(gemm.spec, gemm.schedule);
  const std::string &text = gemm.ptx.text;
  CHECK(count(text, "mma\\.sync") == expected.mma);
  CHECK(count(text, "lop3\\.b32[^;]*, 0xEA;") == expected.lop3);
  // 16 partial sums a thread go out; half as many results come from two each.
  CHECK(count(text, "st\\.shared") >= 4);
  CHECK(count(text, "(ld|st)\\.local") == 0);
}

TEST_CASE("scales on sums leave no product for each weight") {
  auto text = [](const std::string &scales) {
    return compiled({"m8n4096k4096g128s1",
                     "bm8bn64bk128w2st3s1,scales=" + scales, "sm_90a"})
        .ptx.text;
  };
  // 16 words of eight weights, in pairs; 8 accumulators a thread and group.
  std::string weights = text("weights"), sums = text("sums");
  CHECK(count(weights, "mul\\.(rn\\.)?f16x2") == 16 * 4);
  CHECK(count(sums, "mul\\.(rn\\.)?f16x2") == 0);
  CHECK(count(sums, "fma\\.rn\\.f32") == 8);
  CHECK(count(sums, "mma\\.sync") == count(weights, "mma\\.sync"));
}

TEST_CASE("bulk copies: one for each row of atoms, by one thread") {
  const std::string copy = "cp\\.async\\.bulk\\.shared::cluster\\.global\\."
                           "mbarrier::complete_tx::bytes\\.L2::cache_hint";
  for (std::string on : {"sm_90a", "sm_100a", "sm_120a"}) {
    INFO(on);
    // Two rows of atoms a step; before the loop and in it. 64 columns are 2 KB
    // of each.
    std::string text = compiled({"m16n4096k4096g128s1,layout=packed",
                                 "bm16bn64bk128w4kw2st3s1,weights=bulk", on})
                           .ptx.text;
    CHECK(count(text, copy) == 2 * 2);
    CHECK(count(text, "1364590687093260288") > 0); // evict first
    CHECK(count(text, "mbarrier\\.init") == 3);
    CHECK(count(text, "fence\\.mbarrier_init") == 1);
    CHECK(count(text, "mbarrier\\.arrive\\.expect_tx") == 2);
    CHECK(count(text, "mbarrier\\.try_wait\\.parity") == 1);
    // What cp.async brings: 16 x 128 activations and a group of scales.
    CHECK(count(text, "cp\\.async\\.c[ag]") == 2 * (2 + 1));
    CHECK(count(text, "bar\\.sync\\s+0;") == 2); // the loop's, sum_warps'
    CHECK(count(text, "min\\.s32") == 0);        // whole tiles

    // Eight rows: a loop.
    text = compiled({"m16n4096k4096g128s1,layout=packed",
                     "bm16bn64bk512w8kw8st2s1,weights=bulk", on})
               .ptx.text;
    CHECK(count(text, copy) == 2);
  }
}

TEST_CASE("bulk copies tell L2 nothing where the schedule says so") {
  auto text = [](const std::string &evict) {
    return compiled({"m128n4096k4096g128s1,layout=packed",
                     "bm16bn64bk128w4kw2st3s1,weights=bulk" + evict, "sm_90a"})
        .ptx.text;
  };
  const std::string first = text(""), normal = text(",evict=normal");
  CHECK(count(first, "L2::cache_hint") == 4);
  CHECK(count(normal, "L2::cache_hint") == 0);
  CHECK(count(normal, "1364590687093260288") == 0);
  CHECK(count(normal, "cp\\.async\\.bulk\\.shared") == 4);
  CHECK(first == text(",evict=first"));
}

TEST_CASE("a producer warp: no barrier of all in the loop") {
  CompiledGemm gemm =
      compiled({"m16n4096k4096g128s1,layout=packed",
                "bm16bn64bk128w4kw2st3s1,weights=bulk,producers=1", "sm_90a"});
  const std::string &text = gemm.ptx.text;
  CHECK(gemm.ptx.threads == 5 * 32);
  CHECK(contains(text, ".reqntid 160"));
  CHECK(count(text, "cp\\.async\\.bulk\\.shared") == 2); // in one place
  CHECK(count(text, "mbarrier\\.init") == 2 * 3);
  CHECK(count(text, "mbarrier\\.try_wait\\.parity") == 2);
  CHECK(count(text, "mbarrier\\.arrive\\.shared") == 1);
  CHECK(count(text, "cp\\.async\\.mbarrier\\.arrive\\.noinc") == 1);
  // By 32 lanes: 8 chunks of 16 x 128 activations each, one of scales.
  CHECK(count(text, "cp\\.async\\.c[ag]") == 8 + 1);
  CHECK(count(text, "cp\\.async\\.wait_group") == 1);
  CHECK(count(text, "bar\\.sync\\s+0;") == 1);      // mbarriers are there
  CHECK(count(text, "bar\\.sync\\s+1, 128;") == 1); // sum_warps'
}

TEST_CASE("bf16 atomics into the output are refused before sm_90") {
  for (std::string name : {"sm_80", "sm_86", "sm_89"}) {
    Error error = errorOf([&] {
      compileChosen(
          parseGemmSpec("m16n4096k4096g128s4,x=bf16,reduce=atomic-out"),
          target(name));
    });
    CHECK(contains(error.message(), name + " has no atomic add of bf16"));
  }
  compileChosen(parseGemmSpec("m16n4096k4096g128s4,x=bf16,reduce=atomic-out"),
                target("sm_90a"));
}

TEST_CASE("a schedule that does not fit says by how much") {
  Error error = errorOf([] {
    compileGemm(parseGemmSpec("m64n4096k4096g128s1"),
                parseSchedule("bm64bn256bk256w8st6s1"), target("sm_86"));
  });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(contains(error.message(),
                 "bytes of shared memory a block, sm_86 has 101376"));
  error = errorOf([] {
    compileGemm(parseGemmSpec("m8n4096k4096g128s1"),
                parseSchedule("bm8bn32bk128w8st2s1"), target("sm_90a"));
  });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(contains(error.message(), "8 warps are too many for a tile of 8 x 32"));
}

TEST_CASE("the kernel's parameters are those of the launch") {
  auto names = [](const std::string &spec, const char *gpu = "sm_90a",
                  std::optional<Schedule> schedule = {}) {
    std::vector<std::string> result;
    const GemmSpec parsed = parseGemmSpec(spec);
    Ptx ptx = (schedule ? compileGemm(parsed, *schedule, target(gpu))
                        : compileChosen(parsed, target(gpu)))
                  .ptx;
    for (const KernelParam &param : ptx.params)
      result.push_back(param.name);
    return result;
  };
  using Names = std::vector<std::string>;
  CHECK(names("m16n4096k4096g128s1") ==
        Names{"m", "x", "qweight", "scales", "out"});
  CHECK(names("m16n4096k4096g128s1,w=u4z1") ==
        Names{"m", "x", "qweight", "scales", "qzeros", "out"});
  CHECK(names("m16n4096k4096g128s4", "sm_80") ==
        Names{"m", "x", "qweight", "scales", "out", "workspace", "tickets"});
  // A cluster adds through shared memory.
  CHECK(names("m16n4096k4096g128s4", "sm_90a",
              parseSchedule("bm16bn64bk128w4st3s4,reduce=cluster")) ==
        Names{"m", "x", "qweight", "scales", "out"});
  CHECK(names("m16n4096k4096g128s4,reduce=atomic-out") ==
        Names{"m", "x", "qweight", "scales", "out"});
}

TEST_CASE("a gemm compiles to the same PTX in every thread") {
  GemmSpec spec = parseGemmSpec("m16n4096k4096g128s4,w=u4z1");
  const std::string first = compileChosen(spec, target("sm_90a")).ptx.text;
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string &text : texts)
    threads.emplace_back(
        [&] { text = compileChosen(spec, target("sm_90a")).ptx.text; });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &text : texts)
    CHECK(text == first);
}
