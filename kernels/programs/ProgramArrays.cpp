#include "kernels/programs/ProgramArrays.h"

#include "compiler/base/Half.h"
#include "runtime/EmulatedDevice.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <random>

namespace lath {

namespace {

constexpr std::size_t strayBytes = 256;
constexpr unsigned char poisonByte = 0xfc; // a NaN in every float type
/// Numbers from here on stand for an infinity: they are right or wrong, and
/// would drown all others in a norm.
constexpr double standIn = 1e29;

bool isHalf(Dtype dtype) { return dtype == Dtype::f16 || dtype == Dtype::bf16; }

std::uint64_t encode(double value, Dtype dtype) {
  if (isHalf(dtype))
    return fromFloat(value, dtype);
  if (dtype == Dtype::f32)
    return std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

double decode(std::uint64_t bits, Dtype dtype) {
  if (isHalf(dtype))
    return toFloat(static_cast<std::uint16_t>(bits), dtype);
  if (dtype == Dtype::f32)
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  const unsigned unused = 64 - bitWidth(dtype);
  return isSigned(dtype) ? double(std::int64_t(bits << unused) >> unused)
                         : double(bits << unused >> unused);
}

std::size_t countOf(const Shape &shape) {
  std::size_t count = 1;
  for (std::int64_t extent : shape)
    count *= static_cast<std::size_t>(extent);
  return count;
}

std::vector<double> contents(const ArrayArgument &array,
                             std::mt19937_64 &random) {
  std::vector<double> values = array.values;
  std::uniform_real_distribution<double> uniform(array.low, array.high);
  while (values.size() < countOf(array.shape))
    values.push_back(isFloat(array.dtype) ? uniform(random)
                                          : std::floor(uniform(random)));
  for (double &value : values)
    value = decode(encode(value, array.dtype), array.dtype);
  return values;
}

/// What one rounding to the type costs at most, relative.
double unitOf(Dtype dtype) {
  return dtype == Dtype::bf16  ? 0x1p-8
         : dtype == Dtype::f32 ? 0x1p-24
                               : 0x1p-11;
}

} // namespace

ProgramArrays::ProgramArrays(std::shared_ptr<Device> device,
                             TunableProgram program, std::uint64_t seed)
    : device_(std::move(device)), program_(std::move(program)) {
  std::mt19937_64 random(seed);
  for (const auto &argument : program_.arguments) {
    Array entry{std::get_if<ArrayArgument>(&argument), {}, {}, {}};
    if (const ArrayArgument *array = entry.array) {
      if (array->use != ArrayArgument::Use::output) {
        const std::size_t size = bitWidth(array->dtype) / 8;
        entry.inputs = contents(*array, random);
        entry.bytes.resize(size * entry.inputs.size());
        for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
          const std::uint64_t bits = encode(entry.inputs[i], array->dtype);
          std::memcpy(&entry.bytes[size * i], &bits, size);
        }
      }
    }
    arrays_.push_back(std::move(entry));
  }
  copies_ = 0;
  makeCopies(1);
  poison();
}

std::size_t ProgramArrays::bytes() const {
  std::size_t bytes = 0;
  for (const Array &entry : arrays_)
    if (entry.array)
      bytes += countOf(entry.array->shape) * bitWidth(entry.array->dtype) / 8;
  return bytes;
}

void ProgramArrays::makeCopies(unsigned copies) {
  const bool emulated = dynamic_cast<EmulatedDevice *>(device_.get());
  for (; copies_ < copies; ++copies_)
    for (Array &entry : arrays_)
      if (const ArrayArgument *array = entry.array) {
        // An emulator notices strays itself, if nothing lies there.
        const std::size_t bytes =
            countOf(array->shape) * bitWidth(array->dtype) / 8;
        entry.buffers.emplace_back(device_,
                                   bytes + (emulated ? 0 : strayBytes));
        device_->fill(entry.buffers.back().get(), poisonByte,
                      entry.buffers.back().bytes());
        if (!entry.bytes.empty())
          device_->upload(entry.buffers.back().get(), entry.bytes.data(),
                          entry.bytes.size());
      }
  device_->synchronize();
}

void ProgramArrays::poison() {
  auto *emulator = dynamic_cast<EmulatedDevice *>(device_.get());
  for (Array &entry : arrays_) {
    if (!entry.isOutput())
      continue;
    DeviceBuffer &buffer = entry.buffers.front();
    device_->fill(buffer.get(), poisonByte, buffer.bytes());
    device_->synchronize();
    if (!entry.bytes.empty())
      device_->upload(buffer.get(), entry.bytes.data(), entry.bytes.size());
    else if (emulator)
      emulator->expectWritten(buffer.get(), buffer.bytes());
  }
  device_->synchronize();
}

void ProgramArrays::clear(Stream stream, unsigned copy) const {
  for (const Array &entry : arrays_)
    if (entry.isOutput())
      device_->fill(entry.buffers[copy].get(), 0,
                    countOf(entry.array->shape) * bitWidth(entry.array->dtype) /
                        8,
                    stream);
}

std::vector<std::uint64_t> ProgramArrays::arguments(const Ptx &ptx,
                                                    DevicePtr workspace,
                                                    DevicePtr tickets,
                                                    unsigned copy) const {
  std::vector<std::uint64_t> arguments;
  std::size_t next = 0;
  for (const KernelParam &param : ptx.params)
    switch (param.kind) {
    case KernelParam::Kind::workspace:
      arguments.push_back(workspace);
      break;
    case KernelParam::Kind::tickets:
      arguments.push_back(tickets);
      break;
    case KernelParam::Kind::view:
      arguments.push_back(arrays_.at(next++).buffers.at(copy).get());
      break;
    case KernelParam::Kind::scalar:
      arguments.push_back(
          encode(std::get<NumberArgument>(program_.arguments.at(next++)).value,
                 param.type));
      break;
    case KernelParam::Kind::tensorMap: // made by the launch
    case KernelParam::Kind::gridX:
    case KernelParam::Kind::gridY:
      break;
    }
  return arguments;
}

std::vector<unsigned char> ProgramArrays::downloaded(const Array &entry) const {
  const DeviceBuffer &buffer = entry.buffers.front();
  std::vector<unsigned char> bytes(buffer.bytes());
  device_->download(bytes.data(), buffer.get(), bytes.size());
  return bytes;
}

std::vector<unsigned char> ProgramArrays::outputs() const {
  device_->synchronize();
  std::vector<unsigned char> all;
  for (const Array &entry : arrays_)
    if (entry.isOutput()) {
      std::vector<unsigned char> bytes = downloaded(entry);
      bytes.resize(countOf(entry.array->shape) * bitWidth(entry.array->dtype) /
                   8);
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
  return all;
}

/// The elements that lie in `bytes`.
static std::vector<double> decoded(const std::vector<unsigned char> &bytes,
                                   const ArrayArgument &array) {
  const std::size_t size = bitWidth(array.dtype) / 8;
  std::vector<double> values(countOf(array.shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &bytes[size * i], size);
    values[i] = decode(bits, array.dtype);
  }
  return values;
}

void ProgramArrays::takeAsRight() {
  device_->synchronize();
  right_.clear();
  for (const Array &entry : arrays_)
    right_.push_back(entry.isOutput() ? decoded(downloaded(entry), *entry.array)
                                      : std::vector<double>());
}

std::vector<OutputCheck> ProgramArrays::check() {
  device_->synchronize();
  if (right_.empty()) {
    if (!program_.reference)
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("{} has no reference to compare with", program_.name));
    for (const Array &entry : arrays_) {
      right_.push_back(entry.inputs);
      if (entry.isOutput())
        right_.back().resize(countOf(entry.array->shape));
    }
    program_.reference(right_);
  }
  std::vector<OutputCheck> checks;
  for (std::size_t a = 0; a < arrays_.size(); ++a) {
    if (!arrays_[a].isOutput())
      continue;
    const ArrayArgument &array = *arrays_[a].array;
    const std::vector<unsigned char> bytes = downloaded(arrays_[a]);
    const std::vector<double> values = decoded(bytes, array);
    OutputCheck check{array.name, 0, program_.bound * unitOf(array.dtype), 0};
    for (std::size_t i = values.size() * bitWidth(array.dtype) / 8;
         i < bytes.size(); ++i)
      check.strays += bytes[i] != poisonByte;
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double got = values[i], right = right_[a][i];
      if (!std::isfinite(got) || std::abs(right) >= standIn) {
        check.strays += got != right;
        continue;
      }
      difference += (got - right) * (got - right);
      norm += right * right;
    }
    check.error = std::sqrt(difference / std::max(norm, 1e-300));
    checks.push_back(check);
  }
  return checks;
}

} // namespace lath
