#include "tests/unit/compiler/ProgramRandom.h"

#include "compiler/base/Half.h"

#include <algorithm>
#include <bit>
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

static Shape moved(Shape coordinates, const Shape &by) {
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

//===-- Arrays ------------------------------------------------------------===//

Array &RandomProgram::array(Dtype dtype, const Shape &shape, bool output) {
  auto a = std::make_unique<Array>();
  a->name = fmt::format("v{}", arrays.size());
  a->dtype = dtype;
  a->shape = shape;
  a->output = output;
  std::vector<Extent> extents(shape.begin(), shape.end());
  if (chance(.3)) {
    scalars.push_back({a->name + "_extent", shape[0]});
    extents[0] = p.scalar(scalars.back().first);
  }
  a->view = p.view(a->name, dtype, extents);
  for (std::int64_t i = 0; i < elements(shape); ++i)
    a->values.push_back(output ? 0 : number(-8, 8));
  a->written.resize(a->values.size());
  arrays.push_back(std::move(a));
  return *arrays.back();
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
    // What is not checked must be inside: whole tiles of whole dimensions.
    if (extents[d] % tile[d] == 0 && start % tile[d] == 0 &&
        (start < 0 || start + tile[d] > extents[d]))
      start = 0;
    Index index = p.programId(0) * tile[d] + start;
    if (chance(.5))
      index = p.constant(start + 7) - 7;
    result.ranges.push_back({index, tile[d]});
    result.start.push_back(start);
  }
  return result;
}

void RandomProgram::load() {
  Shape tile = tileShape(chance(.7) ? 2 : chance(.5) ? 1 : 3, 9);
  Array &a = array(floatType(), around(tile), false);
  Place at = place(tile, a.shape);
  Known value{a.view.load(at.ranges), read(a, tile, at.start)};
  history += "load ";
  if (chance(.3)) {
    history += "where ";
    value.tile = where(a.view.inside(at.ranges), value.tile, 5);
    forEach(tile, [&](std::int64_t i, Shape &c) {
      if (indexOf(a.shape, moved(c, at.start)) < 0)
        value.values[i] = 5;
    });
  }
  known.push_back(std::move(value));
}

void RandomProgram::store(const Known &value) {
  const Shape &tile = value.tile.shape();
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

//===-- Operations --------------------------------------------------------===//

Known RandomProgram::asF32(Known value) {
  value.tile = cast(value.tile, Dtype::f32);
  return value;
}

/// Sums stay whole numbers that bf16 holds.
void RandomProgram::addClamped(Tile tile, std::vector<double> values) {
  auto limit = [&](double v) { return p.splat(v, tile.dtype(), tile.shape()); };
  tile = maximum(minimum(tile, limit(64)), limit(-64));
  for (double &v : values)
    v = std::clamp(v, -64., 64.);
  known.push_back({tile, std::move(values)});
}

void RandomProgram::elementwise() {
  history += "elementwise ";
  Known a = any();
  std::vector<const Known *> alike;
  for (const Known &other : known)
    if (other.tile.shape() == a.tile.shape() &&
        other.tile.dtype() == a.tile.dtype())
      alike.push_back(&other);
  Known b = *alike[number(0, (int)alike.size() - 1)];
  int operation = number(0, 3);
  std::vector<double> values;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    double x = a.values[i], y = b.values[i];
    values.push_back(operation == 0   ? x + y
                     : operation == 1 ? x - y
                     : operation == 2 ? std::max(x, y)
                                      : std::min(x, y));
  }
  addClamped(operation == 0   ? a.tile + b.tile
             : operation == 1 ? a.tile - b.tile
             : operation == 2 ? maximum(a.tile, b.tile)
                              : minimum(a.tile, b.tile),
             std::move(values));
}

void RandomProgram::broadcast() {
  Known a = any();
  Shape shape = a.tile.shape();
  for (std::int64_t &extent : shape)
    if (extent == 1 && elements(shape) <= 128)
      extent = 1ll << number(0, 3);
  if (shape == a.tile.shape())
    return;
  history += "broadcast ";
  std::vector<double> values(elements(shape));
  forEach(shape, [&](std::int64_t i, Shape &c) {
    Shape from = c;
    for (std::size_t d = 0; d < from.size(); ++d)
      if (a.tile.shape()[d] == 1)
        from[d] = 0;
    values[i] = a.values[indexOf(a.tile.shape(), from)];
  });
  known.push_back({lath::broadcast(a.tile, shape), std::move(values)});
}

void RandomProgram::reduce() {
  history += "reduce ";
  Known a = asF32(any());
  int dim = number(0, (int)a.tile.shape().size() - 1);
  bool maximum = chance(.5);
  Shape shape = a.tile.shape();
  shape[dim] = 1;
  std::vector<double> values(elements(shape), maximum ? -1e9 : 0);
  forEach(a.tile.shape(), [&](std::int64_t i, Shape &c) {
    Shape to = c;
    to[dim] = 0;
    double &v = values[indexOf(shape, to)];
    v = maximum ? std::max(v, a.values[i]) : v + a.values[i];
  });
  addClamped(maximum ? max(a.tile, dim) : sum(a.tile, dim), std::move(values));
}

void RandomProgram::reshape() {
  Known a = any();
  if (a.tile.shape().size() == 2 && chance(.5)) {
    history += "transpose ";
    Shape shape{a.tile.shape()[1], a.tile.shape()[0]};
    std::vector<double> values(a.values.size());
    forEach(shape, [&](std::int64_t i, Shape &c) {
      values[i] = a.values[indexOf(a.tile.shape(), {c[1], c[0]})];
    });
    known.push_back({transpose(a.tile), std::move(values)});
    return;
  }
  history += "reshape ";
  Shape shape(number(1, 3), 1);
  for (std::int64_t n = elements(a.tile.shape()); n > 1; n /= 2)
    shape[number(0, (int)shape.size() - 1)] *= 2;
  known.push_back({lath::reshape(a.tile, shape), a.values});
}

void RandomProgram::step(int warps) {
  switch (number(0, 10)) {
  case 0:
  case 1:
    return load();
  case 2:
    return elementwise();
  case 3:
    return broadcast();
  case 4:
  case 5:
    return reduce();
  case 6:
  case 7:
    return reshape();
  case 8: {
    history += "cast ";
    Known a = any();
    known.push_back({cast(a.tile, floatType()), a.values});
    return;
  }
  case 9:
    return chance(.7) ? loop() : nestedLoop();
  default:
    return dot(warps);
  }
}

//===-- Loops -------------------------------------------------------------===//

void RandomProgram::loop() {
  history += "loop ";
  Shape tile{1ll << number(0, 5), 4ll << number(0, 4)};
  Shape extents{std::max<std::int64_t>(1, tile[0] - number(0, 1)),
                tile[1] * number(1, 6) - number(0, 3)};
  Array &a = array(floatType(), extents, false);
  Range rows = p.range(p.constant(0), tile[0]);
  bool withSum = chance(.3);
  Tile total = p.loop(p.kRange(extents[1], tile[1]),
                      p.splat(0, Dtype::f32, tile), [&](Range k, Tile acc) {
                        Tile t = cast(a.view.load({rows, k}), Dtype::f32);
                        if (withSum)
                          t += sum(t, 1);
                        return acc + t;
                      });
  std::vector<double> values(elements(tile));
  for (std::int64_t k = 0; k < extents[1]; k += tile[1]) {
    std::vector<double> t = read(a, tile, {0, k});
    for (std::int64_t i = 0; i < tile[0]; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < tile[1]; ++j)
        sum += t[i * tile[1] + j];
      for (std::int64_t j = 0; j < tile[1]; ++j)
        values[i * tile[1] + j] += t[i * tile[1] + j] + (withSum ? sum : 0);
    }
  }
  addClamped(total, std::move(values));
}

void RandomProgram::nestedLoop() {
  history += "nested ";
  Shape tile{1ll << number(2, 4), 16};
  Array &a =
      array(floatType(), {tile[0] * number(1, 4), 16 * number(1, 5)}, false);
  Range first = p.range(p.constant(0), 16);
  Tile total =
      p.loop(p.kRange(a.shape[0], tile[0]), p.splat(0, Dtype::f32, tile),
             [&](Range i, Tile outer) {
               Tile inner = p.loop(
                   p.kRange(a.shape[1], 16), outer, [&](Range k, Tile acc) {
                     return acc + cast(a.view.load({i, k}), Dtype::f32);
                   });
               return maximum(inner, cast(a.view.load({i, first}), Dtype::f32));
             });
  std::vector<double> values(elements(tile));
  for (std::int64_t i = 0; i < a.shape[0]; i += tile[0]) {
    for (std::int64_t k = 0; k < a.shape[1]; k += 16) {
      std::vector<double> t = read(a, tile, {i, k});
      for (std::size_t e = 0; e < t.size(); ++e)
        values[e] += t[e];
    }
    std::vector<double> t = read(a, tile, {i, 0});
    for (std::size_t e = 0; e < t.size(); ++e)
      values[e] = std::max(values[e], t[e]);
  }
  addClamped(total, std::move(values));
}

void RandomProgram::dot(int warps) {
  std::int64_t m = 8ll << number(0, 3), n = 16ll << number(0, 2),
               k = 16ll << number(0, 2);
  if (warps > m * n / 128)
    return;
  history += "dot ";
  Dtype dtype = chance(.5) ? Dtype::f16 : Dtype::bf16;
  std::int64_t depth = k * number(1, 3) - number(0, (int)k - 1);
  bool transposed = chance(.5);
  Array &a = array(dtype, {m - number(0, 3), depth}, false);
  std::int64_t columns = n - number(0, 3);
  Array &b = array(
      dtype, transposed ? Shape{columns, depth} : Shape{depth, columns}, false);
  Range row = p.range(p.constant(0), m), column = p.range(p.constant(0), n);
  Tile total = p.loop(p.kRange(depth, k), p.splat(0, Dtype::f32, {m, n}),
                      [&](Range kk, Tile acc) {
                        Tile right = transposed
                                         ? transpose(b.view.load({column, kk}))
                                         : b.view.load({kk, column});
                        return lath::dot(a.view.load({row, kk}), right, acc);
                      });
  std::vector<double> values(m * n);
  for (std::int64_t i = 0; i < a.shape[0]; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      for (std::int64_t kk = 0; kk < depth; ++kk)
        values[i * n + j] +=
            a.values[i * depth + kk] *
            b.values[transposed ? j * depth + kk : kk * columns + j];
  addClamped(total, std::move(values));
}

//===-- Running -----------------------------------------------------------===//

namespace {

constexpr double poison = -999;

std::vector<char> bytesOf(const std::vector<double> &values, Dtype dtype) {
  std::vector<char> bytes;
  for (double v : values) {
    float wide = static_cast<float>(v);
    std::uint16_t narrow = dtype == Dtype::f32 ? 0 : fromFloat(v, dtype);
    const char *from = dtype == Dtype::f32 ? reinterpret_cast<char *>(&wide)
                                           : reinterpret_cast<char *>(&narrow);
    bytes.insert(bytes.end(), from, from + bitWidth(dtype) / 8);
  }
  return bytes;
}

std::vector<double> valuesOf(const std::vector<char> &bytes, Dtype dtype) {
  std::vector<double> values;
  std::size_t size = bitWidth(dtype) / 8;
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    float wide = 0;
    std::uint16_t narrow = 0;
    if (dtype == Dtype::f32)
      std::memcpy(&wide, &bytes[i], 4);
    else
      std::memcpy(&narrow, &bytes[i], 2);
    values.push_back(dtype == Dtype::f32 ? wide : toFloat(narrow, dtype));
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
