// Protects: argmax and argmin name the first of several, NaN before all, and
// sort puts elements in order, in every place that a dimension lies in.
#include "tests/emulator/Apply.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lath;
using namespace lath::test;

namespace {

template <typename T> bool isNaN(T value) {
  if constexpr (std::is_same_v<T, float>)
    return std::isnan(value);
  return false;
}

/// Where a plain loop finds the largest or smallest element of each line.
template <typename T>
std::vector<std::int32_t> found(const Shape &shape, int dim,
                                const std::vector<T> &x, bool largest) {
  return alongLines<std::int32_t>(
      shape, dim, 1, x, [&](auto &line, auto write) {
        std::size_t best = 0;
        for (std::size_t j = 1; j < line.size() && !isNaN(line[best]); ++j)
          if (isNaN(line[j]) ||
              (largest ? line[j] > line[best] : line[j] < line[best]))
            best = j;
        write(0, (std::int32_t)best);
      });
}

template <typename T> std::vector<T> few(const Shape &shape, unsigned seed) {
  std::vector<T> x = wholeNumbers<T>(count(shape), seed, 20);
  if constexpr (std::is_same_v<T, float>)
    for (std::size_t i = 0; i < x.size(); i += 7)
      x[i] = i % 5 == 0 ? -0.0f : 0.0f;
  else
    for (T &v : x)
      v *= T(100000000);
  return x;
}

template <typename T> void checkPlaces() {
  forLines([](const Shape &shape, int dim, int warps) {
    const std::vector<T> x = few<T>(shape, warps);
    auto results = applyAll<std::int32_t>(
        shape, x, warps, [&](Program &, Tile t) -> std::vector<Tile> {
          return {argmax(t, dim), argmin(t, dim)};
        });
    CHECK(results[0] == found(shape, dim, x, true));
    CHECK(results[1] == found(shape, dim, x, false));
  });
}

template <typename T> void checkSort() {
  for (const Shape &shape :
       {Shape{128}, Shape{4, 32}, Shape{64, 4}, Shape{2, 8, 16}})
    for (int dim = 0; dim < (int)shape.size(); ++dim)
      for (int warps : {1, 4}) {
        CAPTURE(shape, dim, warps);
        std::vector<T> x = few<T>(shape, warps);
        auto sorted = [&](bool descending) {
          return alongLines<T>(shape, dim, shape[dim], x,
                               [&](auto line, auto write) {
                                 std::sort(line.begin(), line.end());
                                 if (descending)
                                   std::reverse(line.begin(), line.end());
                                 for (std::size_t j = 0; j < line.size(); ++j)
                                   write(j, line[j]);
                               });
        };
        auto results = applyAll<T>(shape, x, warps,
                                   [&](Program &, Tile t) -> std::vector<Tile> {
                                     return {sort(t, dim), sort(t, dim, true)};
                                   });
        CHECK(results[0] == sorted(false));
        CHECK(results[1] == sorted(true));
      }
}

} // namespace

TEST_CASE("order: the first largest and smallest f32", "[order]") {
  checkPlaces<float>();
}
TEST_CASE("order: the first largest and smallest i32", "[order]") {
  checkPlaces<std::int32_t>();
}
TEST_CASE("order: the first largest and smallest u32", "[order]") {
  checkPlaces<std::uint32_t>();
}

/// What is found in `x`, rounded to `dtype`, as in f32: elements of 16 bits are
/// compared in words with their places, where the dimension is short enough.
static void checkShortPlaces(Dtype dtype, const Shape &shape, int dim,
                             const std::vector<float> &x) {
  CAPTURE(name(dtype), shape, dim);
  auto results = applyAll<std::int32_t>(
      shape, x, 4, [&](Program &, Tile t) -> std::vector<Tile> {
        Tile small = cast(t, dtype);
        return {argmax(small, dim), argmin(small, dim)};
      });
  CHECK(results[0] == found(shape, dim, x, true));
  CHECK(results[1] == found(shape, dim, x, false));
}

TEST_CASE("order: the first largest and smallest of 16 bits", "[order]") {
  const float inf = std::numeric_limits<float>::infinity();
  for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    for (const Shape &shape : {Shape{8, 64}, Shape{2, 8192}, Shape{1, 16384}}) {
      std::vector<float> x = few<float>(shape, 3);
      checkShortPlaces(dtype, shape, 1, x);
      std::fill(x.begin(), x.end(), -inf);
      x[5] = x[9] = -1;
      checkShortPlaces(dtype, shape, 1, x);
      x[6] = x[shape[1] - 1] = inf;
      checkShortPlaces(dtype, shape, 1, x);
      x[7] = x[8] = NAN;
      checkShortPlaces(dtype, shape, 1, x);
    }
    checkShortPlaces(dtype, {64, 8}, 0, few<float>({64, 8}, 5));
  }
}

TEST_CASE("order: NaN and infinities", "[order]") {
  const float inf = std::numeric_limits<float>::infinity();
  const Shape shape{8, 64};
  for (int warps : {1, 4}) {
    std::vector<float> x = few<float>(shape, warps);
    x[3] = x[40] = inf;
    x[64 + 5] = x[64 + 50] = -inf;
    for (int i = 128; i < 192; ++i)
      x[i] = i % 2 ? inf : -inf;
    x[192 + 9] = x[192 + 60] = NAN;
    x[256 + 63] = -NAN;
    x[256] = inf;
    x[320] = NAN;
    auto results = applyAll<std::int32_t>(
        shape, x, warps, [&](Program &, Tile t) -> std::vector<Tile> {
          return {argmax(t, 1), argmin(t, 1)};
        });
    CHECK(results[0] == found(shape, 1, x, true));
    CHECK(results[1] == found(shape, 1, x, false));
    // Sorted, NaN is last.
    std::vector<float> sorted = apply<float>(
        shape, x, warps, [](Program &, Tile t) { return sort(t, 1); });
    CHECK(std::isnan(sorted[192 + 62]));
    CHECK(std::isnan(sorted[192 + 63]));
    CHECK(!std::isnan(sorted[192 + 61]));
    CHECK(sorted[64] == -inf);
    CHECK(sorted[65] == -inf);
    CHECK(sorted[63] == inf);
  }
}

TEST_CASE("order: sorted f32", "[order]") { checkSort<float>(); }
TEST_CASE("order: sorted i32", "[order]") { checkSort<std::int32_t>(); }
TEST_CASE("order: sorted u32", "[order]") { checkSort<std::uint32_t>(); }

TEST_CASE("order: the largest eight with their places, packed", "[order]") {
  const Shape shape{4, 128};
  std::vector<std::int32_t> x = wholeNumbers<std::int32_t>(count(shape), 5, 90);
  auto results = applyAll<std::int32_t>(
      shape, x, 4, [](Program &p, Tile t) -> std::vector<Tile> {
        Tile place = iota(p.range(p.constant(0), 128));
        Tile packed =
            (cast(t, Dtype::i64) << 32) | cast(127 - place, Dtype::i64);
        Tile top = slice(sort(packed, 1, /*descending=*/true), 1, 0, 8);
        return {cast(top >> 32, Dtype::i32), 127 - cast(top, Dtype::i32)};
      });
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    std::vector<std::int32_t> places(128);
    for (int i = 0; i < 128; ++i)
      places[i] = i;
    std::stable_sort(places.begin(), places.end(), [&](int a, int b) {
      return x[row * 128 + a] > x[row * 128 + b];
    });
    for (int i = 0; i < 8; ++i) {
      CHECK(results[0][row * 8 + i] == x[row * 128 + places[i]]);
      CHECK(results[1][row * 8 + i] == places[i]);
    }
  }
}
