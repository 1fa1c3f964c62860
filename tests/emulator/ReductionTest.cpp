// Protects: sums, extrema, conditions and running sums along every dimension
// give what a plain loop gives, in whatever places the dimension lies:
// registers, lanes, warps, and the fragments of a dot.
#include "compiler/base/Half.h"
#include "tests/emulator/Apply.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lath;
using namespace lath::test;

namespace {

/// The result of a plain loop over each line that keeps one value.
template <typename Out, typename In>
std::vector<Out> folded(const Shape &shape, int dim, const std::vector<In> &x,
                        const std::function<Out(Out, Out)> &combine) {
  return alongLines<Out>(shape, dim, 1, x, [&](auto &line, auto write) {
    Out value = static_cast<Out>(line[0]);
    for (std::size_t j = 1; j < line.size(); ++j)
      value = combine(value, static_cast<Out>(line[j]));
    write(0, value);
  });
}

/// The same that keeps all of them.
template <typename T>
std::vector<T> scanned(const Shape &shape, int dim, const std::vector<T> &x,
                       const std::function<T(T, T)> &combine) {
  return alongLines<T>(shape, dim, shape[dim], x, [&](auto &line, auto write) {
    T value = line[0];
    write(0, value);
    for (std::size_t j = 1; j < line.size(); ++j)
      write(j, value = combine(value, line[j]));
  });
}

template <typename T> std::vector<T> numbers(const Shape &shape, int seed) {
  std::vector<T> values = wholeNumbers<T>(count(shape), seed, 1000);
  if constexpr (std::is_same_v<T, float>)
    return values;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] *= static_cast<T>(2147480); // sums wrap around
  return values;
}

template <typename T> void checkReductions() {
  forLines([](const Shape &shape, int dim, int warps) {
    const std::vector<T> x = numbers<T>(shape, warps);
    auto plus = [](T a, T b) {
      if constexpr (std::is_same_v<T, std::int32_t>)
        return T(std::uint32_t(a) + std::uint32_t(b));
      else
        return T(a + b);
    };
    auto larger = [](T a, T b) { return std::max(a, b); };
    auto smaller = [](T a, T b) { return std::min(a, b); };
    auto results = applyAll<T>(shape, x, warps,
                               [&](Program &, Tile t) -> std::vector<Tile> {
                                 return {sum(t, dim), max(t, dim), min(t, dim),
                                         cumsum(t, dim), cummax(t, dim)};
                               });
    CHECK(results[0] == folded<T, T>(shape, dim, x, plus));
    CHECK(results[1] == folded<T, T>(shape, dim, x, larger));
    CHECK(results[2] == folded<T, T>(shape, dim, x, smaller));
    CHECK(results[3] == scanned<T>(shape, dim, x, plus));
    CHECK(results[4] == scanned<T>(shape, dim, x, larger));
  });
}

} // namespace

TEST_CASE("reductions of f32 along every dimension", "[reductions]") {
  checkReductions<float>();
}
TEST_CASE("reductions of i32 along every dimension", "[reductions]") {
  checkReductions<std::int32_t>();
}
TEST_CASE("reductions of u32 along every dimension", "[reductions]") {
  checkReductions<std::uint32_t>();
}
TEST_CASE("reductions of i64 along every dimension", "[reductions]") {
  checkReductions<std::int64_t>();
}

TEST_CASE("reductions: any and all conditions, and how many", "[reductions]") {
  forLines([](const Shape &shape, int dim, int warps) {
    std::vector<std::int32_t> x =
        wholeNumbers<std::int32_t>(count(shape), 3, (int)shape[dim]);
    auto holds = [](std::int32_t v) { return v == 0; };
    auto counted =
        alongLines<std::int32_t>(shape, dim, 1, x, [&](auto &line, auto write) {
          write(0,
                (std::int32_t)std::count_if(line.begin(), line.end(), holds));
        });
    std::vector<std::int32_t> some, every, none;
    for (std::int32_t c : counted) {
      some.push_back(c > 0);
      every.push_back(c == shape[dim]);
      none.push_back(c == 0);
    }
    auto results = applyAll<std::int32_t>(
        shape, x, warps, [&](Program &, Tile t) -> std::vector<Tile> {
          return {sum(t == 0, dim), cast(any(t == 0, dim), Dtype::i32),
                  cast(all(t == 0, dim), Dtype::i32),
                  cast(all(t != 0, dim), Dtype::i32)};
        });
    CHECK(results[0] == counted);
    CHECK(results[1] == some);
    CHECK(results[2] == every);
    CHECK(results[3] == none);
  });
}

TEST_CASE("reductions of random floats stay within a bound of fp64",
          "[reductions]") {
  for (int warps : {1, 4}) {
    const Shape shape{8, 512};
    std::mt19937 random(warps);
    std::uniform_real_distribution<float> number(-1, 1);
    std::vector<float> x(count(shape));
    for (float &v : x)
      v = number(random);
    std::vector<double> exact =
        alongLines<double>(shape, 1, shape[1], x, [](auto &line, auto write) {
          double value = 0;
          for (std::size_t j = 0; j < line.size(); ++j)
            write(j, value += line[j]);
        });
    std::vector<float> running = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return cumsum(t, 1); });
    std::vector<float> total = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return sum(t, 1); });
    // log2(512) + 1 additions deep, of partial sums below 512.
    const double bound = 10 * 512 * std::ldexp(1.0, -24);
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      for (std::int64_t j = 0; j < shape[1]; ++j)
        REQUIRE(std::abs(running[i * shape[1] + j] - exact[i * shape[1] + j]) <=
                bound);
      REQUIRE(std::abs(total[i] - exact[(i + 1) * shape[1] - 1]) <= bound);
    }
  }
}

TEST_CASE("reductions: NaN is the extremum, infinities are numbers",
          "[reductions]") {
  const float inf = std::numeric_limits<float>::infinity(), nan = NAN;
  const Shape shape{4, 64};
  std::vector<float> x(count(shape), -inf);
  x[64 + 40] = inf;
  x[128 + 3] = nan;
  for (int i = 192; i < 256; ++i)
    x[i] = (i & 1) ? -0.0f : inf;
  for (int warps : {1, 4}) {
    std::vector<float> most = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return max(t, 1); });
    std::vector<float> least = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return min(t, 1); });
    CHECK(most[0] == -inf);
    CHECK(most[1] == inf);
    CHECK(std::isnan(most[2]));
    CHECK(most[3] == inf);
    CHECK(least[1] == -inf);
    CHECK(std::isnan(least[2]));
    CHECK(least[3] == 0);
    std::vector<float> running = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return cummax(t, 1); });
    for (int i = 0; i < 64; ++i) {
      CHECK(running[64 + i] == (i < 40 ? -inf : inf));
      CHECK(std::isnan(running[128 + i]) == (i >= 3));
    }
  }
}

TEST_CASE("reductions of f16 and bf16 are of f32", "[reductions]") {
  for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Shape shape{8, 1024};
    std::vector<float> x(count(shape), 1.0f);
    std::vector<float> total =
        apply<float>(shape, x, 4, [&](Program &, Tile t) {
          return sum(cast(t, dtype) * 3, 1);
        });
    CHECK(total == std::vector<float>(8, 3072.0f));
  }
}

TEST_CASE("reductions of what a dot leaves in fragments", "[reductions]") {
  for (int warps : {1, 4, 8})
    for (bool swapped : {false, true})
      for (int dim : {0, 1}) {
        CAPTURE(warps, swapped, dim);
        const Shape shape = swapped ? Shape{8, 128} : Shape{64, 32};
        const std::int64_t k = 16;
        Program p("fragments");
        View a = p.view("a", Dtype::f16, {shape[0], k}),
             b = p.view("b", Dtype::f16, {k, shape[1]});
        Tile product = dot(a.load(whole(p, {shape[0], k})),
                           b.load(whole(p, {k, shape[1]})), p.zeros(shape));
        const Shape line = dim == 0 ? Shape{1, shape[1]} : Shape{shape[0], 1};
        View total = p.view("total", Dtype::f32, {line[0], line[1]}),
             running = p.view("running", Dtype::f32, {shape[0], shape[1]});
        total.store(whole(p, line), max(product, dim));
        running.store(whole(p, shape), cumsum(product, dim));
        Ptx ptx = compile(p, onWarps(warps)).ptx;

        std::vector<float> av = wholeNumbers<float>(shape[0] * k, 1, 3),
                           bv = wholeNumbers<float>(k * shape[1], 2, 3);
        std::vector<float> x(count(shape));
        for (std::int64_t i = 0; i < shape[0]; ++i)
          for (std::int64_t j = 0; j < shape[1]; ++j)
            for (std::int64_t l = 0; l < k; ++l)
              x[i * shape[1] + j] += av[i * k + l] * bv[l * shape[1] + j];
        auto halves = [](const std::vector<float> &values) {
          std::vector<std::uint16_t> result;
          for (float v : values)
            result.push_back(toHalf(v));
          return result;
        };
        auto device = openEmulator();
        DeviceBuffer ab = uploaded(device, halves(av)),
                     bb = uploaded(device, halves(bv)),
                     tb = uploaded(device, std::vector<float>(count(line))),
                     rb = uploaded(device, std::vector<float>(count(shape)));
        std::vector<std::uint64_t> arguments{ab.get(), bb.get(), tb.get(),
                                             rb.get()};
        device->load(ptx)->launch(nullptr, {}, arguments);
        CHECK(downloaded<float>(*device, tb) ==
              folded<float, float>(shape, dim, x, [](float s, float t) {
                return std::max(s, t);
              }));
        CHECK(downloaded<float>(*device, rb) ==
              scanned<float>(shape, dim, x,
                             [](float s, float t) { return s + t; }));
      }
}
