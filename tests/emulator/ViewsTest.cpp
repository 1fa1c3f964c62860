// Protects that accesses to views give what a plain loop over the array gives:
// run-time extents and strides, dimensions left out, gathers and scatters.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <functional>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::int32_t>;

Words numbered(std::size_t count) {
  Words words(count);
  for (std::size_t i = 0; i < count; ++i)
    words[i] = static_cast<std::int32_t>(i * 2654435761u >> 4) + 1;
  return words;
}

/// A program with i32 arrays, launched on its arguments: numbers, and arrays
/// that are uploaded and read back.
struct Run {
  std::vector<std::uint64_t> arguments;
  std::vector<DeviceBuffer> buffers;
  std::shared_ptr<EmulatedDevice> device = openEmulator();

  void number(std::int64_t value) { arguments.push_back(std::uint64_t(value)); }
  void array(const Words &words) {
    buffers.push_back(uploaded(device, words));
    arguments.push_back(buffers.back().get());
  }
  Words launch(Program &p, const CompileOptions &options,
               std::array<unsigned, 3> grid = {1, 1, 1}) {
    device->load(compile(p, options).ptx)
        ->launch(nullptr, {.grid = grid}, arguments);
    return downloaded<std::int32_t>(*device, buffers.back());
  }
};

} // namespace

TEST_CASE("views: any extent and stride may be known at run time only") {
  std::mt19937 random(11);
  auto below = [&](int n) { return int(random() % unsigned(n)); };
  for (int round = 0; round < 12; ++round) {
    const int warps = 1 << below(3), rows = 5 + below(40),
              columns = 3 + below(60);
    const int inner = 1 + below(2), outer = columns * inner + below(9);
    const bool known = below(2), dense = round % 3 == 0;
    CAPTURE(round, warps, rows, columns, inner, outer, known, dense);
    Program p("strided");
    Index m = p.scalar("m"), n = p.scalar("n"), s0 = p.scalar("s0"),
          s1 = p.scalar("s1");
    View x = dense
                 ? p.view("x", Dtype::i32, {m, n})
                 : p.view("x", Dtype::i32, {m, n},
                          std::vector<Extent>{s0, known ? Extent(inner) : s1});
    View out = p.view("out", Dtype::i32, {m, n});
    Range row = p.range(p.programId(1), 8),
          column = p.range(p.programId(0), 16);
    out.store({row, column}, x.load({row, column}) + 1);
    const int outerStride = dense ? columns : outer,
              innerStride = dense ? 1 : inner;
    const Words in = numbered(std::size_t(rows) * outerStride);
    Run run;
    for (int value : {rows, columns, outerStride, innerStride})
      run.number(value);
    run.array(in);
    run.array(Words(rows * columns, -7));
    Words result =
        run.launch(p, options("sm_90a", warps),
                   {unsigned(columns + 15) / 16, unsigned(rows + 7) / 8, 1});
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        REQUIRE(result[i * columns + j] ==
                in[i * outerStride + j * innerStride] + 1);
  }
}

TEST_CASE("views: an index in place of a range drops a dimension") {
  constexpr int heads = 3, rows = 20, columns = 24;
  for (int batch : {0, 1, -1, 2}) {
    CAPTURE(batch); // of two: the others read zero and write nothing
    Program p("dropped");
    Index batches = p.scalar("batches"), which = p.scalar("which");
    View x = p.view("x", Dtype::i32, {batches, rows, heads, columns});
    View out = p.view("out", Dtype::i32, {batches, rows, heads, columns});
    Range row = p.range(p.constant(0), 32), column = p.range(p.constant(0), 32);
    Tile t = x.load({which, row, 2, column});
    CHECK(t.shape() == Shape{32, 32});
    out.store({which, row, 1, column},
              t + cast(x.inside({which, row, 2, column}), Dtype::i32));
    Run run;
    run.number(2);
    run.number(batch);
    const Words in = numbered(2 * heads * rows * columns);
    run.array(in);
    run.array(Words(in.size(), -7));
    Words result = run.launch(p, options("sm_90a", 2));
    auto at = [&](int b, int i, int h, int j) {
      return ((b * rows + i) * heads + h) * columns + j;
    };
    for (int b = 0; b < 2; ++b)
      for (int i = 0; i < rows; ++i)
        for (int h = 0; h < heads; ++h)
          for (int j = 0; j < columns; ++j)
            REQUIRE(result[at(b, i, h, j)] ==
                    (b == batch && h == 1 ? in[at(b, i, 2, j)] + 1 : -7));
  }
}

TEST_CASE("views: tiles of a loop with a dropped dimension and a stride are "
          "staged") {
  constexpr int heads = 2, rows = 64, depth = 32;
  Program p("product");
  Index n = p.scalar("n", 16);
  View x = p.view("x", Dtype::f16, {n, heads, depth});
  View w = p.view("w", Dtype::f16, {depth, n}, std::vector<Extent>{n, 1});
  View out = p.view("out", Dtype::f32, {n, n});
  Range row = p.range(p.constant(0), rows),
        column = p.range(p.constant(0), rows);
  Tile sum = p.loop(p.kRange(depth, 16), p.zeros({rows, rows}),
                    [&](Range k, Tile acc) {
                      return dot(x.load({row, 1, k}), w.load({k, column}), acc);
                    });
  out.store({row, column}, sum);
  Ptx ptx = compile(p, options("sm_90a", 4, 2)).ptx;
  CHECK(ptx.text.find("cp.async.cg") != std::string::npos);
  constexpr int actual = 48;
  std::mt19937 random(3);
  auto halves = [&](int count) {
    std::vector<std::uint16_t> values;
    for (int i = 0; i < count; ++i)
      values.push_back(toHalf(float(int(random() % 7) - 3)));
    return values;
  };
  auto xs = halves(actual * heads * depth), ws = halves(depth * actual);
  auto device = openEmulator();
  DeviceBuffer xb = uploaded(device, xs), wb = uploaded(device, ws),
               ob = uploaded(device, std::vector<float>(actual * actual, -1));
  device->load(ptx)->launch(
      nullptr, {},
      std::vector<std::uint64_t>{actual, xb.get(), wb.get(), ob.get()});
  auto result = downloaded<float>(*device, ob);
  for (int i = 0; i < actual; ++i)
    for (int j = 0; j < actual; ++j) {
      float expected = 0;
      for (int k = 0; k < depth; ++k)
        expected += halfToFloat(xs[(i * heads + 1) * depth + k]) *
                    halfToFloat(ws[k * actual + j]);
      REQUIRE(result[i * actual + j] == expected);
    }
}

TEST_CASE("views: rows are gathered and scattered by a tile of coordinates") {
  constexpr int rows = 30, columns = 40, count = 16;
  for (int warps : {1, 2, 4})
    for (bool promised : {false, true}) {
      CAPTURE(warps, promised);
      Program p("rows");
      Index n = p.scalar("n", promised ? 8 : 1);
      View ids = p.view("ids", Dtype::i32, {count});
      View places = p.view("places", Dtype::i32, {count});
      View x = p.view("x", Dtype::i32, {rows, n});
      View out = p.view("out", Dtype::i32, {rows, n});
      Range all = p.range(p.constant(0), count),
            column = p.range(p.constant(0), 64);
      out.store({places.load({all}), column},
                x.load({ids.load({all}), column}));
      Words idsOf, placesOf;
      for (int i = 0; i < count; ++i) {
        idsOf.push_back(i == 3 ? -1 : i == 5 ? rows : i * 7 % rows);
        placesOf.push_back(i == 4   ? -1
                           : i == 6 ? rows + 2
                                    : (i * 11 + 1) % rows);
      }
      const Words in = numbered(rows * columns);
      Words expected(in.size(), -7);
      for (int i = 0; i < count; ++i)
        for (int j = 0; j < columns; ++j)
          if (placesOf[i] >= 0 && placesOf[i] < rows)
            expected[placesOf[i] * columns + j] =
                idsOf[i] >= 0 && idsOf[i] < rows ? in[idsOf[i] * columns + j]
                                                 : 0;
      Run run;
      run.number(columns);
      run.array(idsOf);
      run.array(placesOf);
      run.array(in);
      run.array(Words(in.size(), -7));
      REQUIRE(run.launch(p, options("sm_90a", warps)) == expected);
    }
}

TEST_CASE("views: several coordinates of a gather go together") {
  constexpr int blocks = 5, perBlock = 4, depth = 8, count = 32;
  Program p("paged");
  View table = p.view("table", Dtype::i32, {8});
  View cache = p.view("cache", Dtype::i32, {blocks, perBlock, 2, depth});
  View out = p.view("out", Dtype::i32, {count, depth});
  Range all = p.range(p.constant(0), count),
        inner = p.range(p.constant(0), depth);
  Tile position = iota(all);
  Tile block = table.load({position / 4});
  out.store({all, inner}, cache.load({block, position % 4, 1, inner}));
  Words tableOf{3, 0, 4, 1, -1, 2, 5, 3};
  const Words in = numbered(blocks * perBlock * 2 * depth);
  Run run;
  run.array(tableOf);
  run.array(in);
  run.array(Words(count * depth, -7));
  Words result = run.launch(p, options("sm_90a", 2));
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < depth; ++j) {
      const int b = tableOf[i / 4];
      REQUIRE(result[i * depth + j] ==
              (b < 0 || b >= blocks
                   ? 0
                   : in[((b * perBlock + i % 4) * 2 + 1) * depth + j]));
    }
}

TEST_CASE("views: values are looked up element by element, by shapes that "
          "broadcast") {
  constexpr int n = 37;
  for (int warps : {1, 4}) {
    CAPTURE(warps);
    Program p("table");
    View table = p.view("table", Dtype::i32, {n, 3});
    View out = p.view("out", Dtype::i32, {16, 64});
    Range row = p.range(p.constant(0), 16), column = p.range(p.constant(0), 64);
    Tile i = expand(iota(row), 1), j = expand(iota(column), 0);
    out.store({row, column}, table.load({i * 3 + j - 2, j % 4}, -5));
    const Words in = numbered(n * 3);
    Run run;
    run.array(in);
    run.array(Words(16 * 64, -7));
    Words result = run.launch(p, options("sm_90a", warps));
    for (int a = 0; a < 16; ++a)
      for (int b = 0; b < 64; ++b) {
        const int at = a * 3 + b - 2, column = b % 4;
        REQUIRE(result[a * 64 + b] ==
                (at < 0 || at >= n || column > 2 ? -5 : in[at * 3 + column]));
      }
  }
}

TEST_CASE("views: batches whose extents are all known at run time only are "
          "transposed") {
  std::mt19937 random(5);
  for (std::int64_t promise : {1, 4})
    for (int warps : {1, 2, 4}) {
      const int batches = 1 + int(random() % 3), rows = 1 + int(random() % 70),
                columns = int(promise) * (1 + int(random() % 20));
      CAPTURE(promise, warps, batches, rows, columns);
      Program p("transposed");
      Index b = p.scalar("b"), m = p.scalar("m"), n = p.scalar("n", promise);
      View x = p.view("x", Dtype::i32, {b, m, n});
      View out = p.view("out", Dtype::i32, {b, n, m});
      Index batch = p.programId(2);
      Range row = p.range(p.programId(1), 32),
            column = p.range(p.programId(0), 32);
      out.store({batch, column, row}, transpose(x.load({batch, row, column})));
      const Ptx ptx = compile(p, options("sm_90a", warps)).ptx;
      // Rows of x are vectors with the promise alone, those of out never.
      CHECK(count(ptx.text, "ld\\.global\\.v4\\.b32") ==
            (promise == 4 ? 1024 / 4 / 32 / warps : 0));
      CHECK(count(ptx.text, "ld\\.global\\.b32") ==
            (promise == 4 ? 0 : 1024 / 32 / warps));
      CHECK(count(ptx.text, "st\\.global\\.v") == 0);
      const Words in = numbered(std::size_t(batches * rows) * columns);
      Run run;
      for (int value : {batches, rows, columns})
        run.number(value);
      run.array(in);
      run.array(Words(in.size(), -7));
      run.device->load(ptx)->launch(
          nullptr,
          {.grid = {unsigned(columns + 31) / 32, unsigned(rows + 31) / 32,
                    unsigned(batches)}},
          run.arguments);
      const Words result =
          downloaded<std::int32_t>(*run.device, run.buffers.back());
      for (int l = 0; l < batches; ++l)
        for (int i = 0; i < rows; ++i)
          for (int j = 0; j < columns; ++j)
            REQUIRE(result[(l * columns + j) * rows + i] ==
                    in[(l * rows + i) * columns + j]);
    }
}

TEST_CASE("views: a launch keeps what is promised of a scalar") {
  Program p("promised");
  Index n = p.scalar("n", 8);
  View x = p.view("x", Dtype::f16, {n});
  Range r = p.range(p.programId(0), 256);
  x.store({r}, x.load({r}));
  auto device = openEmulator();
  Ptx ptx = compile(p, options("sm_90a", 1)).ptx;
  CHECK(ptx.params[0].multipleOf == 8);
  auto kernel = device->load(ptx);
  DeviceBuffer x0 = uploaded(device, std::vector<std::uint16_t>(64, 1));
  kernel->launch(nullptr, {}, std::vector<std::uint64_t>{64, x0.get()});
  Error error = errorOf([&] {
    kernel->launch(nullptr, {}, std::vector<std::uint64_t>{60, x0.get()});
  });
  CHECK(error.kind() == ErrorKind::invalidInput);
  CHECK(error.message() ==
        "kernel 'promised': n is promised to be a multiple of 8, got 60");
}
