// LinearMap against enumeration, and what derives one Layout from another
// against nested loops over its places.
#include "compiler/ir/Layout.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace lath;

namespace {
using Coordinate = std::vector<std::int64_t>;

/// Image of a map by definition: XOR the bases of the set bits.
std::uint32_t xorOf(const Bases &bases, std::uint32_t in) {
  std::uint32_t out = 0;
  for (unsigned i = 0; i < bases.size(); ++i)
    out ^= in >> i & 1 ? bases[i] : 0;
  return out;
}

/// Calls f with every list of `in` bases of `out` bits.
template <typename F> void forEachMap(unsigned in, unsigned out, F f) {
  for (std::uint32_t code = 0; code < 1u << (in * out); ++code) {
    Bases bases;
    for (unsigned i = 0; i < in; ++i)
      bases.push_back(code >> (i * out) & ((1u << out) - 1));
    f(bases);
  }
}

/// Calls f(register, lane, warp) for every place.
template <typename F> void forEachPlace(const Layout &layout, F f) {
  for (std::uint32_t warp = 0; warp < layout.size(Place::Warp); ++warp)
    for (std::uint32_t lane = 0; lane < layout.size(Place::Lane); ++lane)
      for (std::uint32_t reg = 0; reg < layout.size(Place::Register); ++reg)
        f(reg, lane, warp);
}

Coordinate at(const Layout &layout, std::uint32_t reg, std::uint32_t lane,
              std::uint32_t warp) {
  return layout.unflatten(layout.index(reg, lane, warp));
}

Layout randomLayout(std::mt19937 &random, const Shape &shape,
                    unsigned registers, unsigned lanes, unsigned warps) {
  Layout layout(shape);
  auto fill = [&](Place place, unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      layout.bases(place).push_back(random() % layout.elements());
  };
  fill(Place::Register, registers);
  fill(Place::Lane, lanes);
  fill(Place::Warp, warps);
  return layout;
}

/// Layouts of matrices as the compiler meets them, and random ones.
std::vector<Layout> matrices() {
  std::vector<Layout> all = {mmaA(),
                             mmaB(),
                             mmaAccumulator(),
                             ldmatrixResult(false),
                             ldmatrixResult(true),
                             ldmatrixRows(),
                             blocked({16, 64}, 8, 1),
                             blocked({64, 128}, 8, 4),
                             blocked({8, 16}, 4, 2),
                             blocked({1, 64}, 1, 2)};
  std::mt19937 random(20250703); // fixed: the same layouts every time
  for (int i = 0; i < 20; ++i)
    all.push_back(randomLayout(random, {1 << random() % 6, 1 << random() % 6},
                               random() % 5, laneBits, random() % 3));
  return all;
}
} // namespace

TEST_CASE("LinearMap: rank, solve and inverse of every small map",
          "[layout][linearmap]") {
  for (auto [in, out] : {std::pair{0u, 2u},
                         {1u, 3u},
                         {2u, 2u},
                         {2u, 4u},
                         {3u, 3u},
                         {3u, 4u},
                         {4u, 3u},
                         {5u, 2u}})
    forEachMap(in, out, [&, in = in, out = out](const Bases &bases) {
      LinearMap map(bases);
      std::set<std::uint32_t> image;
      bool agrees = true;
      for (std::uint32_t x = 0; x < 1u << in; ++x) {
        agrees &= map(x) == xorOf(bases, x);
        image.insert(xorOf(bases, x));
      }
      for (std::uint32_t y = 0; y < 1u << out; ++y) {
        auto x = map.solve(y);
        agrees &= x.has_value() == (image.count(y) == 1);
        agrees &= !x || (*x < 1u << in && xorOf(bases, *x) == y);
      }
      agrees &= image.size() == 1u << map.rank();
      agrees &= map.injective() == (image.size() == 1u << in);
      agrees &= map.inBits() == in;
      // Invertible: onto the vectors of `in` bits.
      bool bijective = image.size() == 1u << in && *image.rbegin() < 1u << in;
      auto inverse = map.inverse();
      agrees &= inverse.has_value() == bijective;
      if (inverse)
        for (std::uint32_t x = 0; x < 1u << in; ++x)
          agrees &= (*inverse)(map(x)) == x && map((*inverse)(x)) == x;
      if (!agrees) {
        CAPTURE(in, out, bases);
        CHECK(agrees);
      }
    });
}

TEST_CASE("LinearMap: every 4 x 4 map is inverted or refused",
          "[layout][linearmap]") {
  unsigned inverted = 0, mistakes = 0;
  forEachMap(4, 4, [&](const Bases &bases) {
    LinearMap map(bases);
    auto inverse = map.inverse();
    mistakes += inverse.has_value() != (map.rank() == 4);
    if (!inverse)
      return;
    ++inverted;
    mistakes += inverse->after(map) != LinearMap::identity(4);
    mistakes += map.after(*inverse) != LinearMap::identity(4);
    mistakes += inverse->inverse() != map;
  });
  CHECK(mistakes == 0);
  CHECK(inverted == 15 * 14 * 12 * 8); // the order of GL(4, 2)
}

TEST_CASE("LinearMap: large random maps", "[layout][linearmap]") {
  std::mt19937 random(20250704); // fixed: the same maps every time
  unsigned inverted = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    unsigned bits = 1 + random() % 32;
    std::uint32_t mask = ~0u >> (32 - bits);
    Bases bases, firstBases;
    for (unsigned i = 0; i < bits; ++i) {
      bases.push_back(random() & mask);
      firstBases.push_back(random() & mask);
    }
    LinearMap map(bases), first(firstBases), both = map.after(first);
    CAPTURE(bases, firstBases);
    auto inverse = map.inverse();
    CHECK(inverse.has_value() == map.injective());
    CHECK(both.rank() <= std::min(map.rank(), first.rank()));
    for (int i = 0; i < 20; ++i) {
      std::uint32_t x = random() & mask;
      REQUIRE(both(x) == map(first(x)));
      auto solved = map.solve(map(x));
      REQUIRE(solved.has_value());
      REQUIRE(map(*solved) == map(x));
      if (map.injective())
        REQUIRE(*solved == x);
    }
    if (inverse) {
      ++inverted;
      CHECK(inverse->after(map) == LinearMap::identity(bits));
      CHECK(map.after(*inverse) == LinearMap::identity(bits));
      if (both.injective())
        CHECK(both.inverse() == first.inverse()->after(*inverse));
    }
    // Made singular: one basis the sum of others.
    if (bits > 2) {
      bases[random() % bits] = 0;
      CHECK_FALSE(LinearMap(bases).inverse());
      bases[0] = bases[1] ^ bases[2];
      CHECK_FALSE(LinearMap(bases).inverse());
      CHECK(LinearMap(bases).rank() < bits);
    }
  }
  CHECK(inverted > 400); // about 0.29 of the maps
}

TEST_CASE("LinearMap: composition is taken on the bases",
          "[layout][linearmap]") {
  // Unequal widths: 2 bits to 4 to 3.
  LinearMap first(Bases{0b0101, 0b1000}), then(Bases{1, 2, 4, 7});
  LinearMap both = then.after(first);
  CHECK(both.inBits() == 2);
  CHECK(both.bases() == Bases{1 ^ 4, 7});
  CHECK(LinearMap::identity(4).after(first) == first);
  CHECK(first.after(LinearMap::identity(2)) == first);
  CHECK(LinearMap::identity(0).inverse() == LinearMap());
}

TEST_CASE("flat indices are row-major", "[layout]") {
  for (const Shape &shape :
       {Shape{}, Shape{8}, Shape{1, 1}, Shape{16, 8}, Shape{8, 1}, Shape{1, 8},
        Shape{2, 4, 8}, Shape{4, 1, 2, 1}}) {
    Layout layout(shape);
    std::uint32_t count = 1;
    for (std::int64_t extent : shape)
      count *= extent;
    REQUIRE(layout.elements() == count);
    REQUIRE(1u << layout.indexBits() == count);
    for (std::uint32_t index = 0; index < count; ++index) {
      Coordinate coords = layout.unflatten(index);
      std::int64_t expected = 0;
      for (unsigned d = 0; d < shape.size(); ++d) {
        REQUIRE(coords[d] < shape[d]);
        expected = expected * shape[d] + coords[d];
      }
      REQUIRE(index == expected);
      REQUIRE(layout.flatten(coords) == index);
    }
    for (unsigned bit = 0; bit < layout.indexBits(); ++bit) {
      unsigned d = layout.dimOfBit(bit);
      Coordinate coords = layout.unflatten(1u << bit);
      CHECK(coords[d] == 1 << (bit - layout.dimShift(d)));
      CHECK(std::count(coords.begin(), coords.end(), 0) ==
            static_cast<int>(shape.size()) - 1);
    }
    unsigned bits = 0;
    for (unsigned d = 0; d < shape.size(); ++d) {
      CHECK(std::int64_t(1) << layout.dimBits(d) == shape[d]);
      bits += layout.dimBits(d);
    }
    CHECK(bits == layout.indexBits());
  }
}

TEST_CASE("an index is the XOR of its places' bases", "[layout]") {
  std::mt19937 random(20250705); // fixed: the same layouts every time
  for (int trial = 0; trial < 20; ++trial) {
    Layout layout = randomLayout(random, {16, 32}, 4, laneBits, 2);
    LinearMap flat = layout.flat();
    REQUIRE(flat.inBits() == 4 + laneBits + 2);
    std::set<std::uint32_t> seen;
    std::uint32_t places = 0;
    forEachPlace(layout, [&](auto reg, auto lane, auto warp) {
      std::uint32_t expected = xorOf(layout.bases(Place::Register), reg) ^
                               xorOf(layout.bases(Place::Lane), lane) ^
                               xorOf(layout.bases(Place::Warp), warp);
      REQUIRE(layout.index(reg, lane, warp) == expected);
      REQUIRE(flat(reg | lane << 4 | warp << 9) == expected);
      seen.insert(expected);
      ++places;
    });
    CHECK(layout.surjective() == (seen.size() == layout.elements()));
    CHECK(layout.injective() == (seen.size() == places));
  }
}

TEST_CASE("registerOf finds the register of lane 0 and warp 0", "[layout]") {
  for (const Layout &layout : matrices()) {
    INFO(layout.print());
    std::set<std::uint32_t> held;
    for (std::uint32_t reg = 0; reg < layout.size(Place::Register); ++reg)
      held.insert(layout.index(reg));
    for (std::uint32_t index = 0; index < layout.elements(); ++index) {
      auto reg = layout.registerOf(index);
      REQUIRE(reg.has_value() == (held.count(index) == 1));
      if (reg)
        REQUIRE(layout.index(*reg) == index);
    }
  }
}

TEST_CASE("make and memory take coordinates", "[layout]") {
  Layout layout = Layout::make({4, 8}, {{0, 1}, {3, 6}}, {{1, 0}}, {{0, 0}});
  CHECK(layout.bases(Place::Register) == Bases{1, 3 * 8 + 6});
  CHECK(layout.bases(Place::Lane) == Bases{8});
  CHECK(layout.bases(Place::Warp) == Bases{0});
  CHECK(layout.bits(Place::Offset) == 0);
  Layout memory = Layout::memory({2, 2}, {{1, 0}, {1, 1}});
  CHECK(memory.bases(Place::Offset) == Bases{2, 3});
  CHECK(memory.indexOfOffset(3) == 1);
  CHECK(memory.bits(Place::Register) == 0);
}

TEST_CASE("print shows coordinates of the places in use", "[layout]") {
  CHECK(mmaAccumulator().print() ==
        "[16, 8] register = [(0, 1), (8, 0)] "
        "lane = [(0, 2), (0, 4), (1, 0), (2, 0), (4, 0)]");
  CHECK(rowMajor({2, 2}).print() == "[2, 2] offset = [(0, 1), (1, 0)]");
  CHECK(Layout({4}).print() == "[4]");
  CHECK(blocked({64}, 2, 2).print() == "[64] register = [(1)] "
                                       "lane = [(2), (4), (8), (16), (32)] "
                                       "warp = [(0)]");
}

TEST_CASE("reshaped keeps row-major order", "[layout][derived]") {
  for (const Layout &layout : matrices()) {
    std::int64_t count = layout.elements();
    for (const Shape &shape :
         {Shape{count}, Shape{1, count}, Shape{count, 1},
          Shape{layout.shape()[0], 1, layout.shape()[1]}}) {
      Layout reshaped = layout.reshaped(shape);
      REQUIRE(reshaped.shape() == shape);
      forEachPlace(layout, [&](auto reg, auto lane, auto warp) {
        REQUIRE(reshaped.index(reg, lane, warp) ==
                layout.index(reg, lane, warp));
      });
      CHECK(reshaped.reshaped(layout.shape()) == layout);
    }
  }
  // [16, 8] as [4, 4, 8]: rows in groups of four.
  Layout grouped = mmaAccumulator().reshaped({4, 4, 8});
  forEachPlace(grouped, [&](auto reg, auto lane, auto warp) {
    Coordinate c = at(mmaAccumulator(), reg, lane, warp);
    REQUIRE(at(grouped, reg, lane, warp) ==
            Coordinate{c[0] / 4, c[0] % 4, c[1]});
  });
  CHECK(rowMajor({8, 4}).reshaped({2, 16}) == rowMajor({2, 16}));
}

TEST_CASE("transposed swaps coordinates at every place", "[layout][derived]") {
  for (const Layout &layout : matrices()) {
    Layout transposed = layout.transposed();
    REQUIRE(transposed.shape() == Shape{layout.shape()[1], layout.shape()[0]});
    forEachPlace(layout, [&](auto reg, auto lane, auto warp) {
      Coordinate c = at(layout, reg, lane, warp);
      REQUIRE(at(transposed, reg, lane, warp) == Coordinate{c[1], c[0]});
    });
    CHECK(transposed.transposed() == layout);
  }
  Layout columnMajor = rowMajor({4, 8}).transposed();
  for (std::uint32_t offset = 0; offset < 32; ++offset)
    CHECK(columnMajor.unflatten(columnMajor.indexOfOffset(offset)) ==
          Coordinate{offset % 8, offset / 8});
}

TEST_CASE("divided keeps each lane's coordinates, divided, without repeats",
          "[layout][derived]") {
  for (const Layout &layout : matrices())
    for (unsigned dim = 0; dim < 2; ++dim)
      for (unsigned bits = 0; bits <= layout.dimBits(dim) + 1; ++bits) {
        Layout divided = layout.divided(dim, bits);
        INFO(layout.print() << " / 2^" << bits << " along " << dim);
        REQUIRE(divided.shape()[dim] ==
                std::max<std::int64_t>(1, layout.shape()[dim] >> bits));
        REQUIRE(divided.shape()[1 - dim] == layout.shape()[1 - dim]);
        REQUIRE(divided.bits(Place::Lane) == layout.bits(Place::Lane));
        REQUIRE(divided.bits(Place::Warp) == layout.bits(Place::Warp));
        for (std::uint32_t warp = 0; warp < layout.size(Place::Warp); ++warp)
          for (std::uint32_t lane = 0; lane < layout.size(Place::Lane);
               ++lane) {
            std::set<Coordinate> expected, held;
            for (std::uint32_t r = 0; r < layout.size(Place::Register); ++r) {
              Coordinate c = at(layout, r, lane, warp);
              c[dim] >>= bits;
              expected.insert(c);
            }
            for (std::uint32_t r = 0; r < divided.size(Place::Register); ++r)
              held.insert(at(divided, r, lane, warp));
            REQUIRE(held == expected);
            REQUIRE(held.size() == divided.size(Place::Register));
          }
      }
}

TEST_CASE("sliced is where a broadcast row or column sits",
          "[layout][derived]") {
  for (const Layout &layout : matrices())
    for (unsigned dim = 0; dim < 2; ++dim) {
      Layout sliced = layout.sliced(dim);
      CHECK(sliced.shape()[dim] == 1);
      CHECK(sliced == layout.divided(dim, layout.dimBits(dim)));
    }
  // Scales of the accumulator's rows: value 0 for row l / 4, 1 for 8 below;
  // its columns: two side by side, copies down the groups.
  Layout rows = mmaAccumulator().sliced(1),
         columns = mmaAccumulator().sliced(0);
  REQUIRE(rows.shape() == Shape{16, 1});
  REQUIRE(columns.shape() == Shape{1, 8});
  REQUIRE(rows.size(Place::Register) == 2);
  REQUIRE(columns.size(Place::Register) == 2);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 2; ++i) {
      CHECK(at(rows, i, lane, 0) == Coordinate{lane / 4 + 8 * i, 0});
      CHECK(at(columns, i, lane, 0) == Coordinate{0, lane % 4 * 2 + i});
    }
}

TEST_CASE("divided: the words of packed B fragments", "[layout][derived]") {
  // k 64 x n 8, a lane's eight k in each 32 contiguous: a word a lane.
  Layout b = Layout::make({64, 8}, {{1, 0}, {2, 0}, {4, 0}, {32, 0}},
                          {{8, 0}, {16, 0}, {0, 1}, {0, 2}, {0, 4}});
  CHECK(
      b.divided(0, 3) ==
      Layout::make({8, 8}, {{4, 0}}, {{1, 0}, {2, 0}, {0, 1}, {0, 2}, {0, 4}}));
}

TEST_CASE("repeated registers are dropped, the others keep their order",
          "[layout][derived]") {
  Layout layout(Shape{16});
  layout.bases(Place::Register) = {0, 4, 0, 1, 5, 8};
  layout.bases(Place::Lane) = {1, 2, 0, 0, 0}; // a copy in a lane is no repeat
  Layout kept = layout.withoutRepeatedRegisters();
  CHECK(kept.bases(Place::Register) == Bases{4, 1, 8});
  CHECK(kept.bases(Place::Lane) == layout.bases(Place::Lane));
  CHECK(kept.withoutRepeatedRegisters() == kept);
  CHECK(mmaA().withoutRepeatedRegisters() == mmaA());
}

TEST_CASE("product is nested loops: inner tile inside outer tile",
          "[layout][derived]") {
  std::vector<Layout> outers = {
      Layout({1, 1}),
      Layout::make({2, 4}, {{0, 1}, {0, 2}, {1, 0}}, {}),
      Layout::make({4, 2}, {{1, 0}}, {}, {{0, 1}, {2, 0}}),
      Layout::make({1, 4}, {}, {}, {{0, 1}, {0, 2}}),
      Layout::make({2, 2}, {{1, 0}}, {}, {{0, 0}, {0, 1}}), // a copy a warp
      Layout::make({2, 8}, {{0, 3}, {1, 5}}, {{0, 4}}, {{1, 1}}),
  };
  for (const Layout &inner : matrices())
    for (const Layout &outer : outers) {
      INFO(inner.print() << " x " << outer.print());
      Layout both = inner.product(outer);
      REQUIRE(both.shape() == Shape{inner.shape()[0] * outer.shape()[0],
                                    inner.shape()[1] * outer.shape()[1]});
      for (Place place : {Place::Register, Place::Lane, Place::Warp})
        REQUIRE(both.bits(place) == inner.bits(place) + outer.bits(place));
      unsigned mistakes = 0;
      forEachPlace(outer, [&](auto outerReg, auto outerLane, auto outerWarp) {
        forEachPlace(inner, [&](auto reg, auto lane, auto warp) {
          Coordinate tile = at(outer, outerReg, outerLane, outerWarp);
          Coordinate in = at(inner, reg, lane, warp);
          mistakes += at(both, reg + outerReg * inner.size(Place::Register),
                         lane + outerLane * inner.size(Place::Lane),
                         warp + outerWarp * inner.size(Place::Warp)) !=
                      Coordinate{tile[0] * inner.shape()[0] + in[0],
                                 tile[1] * inner.shape()[1] + in[1]};
        });
      });
      CHECK(mistakes == 0);
    }
}

TEST_CASE("product: accumulators of a 64 x 32 block over four warps",
          "[layout][derived]") {
  // Each warp 16 rows, four n8 tiles of registers.
  Layout block = mmaAccumulator().product(
      Layout::make({4, 4}, {{0, 1}, {0, 2}}, {}, {{1, 0}, {2, 0}}));
  REQUIRE(block.shape() == Shape{64, 32});
  for (int warp = 0; warp < 4; ++warp)
    for (int n8 = 0; n8 < 4; ++n8)
      for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i)
          REQUIRE(at(block, 4 * n8 + i, lane, warp) ==
                  Coordinate{16 * warp + lane / 4 + 8 * (i / 2),
                             8 * n8 + lane % 4 * 2 + i % 2});
  CHECK(block.surjective());
  CHECK(block.injective());
}

TEST_CASE("product of buffers: tiles stored one after another",
          "[layout][derived]") {
  // Offsets run through a 4 x 8 tile, then to the tile on the right, then down.
  Layout tiled = rowMajor({4, 8}).product(rowMajor({2, 2}));
  for (std::uint32_t offset = 0; offset < 128; ++offset) {
    std::uint32_t tile = offset / 32, in = offset % 32;
    CHECK(tiled.unflatten(tiled.indexOfOffset(offset)) ==
          Coordinate{tile / 2 * 4 + in / 8, tile % 2 * 8 + in % 8});
  }
}
