// Coalesced loads: blocked(shape, vector, warps) for many shapes.
#include "compiler/ir/Layout.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace lath;

namespace {
struct Case {
  Shape shape;
  unsigned vector, warps;
};

std::vector<Case> allCases() {
  std::vector<Shape> shapes = {{1}, {8}, {64}, {256}, {4096}};
  for (std::int64_t rows : {1, 2, 8, 16, 64, 128})
    for (std::int64_t columns : {1, 2, 4, 16, 32, 64, 256})
      shapes.push_back({rows, columns});
  shapes.push_back({4, 8, 16});
  shapes.push_back({2, 1, 64});
  std::vector<Case> cases;
  for (const Shape &shape : shapes)
    for (unsigned vector : {1, 2, 4, 8, 16})
      for (unsigned warps : {1, 2, 4, 8})
        cases.push_back({shape, vector, warps});
  return cases;
}

/// What fits of the vector in a row.
unsigned vectorOf(const Case &c) {
  return std::min<unsigned>(c.vector, c.shape.back());
}
} // namespace

TEST_CASE("blocked is vectors to lanes, then warps, then registers",
          "[layout][blocked]") {
  for (const Case &c : allCases()) {
    Layout layout = blocked(c.shape, c.vector, c.warps);
    INFO(layout.print());
    REQUIRE(layout.shape() == c.shape);
    REQUIRE(layout.size(Place::Lane) == 32);
    REQUIRE(layout.size(Place::Warp) == c.warps);
    REQUIRE(layout.bits(Place::Offset) == 0);
    unsigned v = vectorOf(c), mistakes = 0;
    for (unsigned warp = 0; warp < c.warps; ++warp)
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned reg = 0; reg < layout.size(Place::Register); ++reg) {
          unsigned vectors = lane + 32 * (warp + c.warps * (reg / v));
          unsigned expected = (v * vectors + reg % v) % layout.elements();
          mistakes += layout.index(reg, lane, warp) != expected;
        }
    CHECK(mistakes == 0);
  }
}

TEST_CASE("blocked holds each element once, or in equally many lanes if small",
          "[layout][blocked]") {
  for (const Case &c : allCases()) {
    Layout layout = blocked(c.shape, c.vector, c.warps);
    INFO(layout.print());
    std::map<std::uint32_t, unsigned> copies;
    bool repeatsInLane = false;
    for (unsigned warp = 0; warp < c.warps; ++warp)
      for (unsigned lane = 0; lane < 32; ++lane) {
        std::set<std::uint32_t> own;
        for (unsigned reg = 0; reg < layout.size(Place::Register); ++reg) {
          ++copies[layout.index(reg, lane, warp)];
          repeatsInLane |= !own.insert(layout.index(reg, lane, warp)).second;
        }
      }
    unsigned block = vectorOf(c) * 32 * c.warps;
    unsigned expected = std::max(1u, block / layout.elements());
    CHECK_FALSE(repeatsInLane);
    CHECK(copies.size() == layout.elements());
    CHECK(std::all_of(copies.begin(), copies.end(),
                      [&](auto &e) { return e.second == expected; }));
    CHECK(layout.surjective());
    CHECK(layout.injective() == (expected == 1));
  }
}

TEST_CASE("blocked loads are coalesced", "[layout][blocked]") {
  for (const Case &c : allCases()) {
    Layout layout = blocked(c.shape, c.vector, c.warps);
    INFO(layout.print());
    unsigned v = vectorOf(c), mistakes = 0;
    for (unsigned warp = 0; warp < c.warps; ++warp)
      for (unsigned reg = 0; reg < layout.size(Place::Register); reg += v)
        for (unsigned lane = 0; lane < 32; ++lane) {
          std::uint32_t first = layout.index(reg, lane, warp);
          // A vector is aligned, consecutive and inside a row ...
          mistakes += first % v != 0;
          for (unsigned e = 0; e < v; ++e)
            mistakes += layout.index(reg + e, lane, warp) != first + e;
          mistakes += first / c.shape.back() !=
                      (first + v - 1) / static_cast<unsigned>(c.shape.back());
          // ... and the next lane has the next one, or a copy.
          if (lane + 1 < 32)
            mistakes +=
                layout.index(reg, lane + 1, warp) !=
                (layout.elements() >= 32 * v ? first + v
                                             : (first + v) % layout.elements());
        }
    CHECK(mistakes == 0);
  }
}

TEST_CASE("row-major offsets are indices", "[layout]") {
  for (const Shape &shape :
       {Shape{1}, Shape{64}, Shape{8, 32}, Shape{2, 4, 8}}) {
    Layout layout = rowMajor(shape);
    REQUIRE(layout.shape() == shape);
    REQUIRE(layout.size(Place::Offset) == layout.elements());
    for (std::uint32_t offset = 0; offset < layout.elements(); ++offset)
      REQUIRE(layout.indexOfOffset(offset) == offset);
  }
}
