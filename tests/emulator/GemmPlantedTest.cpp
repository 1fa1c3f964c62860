// Protects: the same for bugs planted in the GEMM kernels that the compiler
// makes today. A bug is a change of the PTX text.
#include "compiler/base/Target.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/DequantGemm.h"
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <functional>
#include <regex>
#include <set>

using namespace lath;
using namespace lath::test;

namespace {

/// Replaces the `which`-th match (from 0) of a regular expression.
std::string edit(const std::string &text, const char *pattern, const char *to,
                 int which = 0) {
  std::regex expression(pattern);
  auto match = std::sregex_iterator(text.begin(), text.end(), expression);
  for (int n = 0; n < which && match != std::sregex_iterator(); ++n)
    ++match;
  REQUIRE(match != std::sregex_iterator());
  return std::string(text.begin(), text.begin() + match->position()) +
         match->format(to) +
         std::string(text.begin() + match->position() + match->length(),
                     text.end());
}

struct Bug {
  const char *name, *pattern, *to;
  int which;
  Suspicion expected;
};

struct Result {
  std::vector<Report> reports;
  double error = 0;
};

Result launch(const GemmSpec &spec, const CompiledGemm &gemm,
              const std::string &text) {
  EmulatorOptions options;
  options.throwOnReport = false;
  options.maxInstructions = 1u << 20;
  options.threads = 1; // which block is last decides how some bugs show
  auto device = openEmulator("sm_90a", options);
  EmulatedGemm data(device, spec);
  Ptx ptx = gemm.ptx;
  ptx.text = text;
  auto grid = gemmGrid(spec, gemm.schedule, spec.m);
  DeviceBuffer workspace(device, grid[0] * grid[1] * ptx.workspaceBytesPerTile);
  DeviceBuffer tickets(device, std::size_t{4} * grid[0] * grid[1]);
  if (workspace.bytes())
    device->fill(workspace.get(), 0, workspace.bytes());
  device->fill(tickets.get(), 0, tickets.bytes());
  GemmArguments a = data.arguments();
  std::vector<std::uint64_t> values;
  for (const KernelParam &p : ptx.params)
    values.push_back(p.kind == KernelParam::Kind::scalar
                         ? static_cast<std::uint64_t>(spec.m)
                     : p.kind == KernelParam::Kind::workspace ? workspace.get()
                     : p.kind == KernelParam::Kind::tickets
                         ? tickets.get()
                         : a.*findOperand(p.name)->argument);
  data.poisonOutput();
  LaunchConfig config;
  config.grid = grid;
  device->load(ptx)->launch(nullptr, config, values);
  return {
      device->takeReports(),
      data.check(data.result(), gemm.schedule).comparison.relativeFrobenius};
}

void check(const char *specText, const char *scheduleText,
           const std::vector<Bug> &bugs) {
  GemmSpec spec = parseGemmSpec(specText);
  CompiledGemm gemm =
      compileGemm(spec, parseSchedule(scheduleText), target("sm_90a"));
  Result good = launch(spec, gemm, gemm.ptx.text);
  for (const Report &r : good.reports)
    FAIL_CHECK(print(r));
  CHECK(good.error <= bound(spec.x, gemm.schedule.reduce));
  for (const Bug &bug : bugs) {
    INFO(bug.name);
    Result bad =
        launch(spec, gemm, edit(gemm.ptx.text, bug.pattern, bug.to, bug.which));
    bool found = false;
    std::string all;
    for (const Report &r : bad.reports) {
      found |= r.kind == bug.expected;
      all += print(r) + "\n";
    }
    INFO(all);
    CHECK(found);
  }
}

} // namespace

TEST_CASE("planted bugs: a GEMM with ordered reduction") {
  check(
      "m9n256k1024g128s4", "bm16bn64bk64w4st3s4",
      {
          {"no barrier in the loop", "bar\\.sync\\s+0;", "", 0,
           Suspicion::sharedRace},
          {"waits for one group too few", "cp\\.async\\.wait_group\\s+1;",
           "cp.async.wait_group 2;", 0, Suspicion::inFlight},
          {"a commit forgotten", "cp\\.async\\.commit_group;", "", 0,
           Suspicion::inFlight},
          {"one row too many", "setp\\.lt\\.([su]32.*, %r\\d+;)", "setp.le.$1",
           0, Suspicion::outOfBounds},
          {"no barrier before the ticket",
           "\\{ (.reg .pred p; .reg .b32 t;) bar.sync 0;", "{ $1 ", 0,
           Suspicion::globalRace},
          {"no release", "@p fence\\.acq_rel\\.gpu;", "", 0,
           Suspicion::globalRace},
          {"no acquire", "@p fence\\.acq_rel\\.gpu;", "", 1,
           Suspicion::globalRace},
          {"ticket counts on", "global\\.inc\\.u32", "global.add.u32", 0,
           Suspicion::notReset},
          {"no barrier after the ticket",
           "@p st.shared.b32 ([^;]*); bar.sync 0;", "@p st.shared.b32 $1;", 0,
           Suspicion::sharedRace},
          {"an output forgotten", "@p\\s*st\\.global[^;]*;", "", 0,
           Suspicion::unwritten},
          {"a partial sum forgotten", "\\n\\s*st\\.global\\.v4[^;]*;", "\n", 0,
           Suspicion::uninitialised},
          {"a copy forgotten", "\\n\\s*cp\\.async\\.cg\\.shared\\.global[^;]*;",
           "\n", 0, Suspicion::uninitialised},
          {"wrong swizzle",
           "(ld\\.shared\\.v4\\.b32[^;]*\\[%r\\d+\\+)(\\d+)\\];", "$1 4$2];", 0,
           Suspicion::inFlight},
          {"a copy to where others read", "cp\\.async\\.wait_group\\s+1;",
           "cp.async.wait_group 1;\n st.shared.b32 [lath_shared+16], %r1;", 0,
           Suspicion::inFlight},
      });
}

TEST_CASE("planted bugs: a GEMM reduced over a cluster") {
  check("m9n256k1024g128s4", "bm16bn64bk64w4kw2st3s4,reduce=cluster",
        {
            {"does not wait for the partial sums",
             "\\{ \\.reg \\.pred done; again: mbarrier[^}]*acquire[^}]*\\}", "",
             0, Suspicion::inFlight},
            {"peers do not see the mbarrier's initialisation",
             "fence\\.mbarrier_init\\.release\\.cluster;", "", 0,
             Suspicion::sharedRace},
            {"expects too few bytes",
             "(expect_tx\\.shared::cta\\.b64 state, \\[%r\\d+\\], )(\\d+)",
             "$1 512", 0, Suspicion::inFlight},
            {"writes to blocks that may not have started",
             "barrier\\.cluster\\.arrive\\.relaxed\\.aligned;([^]*?)"
             "barrier\\.cluster\\.wait\\.aligned;",
             "$1", 0, Suspicion::undefined},
            {"to the wrong block", "mapa\\.shared::cluster\\.u32([^;]*), 1;",
             "mapa.shared::cluster.u32$1, 0;", 0, Suspicion::undefined},
            {"to a block that there is not",
             "mapa\\.shared::cluster\\.u32([^;]*), 3;",
             "mapa.shared::cluster.u32$1, 4;", 0, Suspicion::outOfBounds},
            {"a partial sum forgotten", "\\n\\s*st\\.async[^;]*;", "\n", 0,
             Suspicion::deadlock},
            {"an output forgotten", "@p\\s*st\\.global[^;]*;", "", 0,
             Suspicion::unwritten},
        });
}

TEST_CASE("planted bugs: a GEMM with atomic reduction") {
  check("m16n256k1024g128s4,reduce=atomic", "bm16bn64bk64w4st3s4,reduce=atomic",
        {
            {"no release", "@p fence\\.acq_rel\\.gpu;", "", 0,
             Suspicion::globalRace},
            {"no acquire", "@p fence\\.acq_rel\\.gpu;", "", 1,
             Suspicion::globalRace},
            {"adds without atomics",
             "red\\.relaxed\\.gpu\\.global\\.add\\.v4\\.f32",
             "st.global.v4.f32", 0, Suspicion::globalRace},
            {"workspace not cleared", "\\n\\s*st\\.global\\.v4\\.b32[^;]*;",
             "\n", 0, Suspicion::notReset},
        });
}

TEST_CASE("planted bugs: a GEMM by wgmma") {
  check("m9n128k1024g128s1,layout=packed",
        "bm16bn64bk128w4st3s1,scales=sums,mma=warpgroup",
        {
            {"no fence for the copies", "fence\\.proxy\\.async[^;]*;", "", 0,
             Suspicion::proxy},
            {"no barrier in the loop", "bar\\.sync\\s+0;", "", 0,
             Suspicion::sharedRace},
            {"waits for one group of copies too few",
             "cp\\.async\\.wait_group\\s+1;", "cp.async.wait_group 2;", 0,
             Suspicion::inFlight},
            {"no fence for the fragments", "wgmma\\.fence\\.sync\\.aligned;",
             "", 1, Suspicion::undefined},
            {"sums read while they are in flight",
             "wgmma\\.wait_group\\.sync\\.aligned 0;",
             "wgmma.wait_group.sync.aligned 1;", 0, Suspicion::inFlight},
        });
}

TEST_CASE("planted bugs: weights by bulk copies") {
  check("m16n200k1088g64,layout=packed", "bm16bn64bk128w2st3s1,weights=bulk",
        {
            {"no wait for the bytes", "\\{ \\.reg \\.pred done; again:[^}]*\\}",
             "", 0, Suspicion::inFlight},
            {"asks once", "@!done bra again;", "", 0, Suspicion::sharedRace},
            {"the other phase", "(again:[^;]*\\]), (%r\\d+);",
             "xor.b32 $2, $2, 1; $1, $2; xor.b32 $2, $2, 1;", 0,
             Suspicion::inFlight},
            {"always the first phase", "(again:[^;]*\\]), (%r\\d+);", "$1, 0;",
             0, Suspicion::inFlight},
            {"a stage filled again too early", "bar\\.sync\\s+0;", "", 0,
             Suspicion::sharedRace},
            {"an mbarrier the engine does not see",
             "fence\\.mbarrier_init\\.release\\.cluster;", "", 0,
             Suspicion::proxy},
            {"an mbarrier that is none", "mbarrier\\.init[^;]*;", "", 1,
             Suspicion::uninitialised},
            {"waits for more bytes than come",
             "(mbarrier\\.arrive\\.expect_tx[^;]*\\]), (%r\\d+);",
             "add.s32 $2, $2, 16; $1, $2;", 0, Suspicion::deadlock},
            {"copies what the array does not have",
             "min\\.s32\\s+(%r\\d+), %r\\d+, (\\d+);", "mov.b32 $1, $2;", 0,
             Suspicion::outOfBounds},
            {"a run not copied",
             "\\n\\s*cp\\.async\\.bulk\\.shared::cluster[^;]*;", "\n", 0,
             Suspicion::deadlock},
            {"no zeros where nothing is copied",
             "@?[^\\n]*st\\.shared\\.v4\\.b32[^;]*;", "", 0,
             Suspicion::uninitialised},
        });
}

TEST_CASE("planted bugs: a warp that copies for the others") {
  check("m16n200k1088g64,layout=packed",
        "bm16bn64bk128w2st3s1,weights=bulk,producers=1",
        {
            {"mbarriers used before they are", "bar\\.sync\\s+0;", "", 0,
             Suspicion::sharedRace},
            {"zeros read before they are", "bar\\.sync 1, 64;", "", 0,
             Suspicion::sharedRace},
            {"a barrier of all threads", "bar\\.sync 1, 64;", "bar.sync 0;", 0,
             Suspicion::deadlock},
            {"the stage is never empty",
             "@first mbarrier\\.arrive\\.shared::cta\\.b64[^;]*;", "", 0,
             Suspicion::deadlock},
            {"activations do not arrive",
             "cp\\.async\\.mbarrier\\.arrive\\.noinc[^;]*;", "", 0,
             Suspicion::deadlock},
            {"weights do not arrive",
             "\\n\\s*cp\\.async\\.bulk\\.shared::cluster[^;]*;", "\n", 0,
             Suspicion::deadlock},
            {"an arrival for each lane", "@first (mbarrier\\.arrive)", "$1", 0,
             Suspicion::deadlock},
        });
  // Without a wait for data, and without one for an empty stage: which comes
  // first in the text is the optimiser's choice.
  GemmSpec spec = parseGemmSpec("m16n200k1088g64,layout=packed");
  CompiledGemm gemm = compileGemm(
      spec, parseSchedule("bm16bn64bk128w2st3s1,weights=bulk,producers=1"),
      target("sm_90a"));
  std::set<std::string> found;
  int fullWait = 0;
  for (int which : {0, 1}) {
    Result bad =
        launch(spec, gemm,
               edit(gemm.ptx.text, "\\{ \\.reg \\.pred done; again:[^}]*\\}",
                    "", which));
    for (const Report &r : bad.reports)
      if (r.kind == Suspicion::inFlight) {
        found.insert("data that has not landed");
        fullWait = which;
      } else if (r.detail.find("arrivals at an mbarrier that waits for 0") !=
                 std::string::npos) {
        found.insert("a stage filled twice");
      }
  }
  CHECK(found == std::set<std::string>{"a stage filled twice",
                                       "data that has not landed"});

  // A stage that is called empty before it is read: its mbarrier lies 128 bytes
  // behind that of full ones.
  std::string early = edit(
      gemm.ptx.text, "@first mbarrier\\.arrive\\.shared::cta\\.b64[^;]*;", "");
  Result bad = launch(
      spec, gemm,
      edit(early, "done, \\[(%r\\d+)\\], (%r\\d+); @!done bra again; \\}",
           "$& { .reg .pred first; .reg .b32 lane; .reg .b64 state; "
           "mov.u32 lane, %laneid; setp.eq.b32 first, lane, 0; "
           "@first mbarrier.arrive.shared::cta.b64 state, [$1+128]; }",
           fullWait));
  bool overwritten = false;
  for (const Report &r : bad.reports)
    overwritten |=
        r.kind == Suspicion::inFlight || r.kind == Suspicion::sharedRace;
  CHECK(overwritten);
}
