#include "kernels/weights/PackedWeights.h"
#include "kernels/weights/Reference.h"
#include "tools/verify/Verify.h"

#include <fmt/format.h>

namespace lath::verify {

namespace {
DeviceBuffer uploaded(const std::shared_ptr<Device> &device, const void *data,
                      std::size_t bytes) {
  DeviceBuffer buffer(device, bytes);
  device->upload(buffer.get(), data, bytes);
  return buffer;
}
} // namespace

Problem::Problem(const std::shared_ptr<Device> &device, GemmSpec spec,
                 std::uint64_t seed)
    : base(spec), layer(randomLayer(spec, seed)),
      x(randomActivations(spec.m, spec.k, spec.x, seed + 1)),
      reference(referenceGemm(layer, x.data(), spec.m, spec.x)),
      words(storedWeights(spec, layer)),
      xMemory(uploaded(device, x.data(), 2 * x.size())),
      qweight(uploaded(device, words.data(), 4 * words.size())),
      scales(uploaded(device, layer.scales.data(), 2 * layer.scales.size())),
      // One row more than any kernel may write.
      out(device, 2 * (spec.m + 1) * spec.n), maxRows((int)spec.m) {
  if (!layer.qzeros.empty())
    qzeros = uploaded(device, layer.qzeros.data(), 4 * layer.qzeros.size());
}

GemmArguments Problem::arguments(std::int64_t m) const {
  return {.x = xMemory.get(),
          .qweight = qweight.get(),
          .scales = scales.get(),
          .qzeros = qzeros.get(),
          .out = out.get(),
          .m = m};
}

std::string Problem::name() const {
  GemmSpec spec = base;
  spec.m = maxRows;
  return print(spec);
}

} // namespace lath::verify
