#include "kernels/weights/Workbench.h"

#include "compiler/base/Half.h"
#include "kernels/gemm/EpilogueSteps.h"
#include "kernels/weights/PackedWeights.h"
#include "runtime/EmulatedDevice.h"

#include <cassert>

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
      out(device, 2 * outputSize(*device, spec)), device_(std::move(device)) {
  for (std::size_t i = plainOperands; i < gemmOperands.size(); ++i)
    if (const GemmOperand &operand = gemmOperands[i]; operand.has(spec))
      added_[operand.name] = randomActivations(
          1, static_cast<std::int64_t>(operandBytes(operand, spec) / 2),
          operand.shape(spec).type, seed + 1 + i);
  for (std::size_t i = 0; i < gemmOperands.size(); ++i)
    if (const GemmOperand &operand = gemmOperands[i];
        operand.role == OperandRole::input && operand.has(spec))
      inputs_[i] = upload(contents(operand));
  makeCopies(1);
}

DeviceBuffer Workbench::upload(std::span<const std::byte> bytes) const {
  DeviceBuffer buffer(device_, bytes.size());
  device_->upload(buffer.get(), bytes.data(), bytes.size());
  return buffer;
}

std::span<const std::byte>
Workbench::contents(const GemmOperand &operand) const {
  auto bytes = [](const auto &elements) {
    return std::as_bytes(std::span(elements));
  };
  if (operand.argument == &GemmArguments::x)
    return bytes(activations);
  if (operand.argument == &GemmArguments::qweight)
    return bytes(words);
  if (operand.argument == &GemmArguments::scales)
    return bytes(layer.scales);
  if (operand.argument == &GemmArguments::qzeros)
    return bytes(layer.qzeros);
  return bytes(added_.at(operand.name));
}

const DeviceBuffer &
Workbench::Weights::operator[](std::string_view operand) const {
  const GemmOperand *found = findOperand(operand);
  assert(found && "no operand of that name");
  return buffers_[static_cast<std::size_t>(found - gemmOperands.data())];
}

std::size_t Workbench::Weights::bytes() const {
  std::size_t sum = 0;
  for (const DeviceBuffer &buffer : buffers_)
    sum += buffer.bytes();
  return sum;
}

void Workbench::makeCopies(unsigned count) {
  while (copies_.size() < count) {
    Weights copy;
    for (std::size_t i = 0; i < gemmOperands.size(); ++i)
      if (const GemmOperand &operand = gemmOperands[i];
          operand.role == OperandRole::weights && operand.has(spec))
        copy.buffers_[i] = upload(contents(operand));
    copies_.push_back(std::move(copy));
  }
}

GemmArguments Workbench::arguments(std::optional<std::int64_t> m,
                                   unsigned copy) const {
  GemmArguments arguments;
  arguments.m = m;
  for (std::size_t i = 0; i < gemmOperands.size(); ++i)
    arguments.*gemmOperands[i].argument =
        gemmOperands[i].role == OperandRole::output ? out.get()
        : gemmOperands[i].role == OperandRole::input
            ? inputs_[i].get()
            : copies_[copy].buffers_[i].get();
  return arguments;
}

void Workbench::poisonOutput(std::optional<std::int64_t> m) const {
  device_->fill(out.get(), poison & 0xff, out.bytes());
  if (auto *emulator = dynamic_cast<EmulatedDevice *>(device_.get()))
    emulator->expectWritten(
        out.get(), 2 * static_cast<std::size_t>(m.value_or(spec.m) * spec.n));
}

std::vector<std::uint16_t> Workbench::result() const {
  device_->synchronize();
  std::vector<std::uint16_t> elements(out.bytes() / 2);
  device_->download(elements.data(), out.get(), out.bytes());
  return elements;
}

GemmCheck Workbench::check(const std::vector<std::uint16_t> &result,
                           const Schedule &schedule,
                           std::optional<std::int64_t> m) {
  // Into the output itself every split is added, and rounded, by itself.
  return check(result, schedule.reduce,
               schedule.reduce == Reduce::atomicOut ? schedule.split : 1, m);
}

GemmCheck Workbench::check(const std::vector<std::uint16_t> &result,
                           Reduce reduce, std::optional<std::int64_t> m) {
  return check(result, reduce, /*roundings=*/1, m);
}

GemmCheck Workbench::check(const std::vector<std::uint16_t> &result,
                           Reduce reduce, int roundings,
                           std::optional<std::int64_t> rows) {
  const std::int64_t m = rows.value_or(spec.m), size = m * spec.n,
                     behind = static_cast<std::int64_t>(result.size()) - size;
  GemmCheck check;
  check.comparison =
      compare(result.data(), spec.x, reference().data(), m, spec.n, roundings);
  check.bound = bound(spec.x, reduce);
  check.strayWrites = behind - countPoison(result.data() + size, behind);
  return check;
}

const std::vector<double> &Workbench::reference() {
  if (reference_.empty()) {
    reference_ = referenceGemm(layer, activations.data(), spec.m, spec.x);
    applyEpilogue(
        spec,
        [&](std::string_view operand, std::int64_t index) -> double {
          return toFloat(added_.at(operand)[static_cast<std::size_t>(index)],
                         findOperand(operand)->shape(spec).type);
        },
        reference_);
  }
  return reference_;
}

} // namespace lath
