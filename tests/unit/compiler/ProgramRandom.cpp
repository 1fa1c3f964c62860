#include "tests/unit/compiler/ProgramRandom.h"

#include "compiler/base/Half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace lath::test {

void forEach(const Shape &shape,
             const std::function<void(std::int64_t, Shape &)> &visit) {
  Shape coordinates(shape.size());
  for (std::int64_t i = 0; i < elements(shape); ++i) {
    std::int64_t rest = i;
    for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d])
      coordinates[d] = rest % shape[d];
    visit(i, coordinates);
  }
}

std::int64_t elements(const Shape &shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape)
    count *= extent;
  return count;
}

std::int64_t indexOf(const Shape &shape, const Shape &coordinates) {
  std::int64_t index = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (coordinates[d] < 0 || coordinates[d] >= shape[d])
      return -1;
    index = index * shape[d] + coordinates[d];
  }
  return index;
}

Shape moved(Shape coordinates, const Shape &by) {
  for (std::size_t d = 0; d < by.size(); ++d)
    coordinates[d] += by[d];
  return coordinates;
}

int RandomProgram::number(int least, int most) {
  return std::uniform_int_distribution<int>(least, most)(random);
}
bool RandomProgram::chance(double probability) {
  return std::uniform_real_distribution<>(0, 1)(random) < probability;
}
Dtype RandomProgram::floatType() {
  return std::array{Dtype::f32, Dtype::f16, Dtype::bf16}[number(0, 2)];
}
Dtype RandomProgram::anyType() {
  if (chance(.5))
    return floatType();
  return std::array{Dtype::i32, Dtype::u32,    Dtype::i64,   Dtype::i8,
                    Dtype::u8,  Dtype::f8e4m3, Dtype::f8e5m2}[number(0, 6)];
}

double held(Dtype dtype, std::int64_t value) {
  switch (dtype) {
  case Dtype::b1:
    return value != 0;
  case Dtype::i8:
    return static_cast<std::int8_t>(value);
  case Dtype::u8:
    return static_cast<std::uint8_t>(value);
  case Dtype::i32:
    return static_cast<std::int32_t>(value);
  case Dtype::u32:
    return static_cast<std::uint32_t>(value);
  default:
    return static_cast<double>(value);
  }
}

bool isLimited(Dtype dtype) { return isFloat(dtype) || dtype == Dtype::i64; }
double limitOf(Dtype dtype) {
  return isFloat(dtype) && bitWidth(dtype) == 8 ? 8 : 64;
}

void RandomProgram::step() {
  switch (number(0, 29)) {
  case 0:
  case 1:
    return load();
  case 2:
  case 3:
    return arithmetic();
  case 4:
    return bits();
  case 5:
    return compare();
  case 6:
    return select();
  case 7:
  case 8:
    return castTo();
  case 9:
    return broadcast();
  case 10:
  case 11:
    return reduce();
  case 12:
    return scan();
  case 13:
    return order();
  case 14:
    return reshape();
  case 15:
    return permute();
  case 16:
    return joinOrSplit();
  case 17:
    return slice();
  case 18:
    return positions();
  case 19:
    return chance(.7) ? loop() : nestedLoop();
  case 20:
    return carriedLoop();
  case 21:
    return branch();
  case 22:
    return chance(.5) ? argument() : check();
  case 23:
    return words();
  case 24:
  case 25:
  case 26:
    return atomic();
  case 27:
    return histogram();
  case 28:
    return chance(.6) ? gatherLoop() : storeLoop();
  default:
    return dot();
  }
}

std::uint64_t encoded(double v, Dtype dtype) {
  if (isInteger(dtype))
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(v));
  if (dtype == Dtype::f32)
    return std::bit_cast<std::uint32_t>(static_cast<float>(v));
  if (bitWidth(dtype) == 16)
    return fromFloat(static_cast<float>(v), dtype);
  // The upper half of f16 is e5m2; e4m3 has a bias of 7.
  const std::uint64_t half = toHalf(static_cast<float>(v));
  if (dtype == Dtype::f8e5m2 || v == 0)
    return half >> 8;
  return (half >> 8 & 0x80) + ((half & 0x7fff) >> 7) - (8 << 3);
}

//===-- Running -----------------------------------------------------------===//

namespace {

constexpr double poison = -999;

/// The inverse of `encoded`.
double decoded(std::uint64_t bits, Dtype dtype) {
  if (isInteger(dtype)) {
    const unsigned unused = 64 - bitWidth(dtype);
    return isSigned(dtype) ? double(std::int64_t(bits << unused) >> unused)
                           : double(bits << unused >> unused);
  }
  if (dtype == Dtype::f32)
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  if (bitWidth(dtype) == 16)
    return toFloat(static_cast<std::uint16_t>(bits), dtype);
  if (dtype == Dtype::f8e5m2)
    return halfToFloat(static_cast<std::uint16_t>(bits << 8));
  const double magnitude =
      bits & 0x78 ? std::ldexp(8 + (bits & 7), int(bits >> 3 & 15) - 10)
                  : std::ldexp(bits & 7, -9);
  return bits & 0x80 ? -magnitude : magnitude;
}

std::vector<char> bytesOf(const std::vector<double> &values, Dtype dtype) {
  std::vector<char> bytes;
  for (double v : values) {
    const std::uint64_t bits = encoded(v, dtype);
    auto *from = reinterpret_cast<const char *>(&bits);
    bytes.insert(bytes.end(), from, from + bitWidth(dtype) / 8);
  }
  return bytes;
}

std::vector<double> valuesOf(const std::vector<char> &bytes, Dtype dtype) {
  std::vector<double> values;
  std::size_t size = bitWidth(dtype) / 8;
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &bytes[i], size);
    values.push_back(decoded(bits, dtype));
  }
  return values;
}

/// Arrays are written in part on purpose. Threads that hold copies of an
/// element write it to shared memory together, all the same value. Of a pair of
/// halves that LLVM packs into one register, one may be unused and undefined.
bool isExpected(const Report &report) {
  switch (report.kind) {
  case Suspicion::unwritten:
    return true;
  case Suspicion::sharedRace:
    return report.detail.starts_with("overwrites");
  case Suspicion::uninitialised:
    return report.detail.starts_with("reads %");
  default:
    return false;
  }
}

} // namespace

std::string RandomProgram::problem(const CompileOptions &options,
                                   std::array<unsigned, 3> grid) {
  Ptx ptx = compile(p, options).ptx;
  auto device = openEmulator(options.target->name, {.throwOnReport = false});
  auto kernel = device->load(ptx);

  std::size_t tiles = std::size_t(grid[0]) * grid[1];
  auto zeroed = [&](std::size_t bytes) {
    DeviceBuffer buffer(device, bytes);
    device->fill(buffer.get(), 0, bytes);
    return buffer;
  };
  DeviceBuffer workspace = zeroed(tiles * ptx.workspaceBytesPerTile);
  DeviceBuffer tickets = zeroed(ptx.usesTickets ? tiles * 4 : 0);
  for (auto &a : arrays)
    a->memory = device->allocate(a->room * bitWidth(a->dtype) / 8);

  for (int launch = 0; launch < 2; ++launch) {
    std::vector<std::vector<double>> expected;
    for (auto &a : arrays) {
      std::vector<double> memory(
          a->room, a->output && ptx.accumulatesIntoOutput && a->initial.empty()
                       ? 0
                       : poison);
      for (std::size_t i = 0; i < a->initial.size(); ++i)
        memory[a->offsets[i]] = a->initial[i];
      std::vector<char> bytes = bytesOf(memory, a->dtype);
      device->upload(a->memory, bytes.data(), bytes.size());
      memory = valuesOf(bytes, a->dtype);
      for (std::size_t i = 0; i < a->values.size(); ++i)
        if (a->written[i])
          memory[a->offsets[i]] = a->values[i];
      expected.push_back(std::move(memory));
    }
    std::vector<std::uint64_t> arguments;
    for (std::size_t i = 0; i < ptx.arguments(); ++i) {
      const KernelParam &param = ptx.params[i];
      if (param.kind == KernelParam::Kind::workspace)
        arguments.push_back(workspace.get());
      if (param.kind == KernelParam::Kind::tickets)
        arguments.push_back(tickets.get());
      for (auto &[name, value] : scalars)
        if (name == param.name)
          arguments.push_back(value);
      for (auto &a : arrays)
        if (a->name == param.name)
          arguments.push_back(a->memory);
    }
    kernel->launch(nullptr, {.grid = grid}, arguments);
    for (const Report &report : device->takeReports())
      if (!isExpected(report))
        return print(report);

    for (std::size_t which = 0; which < arrays.size(); ++which) {
      const Array &a = *arrays[which];
      std::vector<char> bytes(a.room * bitWidth(a.dtype) / 8);
      device->download(bytes.data(), a.memory, bytes.size());
      std::vector<double> got = valuesOf(bytes, a.dtype);
      for (std::size_t i = 0; i < got.size(); ++i)
        if (got[i] != expected[which][i])
          return fmt::format("launch {}: {}[{}] is {}, expected {}", launch + 1,
                             a.name, i, got[i], expected[which][i]);
    }
  }
  return "";
}

} // namespace lath::test
