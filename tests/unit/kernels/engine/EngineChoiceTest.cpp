// Protects: which of several schedules a request gets.
#include "kernels/engine/Engine.h"
#include "kernels/pack/PackWriter.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/Toolchain.h"
#include "tests/unit/TemporaryFolder.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <string>

using namespace lath;
using namespace lath::test;

namespace {

EngineOptions inMemory() {
  EngineOptions options;
  options.disk = false;
  return options;
}

} // namespace

TEST_CASE("of equal kernels the nearest has the wanted split, then the chosen "
          "schedule") {
  Engine engine(openEmulator(), inMemory());
  const GemmSpec spec = parseGemmSpec("m8n64k256");
  const Schedule chosen = engine.gemm(spec).schedule();
  for (const char *named :
       {"bm8bn32bk32w1st2", "bm8bn32bk64w1st3", "bm8bn32bk64w1st2s4"})
    engine.gemm(spec, parseSchedule(named));
  CHECK(engine.nearest(spec).schedule() == chosen);
  GemmSpec asked = spec;
  asked.split = 4;
  REQUIRE(chosen.split != 4);
  CHECK(engine.nearest(asked).schedule() ==
        parseSchedule("bm8bn32bk64w1st2s4"));
}

TEST_CASE("a pack's schedule that starts early is not for launches alone") {
  if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {
    WARN("skipped: no assembler");
    return;
  }
  const Schedule early = parseSchedule("bm8bn32bk64w1st2,dep=end");
  const GemmSpec alone = parseGemmSpec("m8n64k256"),
                 chained = parseGemmSpec("m8n64k256,launch=chained");
  PackOptions options;
  options.targets = {&target("sm_90a")};
  options.withText = true;
  options.schedule = [&](const GemmSpec &, const Target &) { return early; };
  TemporaryFolder folder;
  for (const GemmSpec &spec : {alone, chained}) {
    const std::string path = folder / "pack";
    std::ofstream(path, std::ios::binary) << makePack({&spec, 1}, options);
    Engine engine(openEmulator(), inMemory());
    engine.addPack(Pack::open(path));
    const bool taken = engine.gemm(spec).schedule() == early;
    CHECK(taken == (spec.launches == Launches::chained));
  }
  // Who names it has promised that no launch before writes the weights.
  CHECK(Engine(openEmulator(), inMemory()).gemm(alone, early).schedule() ==
        early);
}
