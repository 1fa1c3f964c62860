// A GEMM of real size on the emulator, with all checks on: what the shapes of
// the other tests are too small to show, such as offsets beyond 2^20.
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

TEST_CASE("a GEMM of real size is right on the emulator") {
  GemmSpec spec = parseGemmSpec("m16n4096k4096g128s8");
  auto device = openEmulator();
  Engine engine(device);
  EmulatedGemm gemm(device, spec);
  Kernel kernel = engine.gemm(spec);
  Comparison c = gemm.run(kernel, 0, 1);
  CHECK(c.relativeFrobenius <= bound(spec.x, kernel.schedule().reduce));
  // Weights are read once, to the byte.
  for (const BufferCounters &buffer : device->counters().buffers)
    if (buffer.name == "qweight")
      CHECK(buffer.bytesRead == 4096ull * 4096 / 2);
}
