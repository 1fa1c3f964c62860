#include "kernels/examples/ExampleBench.h"
#include "compiler/base/Half.h"
#include "runtime/EmulatedDevice.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

namespace lath {

namespace {

constexpr std::size_t strayBytes = 256;
constexpr unsigned char poison = 0xfc; // a NaN in every float type
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

std::vector<double> contents(const ExampleArray &array,
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

ExampleBench::ExampleBench(std::shared_ptr<Device> device,
                           ExampleProblem problem, std::uint64_t seed)
    : device_(std::move(device)), problem_(std::move(problem)) {
  CompileOptions options{{problem_.schedule, &target(device_->info().target)}};
  ptx_ = compile(*problem_.program, options).ptx;
  kernel_ = device_->load(ptx_);
  std::mt19937_64 random(seed);
  auto *emulator = dynamic_cast<EmulatedDevice *>(device_.get());
  for (const auto &argument : problem_.arguments) {
    Array entry{std::get_if<ExampleArray>(&argument), {}, {}};
    if (const ExampleArray *array = entry.array) {
      const std::size_t size = bitWidth(array->dtype) / 8,
                        count = countOf(array->shape);
      // An emulator notices strays itself, if nothing lies there.
      entry.buffer =
          DeviceBuffer(device_, size * count + (emulator ? 0 : strayBytes));
      device_->fill(entry.buffer.get(), poison, entry.buffer.bytes());
      if (array->use != ExampleArray::Use::output) {
        entry.values = contents(*array, random);
        std::vector<unsigned char> bytes(size * count);
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint64_t bits = encode(entry.values[i], array->dtype);
          std::memcpy(&bytes[size * i], &bits, size);
        }
        device_->upload(entry.buffer.get(), bytes.data(), bytes.size());
      } else {
        entry.values.resize(count);
        if (emulator)
          emulator->expectWritten(entry.buffer.get(), entry.buffer.bytes());
      }
    }
    arrays_.push_back(std::move(entry));
  }
  const std::size_t tiles = std::size_t{problem_.grid[0]} * problem_.grid[1];
  workspace_ = DeviceBuffer(device_, ptx_.workspaceBytesPerTile * tiles);
  tickets_ = DeviceBuffer(device_, ptx_.usesTickets ? 4 * tiles : 0);
  for (DeviceBuffer *scratch : {&workspace_, &tickets_})
    if (scratch->bytes())
      device_->fill(scratch->get(), 0, scratch->bytes());
  device_->synchronize();
}

LaunchConfig ExampleBench::config() const {
  LaunchConfig config;
  config.grid = problem_.grid;
  config.grid[2] *= static_cast<unsigned>(problem_.schedule.split);
  config.dependent = ptx_.dependent;
  return config;
}

std::vector<std::uint64_t> ExampleBench::arguments() const {
  std::vector<std::uint64_t> arguments;
  std::size_t next = 0;
  for (const KernelParam &param : ptx_.params)
    switch (param.kind) {
    case KernelParam::Kind::workspace:
      arguments.push_back(workspace_.get());
      break;
    case KernelParam::Kind::tickets:
      arguments.push_back(tickets_.get());
      break;
    case KernelParam::Kind::view:
      arguments.push_back(arrays_.at(next++).buffer.get());
      break;
    case KernelParam::Kind::scalar:
      arguments.push_back(
          encode(std::get<ExampleNumber>(problem_.arguments.at(next++)).value,
                 param.type));
      break;
    case KernelParam::Kind::tensorMap: // made by the launch
    case KernelParam::Kind::gridX:
    case KernelParam::Kind::gridY:
      break;
    }
  return arguments;
}

void ExampleBench::launch(Stream stream) const {
  kernel_->launch(stream, config(), arguments());
}

std::vector<unsigned char> ExampleBench::outputs() const {
  device_->synchronize();
  std::vector<unsigned char> all;
  for (const Array &entry : arrays_)
    if (entry.array && entry.array->use != ExampleArray::Use::input) {
      const std::size_t size =
          countOf(entry.array->shape) * bitWidth(entry.array->dtype) / 8;
      all.resize(all.size() + size);
      device_->download(all.data() + all.size() - size, entry.buffer.get(),
                        size);
    }
  return all;
}

std::vector<OutputCheck> ExampleBench::check() {
  device_->synchronize();
  ExampleValues values;
  for (const Array &entry : arrays_)
    values.push_back(entry.values);
  problem_.reference(values);
  std::vector<OutputCheck> checks;
  for (std::size_t a = 0; a < arrays_.size(); ++a) {
    const ExampleArray *array = arrays_[a].array;
    if (!array || array->use == ExampleArray::Use::input)
      continue;
    std::vector<unsigned char> bytes(arrays_[a].buffer.bytes());
    device_->download(bytes.data(), arrays_[a].buffer.get(), bytes.size());
    const std::size_t size = bitWidth(array->dtype) / 8,
                      count = values[a].size();
    OutputCheck check{array->name, 0, problem_.bound * unitOf(array->dtype), 0};
    for (std::size_t i = size * count; i < bytes.size(); ++i)
      check.strays += bytes[i] != poison;
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &bytes[size * i], size);
      const double got = decode(bits, array->dtype), right = values[a][i];
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
