// Protects: verification on the emulator stays fast enough to run everywhere.
// The bounds are those of two cores, with all checks on.
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <chrono>

using namespace lath;
using namespace lath::test;

namespace {

double seconds(const char *text) {
  GemmSpec spec = parseGemmSpec(text);
  auto start = std::chrono::steady_clock::now();
  auto device = openEmulator();
  Engine engine(device);
  EmulatedGemm gemm(device, spec);
  Kernel kernel = engine.gemm(spec);
  Comparison c = gemm.run(kernel, 0, 1);
  CHECK(c.relativeFrobenius <= bound(spec.x, kernel.schedule().reduce));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

} // namespace

TEST_CASE(
    "a small GEMM is verified in under 2 seconds, a large one in under 60") {
  double small = seconds("m16n512k1024g128s4");
  double large = seconds("m16n4096k4096g128s8");
  CAPTURE(small, large);
  CHECK(small < 2);
  CHECK(large < 60);
}
