// Random loops, branches and products.
#include "tests/unit/compiler/ProgramRandom.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace lath::test {

std::string RandomProgram::loopWords() {
  return chance(.7) ? "" : "st" + std::to_string(number(1, 4));
}

void RandomProgram::loop() {
  history += "loop ";
  Shape tile{1ll << number(0, 5), 4ll << number(0, 4)};
  Shape extents{std::max<std::int64_t>(1, tile[0] - number(0, 1)),
                tile[1] * number(1, 6) - number(0, 3)};
  Array &a = array(floatType(), extents, false);
  Range rows = p.range(p.constant(0), tile[0]);
  // What a step does: nothing, sums of rows, running sums, maxima, or a branch.
  const int within = chance(.5) ? 0 : number(1, 4);
  const Known start = beside(tile, Dtype::f32);
  Tile total = p.loop(
      p.kRange(extent(extents[1]), tile[1]), lath::broadcast(start.tile, tile),
      [&](Range k, Tile acc) {
        Tile t = cast(a.view.load({rows, k}), Dtype::f32);
        if (within == 1)
          t = t + sum(t, 1);
        else if (within == 2)
          t = cumsum(t, 1);
        else if (within == 3)
          t = max(t, 0) - t;
        else if (within == 4)
          t = p.when(k.start >= tile[1], t, [&](Tile t) { return t - acc; });
        return acc + t;
      },
      loopWords());
  std::vector<double> values = repeated(start, tile);
  for (std::int64_t k = 0; k < extents[1]; k += tile[1]) {
    std::vector<double> t = read(a, tile, {0, k});
    for (std::int64_t i = 0; i < tile[0]; ++i) {
      double sum = 0, running = 0;
      for (std::int64_t j = 0; j < tile[1]; ++j)
        sum += t[i * tile[1] + j];
      for (std::int64_t j = 0; j < tile[1]; ++j) {
        const double v = t[i * tile[1] + j];
        double most = v;
        for (std::int64_t row = 0; row < tile[0]; ++row)
          most = std::max(most, t[row * tile[1] + j]);
        running += v;
        double &total = values[i * tile[1] + j];
        total += within == 0   ? v
                 : within == 1 ? v + sum
                 : within == 2 ? running
                 : within == 3 ? most - v
                 : k           ? v - total
                               : v;
      }
    }
  }
  add(total, std::move(values));
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
  add(total, std::move(values));
}

void RandomProgram::dot() {
  std::int64_t m = 8ll << number(0, 3), n = 16ll << number(0, 2),
               k = 16ll << number(0, 2);
  if (warps > m * n / 128)
    return;
  history += "dot ";
  Dtype dtype = floatType();
  std::int64_t depth = k * number(1, 3) - number(0, (int)k - 1);
  bool transposed = chance(.5);
  Array &a = array(dtype, {m - number(0, 3), depth}, false);
  // Rows in order, or by numbers of them.
  std::vector<double> ids(m);
  std::iota(ids.begin(), ids.end(), 0);
  std::optional<Known> gathered;
  if (chance(.3)) {
    gathered = coordinates({m}, a.shape[0], false);
    ids = gathered->values;
  }
  std::int64_t columns = n - number(0, 3);
  Array &b = array(
      dtype, transposed ? Shape{columns, depth} : Shape{depth, columns}, false);
  Range row = p.range(p.constant(0), m), column = p.range(p.constant(0), n);
  Tile total =
      p.loop(p.kRange(extent(depth), k), p.splat(0, Dtype::f32, {m, n}),
             [&](Range kk, Tile acc) {
               Tile right = transposed ? transpose(b.view.load({column, kk}))
                                       : b.view.load({kk, column});
               Tile left =
                   a.view.load({gathered ? At(gathered->tile) : At(row), kk});
               return lath::dot(left, right, acc);
             });
  std::vector<double> values(m * n);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < columns && ids[i] >= 0 && ids[i] < a.shape[0];
         ++j)
      for (std::int64_t kk = 0; kk < depth; ++kk)
        values[i * n + j] +=
            a.values[ids[i] * depth + kk] *
            b.values[transposed ? j * depth + kk : kk * columns + j];
  add(total, std::move(values));
}

void RandomProgram::carriedLoop() {
  history += "carried ";
  const Shape tile{1ll << number(1, 4), 4ll << number(0, 3)};
  Array &a = array(chance(.5) ? Dtype::i32 : floatType(),
                   {number(1, 40), tile[1] * number(1, 2)}, false);
  const Dtype dtype = a.dtype == Dtype::i32 ? Dtype::i32 : Dtype::f32;
  const std::int64_t begin = number(0, 3), end = begin + number(0, 9),
                     stride = number(1, 4);
  Range columns = p.range(p.constant(0), tile[1]);
  Known start = beside(tile, dtype);
  // Rows are read from a place that the loop itself works out.
  auto [total, largest, at] =
      p.loop(p.each(scalar(begin), scalar(end), stride),
             std::tuple{lath::broadcast(start.tile, tile), p.zeros(tile, dtype),
                        p.constant(1)},
             [&](Index i, Tile total, Tile largest, Index at) {
               Tile t = cast(a.view.load({Range{at, tile[0]}, columns}), dtype);
               return std::tuple{total - t, maximum(largest, t + total),
                                 (at * 3 + i) % 31};
             });
  std::vector<double> sums = repeated(start, tile), most(elements(tile));
  std::int64_t from = 1;
  for (std::int64_t i = begin; i < end; i += stride) {
    std::vector<double> t = read(a, tile, {from, 0});
    for (std::size_t e = 0; e < t.size(); ++e) {
      most[e] = std::max(most[e], held(dtype, std::int64_t(t[e] + sums[e])));
      sums[e] = held(dtype, std::int64_t(sums[e] - t[e]));
    }
    from = (from * 3 + i) % 31;
  }
  add(total, std::move(sums));
  add(largest, std::move(most));
  add(lath::broadcast(iota(Range{at, 1}), {4}),
      std::vector<double>(4, (double)from));
}

void RandomProgram::branch() {
  history += "branch ";
  Known a = plain();
  if (!isFloat(a.dtype()) && a.dtype() != Dtype::i32)
    a = asType(a, Dtype::i32);
  auto [taken, holds] = decision();
  auto [kept, count] =
      p.when(taken, std::tuple{a.tile, scalar(5)},
             [&](Tile t, Index n) { return std::tuple{-t, n * 2}; });
  std::vector<double> values = a.values;
  if (holds)
    for (double &v : values)
      v = held(a.dtype(), -std::int64_t(v));
  add(kept, std::move(values));
  add(lath::broadcast(iota(Range{count, 1}), {2, 4}),
      std::vector<double>(8, holds ? 10 : 5));
}

} // namespace lath::test
