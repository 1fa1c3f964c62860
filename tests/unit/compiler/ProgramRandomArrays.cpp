// Arrays of random extents and strides, and random places in them: ranges,
// single indices and gathered coordinates, in any mixture.
#include "tests/unit/compiler/ProgramRandom.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <numeric>
#include <set>

namespace lath::test {

//===-- Numbers that the program comes by ---------------------------------===//

Index RandomProgram::scalar(std::int64_t value, std::int64_t multipleOf) {
  scalars.push_back({fmt::format("n{}", scalars.size()), value});
  return p.scalar(scalars.back().first, multipleOf);
}

Extent RandomProgram::extent(std::int64_t value) {
  if (chance(.7))
    return value;
  std::int64_t multiple = 1;
  if (chance(.5))
    while (multiple < 16 && value % (2 * multiple) == 0)
      multiple *= 2;
  return scalar(value, multiple);
}

Index RandomProgram::index(std::int64_t value, bool hidden) {
  switch (number(hidden ? 3 : 0, 8)) {
  case 0:
    return p.constant(value);
  case 1:
    return p.constant(value + 7) - 7;
  case 2:
    return minimum(maximum(scalar(value), value - number(0, 3)),
                   value + number(0, 3));
  case 3:
  case 4:
  case 5:
    return scalar(value + 7) - 7;
  case 6:
    return scalar(value);
  case 7: {
    const std::int64_t extent = number(1, 4);
    Array &a = array(Dtype::i32, {extent}, false,
                     std::vector<double>(extent, double(value)));
    return a.view.loadIndex({index(number(0, (int)extent - 1))});
  }
  default:
    return toIndex(iota(Range{scalar(value), 1}));
  }
}

std::pair<Bool, bool> RandomProgram::decision() {
  if (chance(.4)) { // by data
    Known c = condition({2, 8});
    return {toBool(lath::any(lath::any(c.tile, 0), 1)),
            std::any_of(c.values.begin(), c.values.end(),
                        [](double v) { return v != 0; })};
  }
  const std::int64_t value = number(0, 4), bound = number(0, 4);
  return {index(value, true) < bound, value < bound};
}

//===-- Arrays ------------------------------------------------------------===//

std::vector<double> RandomProgram::contents(Dtype dtype, std::int64_t count) {
  const bool wide = !isLimited(dtype) && chance(.3);
  std::vector<double> values;
  while ((std::int64_t)values.size() < count)
    values.push_back(
        held(dtype, wide ? number(INT32_MIN, INT32_MAX) : number(-8, 8)));
  return values;
}

Array &RandomProgram::array(Dtype dtype, const Shape &shape, bool output,
                            std::vector<double> initial) {
  auto a = std::make_unique<Array>();
  a->name = fmt::format("v{}", arrays.size());
  a->dtype = dtype;
  a->shape = shape;
  a->output = output;
  const std::size_t rank = shape.size(), count = elements(shape);

  // Dense; or in any order, with gaps, or one element for a whole dimension.
  const bool strided = chance(.25);
  std::vector<std::size_t> order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  if (strided && chance(.4))
    std::shuffle(order.begin(), order.end(), random);
  Shape strides(rank);
  a->room = 1;
  for (std::size_t d : order) {
    strides[d] = a->room;
    a->room *= shape[d];
    if (strided && chance(.4))
      a->room += number(1, 9);
    else if (strided && chance(.4))
      a->room = (a->room + 7) / 8 * 8;
  }
  if (strided && !output && initial.empty() && chance(.2))
    strides[number(0, (int)rank - 1)] = 0;
  a->offsets.resize(count);
  forEach(shape, [&](std::int64_t i, Shape &c) {
    a->offsets[i] = std::inner_product(c.begin(), c.end(), strides.begin(),
                                       std::int64_t(0));
  });

  std::vector<Extent> extents, distances;
  for (std::size_t d = 0; d < rank; ++d) {
    extents.push_back(extent(shape[d]));
    distances.push_back(extent(strides[d]));
  }
  a->view = strided ? p.view(a->name, dtype, extents, distances)
                    : p.view(a->name, dtype, extents);

  a->values.resize(count);
  if (!initial.empty()) {
    a->values = a->initial = std::move(initial);
  } else if (!output) {
    const std::vector<double> memory = contents(dtype, a->room);
    for (std::size_t i = 0; i < count; ++i)
      a->values[i] = memory[a->offsets[i]];
    a->initial = a->values;
  }
  a->written.resize(count);
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

//===-- Places ------------------------------------------------------------===//

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
      shape.push_back(number(1, tile.size() > 2 ? 9 : 70));
    }
  return shape;
}

std::pair<Range, std::int64_t> RandomProgram::rangeIn(std::int64_t extent,
                                                      std::int64_t size) {
  std::int64_t start = 0;
  switch (number(0, 2)) {
  case 0:
    start = number(0, 2) * size;
    break;
  case 1:
    start = number(-3, 5);
    break;
  }
  // What is known to lie outside is refused.
  const bool outside = start >= extent || start + size <= 0;
  return {Range{!outside && chance(.4) ? p.programId(0) * size + start
                                       : index(start, outside),
                size},
          start};
}

Known RandomProgram::coordinates(const Shape &shape, std::int64_t extent,
                                 bool distinct) {
  const std::int64_t count = elements(shape);
  std::vector<double> values(count);
  if (shape.size() == 1 && chance(.3)) { // by arithmetic: a permutation
    const int factor = 2 * number(0, 9) + 1, mask = number(0, (int)count - 1);
    for (std::int64_t i = 0; i < count; ++i)
      values[i] = double(((i * factor) ^ mask) & (count - 1));
    Tile at = iota(Range{index(0), count});
    return {((at * factor) ^ mask) & (count - 1), std::move(values)};
  }
  if (!distinct && chance(.4)) { // any data
    Known value = beside(shape, Dtype::i32);
    value = {lath::broadcast(value.tile, shape) & 31, repeated(value, shape)};
    for (double &v : value.values)
      v = double(std::int64_t(v) & 31);
    return value;
  }
  // From memory.
  if (distinct) {
    std::iota(values.begin(), values.end(), -number(0, 2));
    std::shuffle(values.begin(), values.end(), random);
  } else {
    for (double &v : values)
      v = number(-2, (int)extent + 1);
  }
  Array &a = array(Dtype::i32, shape, false, values);
  std::vector<At> all;
  for (std::int64_t size : shape)
    all.push_back(Range{index(0), size});
  return {a.view.load(all), std::move(values)};
}

Access RandomProgram::access(const Shape &tile, bool distinct,
                             const MakeArray &make) {
  enum class Kind { range, index, gathered };
  struct Dimension {
    Kind kind;
    std::int64_t extent;
    int along = 0; ///< of the tile
  };
  const int rank = (int)tile.size();
  std::vector<Dimension> dims;
  Shape gathered = tile; ///< of coordinates
  auto sizeFor = [&](std::int64_t count) {
    return distinct ? std::max<std::int64_t>(1, count + number(-3, 7))
                    : number(1, 40);
  };
  int by = -1;
  if (chance(.15)) { // every element looks up its own
    for (int count = number(1, 2); count > 0; --count)
      dims.push_back({Kind::gathered,
                      dims.empty() ? sizeFor(elements(tile)) : number(1, 9)});
  } else {
    by = chance(.25) ? number(0, rank - 1) : -1;
    const Shape extents = around(tile);
    for (int d = 0; d < rank; ++d)
      dims.push_back(d == by ? Dimension{Kind::gathered, sizeFor(tile[d]), d}
                             : Dimension{Kind::range, extents[d], d});
    if (by >= 0) {
      gathered = {tile[by]};
      if (chance(.3))
        dims.insert(dims.begin() + number(by + 1, rank),
                    {Kind::gathered, number(1, 9)});
    }
  }
  while (chance(.15) && dims.size() < 6)
    dims.insert(dims.begin() + number(0, (int)dims.size()),
                {Kind::index, number(1, 5)});

  Access access;
  access.tile = tile;
  Shape extents;
  for (const Dimension &dim : dims)
    extents.push_back(dim.extent);
  access.array = &make(extents);

  // Of each element its coordinate along each dimension.
  std::vector<std::vector<double>> along;
  for (const Dimension &dim : dims) {
    std::vector<double> at(elements(tile));
    if (dim.kind == Kind::range) {
      auto [range, start] = rangeIn(dim.extent, tile[dim.along]);
      access.at.push_back(range);
      forEach(tile, [&, start = start](std::int64_t i, Shape &c) {
        at[i] = double(start + c[dim.along]);
      });
    } else if (dim.kind == Kind::index) {
      const std::int64_t value = number(-1, (int)dim.extent);
      const bool outside = value < 0 || value == dim.extent;
      access.at.push_back(!outside && chance(.3) ? At(value)
                                                 : At(index(value, outside)));
      std::fill(at.begin(), at.end(), double(value));
    } else {
      const bool first = !access.gathers;
      access.gathers = true;
      Shape shape = gathered;
      if (!first && chance(.3))
        shape.back() = 1;
      if (!first && chance(.3) && shape.size() > 1)
        shape.erase(shape.begin());
      Known c = coordinates(shape, dim.extent, distinct && first);
      access.at.push_back(c.tile);
      at = repeated(c, gathered);
      if (by >= 0) { // one dimension of the tile
        std::vector<double> line = std::move(at);
        at.resize(elements(tile));
        forEach(tile, [&](std::int64_t i, Shape &e) { at[i] = line[e[by]]; });
      }
    }
    along.push_back(std::move(at));
  }
  forEach(tile, [&](std::int64_t i, Shape &) {
    Shape c;
    for (const std::vector<double> &at : along)
      c.push_back((std::int64_t)at[i]);
    access.places.push_back(indexOf(extents, c));
  });
  return access;
}

bool Access::isDistinct() const {
  std::set<std::int64_t> seen;
  return std::all_of(places.begin(), places.end(), [&](std::int64_t place) {
    return place < 0 || seen.insert(place).second;
  });
}

bool Access::agrees(const std::vector<double> &values) const {
  std::map<std::int64_t, double> seen;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i] >= 0 &&
        seen.emplace(places[i], values[i]).first->second != values[i])
      return false;
  return true;
}

std::vector<double> Access::read(double outside) const {
  std::vector<double> values;
  for (std::int64_t place : places)
    values.push_back(place < 0 ? outside : array->values[place]);
  return values;
}

} // namespace lath::test
