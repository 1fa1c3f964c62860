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

//===-- Arrays ------------------------------------------------------------===//

Array &RandomProgram::array(Dtype dtype, const Shape &shape, bool output) {
  auto a = std::make_unique<Array>();
  a->name = fmt::format("v{}", arrays.size());
  a->dtype = dtype;
  a->shape = shape;
  a->output = output;
  std::vector<Extent> extents(shape.begin(), shape.end());
  if (chance(.3))
    extents[0] = scalar(shape[0]);
  a->view = p.view(a->name, dtype, extents);
  const bool wide = !isLimited(dtype) && chance(.3);
  for (std::int64_t i = 0; i < elements(shape); ++i)
    a->values.push_back(output ? 0
                               : held(dtype, wide ? number(INT32_MIN, INT32_MAX)
                                                  : number(-8, 8)));
  a->written.resize(a->values.size());
  arrays.push_back(std::move(a));
  return *arrays.back();
}

Index RandomProgram::scalar(std::int64_t value) {
  scalars.push_back({fmt::format("n{}", scalars.size()), value});
  return p.scalar(scalars.back().first);
}

std::vector<double> RandomProgram::read(const Array &array, const Shape &tile,
                                        const Shape &start) {
  std::vector<double> values(elements(tile));
  forEach(tile, [&](std::int64_t i, Shape &c) {
    std::int64_t at = indexOf(array.shape, moved(c, start));
    values[i] = at < 0 ? 0 : array.values[at];
  });
  return values;
}

Shape RandomProgram::tileShape(int rank, int bits) {
  Shape shape;
  for (int d = 0; d < rank; ++d) {
    int own = number(0, std::min(bits, 6));
    bits -= own;
    shape.push_back(1ll << own);
  }
  std::shuffle(shape.begin(), shape.end(), random);
  return shape;
}

/// Extents of an array that a tile is read from: equal, a multiple, nearby,
/// unrelated.
Shape RandomProgram::around(const Shape &tile) {
  Shape shape;
  for (std::int64_t extent : tile)
    switch (number(0, 3)) {
    case 0:
      shape.push_back(extent);
      break;
    case 1:
      shape.push_back(extent * number(1, 3));
      break;
    case 2:
      shape.push_back(std::max<std::int64_t>(1, extent + number(-3, 7)));
      break;
    default:
      shape.push_back(number(1, 70));
    }
  return shape;
}

RandomProgram::Place RandomProgram::place(const Shape &tile,
                                          const Shape &extents) {
  Place result;
  for (std::size_t d = 0; d < tile.size(); ++d) {
    std::int64_t start = 0;
    switch (number(0, 2)) {
    case 0:
      start = number(0, 2) * tile[d];
      break;
    case 1:
      start = number(-3, 5);
      break;
    }
    // What is known to lie outside is refused.
    const bool outside = start >= extents[d] || start + tile[d] <= 0;
    Index index = outside      ? scalar(start + 7) - 7
                  : chance(.5) ? p.programId(0) * tile[d] + start
                               : p.constant(start + 7) - 7;
    result.ranges.push_back(Range{index, tile[d]});
    result.start.push_back(start);
  }
  return result;
}

void RandomProgram::load() {
  Shape tile = tileShape(chance(.7) ? 2 : chance(.5) ? 1 : number(3, 5), 9);
  Array &a = array(anyType(), around(tile), false);
  Place at = place(tile, a.shape);
  Known value{a.view.load(at.ranges), read(a, tile, at.start)};
  history += "load ";
  if (chance(.3) && bitWidth(a.dtype) > 8) {
    history += "where ";
    value.tile = where(a.view.inside(at.ranges), value.tile, 5);
    forEach(tile, [&](std::int64_t i, Shape &c) {
      if (indexOf(a.shape, moved(c, at.start)) < 0)
        value.values[i] = 5;
    });
  }
  known.push_back(std::move(value));
}

void RandomProgram::store(const Known &stored) {
  Known value = stored.dtype() == Dtype::b1
                    ? asType(stored, chance(.5) ? Dtype::i8 : Dtype::f32)
                    : stored;
  const Shape &tile = value.shape();
  Array &a = array(value.tile.dtype(), around(tile), true);
  Place at = place(tile, a.shape);
  a.view.store(at.ranges, value.tile);
  forEach(tile, [&](std::int64_t i, Shape &c) {
    if (std::int64_t to = indexOf(a.shape, moved(c, at.start)); to >= 0) {
      a.values[to] = value.values[i];
      a.written[to] = true;
    }
  });
}

//===-- Running -----------------------------------------------------------===//

namespace {

constexpr double poison = -999;

/// The bits of a number, and back.
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
bool expected(const Report &report) {
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
    a->memory = device->allocate(bytesOf(a->values, a->dtype).size());

  for (int launch = 0; launch < 2; ++launch) {
    for (auto &a : arrays) {
      std::vector<double> start = a->values;
      if (a->output)
        start.assign(start.size(), ptx.accumulatesIntoOutput ? 0 : poison);
      std::vector<char> bytes = bytesOf(start, a->dtype);
      device->upload(a->memory, bytes.data(), bytes.size());
    }
    std::vector<std::uint64_t> arguments;
    for (const KernelParam &param : ptx.params) {
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
      if (!expected(report))
        return print(report);

    for (auto &a : arrays) {
      std::vector<char> bytes(a->values.size() * bitWidth(a->dtype) / 8);
      device->download(bytes.data(), a->memory, bytes.size());
      std::vector<double> got = valuesOf(bytes, a->dtype);
      double outside = valuesOf(bytesOf({poison}, a->dtype), a->dtype)[0];
      for (std::size_t i = 0; i < got.size(); ++i) {
        double want = !a->output || a->written[i] ? a->values[i]
                      : ptx.accumulatesIntoOutput ? 0
                                                  : outside;
        if (got[i] != want)
          return fmt::format("launch {}: {}[{}] is {}, expected {}", launch + 1,
                             a->name, i, got[i], want);
      }
    }
  }
  return "";
}

} // namespace lath::test
