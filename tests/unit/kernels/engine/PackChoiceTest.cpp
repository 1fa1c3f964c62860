// Which schedule an engine takes that has packs, a tuning database and a model,
// and that it serves what PackKernels serves.
#include "kernels/engine/Engine.h"
#include "kernels/pack/PackWriter.h"
#include "kernels/tune/Tuner.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/kernels/tune/Tuning.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <fstream>

using namespace lath;

namespace {

const Schedule odd = parseSchedule("bm8bn32bk64w1st3");

/// A pack of one spec, its schedule `odd` chosen by `by`.
std::shared_ptr<const Pack> packOf(const test::TemporaryFolder &folder,
                                   const GemmSpec &one, std::string by,
                                   const Schedule &schedule = odd) {
  PackOptions options;
  options.targets = {&target("sm_90a")};
  options.withText = true;
  options.schedule = [&](const GemmSpec &, const Target &) {
    return PackSchedule(schedule, by);
  };
  std::string path = (folder / ("by " + by + ".lathpack")).string();
  std::ofstream(path, std::ios::binary) << makePack({&one, 1}, options);
  return Pack::open(path);
}

/// That the shipped table has measured on, by its name and SMs.
std::shared_ptr<Device> openFakeH200() {
  cuda::Driver driver = test::fakeDriver();
  driver.deviceGetName = [](char *s, int, cuda::CUdevice) {
    std::string("NVIDIA H200").copy(s, 11);
    return cuda::CUDA_SUCCESS;
  };
  return openCuda(driver, [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  });
}

#define NEEDS_ASSEMBLER()                                                      \
  if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {                  \
    WARN("skipped: no assembler");                                             \
    return;                                                                    \
  }

} // namespace

TEST_CASE("an engine that may not compile serves what its pack serves") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto device = openEmulator();
  const GemmSpec made{.m = 64, .n = 64, .k = 256};
  auto pack = packOf(folder, made, std::string(chosenByModel),
                     parseSchedule("bm64bn32bk64w2st3"));
  GemmSpec asked = made;
  asked.m = 20;

  Engine engine(device, {.policy = Policy::cachedOnly, .disk = false});
  engine.addPack(pack);
  Kernel kernel = engine.gemm(asked);
  PackKernels kernels(device, pack);
  Kernel packed = kernels.gemm(asked);
  for (const Kernel &each : {kernel, packed}) {
    CHECK(each.spec().m == 64);
    CHECK(each.rows() == 20);
    CHECK(print(each.schedule()) == "bm64bn32bk64w2st3s1");
    test::EmulatedGemm gemm(device, asked);
    CHECK(gemm.run(each).relativeFrobenius < 1e-3);
  }
  CHECK(engine.stats().fromPacks == 1);
  CHECK(engine.stats().compiled == 0);
  // Found in memory from then on.
  CHECK(&engine.gemm(asked).loaded() == &kernel.loaded());

  // Neither serves more rows, or another problem.
  for (GemmSpec other : {GemmSpec{.m = 65, .n = 64, .k = 256},
                         GemmSpec{.m = 20, .n = 64, .k = 512}}) {
    CHECK(test::errorOf([&] { engine.gemm(other); }).kind() ==
          ErrorKind::notPrepared);
    CHECK(test::errorOf([&] { kernels.gemm(other); }).kind() ==
          ErrorKind::notPrepared);
  }
  // A schedule that is named is not replaced.
  CHECK(test::errorOf([&] { engine.gemm(asked, odd); }).kind() ==
        ErrorKind::notPrepared);

  // Who may compile gets a kernel of its own bucket.
  Engine free(device, {.disk = false});
  free.addPack(pack);
  CHECK(free.gemm(asked).spec().m == 24);
}

TEST_CASE("a pack says what chose its schedules") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  const GemmSpec one{.m = 8, .n = 64, .k = 256};
  CHECK(packOf(folder, one, "NVIDIA H200")->entries().front().chosenBy ==
        "NVIDIA H200");
  PackOptions options;
  options.targets = {&target("sm_90a")};
  std::string path = (folder / "model.lathpack").string();
  std::ofstream(path, std::ios::binary) << makePack({&one, 1}, options);
  CHECK(Pack::open(path)->entries().front().chosenBy == chosenByModel);
  options.schedule = [](const GemmSpec &, const Target &) { return odd; };
  std::ofstream(path, std::ios::binary) << makePack({&one, 1}, options);
  CHECK(Pack::open(path)->entries().front().chosenBy == chosenByCaller);
}

TEST_CASE(
    "what was measured goes before a pack of the model, which goes before "
    "the model") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  // The shipped table has the first, nobody has measured the second.
  const GemmSpec shipped{.m = 1, .n = 512, .k = 512};
  const GemmSpec unknown{.m = 1, .n = 64, .k = 256};
  auto taken = [&](const GemmSpec &spec, std::string_view by) {
    Engine engine(openFakeH200(), {.disk = false});
    engine.addPack(packOf(folder, spec, std::string(by)));
    return engine.gemm(spec).schedule() == odd;
  };
  struct Case {
    std::string_view by;
    bool overShipped;
  };
  for (const Case &c : {Case{chosenByModel, false}, Case{chosenByCaller, true},
                        Case{"NVIDIA H200", true},
                        // What was measured elsewhere is an estimate here.
                        Case{"NVIDIA H100 PCIe", false}}) {
    CAPTURE(c.by);
    CHECK(taken(shipped, c.by) == c.overShipped);
    CHECK(taken(unknown, c.by));
  }
}

TEST_CASE("what a user measured goes before every pack", "[tuning]") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  for (std::string_view by : {chosenByModel, chosenByCaller}) {
    Engine engine(openEmulator(), {.disk = false});
    engine.addPack(packOf(folder, test::spec, std::string(by)));
    CHECK(engine.gemm(test::spec).schedule() == odd);
    TuneReport report = engine.tune(std::array{test::spec}, test::few(),
                                    folder / (std::string(by) + ".sqlite"));
    REQUIRE(report.results.front().winner);
    const Schedule winner = report.results.front().winner->schedule;
    REQUIRE(winner != odd);
    CHECK(engine.gemm(test::spec).schedule() == winner);
    // But where it may not be compiled, the pack's kernel is what there is.
    Engine cached(openEmulator(), {.disk = false});
    cached.addPack(packOf(folder, test::spec, std::string(by)));
    cached.tune(std::array{test::spec}, test::few(),
                folder / (std::string(by) + ".sqlite"));
    CHECK(cached.scheduleFor(test::spec) == winner);
    cached.setPolicy(Policy::cachedOnly);
    CHECK(cached.gemm(test::spec).schedule() == odd);
  }
}
