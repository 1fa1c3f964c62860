// Attention of one query row a sequence over a paged cache, split over blocks:
//
//   share c of a sequence's keys: m = max s, l = sum exp(s - m),
//   partial[c] = sum exp(s - m) v[u],    s = q k[u] / sqrt(D)
//   out = sum over c of exp(m[c] - max m) partial[c] / sum exp(m[c] - max m)
//   l[c]
//
// (Flash-Decoding). Key u of a sequence lies in row table[u / page] page + u %
// page of the cache, [rows, G, D]; the heads that share a group of keys are the
// rows of one tile. paged_combine is the second formula.
#include "kernels/examples/Examples.h"

#include <algorithm>
#include <cmath>

namespace lath {

using Use = ArrayArgument::Use;

static constexpr std::int64_t page = 16, rowsTile = 16;
// A share of the keys is so many, or a multiple: tiles of keys divide it.
static constexpr std::int64_t shareUnit = 64;

static std::unique_ptr<Program>
pagedAttention(std::int64_t heads, std::int64_t groups, std::int64_t dim,
               std::int64_t shares, Dtype dtype, std::int64_t keysTile) {
  auto program = std::make_unique<Program>("paged_attention");
  Program &p = *program;
  const std::int64_t ratio = heads / groups;
  Index batches = p.scalar("batches"), pages = p.scalar("pages");
  Index rows = p.scalar("rows");
  View lengths = p.view("lengths", Dtype::i32, {batches});
  View table = p.view("table", Dtype::i32, {batches, pages});
  View q = p.view("q", dtype, {batches, groups, ratio, dim});
  View k = p.view("k", dtype, {rows, groups, dim});
  View v = p.view("v", dtype, {rows, groups, dim});
  View partial =
      p.view("partial", Dtype::f32, {batches, groups, shares, ratio, dim});
  View most = p.view("most", Dtype::f32, {batches, groups, shares, ratio});
  View total = p.view("total", Dtype::f32, {batches, groups, shares, ratio});

  Index share = p.programId(0), group = p.programId(1), batch = p.programId(2);
  Range head = p.range(0, rowsTile), all = p.range(0, dim);
  Tile query = q.load({batch, group, head, all});
  Index length = lengths.loadIndex({batch});
  Index keys = ceilDiv(ceilDiv(length, shareUnit), shares) * shareUnit;
  Index begin = share * keys, end = minimum(length, begin + keys);
  const double scale = M_LOG2E / std::sqrt(double(dim));
  auto [m, l, acc] =
      p.loop(p.steps(begin, end, keysTile),
             std::tuple{p.splat(-1e30, Dtype::f32, {rowsTile, 1}),
                        p.zeros({rowsTile, 1}), p.zeros({rowsTile, dim})},
             [&](Range key, Tile m, Tile l, Tile acc) {
               Tile u = iota(key);
               Tile row = table.load({batch, u / page}) * page + u % page;
               row = where(u < length, row, -1);
               Tile s = dot(query, transpose(k.load({row, group, all})),
                            p.zeros({rowsTile, keysTile}));
               s = where(u < length, s * scale, -INFINITY);
               Tile next = maximum(m, max(s, 1));
               Tile e = exp2(s - next), shrink = exp2(m - next);
               acc =
                   dot(cast(e, dtype), v.load({row, group, all}), acc * shrink);
               return std::tuple{next, l * shrink + sum(e, 1), acc};
             });
  partial.store({batch, group, share, head, all}, acc);
  most.store({batch, group, share, head}, reshape(m, {rowsTile}));
  total.store({batch, group, share, head}, reshape(l, {rowsTile}));
  return program;
}

static std::unique_ptr<Program> pagedCombine(std::int64_t ratio,
                                             std::int64_t dim,
                                             std::int64_t shares, Dtype dtype) {
  auto program = std::make_unique<Program>("paged_combine");
  Program &p = *program;
  Index lines = p.scalar("lines"); // batches * groups
  View partial = p.view("partial", Dtype::f32, {lines, shares, ratio, dim});
  View most = p.view("most", Dtype::f32, {lines, shares, ratio});
  View total = p.view("total", Dtype::f32, {lines, shares, ratio});
  View out = p.view("out", dtype, {lines, ratio, dim});

  Index head = p.programId(0), line = p.programId(1);
  Range share = p.range(0, tileExtent(shares)), all = p.range(0, dim);
  Tile m = most.load({line, share, head}, -INFINITY);
  Tile weight = exp2(m - max(m, 0));
  Tile l = sum(weight * total.load({line, share, head}), 0);
  Tile sums =
      sum(partial.load({line, share, head, all}) * expand(weight, 1), 0);
  out.store({line, head, all}, cast(reshape(sums, {dim}) / l, dtype));
  return program;
}

static std::vector<double> shuffled(std::int64_t count) {
  std::vector<double> values(count);
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = double(i * 7919 % count);
  return values;
}

static TunableProgram attend(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t batches = sizes["batches"], length = sizes["length"],
                     heads = sizes["heads"], groups = sizes["groups"],
                     dim = sizes["dim"], shares = sizes["shares"];
  const std::int64_t ratio = heads / groups, pages = (length + page - 1) / page;
  const std::int64_t count = batches * pages | 1, rows = count * page;
  std::vector<double> table = shuffled(count), lengths;
  table.resize(batches * pages);
  for (std::int64_t b = 0; b < batches; ++b)
    lengths.push_back(double(std::max<std::int64_t>(1, length - 3 * b)));
  const Shape cache{rows, groups, dim}, lines{batches, groups, shares, ratio};
  return {
      .space = ProgramSpace("keys=16|32|64 w=1|2|4|8 st=1|2|3"),
      .usual = "keys64w4st2",
      .build =
          [=](auto &c) {
            return pagedAttention(heads, groups, dim, shares, dtype, c["keys"]);
          },
      .grid =
          [=](auto &) {
            return ProgramGrid{unsigned(shares), unsigned(groups),
                               unsigned(batches)};
          },
      .arguments = {NumberArgument{"batches", double(batches)},
                    NumberArgument{"pages", double(pages)},
                    NumberArgument{"rows", double(rows)},
                    ArrayArgument{.name = "lengths",
                                  .dtype = Dtype::i32,
                                  .shape = {batches},
                                  .values = lengths},
                    ArrayArgument{.name = "table",
                                  .dtype = Dtype::i32,
                                  .shape = {batches, pages},
                                  .values = table},
                    ArrayArgument{"q", dtype, {batches, groups, ratio, dim}},
                    ArrayArgument{"k", dtype, cache},
                    ArrayArgument{"v", dtype, cache},
                    ArrayArgument{"partial",
                                  Dtype::f32,
                                  {batches, groups, shares, ratio, dim},
                                  Use::output},
                    ArrayArgument{"most", Dtype::f32, lines, Use::output},
                    ArrayArgument{"total", Dtype::f32, lines, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            const double scale = M_LOG2E / std::sqrt(double(dim));
            for (std::int64_t line = 0; line < batches * groups; ++line)
              for (std::int64_t c = 0; c < shares; ++c)
                for (std::int64_t h = 0; h < ratio; ++h) {
                  const std::int64_t b = line / groups, g = line % groups;
                  const std::int64_t keys = (std::int64_t)v[3][b];
                  const std::int64_t each =
                      ((keys + shareUnit - 1) / shareUnit + shares - 1) /
                      shares * shareUnit;
                  const std::int64_t begin = c * each,
                                     end = std::min(keys, begin + each);
                  auto row = [&](std::int64_t u) {
                    return (std::int64_t(v[4][b * pages + u / page]) * page +
                            u % page) *
                               groups +
                           g;
                  };
                  const std::int64_t at = (line * shares + c) * ratio + h;
                  double most = -1e30f, total = 0;
                  std::vector<double> s;
                  for (std::int64_t u = begin; u < end; ++u) {
                    double sum = 0;
                    for (std::int64_t d = 0; d < dim; ++d)
                      sum += v[5][(line * ratio + h) * dim + d] *
                             v[6][row(u) * dim + d];
                    s.push_back(sum * scale);
                    most = std::max(most, s.back());
                  }
                  std::fill_n(&v[8][at * dim], dim, 0);
                  for (std::int64_t u = begin; u < end; ++u) {
                    const double e = std::exp2(s[u - begin] - most);
                    total += e;
                    for (std::int64_t d = 0; d < dim; ++d)
                      v[8][at * dim + d] += e * v[7][row(u) * dim + d];
                  }
                  v[9][at] = most;
                  v[10][at] = total;
                }
          },
      .bound = 1e5, // sums of f32, of exponentials rounded to `dtype`
      .bytes = 2.0 * batches * length * groups * dim * bitWidth(dtype) / 8};
}

static TunableProgram combine(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t lines = sizes["lines"], ratio = sizes["ratio"],
                     dim = sizes["dim"], shares = sizes["shares"];
  return {
      .space = ProgramSpace("w=1|2|4|8"),
      .usual = "w4",
      .build = [=](auto &) { return pagedCombine(ratio, dim, shares, dtype); },
      .grid =
          [=](auto &) {
            return ProgramGrid{unsigned(ratio), unsigned(lines), 1};
          },
      .arguments =
          {NumberArgument{"lines", double(lines)},
           ArrayArgument{"partial", Dtype::f32, {lines, shares, ratio, dim}},
           ArrayArgument{"most", Dtype::f32, {lines, shares, ratio}},
           ArrayArgument{
               "total", Dtype::f32, {lines, shares, ratio}, Use::input, 1, 2},
           ArrayArgument{"out", dtype, {lines, ratio, dim}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t line = 0; line < lines; ++line)
              for (std::int64_t h = 0; h < ratio; ++h) {
                auto at = [&](std::int64_t c) {
                  return (line * shares + c) * ratio + h;
                };
                double most = -INFINITY, total = 0;
                for (std::int64_t c = 0; c < shares; ++c)
                  most = std::max(most, v[2][at(c)]);
                std::vector<double> sums(dim);
                for (std::int64_t c = 0; c < shares; ++c) {
                  const double weight = std::exp2(v[2][at(c)] - most);
                  total += weight * v[3][at(c)];
                  for (std::int64_t d = 0; d < dim; ++d)
                    sums[d] += weight * v[1][at(c) * dim + d];
                }
                for (std::int64_t d = 0; d < dim; ++d)
                  v[4][(line * ratio + h) * dim + d] = sums[d] / total;
              }
          },
      .bytes = 4.0 * lines * shares * ratio * dim};
}

const Example pagedAttentionExample = {
    "paged_attention",
    "partial[c] = sum exp(s - m) v[u], s = q k[u] / sqrt(D), u in share c",
    {{"batches", 16},
     {"length", 4096},
     {"heads", 32},
     {"groups", 8},
     {"dim", 128},
     {"shares", 8}},
    attend};
const Example pagedCombineExample = {
    "paged_combine",
    "out = sum exp(m[c] - max m) partial[c] / sum exp(m[c] - max m) l[c]",
    {{"lines", 128}, {"ratio", 4}, {"dim", 128}, {"shares", 8}},
    combine};

} // namespace lath
