// A GEMM of the engine's on the emulator, with random inputs.
#pragma once

#include "kernels/engine/Engine.h"
#include "kernels/weights/PackedWeights.h"
#include "kernels/weights/Reference.h"
#include "runtime/EmulatedDevice.h"

#include <memory>
#include <vector>

namespace lath::test {

struct EmulatedGemm {
  std::shared_ptr<EmulatedDevice> device;
  GemmSpec spec;
  GptqLayer layer;
  std::vector<std::uint16_t> activations;
  std::vector<std::uint32_t> words; ///< of qweight, as the spec orders them
  DeviceBuffer x, qweight, scales, qzeros, out;

  EmulatedGemm(std::shared_ptr<EmulatedDevice> on, const GemmSpec &what,
               std::uint64_t seed = 7)
      : device(on), spec(what), layer(randomLayer(what, seed)),
        activations(randomActivations(what.m, what.k, what.x, seed + 1)),
        words(storedWeights(what, layer)), x(on, 2 * activations.size()),
        qweight(on, 4 * words.size()), scales(on, 2 * layer.scales.size()),
        qzeros(on, 4 * layer.qzeros.size()),
        out(on, 2 * static_cast<std::size_t>(what.m * what.n)) {
    auto upload = [&](const DeviceBuffer &to, const auto &from) {
      device->upload(to.get(), from.data(), to.bytes());
    };
    upload(x, activations);
    upload(qweight, words);
    upload(scales, layer.scales);
    upload(qzeros, layer.qzeros);
  }

  GemmArguments arguments(std::optional<std::int64_t> m = std::nullopt) const {
    return {.x = x.get(),
            .qweight = qweight.get(),
            .scales = scales.get(),
            .qzeros = qzeros.get(),
            .out = out.get(),
            .m = m};
  }

  /// Launches `launches` times, expecting all of m rows, and compares.
  Comparison run(const Kernel &kernel, std::int64_t m = 0, int launches = 2) {
    m = m ? m : spec.m;
    std::vector<std::uint16_t> result(static_cast<std::size_t>(m * spec.n));
    for (int n = 0; n < launches; ++n) {
      device->fill(out.get(), poison & 0xff, out.bytes());
      device->expectWritten(out.get(), 2 * result.size());
      kernel.launch(nullptr, arguments(m));
    }
    device->download(result.data(), out.get(), 2 * result.size());
    std::vector<double> reference =
        referenceGemm(layer, activations.data(), m, spec.x);
    return compare(result.data(), spec.x, reference.data(), m, spec.n);
  }
};

} // namespace lath::test
