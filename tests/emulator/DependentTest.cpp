// Protects: a kernel with dep=end reads its weights before the launch ahead is
// done and nothing else, and chains of such kernels compute what they say.
#include "compiler/base/Target.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/DequantGemm.h"
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

namespace {

const BufferCounters &buffer(const LaunchCounters &counters,
                             const std::string &name) {
  for (const BufferCounters &b : counters.buffers)
    if (b.name == name)
      return b;
  FAIL("no accesses of " << name);
  throw 0;
}

/// A square layer applied three times, each launch reading what the one before
/// wrote: x -> out -> again -> out.
struct Chain {
  std::shared_ptr<EmulatedDevice> device;
  EmulatedGemm gemm;
  DeviceBuffer again;

  Chain(std::shared_ptr<EmulatedDevice> on, const GemmSpec &spec)
      : device(on), gemm(on, spec), again(on, gemm.out.bytes()) {}

  GemmArguments step(int n) const {
    GemmArguments a = gemm.arguments();
    if (n)
      a.x = n % 2 ? gemm.out.get() : again.get();
    a.out = n % 2 ? again.get() : gemm.out.get();
    return a;
  }

  /// Error of the last step relative to what it was given.
  Comparison check() {
    const GemmSpec &s = gemm.spec;
    std::vector<std::uint16_t> given(gemm.out.bytes() / 2),
        result(given.size());
    device->download(given.data(), again.get(), again.bytes());
    device->download(result.data(), gemm.out.get(), gemm.out.bytes());
    std::vector<double> reference =
        referenceGemm(gemm.layer, given.data(), s.m, s.x);
    return compare(result.data(), s.x, reference.data(), s.m, s.n);
  }
};

} // namespace

TEST_CASE("dependent launches read weights ahead and wait for the rest") {
  struct Case {
    const char *spec, *schedule;
  };
  for (auto [text, schedule] : {
           Case{"m16n512k512g128", "bm16bn64bk128w4st3s1,dep=end"},
           {"m1n512k512g64,w=u4z1", "bm8bn32bk128w2kw2st4s2,dep=end"},
           {"m9n512k512g128,x=bf16",
            "bm16bn32bk256w4kw4st2s2,reduce=cluster,scales=sums,dep=end"},
           {"m16n512k512g512,reduce=atomic",
            "bm16bn64bk64w2st3s4,order=contiguous,reduce=atomic,dep=end"},
           {"m16n512k512g128,layout=packed",
            "bm16bn64bk64w4st3s1,weights=bulk,dep=end"},
           {"m9n512k512g64,w=u4z1,layout=packed",
            "bm16bn32bk128w2kw2st3s2,weights=bulk,producers=1,dep=end"},
           {"m16n512k512g128,layout=packed",
            "bm16bn64bk64w4st2s2,reduce=cluster,weights=bulk,producers=1,"
            "dep=end"},
           {"m16n512k512g128", "bm16bn64bk64w4st3s1,dep=early"},
           {"m16n512k512g128", "bm16bn64bk64w4st3s1,dep=half"},
           {"m1n512k512g128,layout=packed",
            "bm8bn32bk128w2kw2st3s2,reduce=cluster,scales=sums,dep=late"},
           {"m9n512k512g64,layout=packed",
            "bm16bn32bk128w2kw2st3s2,weights=bulk,producers=1,dep=early"},
       }) {
    INFO(text << " by " << schedule);
    auto device = openEmulator();
    Engine engine(device);
    GemmSpec spec = parseGemmSpec(text);
    Kernel kernel = engine.gemm(spec, parseSchedule(schedule));
    CHECK(kernel.ptx().dependent);
    Chain chain(device, spec);
    for (int n = 0; n < 3; ++n)
      kernel.launch(nullptr, chain.step(n)); // throws on any finding
    Comparison c = chain.check();
    CHECK(c.nonFinite == 0);
    CHECK(c.relativeFrobenius <= bound(spec.x, kernel.schedule().reduce));

    LaunchCounters counters = device->counters();
    for (const BufferCounters &b : counters.buffers) {
      CAPTURE(b.name);
      bool constant =
          b.name == "qweight" || b.name == "scales" || b.name == "qzeros";
      if (!constant)
        CHECK(b.bytesBeforeWait == 0);
    }
    // All weights of the stages before the last, of every block; of the last
    // too where a warp of its own copies.
    const Schedule &s = kernel.schedule();
    std::int64_t steps = spec.k / s.blockK / s.split;
    std::int64_t early =
        std::min<std::int64_t>(s.stages - (s.producers ? 0 : 1), steps);
    CHECK(buffer(counters, "qweight").bytesBeforeWait ==
          static_cast<std::uint64_t>(spec.n * s.split * s.blockK / 2 * early));
  }
}

TEST_CASE("a dependent launch that does not wait is found out") {
  EmulatorOptions options;
  options.throwOnReport = false;
  auto device = openEmulator("sm_90a", options);
  GemmSpec spec = parseGemmSpec("m16n256k256g128");
  CompiledGemm gemm = compileGemm(
      spec, parseSchedule("bm16bn64bk64w4st3s1,dep=end"), target("sm_90a"));
  Chain chain(device, spec);
  auto reports = [&](const std::string &text) {
    Ptx ptx = gemm.ptx;
    ptx.text = text;
    auto kernel = device->load(ptx);
    LaunchConfig config;
    config.grid = gemmGrid(spec, gemm.schedule, spec.m);
    config.dependent = true;
    for (int n = 0; n < 3; ++n) {
      GemmArguments a = chain.step(n);
      kernel->launch(
          nullptr, config,
          std::vector<std::uint64_t>{static_cast<std::uint64_t>(spec.m), a.x,
                                     a.qweight, a.scales, a.out});
    }
    return device->takeReports();
  };
  CHECK(reports(gemm.ptx.text).empty());

  const std::string wait = "griddepcontrol.wait;";
  std::string none = gemm.ptx.text;
  REQUIRE(none.find(wait) != std::string::npos);
  none.erase(none.find(wait), wait.size());
  // After the activations of the prologue have been asked for.
  std::string late = none;
  std::size_t commit = late.find("cp.async.commit_group;");
  REQUIRE(commit != std::string::npos);
  REQUIRE(gemm.ptx.text.find(wait) < commit);
  std::size_t copy = late.rfind("cp.async.wait_group");
  REQUIRE(copy != std::string::npos);
  late.insert(copy, wait + "\n\t");
  auto found = [&](const std::string &text, const std::string &buffer) {
    for (const Report &r : reports(text))
      if (r.kind == Suspicion::dependentLaunch && r.buffer == buffer)
        return true;
    return false;
  };
  CHECK(found(none, ""));
  CHECK(found(late, "x"));
}
