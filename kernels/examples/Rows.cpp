// Small kernels that find, count and pick along rows:
//
//   embedding      out[i, :] = table[ids[i], :]
//   argmax         out[i] = the first j with in[i, j] = max(in[i, :])
//   top_k          values[i, :], ids[i, :] = the largest of in[i, :], in order
//   cumsum         out[i, j] = sum over l <= j of in[i, l]
//   column_sum     out[j] = sum over i of in[i, j]
//   cross_entropy  loss[i] = log(sum(exp(in[i, :]))) - in[i, labels[i]]
#include "kernels/examples/Examples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lath {

using Use = ArrayArgument::Use;

static std::unique_ptr<Program> embedding(std::int64_t columns, Dtype dtype,
                                          const ProgramChoice &tile) {
  auto program = std::make_unique<Program>("embedding");
  Program &p = *program;
  Index words = p.scalar("words"), rows = p.scalar("rows");
  View ids = p.view("ids", Dtype::i32, {rows});
  View table = p.view("table", dtype, {words, columns});
  View out = p.view("out", dtype, {rows, columns});

  Range row = p.range(p.programId(0), tile["rows"]);
  Range column = p.range(p.programId(1), tile["columns"]);
  out.store({row, column}, table.load({ids.load({row}, -1), column}));
  return program;
}

static std::unique_ptr<Program> argmaxOfRows(std::int64_t columns, Dtype dtype,
                                             std::int64_t step) {
  auto program = std::make_unique<Program>("argmax");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", Dtype::i32, {rows});

  Index row = p.programId(0);
  auto [best, at] = p.loop(
      p.steps(0, columns, step),
      std::tuple{p.splat(-INFINITY, Dtype::f32, {step}),
                 p.zeros({step}, Dtype::i32)},
      [&](Range k, Tile best, Tile at) {
        Tile x = cast(in.load({row, k}, -INFINITY), Dtype::f32);
        Tile larger = x > best;
        return std::tuple{where(larger, x, best), where(larger, iota(k), at)};
      });
  at = where(best == max(best, 0), at, INT32_MAX);
  out.store({{row, 1}}, min(at, 0));
  return program;
}

/// Numbers that the last bits of an f32 have room for, where it is an f16.
static constexpr std::int64_t room = 8192;

static std::unique_ptr<Program> topK(std::int64_t columns, std::int64_t k,
                                     Dtype dtype, std::int64_t rowsTile) {
  auto program = std::make_unique<Program>("top_k");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View values = p.view("values", dtype, {rows, k});
  View ids = p.view("ids", Dtype::i32, {rows, k});

  const std::int64_t last = tileExtent(columns) - 1;
  Range row = p.range(p.programId(0), rowsTile), all = p.range(0, last + 1);
  Tile x = cast(in.load({row, all}, -INFINITY), Dtype::f32) + 0; // no -0
  // Keys have the order of the elements, and of equal ones the first is the
  // largest: positions from the last one stand below an element's bits, in
  // those that 16-bit floats leave free in an f32, or in a word.
  const bool isShort = bitWidth(dtype) == 16 && last < room;
  auto turned = [](Tile bits) { return bits ^ ((bits >> 31) & INT32_MAX); };
  Tile order = turned(bitcast(x, Dtype::i32));
  Tile place = cast(~iota(all) & last, isShort ? Dtype::i32 : Dtype::i64);
  Tile keys = (isShort ? order & -room : cast(order, Dtype::i64) << 32) | place;
  p.loop(p.each(0, k), keys, [&](Index i, Tile rest) {
    Tile best = max(rest, 1);
    Tile top = isShort ? turned(best & -room) & -room
                       : turned(cast(best >> 32, Dtype::i32));
    values.store({row, {i, 1}}, cast(bitcast(top, Dtype::f32), dtype));
    ids.store({row, {i, 1}}, ~cast(best, Dtype::i32) & last);
    return where(rest == best, isShort ? INT32_MIN : INT64_MIN, rest);
  });
  return program;
}

static std::unique_ptr<Program> cumsumOfRows(std::int64_t columns, Dtype dtype,
                                             std::int64_t step) {
  auto program = std::make_unique<Program>("cumsum");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, columns});
  View out = p.view("out", Dtype::f32, {rows, columns});

  Index row = p.programId(0);
  p.loop(p.steps(0, columns, step), p.zeros({1}), [&](Range k, Tile before) {
    Tile x = cast(in.load({row, k}), Dtype::f32);
    out.store({row, k}, cumsum(x, 0) + before);
    return before + sum(x, 0);
  });
  return program;
}

static std::unique_ptr<Program> columnSum(std::int64_t columns, Dtype dtype,
                                          const ProgramChoice &tile) {
  auto program = std::make_unique<Program>("column_sum");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", Dtype::f32, {rows, columns});
  View out = p.view("out", dtype, {columns});

  const std::int64_t down = tile["rows"], across = tile["columns"];
  Range column = p.range(p.programId(0), across);
  Tile sums = p.loop(
      p.steps(0, rows, down), p.zeros({down, across}),
      [&](Range row, Tile sums) { return sums + in.load({row, column}); });
  out.store({column}, cast(reshape(sum(sums, 0), {across}), dtype));
  return program;
}

static std::unique_ptr<Program> crossEntropy(std::int64_t words, Dtype dtype,
                                             std::int64_t step) {
  auto program = std::make_unique<Program>("cross_entropy");
  Program &p = *program;
  Index rows = p.scalar("rows");
  View in = p.view("in", dtype, {rows, words});
  View labels = p.view("labels", Dtype::i32, {rows});
  View loss = p.view("loss", Dtype::f32, {rows});

  Index row = p.programId(0);
  auto [most, total] =
      p.loop(p.steps(0, words, step),
             std::tuple{p.splat(-INFINITY, Dtype::f32, {1}), p.zeros({1})},
             [&](Range k, Tile most, Tile total) {
               Tile x = cast(in.load({row, k}, -INFINITY), Dtype::f32);
               Tile next = maximum(most, max(x, 0));
               total = total * exp(most - next) + sum(exp(x - next), 0);
               return std::tuple{next, total};
             });
  Tile own = cast(in.load({row, labels.load({{row, 1}})}), Dtype::f32);
  loss.store({{row, 1}}, log(total) + most - own);
  return program;
}

static TunableProgram embeddingProblem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t words = sizes["words"], rows = sizes["rows"],
                     columns = sizes["columns"];
  return {
      .space = ProgramSpace("rows=1|4|16|64 columns=128|256|512|1024 "
                            "w=1|2|4|8"),
      .usual = "rows16columns256w4",
      .build = [=](auto &c) { return embedding(columns, dtype, c); },
      .grid =
          [=](auto &c) {
            return ProgramGrid{tilesOf(rows, c["rows"]),
                               tilesOf(columns, c["columns"]), 1};
          },
      .fits = [](auto &c) { return elementsFit(c["rows"] * c["columns"], c); },
      .arguments =
          {NumberArgument{"words", double(words)},
           NumberArgument{"rows", double(rows)},
           ArrayArgument{
               "ids", Dtype::i32, {rows}, Use::input, 0, double(words)},
           ArrayArgument{"table", dtype, {words, columns}},
           ArrayArgument{"out", dtype, {rows, columns}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i)
              std::copy_n(&v[3][std::int64_t(v[2][i]) * columns], columns,
                          &v[4][i * columns]);
          },
      .bound = 0,
      .bytes = 2.0 * rows * columns * bitWidth(dtype) / 8};
}

static TunableProgram argmaxProblem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  return {
      .space = ProgramSpace("step=1024|2048|4096|8192 w=1|2|4|8|16 st=1|2|3"),
      .usual = "step4096w4",
      .build = [=](auto &c) { return argmaxOfRows(columns, dtype, c["step"]); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [](auto &c) { return elementsFit(c["step"], c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", dtype, {rows, columns}},
                    ArrayArgument{"out", Dtype::i32, {rows}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              auto x = v[1].begin() + i * columns;
              v[2][i] = double(std::max_element(x, x + columns) - x);
            }
          },
      .bound = 0,
      .bytes = 1.0 * rows * columns * bitWidth(dtype) / 8};
}

static TunableProgram topkProblem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"],
                     k = sizes["k"];
  return {
      .space = ProgramSpace("rows=1|2|4|8 w=1|2|4|8|16"),
      .usual = columns > 2048 ? "rows1w4" : "rows4w4",
      .build = [=](auto &c) { return topK(columns, k, dtype, c["rows"]); },
      .grid =
          [=](auto &c) { return ProgramGrid{tilesOf(rows, c["rows"]), 1, 1}; },
      .fits =
          [=](auto &c) {
            return elementsFit(c["rows"] * tileExtent(columns), c);
          },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", dtype, {rows, columns}},
                    ArrayArgument{"values", dtype, {rows, k}, Use::output},
                    ArrayArgument{"ids", Dtype::i32, {rows, k}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            std::vector<std::int64_t> order(columns);
            for (std::int64_t i = 0; i < rows; ++i) {
              const double *x = &v[1][i * columns];
              std::iota(order.begin(), order.end(), 0);
              std::sort(order.begin(), order.end(), [&](auto a, auto b) {
                return x[a] != x[b] ? x[a] > x[b] : a < b;
              });
              for (std::int64_t j = 0; j < k; ++j) {
                v[2][i * k + j] = x[order[j]];
                v[3][i * k + j] = double(order[j]);
              }
            }
          },
      .bound = 0,
      .bytes = 1.0 * rows * columns * bitWidth(dtype) / 8};
}

static TunableProgram cumsumProblem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  return {
      .space = ProgramSpace("step=512|1024|2048|4096 w=1|2|4|8 st=1|2|3"),
      .usual = "step2048w4",
      .build = [=](auto &c) { return cumsumOfRows(columns, dtype, c["step"]); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [](auto &c) { return elementsFit(c["step"], c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", dtype, {rows, columns}},
                    ArrayArgument{
                        "out", Dtype::f32, {rows, columns}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i)
              std::partial_sum(v[1].begin() + i * columns,
                               v[1].begin() + (i + 1) * columns,
                               v[2].begin() + i * columns);
          },
      .bound = 64, // as many units of f32 as sums grow
      .bytes = rows * columns * (bitWidth(dtype) / 8 + 4.0)};
}

static TunableProgram columnSumProblem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t rows = sizes["rows"], columns = sizes["columns"];
  return {
      .space = ProgramSpace("rows=8|16|32|64 columns=32|64|128 w=1|2|4|8 "
                            "st=1|2|3|4"),
      .usual = "rows32columns64w4st2",
      .build = [=](auto &c) { return columnSum(columns, dtype, c); },
      .grid =
          [=](auto &c) {
            return ProgramGrid{tilesOf(columns, c["columns"]), 1, 1};
          },
      .fits = [](auto &c) { return elementsFit(c["rows"] * c["columns"], c); },
      .arguments = {NumberArgument{"rows", double(rows)},
                    ArrayArgument{"in", Dtype::f32, {rows, columns}},
                    ArrayArgument{"out", dtype, {columns}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            std::fill(v[2].begin(), v[2].end(), 0);
            for (std::int64_t i = 0; i < rows * columns; ++i)
              v[2][i % columns] += v[1][i];
          },
      .bytes = 4.0 * rows * columns};
}

static TunableProgram crossEntropyProblem(const ExampleSizes &sizes,
                                          Dtype dtype) {
  const std::int64_t rows = sizes["rows"], words = sizes["words"];
  return {
      .space = ProgramSpace("step=1024|2048|4096|8192|16384 w=2|4|8|16 "
                            "st=1|2|3"),
      .usual = "step4096w8",
      .build = [=](auto &c) { return crossEntropy(words, dtype, c["step"]); },
      .grid = [=](auto &) { return ProgramGrid{unsigned(rows), 1, 1}; },
      .fits = [](auto &c) { return elementsFit(c["step"], c); },
      .arguments =
          {NumberArgument{"rows", double(rows)},
           ArrayArgument{"in", dtype, {rows, words}},
           ArrayArgument{
               "labels", Dtype::i32, {rows}, Use::input, 0, double(words)},
           ArrayArgument{"loss", Dtype::f32, {rows}, Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < rows; ++i) {
              const double *x = &v[1][i * words];
              double most = *std::max_element(x, x + words), total = 0;
              for (std::int64_t j = 0; j < words; ++j)
                total += std::exp(x[j] - most);
              v[3][i] = std::log(total) + most - x[std::int64_t(v[2][i])];
            }
          },
      .bound = 64,
      .bytes = 1.0 * rows * words * bitWidth(dtype) / 8};
}

const Example embeddingExample = {
    "embedding",
    "out[i, :] = table[ids[i], :]",
    {{"words", 128256}, {"rows", 4096}, {"columns", 4096}},
    embeddingProblem};
const Example argmaxExample = {
    "argmax",
    "out[i] = the first j with in[i, j] = max(in[i, :])",
    {{"rows", 256}, {"columns", 128256}},
    argmaxProblem};
const Example topkExample = {
    "top_k",
    "values[i, :], ids[i, :] = the largest of in[i, :], in order",
    {{"rows", 4096}, {"columns", 128}, {"k", 8}},
    topkProblem};
const Example cumsumExample = {"cumsum",
                               "out[i, j] = sum over l <= j of in[i, l]",
                               {{"rows", 4096}, {"columns", 4096}},
                               cumsumProblem};
const Example columnSumExample = {"column_sum",
                                  "out[j] = sum over i of in[i, j]",
                                  {{"rows", 264}, {"columns", 4096}},
                                  columnSumProblem};
const Example crossEntropyExample = {
    "cross_entropy",
    "loss[i] = log(sum(exp(in[i, :]))) - in[i, labels[i]]",
    {{"rows", 1024}, {"words", 128256}},
    crossEntropyProblem};

} // namespace lath
