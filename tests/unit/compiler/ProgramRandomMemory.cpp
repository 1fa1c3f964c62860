// Random loads, stores and atomics, loops of them, and what comes from outside
// of tiles: arguments, positions, random words.
#include "tests/unit/compiler/ProgramRandom.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <numeric>

namespace lath::test {

void RandomProgram::load() {
  Shape tile = tileShape(chance(.7)   ? 2
                         : chance(.5) ? 1
                                      : number(3, 5),
                         chance(.1) ? 12 : 9);
  const Dtype dtype = anyType();
  const Access from = access(tile, false, [&](const Shape &extents) -> Array & {
    return array(dtype, extents, false);
  });
  history += from.gathers ? "gather " : "load ";
  if (chance(.3) && bitWidth(dtype) > 8) {
    history += "where ";
    known.push_back({where(from.array->view.inside(from.at),
                           from.array->view.load(from.at), 5),
                     from.read(5)});
  } else {
    known.push_back({from.array->view.load(from.at), from.read()});
  }
}

void RandomProgram::store(const Known &stored) {
  Known value = stored.dtype() == Dtype::b1
                    ? asType(stored, chance(.5) ? Dtype::i8 : Dtype::f32)
                    : stored;
  const Access to =
      access(value.shape(), true, [&](const Shape &extents) -> Array & {
        return array(value.dtype(), extents, true);
      });
  Operand operand = value.tile;
  if (!to.agrees(value.values)) { // one of them would be written
    std::fill(value.values.begin(), value.values.end(), 3);
    operand = 3;
  }
  history += to.gathers ? "scatter " : "store ";
  bool holds = true;
  if (chance(.15)) {
    auto [condition, isTrue] = decision();
    holds = isTrue;
    p.when(condition, [&] { to.array->view.store(to.at, operand); });
  } else {
    to.array->view.store(to.at, operand);
  }
  for (std::size_t i = 0; i < to.places.size(); ++i)
    if (holds && to.places[i] >= 0) {
      to.array->values[to.places[i]] = value.values[i];
      to.array->written[to.places[i]] = true;
    }
}

/// Up to where a float type has all whole numbers.
static double exactTo(Dtype dtype) {
  return dtype == Dtype::f32    ? 1 << 24
         : dtype == Dtype::f16  ? 1 << 11
         : dtype == Dtype::bf16 ? 1 << 8
                                : INFINITY;
}

void RandomProgram::atomic() {
  enum { add, max, min, exchange, compareExchange };
  const int operation = number(add, compareExchange);
  Dtype dtype = std::array{Dtype::i32, Dtype::u32, Dtype::i64}[number(0, 2)];
  if (operation == add && chance(.5))
    dtype = floatType();
  else if (operation >= exchange && chance(.3))
    dtype = Dtype::f32;
  if (dtype == Dtype::bf16 && !target->hasBf16Red())
    dtype = Dtype::f16;
  Known value = asType(any(), dtype);
  const Shape &tile = value.shape();
  if (elements(tile) > 1024)
    return;
  const Access to =
      access(tile, chance(.7), [&](const Shape &extents) -> Array & {
        return array(dtype, extents, true, contents(dtype, elements(extents)));
      });
  Array &a = *to.array;
  // Of several elements in one place each meets what another one left.
  const bool distinct = to.isDistinct();
  if (!distinct && (operation == compareExchange ||
                    (operation == exchange && !to.agrees(value.values))))
    return;
  std::map<std::int64_t, double> most;
  for (std::size_t i = 0; i < to.places.size(); ++i)
    most[to.places[i]] += std::abs(value.values[i]);
  for (auto [place, sum] : most)
    if (sum + 8 > exactTo(dtype))
      return;

  Known compared = beside(tile, dtype);
  compared = {lath::broadcast(compared.tile, tile), repeated(compared, tile)};
  auto apply = [&](std::size_t i, double old) {
    const double v = value.values[i];
    switch (operation) {
    case add:
      return held(dtype, std::int64_t(old) + std::int64_t(v));
    case max:
      return std::max(old, v);
    case min:
      return std::min(old, v);
    case exchange:
      return v;
    default:
      return old == compared.values[i] ? v : old;
    }
  };
  auto call = [&] {
    switch (operation) {
    case add:
      return a.view.atomicAdd(to.at, value.tile);
    case max:
      return a.view.atomicMax(to.at, value.tile);
    case min:
      return a.view.atomicMin(to.at, value.tile);
    case exchange:
      return a.view.atomicExchange(to.at, value.tile);
    default:
      return a.view.atomicCompareExchange(to.at, compared.tile, value.tile);
    }
  };
  const bool used = distinct && chance(.7);
  history += std::array{"add", "max", "min", "exchange",
                        "compare-exchange"}[operation];
  history += used ? "-result " : " ";

  bool holds = true;
  Tile result;
  if (chance(.2)) {
    auto [condition, isTrue] = decision();
    holds = isTrue;
    if (used)
      result =
          p.when(condition, p.zeros(tile, dtype), [&](Tile) { return call(); });
    else
      p.when(condition, [&] { call(); });
  } else {
    result = call();
  }
  std::vector<double> before(to.places.size());
  for (std::size_t i = 0; i < to.places.size(); ++i)
    if (const std::int64_t place = to.places[i]; holds && place >= 0) {
      before[i] = a.values[place];
      a.values[place] = apply(i, before[i]);
      a.written[place] = true;
    }
  if (used)
    this->add(result, std::move(before));
}

void RandomProgram::histogram() {
  history += "histogram ";
  const std::int64_t steps = number(0, 5), width = 1ll << number(0, 7),
                     bins = number(1, 40);
  const Dtype dtype = chance(.5) ? Dtype::i32 : Dtype::f32;
  std::vector<double> numbers(std::max<std::int64_t>(1, steps) * width);
  for (double &v : numbers)
    v = number(-1, (int)bins);
  Array &ids = array(Dtype::i32, {(std::int64_t)numbers.size() / width, width},
                     false, numbers);
  Array &counts = array(dtype, {bins}, true, contents(dtype, bins));
  // A loop that is known to be empty comes to no coordinate inside.
  const Index end = index(steps, steps == 0);
  if (chance(.5))
    p.loop(p.each(index(0), end), [&](Index i) {
      Tile at = ids.view.load({i, Range{index(0), width}});
      counts.view.atomicAdd({at}, cast(at >= 0, dtype));
    });
  else
    p.loop(p.steps(index(0), end, 1), [&](Range i) {
      Tile at = ids.view.load({i, Range{index(0), width}});
      counts.view.atomicAdd({lath::reshape(at, {width})}, 1);
    });
  for (std::int64_t i = 0; i < steps * width; ++i)
    if (numbers[i] >= 0 && numbers[i] < bins) {
      double &count = counts.values[numbers[i]];
      count = held(dtype, std::int64_t(count) + 1);
      counts.written[numbers[i]] = true;
    }
}

void RandomProgram::gatherLoop() {
  history += "gather-loop ";
  const std::int64_t rows = 1ll << number(0, 5), step = 4ll << number(0, 4),
                     table = number(1, 50),
                     width = step * number(1, 5) - number(0, 3);
  Array &a = array(anyType(), {table, width}, false);
  const Dtype dtype = isFloat(a.dtype) ? Dtype::f32 : Dtype::i32;
  const bool inside = chance(.4);
  std::vector<double> numbers(rows);
  for (double &v : numbers)
    v = number(-1, (int)table);
  Array &ids = array(Dtype::i32, {rows}, false, numbers);
  Tile before = ids.view.load({Range{index(0), rows}});
  auto loop = [&](Tile start) {
    return p.loop(
        p.kRange(extent(width), step), start,
        [&](Range k, Tile sums) {
          Tile at =
              inside ? ids.view.load({Range{p.constant(0), rows}}) : before;
          return sums + cast(a.view.load({at, k}), dtype);
        },
        loopWords());
  };
  const Tile zeros = p.zeros({rows, step}, dtype);
  Tile total;
  bool holds = true;
  if (chance(.2)) {
    auto [condition, isTrue] = decision();
    holds = isTrue;
    total = p.when(condition, zeros, loop);
  } else {
    total = loop(zeros);
  }
  std::vector<double> values(rows * step);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < width; ++j)
      if (holds && numbers[i] >= 0 && numbers[i] < table) {
        double &sum = values[i * step + j % step];
        sum = held(
            dtype,
            std::int64_t(sum) +
                std::int64_t(held(
                    dtype, std::int64_t(a.values[numbers[i] * width + j]))));
      }
  add(total, std::move(values));
}

void RandomProgram::storeLoop() {
  history += "store-loop ";
  const std::int64_t rows = 1ll << number(0, 4), columns = 1ll << number(0, 6),
                     count = number(1, 60), width = number(1, 70);
  const Dtype dtype = anyType();
  Array &from = array(dtype, {count, width}, false);
  Array &to = array(dtype, {count, width}, true);
  const std::int64_t across = (width + columns - 1) / columns,
                     tiles = (count + rows - 1) / rows * across;
  p.loop(p.each(p.programId(0), index(tiles), p.numPrograms(0)),
         [&](Index tile) {
           std::vector<At> at{p.range(tile / across, rows),
                              p.range(tile % across, columns)};
           to.view.store(at, from.view.load(at));
         });
  to.values = from.values;
  std::fill(to.written.begin(), to.written.end(), true);
}

//===-- From outside of tiles ---------------------------------------------===//

void RandomProgram::argument() {
  history += "argument ";
  const Dtype dtype =
      std::array{Dtype::f32, Dtype::i32, Dtype::u32, Dtype::i64}[number(0, 3)];
  const double value = held(dtype, number(-60, 60));
  scalars.push_back(
      {fmt::format("n{}", scalars.size()), encoded(value, dtype)});
  Tile tile = p.scalar(scalars.back().first, dtype);
  const Shape shape = tileShape(2, 7);
  add(lath::broadcast(tile, shape),
      std::vector<double>(elements(shape), value));
}

void RandomProgram::positions() {
  history += "iota ";
  const std::int64_t start = number(-5, 50), extent = 1ll << number(0, 7);
  std::vector<double> values(extent);
  std::iota(values.begin(), values.end(), double(start));
  add(iota(Range{index(start), extent}), std::move(values));
}

/// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3".
static std::array<std::uint32_t, 4> philoxOf(std::uint32_t counter,
                                             std::uint32_t key) {
  std::array<std::uint32_t, 4> c{counter};
  std::array<std::uint32_t, 2> k{key};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t x = std::uint64_t(0xD2511F53) * c[0],
                        y = std::uint64_t(0xCD9E8D57) * c[2];
    c = {std::uint32_t(y >> 32) ^ c[1] ^ k[0], std::uint32_t(y),
         std::uint32_t(x >> 32) ^ c[3] ^ k[1], std::uint32_t(x)};
    k[0] += 0x9E3779B9, k[1] += 0xBB67AE85;
  }
  return c;
}

void RandomProgram::words() {
  history += "random ";
  Known counter = asType(any(), chance(.5) ? Dtype::i32 : Dtype::u32);
  const int word = number(0, 3), seed = number(0, 1000);
  const bool uniform = chance(.4);
  const Index key = index(seed);
  Tile tile = uniform ? cast(lath::random(counter.tile, key) * 32, Dtype::i32)
                      : philox(counter.tile, key)[word];
  for (double &v : counter.values) {
    const auto words = philoxOf(std::uint32_t(std::int64_t(v)), seed);
    v = uniform ? words[0] >> 27 : words[word];
  }
  add(tile, std::move(counter.values));
}

void RandomProgram::check() {
  history += "assert ";
  const Known value = plain();
  const double most =
      *std::max_element(value.values.begin(), value.values.end());
  p.deviceAssert(value.tile <= most, "no element is larger");
}

} // namespace lath::test
