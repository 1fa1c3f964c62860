// Protects: what a store costs memory is counted as hardware counts it, and the
// layouts that cost less hold the same elements.
#include "compiler/ir/Coalesce.h"
#include "compiler/ir/DotLayouts.h"

#include <catch2/catch.hpp>

#include <set>

using namespace lath;

namespace {

/// Sectors by enumeration: of each instruction of each warp, the distinct ones;
/// only warps that hold what no lower one does.
AccessCost enumerated(const Layout &tile, unsigned unitBytes,
                      unsigned neighbourBits) {
  const std::uint32_t columns = static_cast<std::uint32_t>(tile.shape().back());
  std::set<std::uint32_t> seen;
  AccessCost cost{0, 0};
  // How many neighbours all registers come in.
  unsigned vector = 0;
  auto together = [&](unsigned bits) {
    std::set<std::uint32_t> held;
    for (std::uint32_t reg = 0; reg < tile.size(Place::Register); ++reg)
      held.insert(tile.index(reg));
    for (std::uint32_t index : held)
      for (std::uint32_t i = 0; i < 1u << bits; ++i)
        if (!held.contains((index & ~((1u << bits) - 1)) | i))
          return false;
    return (1u << bits) <= columns;
  };
  while (vector < neighbourBits && together(vector + 1))
    ++vector;
  cost.instructions = tile.size(Place::Register) >> vector;
  for (std::uint32_t warp = 0; warp < tile.size(Place::Warp); ++warp) {
    if (!seen.insert(tile.index(0, 0, warp)).second)
      continue;
    std::set<std::uint32_t> starts;
    for (std::uint32_t reg = 0; reg < tile.size(Place::Register); ++reg) {
      std::uint32_t start = tile.index(reg) & ~((1u << vector) - 1);
      if (!starts.insert(start).second)
        continue;
      std::set<std::pair<std::uint32_t, std::uint32_t>> sectors;
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        std::uint32_t index = tile.index(reg, lane, warp);
        sectors.insert({index / columns, index % columns * unitBytes / 32});
      }
      cost.sectors += sectors.size();
    }
  }
  return cost;
}

Layout accumulator(std::int64_t rows, std::int64_t columns, unsigned warps,
                   bool contiguousRows = false) {
  DotShape shape;
  shape.rows = rows;
  shape.columns = columns;
  shape.k = 64;
  shape.warps = warps;
  shape.contiguousRows = contiguousRows;
  shape.consecutiveK = false;
  DotLayouts layouts;
  std::string problem;
  REQUIRE(solveDotLayouts(shape, layouts, problem));
  return layouts.acc;
}

} // namespace

TEST_CASE("the cost of an access is what enumeration finds") {
  for (unsigned unitBytes : {1u, 2u, 4u})
    for (unsigned bits : {0u, 1u, 2u, 3u})
      for (const Layout &tile :
           {accumulator(64, 64, 4), accumulator(16, 8, 1),
            accumulator(64, 64, 4).transposed(), blocked({64, 64}, 8, 4),
            blocked({4, 16}, 2, 4), blocked({4096}, 1, 8),
            blocked({16, 64}, 4, 2).transposed()}) {
        AccessCost cost = accessCost(tile, unitBytes, bits),
                   expected = enumerated(tile, unitBytes, bits);
        CAPTURE(tile.print(), unitBytes, bits);
        CHECK(cost.instructions == expected.instructions);
        CHECK(cost.sectors == expected.sectors);
      }
}

TEST_CASE("an accumulator of 16-bit results is stored in whole sectors by "
          "exchanges") {
  for (bool swapped : {false, true})
    for (auto [rows, columns, warps] :
         {std::array<int, 3>{64, 64, 4}, std::array<int, 3>{128, 128, 8},
          std::array<int, 3>{16, 32, 1}, std::array<int, 3>{32, 64, 4}}) {
      Layout acc = accumulator(rows, columns, warps);
      if (swapped)
        acc = acc.transposed();
      CAPTURE(acc.print());
      std::optional<Layout> stored = coalesced(acc, 2, 3, warps);
      REQUIRE(stored);
      CHECK(stored->surjective());
      CHECK(accessCost(*stored, 2, 3).sectors ==
            std::uint64_t(rows) * columns * 2 / 32);
      std::optional<std::vector<BitExchange>> steps =
          laneExchanges(acc, *stored);
      REQUIRE(steps);
      CHECK(steps->size() <= 3);
      CHECK(exchanged(acc, *steps) == *stored);
      CHECK_FALSE(coalesced(*stored, 2, 3, warps));
    }
}

TEST_CASE("what is stored in whole sectors stays as it is") {
  // fp32 results, and 16-bit ones whose rows of the fragment are neighbours.
  CHECK_FALSE(coalesced(accumulator(64, 64, 4), 4, 2, 4));
  CHECK_FALSE(coalesced(accumulator(64, 8, 4, true).transposed(), 2, 3, 4));
  CHECK_FALSE(coalesced(blocked({64, 64}, 8, 4), 2, 3, 4));
  // Nothing moves together.
  CHECK_FALSE(coalesced(accumulator(64, 64, 4), 2, 0, 4));
  // One instruction cannot become half of one.
  CHECK_FALSE(coalesced(blocked({4, 8}, 1, 1).transposed(), 2, 3, 1));
}

TEST_CASE("rows that lie across the warp go through shared memory where that "
          "is worth it") {
  Layout across = blocked({64, 64}, 8, 4).transposed();
  std::optional<Layout> rows = coalesced(across, 2, 3, 4);
  REQUIRE(rows);
  CHECK(*rows == blocked({64, 64}, 8, 4));
  CHECK_FALSE(laneExchanges(across, *rows));
  // A few sectors are not worth two barriers.
  CHECK_FALSE(coalesced(blocked({16, 16}, 8, 1).transposed(), 2, 3, 1));
}

TEST_CASE("exchanges are found only inside a warp") {
  Layout from = accumulator(64, 64, 4);
  Layout to = from;
  std::swap(to.bases(Place::Warp)[0], to.bases(Place::Register).back());
  CHECK_FALSE(laneExchanges(from, to));
  CHECK(laneExchanges(from, from)->empty());
  to = exchanged(from, {{0, 3}});
  CHECK(*laneExchanges(from, to) == std::vector<BitExchange>{{0, 3}});
}
