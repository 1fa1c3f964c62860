// Random operations on tiles, element by element.
#include "tests/unit/compiler/ProgramRandom.h"

#include <algorithm>
#include <cmath>

namespace lath::test {

Known RandomProgram::asType(Known value, Dtype dtype) {
  const Dtype from = value.dtype();
  if (from == dtype)
    return value;
  // What a float would round, or a narrow one has not, is made small first.
  if (isFloat(dtype) || dtype == Dtype::i64)
    value = limited(std::move(value), limitOf(dtype));
  value.tile = cast(value.tile, dtype);
  for (double &v : value.values)
    if (dtype == Dtype::b1)
      v = v != 0;
    else if (isFloat(from) && isInteger(dtype)) // saturates
      v = isSigned(dtype) ? v : std::max(v, 0.);
    else
      v = held(dtype, static_cast<std::int64_t>(v));
  return value;
}

Known RandomProgram::limited(Known value, double most) {
  if (value.dtype() == Dtype::b1 ||
      (isFloat(value.dtype()) && bitWidth(value.dtype()) == 8))
    return value;
  value.tile = minimum(value.tile, most);
  if (isSigned(value.dtype()))
    value.tile = maximum(value.tile, -most);
  for (double &v : value.values)
    v = std::clamp(v, -most, most);
  return value;
}

void RandomProgram::add(Tile tile, std::vector<double> values) {
  Known value{tile, std::move(values)};
  known.push_back(isLimited(tile.dtype())
                      ? limited(std::move(value), limitOf(tile.dtype()))
                      : std::move(value));
}

Known RandomProgram::plain() {
  Known value = any();
  if (value.dtype() == Dtype::b1)
    return asType(value, Dtype::i32);
  if (isFloat(value.dtype()) && bitWidth(value.dtype()) == 8)
    return asType(value, floatType());
  return value;
}

Known RandomProgram::integer() {
  Known value = plain();
  if (!isFloat(value.dtype()))
    return value;
  return asType(value, std::array{Dtype::i32, Dtype::u32, Dtype::i64, Dtype::i8,
                                  Dtype::u8}[number(0, 4)]);
}

std::vector<double> RandomProgram::repeated(const Known &value,
                                            const Shape &shape) {
  Shape from = value.shape();
  from.insert(from.begin(), shape.size() - from.size(), 1);
  std::vector<double> values(elements(shape));
  forEach(shape, [&](std::int64_t i, Shape &c) {
    Shape at = c;
    for (std::size_t d = 0; d < at.size(); ++d)
      if (from[d] == 1)
        at[d] = 0;
    values[i] = value.values[indexOf(from, at)];
  });
  return values;
}

static bool broadcasts(const Shape &from, const Shape &to) {
  if (from.size() > to.size())
    return false;
  for (std::size_t d = 0; d < from.size(); ++d)
    if (from[d] != 1 && from[d] != to[to.size() - from.size() + d])
      return false;
  return true;
}

Known RandomProgram::beside(const Shape &shape, Dtype dtype) {
  std::vector<Known> fitting;
  for (const Known &other : known)
    if (broadcasts(other.shape(), shape))
      fitting.push_back(other);
  if (fitting.empty() || chance(.1)) {
    const int value = number(0, dtype == Dtype::b1 ? 1 : 7);
    return {p.splat(value, dtype, {1}), {double(value)}};
  }
  return asType(fitting[number(0, (int)fitting.size() - 1)], dtype);
}

Known RandomProgram::condition(const Shape &shape) {
  Known left = beside(shape, Dtype::i32);
  Known value{lath::broadcast(left.tile, shape) < 3, repeated(left, shape)};
  for (double &v : value.values)
    v = v < 3;
  return value;
}

void RandomProgram::arithmetic() {
  history += "arithmetic ";
  Known a = plain();
  const Dtype dtype = a.dtype();
  Known b = beside(a.shape(), dtype);
  const int operation = number(0, isInteger(dtype) ? 8 : 6);
  if (operation == 2 && isLimited(dtype)) // products that bf16 holds
    a = limited(a, 8), b = limited(b, 8);
  if (operation >= 7 && isInteger(dtype)) // divisors
    b = {(b.tile & 7) + 1, b.values};
  std::vector<double> values, other = repeated(b, a.shape());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    auto x = static_cast<std::int64_t>(a.values[i]),
         y = static_cast<std::int64_t>(other[i]);
    if (operation >= 7)
      y = (y & 7) + 1;
    std::int64_t v = operation == 0   ? x + y
                     : operation == 1 ? x - y
                     : operation == 2 ? x * y
                     : operation == 3 ? std::max(x, y)
                     : operation == 4 ? std::min(x, y)
                     : operation == 5 ? -x
                     : operation == 6 ? std::abs(x)
                     : operation == 7 ? x / y
                                      : x % y;
    values.push_back(held(dtype, v));
  }
  const Tile &x = a.tile, &y = b.tile;
  add(operation == 0   ? x + y
      : operation == 1 ? x - y
      : operation == 2 ? x * y
      : operation == 3 ? maximum(x, y)
      : operation == 4 ? minimum(x, y)
      : operation == 5 ? -x
      : operation == 6 ? (isSigned(dtype) ? abs(x) : x + 0)
      : operation == 7 ? x / y
                       : x % y,
      std::move(values));
}

void RandomProgram::bits() {
  history += "bits ";
  Known a = chance(.2) ? condition(any().shape()) : integer();
  const Dtype dtype = a.dtype();
  Known b = beside(a.shape(), dtype);
  const int operation = number(0, dtype == Dtype::b1    ? 3
                                  : dtype == Dtype::u32 ? 6
                                                        : 5);
  if (operation == 4 || operation == 5)
    b.tile = b.tile & (int)std::min(7u, bitWidth(dtype) - 1);
  std::vector<double> values, other = repeated(b, a.shape());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    auto x = static_cast<std::int64_t>(a.values[i]),
         y = static_cast<std::int64_t>(other[i]);
    std::int64_t v =
        operation == 0   ? (x & y)
        : operation == 1 ? (x | y)
        : operation == 2 ? (x ^ y)
        : operation == 3 ? (dtype == Dtype::b1 ? !x : ~x)
        : operation == 4 ? std::int64_t(std::uint64_t(x) << (y & 7))
        : operation == 5
            ? x >> (y & 7)
            : std::int64_t(std::uint64_t(x) * std::uint64_t(y) >> 32);
    values.push_back(held(dtype, v));
  }
  const Tile &x = a.tile, &y = b.tile;
  add(operation == 0   ? x & y
      : operation == 1 ? x | y
      : operation == 2 ? x ^ y
      : operation == 3 ? ~x
      : operation == 4 ? x << y
      : operation == 5 ? x >> y
                       : multiplyHigh(x, y),
      std::move(values));
}

void RandomProgram::compare() {
  history += "compare ";
  Known a = plain(), b = beside(a.shape(), a.dtype());
  const int operation = number(0, 5);
  std::vector<double> values, other = repeated(b, a.shape());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    double x = a.values[i], y = other[i];
    values.push_back(operation == 0   ? x < y
                     : operation == 1 ? x <= y
                     : operation == 2 ? x > y
                     : operation == 3 ? x >= y
                     : operation == 4 ? x == y
                                      : x != y);
  }
  const Tile &x = a.tile, &y = b.tile;
  add(operation == 0   ? x < y
      : operation == 1 ? x <= y
      : operation == 2 ? x > y
      : operation == 3 ? x >= y
      : operation == 4 ? x == y
                       : x != y,
      std::move(values));
}

void RandomProgram::select() {
  history += "select ";
  Known a = plain(), b = beside(a.shape(), a.dtype()),
        c = beside(a.shape(), Dtype::b1);
  std::vector<double> values = a.values, other = repeated(b, a.shape()),
                      holds = repeated(c, a.shape());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!holds[i])
      values[i] = other[i];
  add(where(c.tile, a.tile, b.tile), std::move(values));
}

void RandomProgram::castTo() {
  if (const Known a = any(); chance(.2) && isInteger(a.dtype()) &&
                             a.dtype() != Dtype::b1 &&
                             a.dtype() != Dtype::i64) {
    history += "bitcast ";
    const bool isByte = bitWidth(a.dtype()) == 8;
    const Dtype dtype = isSigned(a.dtype()) ? (isByte ? Dtype::u8 : Dtype::u32)
                                            : (isByte ? Dtype::i8 : Dtype::i32);
    std::vector<double> values = a.values;
    for (double &v : values)
      v = held(dtype, std::int64_t(v));
    return add(bitcast(a.tile, dtype), std::move(values));
  }
  history += "cast ";
  known.push_back(asType(any(), chance(.1) ? Dtype::b1 : anyType()));
}

} // namespace lath::test
