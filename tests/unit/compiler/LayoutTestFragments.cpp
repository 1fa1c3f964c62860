// Tensor-core fragments against the tables of the PTX ISA manual, written out
// here as the manual has them.
#include "compiler/ir/Layout.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace lath;

namespace {
using Coordinate = std::vector<std::int64_t>;

Coordinate at(const Layout &layout, std::uint32_t reg, std::uint32_t lane) {
  return layout.unflatten(layout.index(reg, lane));
}

/// Every element of the tile is held by one register of one lane.
void requireEachElementOnce(const Layout &layout, unsigned registers) {
  REQUIRE(layout.size(Place::Register) == registers);
  REQUIRE(layout.size(Place::Lane) == 32);
  REQUIRE(layout.size(Place::Warp) == 1);
  REQUIRE(layout.size(Place::Offset) == 1);
  std::set<std::uint32_t> seen;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned reg = 0; reg < registers; ++reg)
      seen.insert(layout.index(reg, lane));
  CHECK(seen.size() == 32 * registers);
  CHECK(seen.size() == layout.elements());
  CHECK(*seen.rbegin() == layout.elements() - 1);
  CHECK(layout.injective());
  CHECK(layout.surjective());
}
} // namespace

// PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type",
// .f16 and .bf16.

TEST_CASE("mma A fragment is the manual's table", "[layout][mma]") {
  Layout a = mmaA();
  REQUIRE(a.shape() == Shape{16, 16});
  for (unsigned lane = 0; lane < 32; ++lane) {
    int groupID = lane >> 2, threadIDInGroup = lane % 4;
    for (unsigned i = 0; i < 8; ++i) {
      CAPTURE(lane, i);
      int row = i < 2 || (4 <= i && i < 6) ? groupID : groupID + 8;
      int col = threadIDInGroup * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      CHECK(at(a, i, lane) == Coordinate{row, col});
    }
  }
  requireEachElementOnce(a, 8);
}

TEST_CASE("mma B fragment is the manual's table", "[layout][mma]") {
  Layout b = mmaB();
  REQUIRE(b.shape() == Shape{16, 8});
  for (unsigned lane = 0; lane < 32; ++lane) {
    int groupID = lane >> 2, threadIDInGroup = lane % 4;
    for (unsigned i = 0; i < 4; ++i) {
      CAPTURE(lane, i);
      int row = threadIDInGroup * 2 + (i & 1) + (i >= 2 ? 8 : 0);
      int col = groupID;
      CHECK(at(b, i, lane) == Coordinate{row, col});
    }
  }
  requireEachElementOnce(b, 4);
}

TEST_CASE("mma accumulator is the manual's table", "[layout][mma]") {
  Layout c = mmaAccumulator();
  REQUIRE(c.shape() == Shape{16, 8});
  for (unsigned lane = 0; lane < 32; ++lane) {
    int groupID = lane >> 2, threadIDInGroup = lane % 4;
    for (unsigned i = 0; i < 4; ++i) {
      CAPTURE(lane, i);
      int row = i < 2 ? groupID : groupID + 8;
      int col = threadIDInGroup * 2 + (i & 1);
      CHECK(at(c, i, lane) == Coordinate{row, col});
    }
  }
  requireEachElementOnce(c, 4);
}

TEST_CASE("the accumulator's columns are the next product's k: it feeds A",
          "[layout][mma]") {
  // Two accumulators side by side are an A fragment, register by register.
  Layout twoWide = mmaAccumulator().product(Layout::make({1, 2}, {{0, 1}}, {}));
  CHECK(twoWide.shape() == mmaA().shape());
  CHECK(twoWide == mmaA());
}

// PTX ISA, "Warp-level matrix instructions: ldmatrix". Threads 8i .. 8i + 7
// give the row addresses of matrix i. Lane l receives, in 32-bit register i,
// elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4 of matrix i; with .trans,
// rows 2 (l % 4) and 2 (l % 4) + 1 of column l / 4.

TEST_CASE("ldmatrix: lane 8i + r supplies row r of matrix i",
          "[layout][ldmatrix]") {
  Layout rows = ldmatrixRows();
  REQUIRE(rows.shape() == Shape{32, 8});
  for (int matrix = 0; matrix < 4; ++matrix)
    for (int row = 0; row < 8; ++row)
      for (int e = 0; e < 8; ++e)
        CHECK(at(rows, e, 8 * matrix + row) == Coordinate{8 * matrix + row, e});
  requireEachElementOnce(rows, 8);
}

TEST_CASE("ldmatrix.x4 plain: what each lane receives", "[layout][ldmatrix]") {
  Layout result = ldmatrixResult(false);
  REQUIRE(result.shape() == Shape{32, 8});
  for (int lane = 0; lane < 32; ++lane)
    for (int matrix = 0; matrix < 4; ++matrix)
      for (int half = 0; half < 2; ++half) {
        CAPTURE(lane, matrix, half);
        CHECK(at(result, 2 * matrix + half, lane) ==
              Coordinate{8 * matrix + lane / 4, 2 * (lane % 4) + half});
      }
  requireEachElementOnce(result, 8);
}

TEST_CASE("ldmatrix.x4.trans: what each lane receives", "[layout][ldmatrix]") {
  Layout result = ldmatrixResult(true);
  REQUIRE(result.shape() == Shape{32, 8});
  for (int lane = 0; lane < 32; ++lane)
    for (int matrix = 0; matrix < 4; ++matrix)
      for (int half = 0; half < 2; ++half) {
        CAPTURE(lane, matrix, half);
        CHECK(at(result, 2 * matrix + half, lane) ==
              Coordinate{8 * matrix + 2 * (lane % 4) + half, lane / 4});
      }
  requireEachElementOnce(result, 8);
}

TEST_CASE("ldmatrix of quadrants yields mma operands", "[layout][ldmatrix]") {
  Layout plain = ldmatrixResult(false), transposed = ldmatrixResult(true);
  // The 16 x 16 tile of A, row-major, as quadrants (0,0) (8,0) (0,8) (8,8).
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned reg = 0; reg < 8; ++reg) {
      Coordinate c = at(plain, reg, lane);
      std::int64_t matrix = c[0] / 8;
      CHECK(at(mmaA(), reg, lane) ==
            Coordinate{c[0] % 8 + 8 * (matrix & 1), c[1] + 8 * (matrix >> 1)});
    }
  // Two 16 x 8 tiles of B, k x n row-major, transposed on the way; or n x k
  // row-major, plain.
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned reg = 0; reg < 8; ++reg) {
      Coordinate kn = at(transposed, reg, lane), nk = at(plain, reg, lane);
      CHECK(at(mmaB(), reg % 4, lane) == Coordinate{kn[0] % 16, kn[1]});
      CHECK(at(mmaB(), reg % 4, lane) ==
            Coordinate{nk[1] + 8 * (nk[0] / 8 % 2), nk[0] % 8});
    }
}
