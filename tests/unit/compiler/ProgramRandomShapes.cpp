// Random operations that give elements other places, or combine them along a
// dimension.
#include "tests/unit/compiler/ProgramRandom.h"

#include <algorithm>
#include <numeric>

namespace lath::test {

void RandomProgram::broadcast() {
  Known a = any();
  Shape shape = a.shape();
  for (std::int64_t &extent : shape)
    if (extent == 1 && elements(shape) <= 128)
      extent = 1ll << number(0, 3);
  if (chance(.3) && elements(shape) <= 128 && shape.size() < 5)
    shape.insert(shape.begin(), 1ll << number(0, 2));
  if (shape == a.shape())
    return;
  history += "broadcast ";
  add(lath::broadcast(a.tile, shape), repeated(a, shape));
}

/// Calls `visit(line, write)` for all lines along a dimension; `write(j, v)`
/// goes to element j of that line of the result.
template <typename F>
static std::vector<double> alongLines(const Known &a, int dim,
                                      std::int64_t extent, F &&visit) {
  Shape lines = a.shape(), result = a.shape();
  lines[dim] = 1;
  result[dim] = extent;
  std::vector<double> values(elements(result));
  forEach(lines, [&](std::int64_t, Shape &c) {
    std::vector<double> line;
    Shape at = c;
    for (at[dim] = 0; at[dim] < a.shape()[dim]; ++at[dim])
      line.push_back(a.values[indexOf(a.shape(), at)]);
    visit(line, [&](std::int64_t j, double v) {
      at[dim] = j;
      values[indexOf(result, at)] = v;
    });
  });
  return values;
}

static Dtype reduced(Dtype dtype) {
  if (isFloat(dtype))
    return Dtype::f32;
  if (bitWidth(dtype) >= 32)
    return dtype;
  return isSigned(dtype) || dtype == Dtype::b1 ? Dtype::i32 : Dtype::u32;
}

void RandomProgram::reduce() {
  history += "reduce ";
  Known a = any();
  const int dim = number(0, (int)a.shape().size() - 1);
  const int operation = number(0, 2);
  const Dtype dtype = reduced(a.dtype());
  if (a.dtype() == Dtype::b1 && operation) {
    std::vector<double> values =
        alongLines(a, dim, 1, [&](auto &line, auto write) {
          auto holds = [](double v) { return v != 0; };
          write(0, operation == 1
                       ? std::any_of(line.begin(), line.end(), holds)
                       : std::all_of(line.begin(), line.end(), holds));
        });
    return add(operation == 1 ? lath::any(a.tile, dim) : all(a.tile, dim),
               std::move(values));
  }
  std::vector<double> values =
      alongLines(a, dim, 1, [&](auto &line, auto write) {
        double v = line[0];
        for (std::size_t j = 1; j < line.size(); ++j)
          v = operation == 0   ? held(dtype, std::int64_t(v + line[j]))
              : operation == 1 ? std::max(v, line[j])
                               : std::min(v, line[j]);
        write(0, v);
      });
  add(operation == 0   ? sum(a.tile, dim)
      : operation == 1 ? max(a.tile, dim)
                       : min(a.tile, dim),
      std::move(values));
}

void RandomProgram::scan() {
  history += "scan ";
  Known a = any();
  const int dim = number(0, (int)a.shape().size() - 1);
  const bool sums = chance(.5);
  const Dtype dtype = reduced(a.dtype());
  std::vector<double> values =
      alongLines(a, dim, a.shape()[dim], [&](auto &line, auto write) {
        double v = line[0];
        for (std::size_t j = 0; j < line.size(); ++j) {
          if (j)
            v = sums ? held(dtype, std::int64_t(v + line[j]))
                     : std::max(v, line[j]);
          write(j, v);
        }
      });
  add(sums ? cumsum(a.tile, dim) : cummax(a.tile, dim), std::move(values));
}

void RandomProgram::order() {
  Known a = any();
  const int dim = number(0, (int)a.shape().size() - 1);
  const bool largest = chance(.5);
  if (chance(.3) && a.shape()[dim] <= 16 && a.dtype() != Dtype::b1) {
    history += "sort ";
    std::vector<double> values =
        alongLines(a, dim, a.shape()[dim], [&](auto &line, auto write) {
          std::sort(line.begin(), line.end());
          if (largest)
            std::reverse(line.begin(), line.end());
          for (std::size_t j = 0; j < line.size(); ++j)
            write(j, line[j]);
        });
    return add(sort(a.tile, dim, largest), std::move(values));
  }
  history += "argmax ";
  if (a.dtype() == Dtype::i64)
    return;
  std::vector<double> values =
      alongLines(a, dim, 1, [&](auto &line, auto write) {
        auto found = largest ? std::max_element(line.begin(), line.end())
                             : std::min_element(line.begin(), line.end());
        write(0, double(found - line.begin()));
      });
  add(largest ? argmax(a.tile, dim) : argmin(a.tile, dim), std::move(values));
}

void RandomProgram::reshape() {
  history += "reshape ";
  Known a = any();
  Shape shape(number(1, 5), 1);
  for (std::int64_t n = elements(a.shape()); n > 1; n /= 2)
    shape[number(0, (int)shape.size() - 1)] *= 2;
  add(lath::reshape(a.tile, shape), a.values);
}

void RandomProgram::permute() {
  history += "permute ";
  Known a = any();
  std::vector<int> order(a.shape().size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  Shape shape;
  for (int d : order)
    shape.push_back(a.shape()[d]);
  std::vector<double> values(a.values.size());
  forEach(shape, [&](std::int64_t i, Shape &c) {
    Shape from(c.size());
    for (std::size_t d = 0; d < c.size(); ++d)
      from[order[d]] = c[d];
    values[i] = a.values[indexOf(a.shape(), from)];
  });
  add(order == std::vector{1, 0} ? transpose(a.tile)
                                 : lath::permute(a.tile, order),
      std::move(values));
}

void RandomProgram::joinOrSplit() {
  Known a = any();
  if (a.shape().size() > 1 && a.shape().back() == 2) {
    history += "split ";
    auto [even, odd] = split(a.tile);
    std::vector<double> first, second;
    for (std::size_t i = 0; i < a.values.size(); i += 2) {
      first.push_back(a.values[i]);
      second.push_back(a.values[i + 1]);
    }
    add(even, std::move(first));
    return add(odd, std::move(second));
  }
  history += "join ";
  a = plain();
  if (elements(a.shape()) > 512 || a.shape().size() > 4)
    return;
  Known b = beside(a.shape(), a.dtype());
  std::vector<double> values, other = repeated(b, a.shape());
  for (std::size_t i = 0; i < a.values.size(); ++i)
    values.insert(values.end(), {a.values[i], other[i]});
  add(join(a.tile, b.tile), std::move(values));
}

void RandomProgram::slice() {
  history += "slice ";
  Known a = any();
  const int dim = number(0, (int)a.shape().size() - 1);
  std::int64_t extent = a.shape()[dim];
  for (int halves = number(0, 3); halves > 0 && extent > 1; --halves)
    extent /= 2;
  const std::int64_t start =
      extent * number(0, (int)(a.shape()[dim] / extent) - 1);
  add(lath::slice(a.tile, dim, start, extent),
      alongLines(a, dim, extent, [&](auto &line, auto write) {
        for (std::int64_t j = 0; j < extent; ++j)
          write(j, line[start + j]);
      }));
}

} // namespace lath::test
