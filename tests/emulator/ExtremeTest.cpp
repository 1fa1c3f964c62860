// Protects: a kernel that rounds right is called right where its outputs have
// few digits or none left, and one that does not is called wrong there too.
#include "kernels/engine/Engine.h"
#include "kernels/weights/Workbench.h"
#include "runtime/EmulatedDevice.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace lath;

TEST_CASE("right kernels of tiny and of infinite outputs are called right") {
  const GemmSpec spec{.m = 4, .n = 64, .k = 256};
  struct Case {
    std::uint16_t scale;   ///< of all groups
    std::uint16_t planted; ///< XORed into every element: a wrong kernel
  };
  for (const Case &c : {Case{0x0001, 0x0001},    // the smallest above zero
                        Case{0x7bff, 0x0001},    // NaN in place of infinity
                        Case{0x7bff, 0x8000}}) { // infinity of the other sign
    CAPTURE(c.scale, c.planted);
    GptqLayer layer = randomLayer(spec, 1);
    std::fill(layer.scales.begin(), layer.scales.end(), c.scale);
    auto device = openEmulator();
    Engine engine(device, {.disk = false});
    Kernel kernel = engine.gemm(spec);
    Workbench bench(device, spec, layer, 1);
    bench.poisonOutput();
    kernel.launch(nullptr, bench.arguments());
    std::vector<std::uint16_t> result = bench.result();
    GemmCheck right = bench.check(result, kernel.schedule());
    CHECK(right.ok());
    CHECK(right.comparison.nonFinite == 0);

    for (std::uint16_t &element : result)
      element ^= c.planted;
    CHECK_FALSE(bench.check(result, kernel.schedule()).ok());
  }
}
