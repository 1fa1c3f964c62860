// Protects the order of tiles that tensor copies write and wgmma reads.
#include "compiler/ir/Panels.h"
#include "compiler/ir/DotLayouts.h"

#include <catch2/catch.hpp>

#include <numeric>

using namespace lath;

namespace {

/// Byte of an element in a panel order, as the PTX ISA has it: a panel row by
/// row, bits 4 and up of the address XORed with bits 7 and up.
std::uint32_t byteOf(const Panels &p, std::int64_t row, std::int64_t column) {
  const auto within = static_cast<std::uint32_t>(
      row * p.rowBytes() + column % p.columns() * p.unitBytes);
  const std::uint32_t mask = (1u << p.swizzleBits()) - 1;
  return static_cast<std::uint32_t>(column / p.columns() * p.bytes()) +
         (within ^ ((within >> 7 & mask) << 4));
}

} // namespace

TEST_CASE("panels permute chunks as tensor copies do") {
  for (unsigned unitBytes : {2u, 4u})
    for (std::int64_t rows : {1, 2, 8, 64})
      for (std::int64_t columns : {8, 16, 32, 64, 256}) {
        CAPTURE(unitBytes, rows, columns);
        const auto panels = Panels::of({rows, columns}, unitBytes);
        REQUIRE(panels);
        CHECK(panels->rowBytes() ==
              std::min<std::int64_t>(128, columns * unitBytes));
        CHECK(panels->rowBytes() == 16ll << panels->swizzleBits());
        CHECK(panels->count() * panels->columns() == columns);
        const Layout layout = panels->layout();
        const auto elements = static_cast<std::uint32_t>(rows * columns);
        REQUIRE(layout.size(Place::Offset) == elements);
        for (std::int64_t row = 0; row < rows; ++row)
          for (std::int64_t column = 0; column < columns; ++column)
            REQUIRE(layout.indexOfOffset(byteOf(*panels, row, column) /
                                         unitBytes) ==
                    static_cast<std::uint32_t>(row * columns + column));
      }
}

TEST_CASE("panels of more dimensions have the rows of all but the last") {
  const auto panels = Panels::of({2, 8, 64}, 2);
  REQUIRE(panels);
  CHECK(panels->rows() == 16);
  CHECK(panels->layout().reshaped({16, 64}) ==
        Panels::of({16, 64}, 2)->layout());
}

TEST_CASE("rows of less than 16 bytes are no panels") {
  CHECK_FALSE(Panels::of({64, 4}, 2));
  CHECK_FALSE(Panels::of({}, 2));
  CHECK(Panels::of({64, 4}, 4));
}

TEST_CASE("a panel begins where its swizzle does") {
  CHECK(Panels::of({64, 64}, 2)->alignment() == 1024);
  CHECK(Panels::of({64, 32}, 2)->alignment() == 512);
  CHECK(Panels::of({64, 16}, 2)->alignment() == 256);
  CHECK(Panels::of({64, 8}, 2)->alignment() == 128);
}

TEST_CASE("dense operands of wgmma are in panels, and sums in its order") {
  for (unsigned warps : {4u, 8u})
    for (std::int64_t rows : {64, 128, 256}) {
      if (warps == 8 && rows == 64)
        continue;
      DotShape shape;
      shape.rows = rows, shape.columns = 32, shape.k = 64;
      shape.warps = warps;
      shape.warpgroups = true;
      DotLayouts layouts;
      std::string problem;
      REQUIRE(solveDotLayouts(shape, layouts, problem));
      CHECK(isWarpgroupSum(layouts.acc));
      CHECK(isWarpgroupFragment(layouts.a, 16));
      // k in registers is in order: the buffer is what it is without them.
      const Layout panels = Panels::of({32, 64}, 2)->layout();
      CHECK(warpgroupBuffer({32, 64}, 16, true, layouts.a) == panels);
      CHECK(warpgroupBuffer({32, 64}, 16, true, std::nullopt) == panels);
      CHECK(warpgroupBuffer({64, 32}, 16, false, layouts.a) ==
            Panels::of({64, 32}, 2)->layout());
      // Weights number k by their words: along k alone, as they do.
      shape.packBits = 3;
      REQUIRE(solveDotLayouts(shape, layouts, problem));
      CHECK(warpgroupBuffer({32, 64}, 16, true, layouts.a) ==
            warpgroupOperand(layouts.a, 32));
      CHECK_FALSE(warpgroupBuffer({64, 32}, 16, false, layouts.a));
      CHECK(warpgroupBuffer({32, 64}, 16, true, layouts.a) != panels);
    }
  CHECK_FALSE(isWarpgroupSum(mmaAccumulator()));
  CHECK_FALSE(warpgroupBuffer({64, 8}, 16, false, std::nullopt));
}
