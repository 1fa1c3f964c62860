// Protects: iota, join, split, slice, permute and what follows from them put
// every element where it belongs, whatever place a dimension lies in.
#include "tests/emulator/Apply.h"

#include <numeric>

using namespace lath;
using namespace lath::test;

namespace {

std::vector<std::int32_t> counting(std::int64_t count) {
  std::vector<std::int32_t> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

/// Element [order] of the result is that of x.
std::vector<std::int32_t> permuted(const Shape &shape,
                                   const std::vector<std::int32_t> &x,
                                   const std::vector<int> &order) {
  std::vector<std::int32_t> result;
  Shape strides(shape.size(), 1);
  for (std::size_t d = shape.size() - 1; d-- > 0;)
    strides[d] = strides[d + 1] * shape[d + 1];
  for (std::int64_t i = 0; i < count(shape); ++i) {
    std::int64_t rest = i, from = 0;
    for (std::size_t d = shape.size(); d-- > 0;) {
      from += rest % shape[order[d]] * strides[order[d]];
      rest /= shape[order[d]];
    }
    result.push_back(x[from]);
  }
  return result;
}

} // namespace

TEST_CASE("shapes: every part of every dimension", "[shapes]") {
  for (const Shape &shape : shapes())
    for (int dim = 0; dim < (int)shape.size(); ++dim)
      for (int warps : {1, 4}) {
        const auto x = counting(count(shape));
        for (std::int64_t extent = 1; extent <= shape[dim];
             extent *= shape[dim] > 16 ? 4 : 2) {
          std::vector<std::int64_t> starts{0, shape[dim] / 2 / extent * extent,
                                           shape[dim] - extent};
          CAPTURE(shape, dim, warps, extent);
          auto results =
              applyAll<std::int32_t>(shape, x, warps, [&](Program &, Tile t) {
                std::vector<Tile> parts;
                for (std::int64_t start : starts)
                  parts.push_back(slice(t, dim, start, extent));
                return parts;
              });
          for (std::size_t i = 0; i < starts.size(); ++i)
            CHECK(results[i] ==
                  alongLines<std::int32_t>(
                      shape, dim, extent, x, [&](auto &line, auto write) {
                        for (std::int64_t j = 0; j < extent; ++j)
                          write(j, line[starts[i] + j]);
                      }));
        }
      }
}

TEST_CASE("shapes: tiles are joined, and split again", "[shapes]") {
  for (const Shape &shape : shapes())
    for (int warps : {1, 2, 8}) {
      CAPTURE(shape, warps);
      const auto x = counting(count(shape));
      std::vector<std::int32_t> both, twice;
      for (std::int32_t v : x) {
        both.insert(both.end(), {v, -v});
        twice.push_back(2 * v);
      }
      auto results = applyAll<std::int32_t>(
          shape, x, warps, [](Program &, Tile t) -> std::vector<Tile> {
            Tile joined = join(t, 0 - t);
            auto [even, odd] = split(joined);
            return {joined, even, even - odd};
          });
      CHECK(results[0] == both);
      CHECK(results[1] == x);
      CHECK(results[2] == twice);
      // What is joined along a dimension that lanes hold.
      if (shape.size() == 2)
        CHECK(apply<std::int32_t>(shape, x, warps, [](Program &, Tile t) {
                Tile halves = reshape(t, {t.shape()[0] * t.shape()[1] / 2, 2});
                auto [even, odd] = split(halves);
                return reshape(join(even, odd), t.shape());
              }) == x);
    }
}

TEST_CASE("shapes: dimensions in every order", "[shapes]") {
  for (Shape shape : {Shape{16, 64}, Shape{4, 8, 32}, Shape{2, 4, 2, 16},
                      Shape{2, 2, 4, 4, 8}})
    for (int warps : {1, 4}) {
      const auto x = counting(count(shape));
      std::vector<int> order(shape.size());
      std::iota(order.begin(), order.end(), 0);
      std::vector<std::vector<int>> orders;
      for (int i = 0; i < 12; ++i) {
        orders.push_back(order);
        for (int step = 0; step < (shape.size() == 5 ? 11 : 2); ++step)
          std::next_permutation(order.begin(), order.end());
      }
      auto results =
          applyAll<std::int32_t>(shape, x, warps, [&](Program &, Tile t) {
            std::vector<Tile> tiles;
            for (const std::vector<int> &o : orders)
              tiles.push_back(permute(t, o));
            return tiles;
          });
      for (std::size_t i = 0; i < orders.size(); ++i) {
        CAPTURE(shape, warps, orders[i]);
        CHECK(results[i] == permuted(shape, x, orders[i]));
      }
    }
}

TEST_CASE("shapes: coordinates, and an index beside tiles", "[shapes]") {
  for (int warps : {1, 4}) {
    Program p("coordinates");
    Index start = p.scalar("start");
    View out = p.view("out", Dtype::i32, {16, 64});
    Range rows{p.programId(0) * 16 + start, 16}, columns{start, 64};
    Tile at = expand(iota(rows), 1) * 1000 + iota(columns) - start;
    out.store(whole(p, {16, 64}), at);
    Ptx ptx = compile(p, onWarps(warps)).ptx;
    auto device = openEmulator();
    DeviceBuffer to = uploaded(device, std::vector<std::int32_t>(16 * 64));
    std::vector<std::uint64_t> arguments{7, to.get()};
    device->load(ptx)->launch(nullptr, {}, arguments);
    std::vector<std::int32_t> values = downloaded<std::int32_t>(*device, to);
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 64; ++j)
        REQUIRE(values[i * 64 + j] == (i + 7) * 1000 + j);
  }
}

TEST_CASE("shapes: coordinates that two layouts want take no shared memory",
          "[shapes]") {
  Program p("masks");
  View x = p.view("x", Dtype::f32, {64, 64}),
       y = p.view("y", Dtype::f32, {64, 64});
  Range side = p.range(p.constant(0), 64);
  Tile at = cast(iota(side), Dtype::f32);
  Tile t = x.load({side, side}) + at + expand(at, 1);
  y.store({side, side}, t);
  CHECK(compile(p, onWarps(4)).ptx.sharedBytes == 0);
}
