// Protects: small programs of the language give the values that the language
// promises, whatever the schedule makes of their loads: fewer rows in stages
// than a tile has, and copies that shared memory cannot take.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

std::vector<std::uint16_t> halves(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> small(-4, 4);
  std::vector<std::uint16_t> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(toHalf(static_cast<float>(small(random))));
  return values;
}

CompileOptions schedule(int stages, int rows) {
  CompileOptions options;
  options.target = &target("sm_90a");
  options.warps = 1;
  options.stages = stages;
  options.rows = rows;
  options.verifyEach = true;
  return options;
}

std::size_t occurrences(const std::string &text, const std::string &part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

/// Runs one block; arguments in the order of the parameters. `out` starts as
/// -1 everywhere.
std::vector<float> run(const std::shared_ptr<EmulatedDevice> &device,
                       const Ptx &ptx, std::vector<std::uint64_t> arguments,
                       std::size_t outCount) {
  DeviceBuffer out = uploaded(device, std::vector<float>(outCount, -1.0f));
  arguments.push_back(out.get());
  device->load(ptx)->launch(nullptr, {}, arguments);
  return downloaded<float>(*device, out);
}

constexpr std::int64_t k = 128, n = 16, tileRows = 16;

/// out[i, :] = epilogue(x[i, :] w), with a tile of 16 rows that starts at
/// `start`, for views of m rows.
struct Product {
  std::int64_t start = 0;
  std::function<Tile(Program &, Tile, Range rows, Range columns)> epilogue = {};
  Ptx ptx = {};
  std::vector<std::uint16_t> x = {}, w = {};

  std::vector<float> run(std::int64_t m, int rows) {
    Program p("product");
    Index extent = p.scalar("m");
    View xs = p.view("x", Dtype::f16, {extent, k});
    View ws = p.view("w", Dtype::f16, {k, n});
    View out = p.view("out", Dtype::f32, {extent, n});
    Range side{p.constant(start), tileRows},
        columns = p.range(p.constant(0), n);
    Tile sum =
        p.loop(p.kRange(k, 64), p.splat(0, Dtype::f32, {tileRows, n}),
               [&](Range kk, Tile acc) {
                 return dot(xs.load({side, kk}), ws.load({kk, columns}), acc);
               });
    sum = reduceSplits(sum);
    if (epilogue)
      sum = epilogue(p, sum, side, columns);
    out.store({side, columns}, sum);
    ptx = compile(p, schedule(2, rows)).ptx;
    auto device = openEmulator();
    x = halves(m * k, 1);
    w = halves(k * n, 2);
    DeviceBuffer xb = uploaded(device, x), wb = uploaded(device, w);
    return ::run(device, ptx, {std::uint64_t(m), xb.get(), wb.get()}, m * n);
  }

  float expected(std::int64_t row, std::int64_t column) const {
    float sum = 0;
    for (std::int64_t i = 0; i < k; ++i)
      sum += halfToFloat(x[row * k + i]) * halfToFloat(w[i * n + column]);
    return sum;
  }
};

/// Bytes of the stages of x and w: `rows` of x are kept.
unsigned stages(unsigned rows) { return 2 * 2 * 64 * (rows + n); }

} // namespace

TEST_CASE("tiles: few rows, where the tile starts before the view") {
  // Rows 8 to 15 of the tile are rows 0 to 7 of the view.
  Product product{.start = -8};
  std::vector<float> out = product.run(8, 8);
  CHECK(product.ptx.sharedBytes == stages(16));
  for (std::int64_t row = 0; row < 8; ++row)
    for (std::int64_t column = 0; column < n; ++column)
      REQUIRE(out[row * n + column] == product.expected(row, column));
}

TEST_CASE("tiles: few rows, where the tile starts inside the view") {
  Product product{.start = 4};
  std::vector<float> out = product.run(8, 8);
  for (std::int64_t row = 0; row < 8; ++row)
    for (std::int64_t column = 0; column < n; ++column)
      REQUIRE(out[row * n + column] ==
              (row < 4 ? -1.0f : product.expected(row, column)));
}

TEST_CASE("tiles: few rows are kept under a bias and a row's own scale") {
  Product product;
  product.epilogue = [](Program &p, Tile sum, Range, Range) {
    Tile bias = broadcast(p.splat(0.5, Dtype::f32, {1, n}), {tileRows, n});
    Tile largest = broadcast(max(sum, 1), {tileRows, n});
    return reshape(reshape(sum + bias - largest, {tileRows, 4, 4}),
                   {tileRows, n});
  };
  for (std::int64_t m : {1, 2}) {
    CAPTURE(m);
    std::vector<float> out = product.run(m, 2);
    CHECK(product.ptx.sharedBytes == stages(2));
    for (std::int64_t row = 0; row < m; ++row) {
      float largest = -INFINITY;
      for (std::int64_t column = 0; column < n; ++column)
        largest = std::max(largest, product.expected(row, column));
      for (std::int64_t column = 0; column < n; ++column)
        REQUIRE(out[row * n + column] ==
                product.expected(row, column) + 0.5f - largest);
    }
  }
}

TEST_CASE("tiles: all rows are kept where they meet") {
  Product product;
  product.epilogue = [](Program &p, Tile sum, Range, Range) {
    return broadcast(lath::sum(sum, 0), {tileRows, n});
  };
  std::vector<float> out = product.run(2, 2);
  CHECK(product.ptx.sharedBytes >= stages(16));
  for (std::int64_t row = 0; row < 2; ++row)
    for (std::int64_t column = 0; column < n; ++column)
      REQUIRE(out[row * n + column] ==
              product.expected(0, column) + product.expected(1, column));
}

TEST_CASE("tiles: a vector of halves of any length in a pipelined loop") {
  for (std::int64_t m : {1, 3, 64, 101, 256}) {
    CAPTURE(m);
    Program p("total");
    Index extent = p.scalar("m");
    View x = p.view("x", Dtype::f16, {extent});
    View y = p.view("y", Dtype::f32, {extent}); // this one is copied
    View out = p.view("out", Dtype::f32, {64});
    Tile sum =
        p.loop(p.kRange(256, 64), p.splat(0, Dtype::f32, {64}),
               [&](Range r, Tile acc) {
                 return acc + cast(x.load({r}), Dtype::f32) + y.load({r});
               });
    out.store({p.range(p.constant(0), 64)}, sum);
    Ptx ptx = compile(p, schedule(3, 0)).ptx;
    CHECK(ptx.text.find("cp.async") != std::string::npos);
    auto device = openEmulator();
    std::vector<std::uint16_t> xs = halves(m, 3);
    std::vector<float> ys;
    for (std::uint16_t y : halves(m, 4))
      ys.push_back(halfToFloat(y));
    DeviceBuffer xb = uploaded(device, xs), yb = uploaded(device, ys);
    std::vector<float> result =
        run(device, ptx, {std::uint64_t(m), xb.get(), yb.get()}, 64);
    for (std::int64_t i = 0; i < 64; ++i) {
      float expected = 0;
      for (std::int64_t at = i; at < m; at += 64)
        expected += halfToFloat(xs[at]) + ys[at];
      REQUIRE(result[i] == expected);
    }
  }
}

TEST_CASE("tiles: abs and log2") {
  Program p("unary");
  View x = p.view("x", Dtype::f32, {256});
  View out = p.view("out", Dtype::f32, {2, 256});
  Range all = p.range(p.constant(0), 256);
  Tile value = x.load({all});
  auto row = [&](int index, const Tile &tile) {
    out.store({p.range(p.constant(index), 1), all}, reshape(tile, {1, 256}));
  };
  row(0, abs(value));
  row(1, log2(abs(value)));
  Ptx ptx = compile(p, schedule(1, 0)).ptx;
  auto device = openEmulator();
  std::mt19937 random(5);
  std::uniform_real_distribution<float> exponent(-100, 100);
  std::vector<float> xs{0.0f, -0.0f,    1.0f,      -1.0f,
                        2.0f, INFINITY, -INFINITY, 1e-40f};
  while (xs.size() < 256)
    xs.push_back((xs.size() % 2 ? -1.0f : 1.0f) * std::exp2(exponent(random)));
  DeviceBuffer xb = uploaded(device, xs);
  std::vector<float> result = run(device, ptx, {xb.get()}, 512);
  for (std::size_t i = 0; i < 256; ++i) {
    CAPTURE(xs[i]);
    float magnitude = std::fabs(xs[i]);
    REQUIRE(result[i] == magnitude);
    REQUIRE(!std::signbit(result[i]));
    if (magnitude == 0 || std::isinf(magnitude))
      REQUIRE(result[256 + i] == std::log2(magnitude));
    else // lg2.approx: 2^-22 absolute about 1, else about as much relative
      REQUIRE(result[256 + i] ==
              Approx(std::log2(magnitude)).epsilon(1e-6).margin(1e-6));
  }
}

TEST_CASE("tiles: / is within two units in the last place, divRn rounds") {
  for (Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    CAPTURE(name(dtype));
    const bool wide = dtype == Dtype::f32;
    constexpr std::int64_t count = 256;
    Program p("quotients");
    View a = p.view("a", dtype, {count}), b = p.view("b", dtype, {count}),
         fast = p.view("fast", dtype, {count}),
         rounded = p.view("rounded", dtype, {count});
    Range all = p.range(p.constant(0), count);
    Tile x = a.load({all}), y = b.load({all});
    fast.store({all}, x / y);
    rounded.store({all}, divRn(x, y));
    Ptx ptx = compile(p, schedule(1, 0)).ptx;
    // Two a thread in each of eight registers.
    CHECK(occurrences(ptx.text, "div.full.f32") == 8);
    CHECK(occurrences(ptx.text, "div.rn.f32") == 8);

    std::mt19937 random(5);
    std::uniform_real_distribution<float> exponent(-6, 6);
    std::vector<float> xs, ys;
    for (std::int64_t i = 0; i < count; ++i) {
      xs.push_back(std::exp2(exponent(random)) * (i % 2 ? 1 : -1));
      ys.push_back(std::exp2(exponent(random)));
    }
    auto device = openEmulator();
    auto narrow = [&](std::vector<float> &values) {
      std::vector<std::uint16_t> bits;
      for (float &value : values) {
        bits.push_back(dtype == Dtype::f16 ? toHalf(value) : toBfloat(value));
        value = dtype == Dtype::f16 ? halfToFloat(bits.back())
                                    : bfloatToFloat(bits.back());
      }
      return bits;
    };
    DeviceBuffer ab =
        wide ? uploaded(device, xs) : uploaded(device, narrow(xs));
    DeviceBuffer bb =
        wide ? uploaded(device, ys) : uploaded(device, narrow(ys));
    DeviceBuffer fb(device, ab.bytes()), rb(device, ab.bytes());
    device->load(ptx)->launch(
        nullptr, {},
        std::vector<std::uint64_t>{ab.get(), bb.get(), fb.get(), rb.get()});
    for (std::int64_t i = 0; i < count; ++i) {
      const float exact = xs[i] / ys[i];
      if (wide) {
        float got = downloaded<float>(*device, fb)[i];
        CHECK(
            std::abs(got - exact) <=
            2 * (std::nextafter(std::abs(exact), INFINITY) - std::abs(exact)));
        CHECK(downloaded<float>(*device, rb)[i] == exact);
      } else {
        std::uint16_t expected =
            dtype == Dtype::f16 ? toHalf(exact) : toBfloat(exact);
        CHECK(std::abs(downloaded<std::uint16_t>(*device, fb)[i] - expected) <=
              1);
        CHECK(downloaded<std::uint16_t>(*device, rb)[i] == expected);
      }
    }
  }
}

TEST_CASE("tiles: a half added to an f32 is one instruction on sm_100a") {
  for (const char *name : {"sm_90a", "sm_100a", "sm_120a"}) {
    CAPTURE(name);
    Program p("mixed");
    View a = p.view("a", Dtype::f16, {64}), b = p.view("b", Dtype::f32, {64}),
         out = p.view("out", Dtype::f32, {64});
    Range all = p.range(p.constant(0), 64);
    Tile x = cast(a.load({all}), Dtype::f32);
    out.store({all}, x + b.load({all}));
    CompileOptions options = schedule(1, 0);
    options.target = &target(name);
    Ptx ptx = compile(p, options).ptx;
    CHECK((occurrences(ptx.text, "add.rn.f32.f16") > 0) ==
          (std::string_view(name) != "sm_90a"));
    auto device = openEmulator(name);
    std::vector<std::uint16_t> values = halves(64, 3);
    DeviceBuffer ab = uploaded(device, values),
                 bb = uploaded(device, std::vector<float>(64, 0.3f));
    std::vector<float> got = run(device, ptx, {ab.get(), bb.get()}, 64);
    for (std::size_t i = 0; i < 64; ++i)
      REQUIRE(got[i] == halfToFloat(values[i]) + 0.3f);
  }
}
