#include "kernels/weights/Workbench.h"

#include "kernels/weights/PackedWeights.h"
#include "runtime/EmulatedDevice.h"

namespace lath {

namespace {

/// Elements of the output. On a GPU one row more than any kernel may write; an
/// emulator reports whatever goes beyond the buffer.
std::size_t outputSize(const Device &device, const GemmSpec &spec) {
  bool reports = dynamic_cast<const EmulatedDevice *>(&device);
  return static_cast<std::size_t>((spec.m + (reports ? 0 : 1)) * spec.n);
}

} // namespace

Workbench::Workbench(std::shared_ptr<Device> device, const GemmSpec &asked,
                     std::uint64_t seed)
    : Workbench(std::move(device), asked, randomLayer(asked, seed), seed) {}

Workbench::Workbench(std::shared_ptr<Device> device, const GemmSpec &asked,
                     GptqLayer given, std::uint64_t seed)
    : spec(asked), layer(std::move(given)), words(storedWeights(spec, layer)),
      activations(randomActivations(spec.m, spec.k, spec.x, seed + 1)),
      x(uploaded(device, activations)),
      out(device, 2 * outputSize(*device, spec)), device_(std::move(device)) {
  makeCopies(1);
}

void Workbench::makeCopies(unsigned count) {
  while (copies_.size() < count)
    copies_.push_back({uploaded(device_, words),
                       uploaded(device_, layer.scales),
                       uploaded(device_, layer.qzeros)});
}

GemmArguments Workbench::arguments(std::int64_t m, unsigned copy) const {
  const Weights &weights = copies_[copy];
  return {.x = x.get(),
          .qweight = weights.qweight.get(),
          .scales = weights.scales.get(),
          .qzeros = weights.qzeros.get(),
          .out = out.get(),
          .m = m};
}

void Workbench::poisonOutput(std::int64_t m) const {
  device_->fill(out.get(), poison & 0xff, out.bytes());
  if (auto *emulator = dynamic_cast<EmulatedDevice *>(device_.get()))
    emulator->expectWritten(
        out.get(), 2 * static_cast<std::size_t>((m ? m : spec.m) * spec.n));
}

std::vector<std::uint16_t> Workbench::result() const {
  device_->synchronize();
  std::vector<std::uint16_t> elements(out.bytes() / 2);
  device_->download(elements.data(), out.get(), out.bytes());
  return elements;
}

GemmCheck Workbench::check(const std::vector<std::uint16_t> &result,
                           Reduce reduce, std::int64_t m) {
  m = m ? m : spec.m;
  const std::int64_t size = m * spec.n,
                     behind = static_cast<std::int64_t>(result.size()) - size;
  GemmCheck check;
  check.comparison =
      compare(result.data(), spec.x, reference().data(), m, spec.n);
  check.bound = bound(spec.x, reduce);
  check.strayWrites = behind - countPoison(result.data() + size, behind);
  return check;
}

const std::vector<double> &Workbench::reference() {
  if (reference_.empty())
    reference_ = referenceGemm(layer, activations.data(), spec.m, spec.x);
  return reference_;
}

} // namespace lath
