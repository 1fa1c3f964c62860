// Protects: on a GPU the same PTX and inputs give what the emulator gives:
// data movement and integers bit for bit, matrix results to within the order
// of their sums. Without a GPU these tests pass over themselves.
#include "kernels/Half.h"
#include "runtime/CudaDevice.h"
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace lath;
using namespace lath::test;

namespace {

std::vector<std::uint16_t> run(const std::shared_ptr<Device> &device,
                               const GemmSpec &spec) {
  GptqLayer layer = randomLayer(spec, 3);
  std::vector<std::uint16_t> x = randomActivations(spec.m, spec.k, spec.x, 4);
  auto upload = [&](const auto &data) {
    DeviceBuffer buffer(device, data.size() * sizeof data[0]);
    device->upload(buffer.get(), data.data(), buffer.bytes());
    return buffer;
  };
  DeviceBuffer activations = upload(x), weights = upload(layer.qweight),
               scales = upload(layer.scales), zeros = upload(layer.qzeros);
  std::vector<std::uint16_t> result(static_cast<std::size_t>(spec.m * spec.n));
  DeviceBuffer out(device, 2 * result.size());
  device->fill(out.get(), 0xff, out.bytes());
  Engine engine(device);
  engine.gemm(spec).launch(nullptr, {.x = activations.get(),
                                     .qweight = weights.get(),
                                     .scales = scales.get(),
                                     .qzeros = zeros.get(),
                                     .out = out.get()});
  device->synchronize();
  device->download(result.data(), out.get(), out.bytes());
  return result;
}

} // namespace

TEST_CASE("GPU and emulator agree on GEMMs") {
  if (cudaDeviceCount() == 0) {
    WARN("no device");
    return;
  }
  std::shared_ptr<Device> gpu = openCuda(0);
  auto emulator = openEmulator(gpu->info().target);
  for (const char *text :
       {"m16n512k1024g128s4", "m16n512k512g64s1,w=u4z1",
        "m8n256k1024g128s4,reduce=atomic", "m16n256k512g32s2,x=bf16",
        "m64n256k512g128s2", "m16n4096k4096g128s8"}) {
    INFO(text);
    GemmSpec spec = parseGemmSpec(text);
    std::vector<std::uint16_t> there = run(gpu, spec),
                               here = run(emulator, spec);
    std::vector<double> reference;
    for (std::uint16_t bits : here)
      reference.push_back(toFloat(bits, spec.x));
    Comparison c =
        compare(there.data(), spec.x, reference.data(), spec.m, spec.n);
    CHECK(c.relativeFrobenius <=
          bound(spec.x, spec.split == 1 ? Reduce::none : spec.reduce));
  }
}
