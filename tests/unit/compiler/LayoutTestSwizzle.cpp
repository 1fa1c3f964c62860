// Swizzled buffers: still a permutation, and free of bank conflicts for the
// accesses asked for. Judged by a simulation of the banks that knows no
// linear maps.
#include "compiler/ir/Layout.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <set>

using namespace lath;

namespace {
/// offsetOf[index], by enumeration; empty if two offsets share an element.
std::vector<std::uint32_t> offsets(const Layout &memory) {
  std::vector<std::uint32_t> offsetOf(memory.elements(), ~0u);
  if (memory.size(Place::Offset) != memory.elements())
    return {};
  for (std::uint32_t offset = 0; offset < memory.elements(); ++offset) {
    std::uint32_t index = memory.indexOfOffset(offset);
    if (index >= memory.elements() || offsetOf[index] != ~0u)
      return {};
    offsetOf[index] = offset;
  }
  return offsetOf;
}

/// Shared memory has 32 banks of 4 bytes, and a bank serves one word (to any
/// number of lanes) at a time. Accesses wider than a word are served in parts
/// of consecutive lanes, 128 bytes each. Returns how often the busiest bank of
/// the worst part is needed. Lane l accesses `elements[l]`.
unsigned
simulateBanks(const std::vector<std::uint32_t> &offsetOf,
              const std::array<std::vector<std::uint32_t>, 32> &elements,
              unsigned elementBytes) {
  unsigned bytes = elements[0].size() * elementBytes;
  unsigned part = bytes == 16 ? 8 : bytes == 8 ? 16 : 32, worst = 0;
  for (unsigned first = 0; first < 32; first += part) {
    std::array<std::set<unsigned>, 32> words;
    for (unsigned lane = first; lane < first + part; ++lane)
      for (std::uint32_t element : elements[lane]) {
        unsigned word = offsetOf[element] * elementBytes / 4;
        words[word % 32].insert(word);
      }
    for (const auto &bank : words)
      worst = std::max<unsigned>(worst, bank.size());
  }
  return worst;
}

/// A 32-lane access of 2^vectorBits elements: the three low lane bits are
/// `access`; the other two are index bits that it leaves free, or copies.
Layout accessLayout(const Shape &shape, unsigned vectorBits,
                    const Bases &access) {
  Layout layout(shape);
  std::uint32_t used = 0;
  for (unsigned i = 0; i < vectorBits; ++i)
    layout.bases(Place::Register).push_back(1u << i);
  for (std::uint32_t direction : access) {
    layout.bases(Place::Lane).push_back(direction);
    used |= direction;
  }
  for (unsigned bit = vectorBits; layout.bits(Place::Lane) < laneBits; ++bit)
    if (bit >= layout.indexBits())
      layout.bases(Place::Lane).push_back(0);
    else if (!(used >> bit & 1))
      layout.bases(Place::Lane).push_back(1u << bit);
  return layout;
}

unsigned simulate(const Layout &memory, const Layout &registers,
                  unsigned elementBytes) {
  std::array<std::vector<std::uint32_t>, 32> elements;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned reg = 0; reg < registers.size(Place::Register); ++reg)
      elements[lane].push_back(registers.index(reg, lane));
  return simulateBanks(offsets(memory), elements, elementBytes);
}

/// Bijective, and vectors of 16 bytes in one piece.
void requirePermutesChunks(const Layout &memory, unsigned vectorBits) {
  INFO(memory.print());
  auto offsetOf = offsets(memory);
  REQUIRE(offsetOf.size() == memory.elements());
  unsigned vector = 1u << vectorBits, broken = 0;
  for (std::uint32_t index = 0; index < memory.elements(); ++index)
    broken +=
        offsetOf[index] != offsetOf[index / vector * vector] + index % vector;
  for (std::uint32_t index = 0; index < memory.elements(); index += vector)
    broken += offsetOf[index] % vector != 0;
  // Chunks stay in their line of 128 bytes, so a tile of whole lines stays one.
  for (std::uint32_t index = 0; index < memory.elements(); ++index)
    broken += offsetOf[index] / (8 * vector) != index / (8 * vector);
  CHECK(broken == 0);
}

/// swizzled() frees all accesses.
void requireFree(const Shape &shape, unsigned vectorBits,
                 const std::vector<Bases> &accesses) {
  Layout memory = swizzled(shape, vectorBits, accesses);
  INFO(memory.print());
  REQUIRE(memory.shape() == shape);
  requirePermutesChunks(memory, vectorBits);
  unsigned elementBytes = 16u >> vectorBits;
  for (const Bases &access : accesses) {
    Layout registers = accessLayout(shape, vectorBits, access);
    INFO("access " << registers.print());
    CHECK(simulate(memory, registers, elementBytes) == 1);
    CHECK(bankConflicts(memory, registers, vectorBits, 8 * elementBytes) == 1);
  }
}

/// All sets of three index bits above the vector.
std::vector<Bases> threeBitAccesses(const Shape &shape, unsigned vectorBits) {
  std::vector<Bases> all;
  unsigned bits = Layout(shape).indexBits();
  for (unsigned i = vectorBits; i < bits; ++i)
    for (unsigned j = i + 1; j < bits; ++j)
      for (unsigned k = j + 1; k < bits; ++k)
        all.push_back({1u << i, 1u << j, 1u << k});
  return all;
}
} // namespace

TEST_CASE("f16 tiles: copies along rows and ldmatrix do not collide",
          "[layout][swizzle]") {
  for (std::int64_t rows : {8, 16, 32, 64, 128})
    for (std::int64_t columns : {32, 64, 128, 256}) {
      Shape shape{rows, columns};
      Layout tile(shape);
      auto k = [&](std::int64_t k) { return tile.flatten({0, k}); };
      auto row = [&](std::int64_t r) { return tile.flatten({r, 0}); };
      // A quarter warp along the chunks of a row, or of two short ones.
      Bases copy = columns >= 64 ? Bases{k(8), k(16), k(32)}
                                 : Bases{k(8), k(16), row(1)};
      Bases matrix{row(1), row(2), row(4)}; // ldmatrix: eight rows
      Bases oneRowPair{k(8), k(16), row(1)}, rowPairs{k(8), row(1), row(2)};
      CAPTURE(rows, columns);
      requireFree(shape, 3, {copy, matrix});
      requireFree(shape, 3, {matrix, copy});
      requireFree(shape, 3, {copy, oneRowPair});
      requireFree(shape, 3, {oneRowPair, matrix});
      requireFree(shape, 3, {copy, matrix, oneRowPair, rowPairs});
      if (rows >= 16)
        requireFree(shape, 3, {copy, {row(2), row(4), row(8)}, matrix});
      if (columns >= 128)
        requireFree(shape, 3, {copy, matrix, {k(16), k(32), k(64)}});
    }
}

TEST_CASE("packed words: copies along n and reads across k do not collide",
          "[layout][swizzle]") {
  for (std::int64_t depth : {16, 32, 64, 128, 256}) // BK; 8 to a word
    for (std::int64_t n : {32, 64, 128, 256}) {
      Shape shape{depth / 8, n};
      Layout tile(shape);
      Bases copy{tile.flatten({0, 4}), tile.flatten({0, 8}),
                 tile.flatten({0, 16})};
      CAPTURE(depth, n);
      if (depth < 32) {
        requireFree(shape, 2, {copy, {tile.flatten({1, 0}), 4, 8}});
        continue;
      }
      Bases read{tile.flatten({1, 0}), tile.flatten({2, 0}), 4};
      requireFree(shape, 2, {copy, read});
      requireFree(shape, 2, {read, copy});
      requireFree(shape, 2, {copy, read, {tile.flatten({1, 0}), 4, 8}});
      if (depth >= 64)
        requireFree(shape, 2,
                    {copy,
                     read,
                     {tile.flatten({1, 0}), tile.flatten({2, 0}),
                      tile.flatten({4, 0})}});
    }
}

TEST_CASE("any two accesses of single index bits can be freed together",
          "[layout][swizzle]") {
  struct Tile {
    Shape shape;
    unsigned vectorBits;
  };
  for (const auto &[shape, vectorBits] :
       {Tile{{8, 64}, 3}, Tile{{16, 64}, 3}, Tile{{8, 32}, 2},
        Tile{{16, 32}, 2}}) {
    auto accesses = threeBitAccesses(shape, vectorBits);
    for (const Bases &first : accesses)
      for (const Bases &second : accesses)
        requireFree(shape, vectorBits, {first, second});
  }
}

TEST_CASE("any three accesses of five index bits can be freed together",
          "[layout][swizzle]") {
  // Freeing one access after the other is not enough: {8, 64, 128},
  // {8, 16, 64}, {8, 32, 128} has the last undo the first.
  Shape shape{4, 64};
  auto accesses = threeBitAccesses(shape, 3);
  for (const Bases &first : accesses)
    for (const Bases &second : accesses)
      for (const Bases &third : accesses)
        requireFree(shape, 3, {first, second, third});
}

TEST_CASE("accesses whose lanes move several index bits are freed",
          "[layout][swizzle]") {
  std::mt19937 random(20250701); // fixed: the same directions every time
  Shape shape{16, 64};
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Bases> accesses;
    while (accesses.size() < 2) {
      Bases access;
      for (int i = 0; i < 3; ++i)
        access.push_back(random() % 128 << 3);
      if (LinearMap(access).injective())
        accesses.push_back(access);
    }
    Layout memory = swizzled(shape, 3, accesses);
    INFO(memory.print());
    requirePermutesChunks(memory, 3);
    for (const Bases &access : accesses) {
      Layout registers(shape);
      registers.bases(Place::Register) = {1, 2, 4};
      registers.bases(Place::Lane) = access;
      registers.bases(Place::Lane).resize(laneBits, 0);
      CHECK(simulate(memory, registers, 2) == 1);
    }
  }
}

TEST_CASE("accesses that contradict each other lose as little as possible",
          "[layout][swizzle]") {
  // Beside chunk bits 0 and 1 only bit 2 is left; a, b and a ^ b cannot all
  // flip it.
  Shape shape{4, 64};
  std::uint32_t a = 64, b = 128;
  std::vector<Bases> accesses = {{8, 16, a}, {8, 16, b}, {8, 16, a ^ b}};
  Layout memory = swizzled(shape, 3, accesses);
  requirePermutesChunks(memory, 3);
  unsigned twice = 0;
  for (const Bases &access : accesses) {
    Layout registers(shape);
    registers.bases(Place::Register) = {1, 2, 4};
    registers.bases(Place::Lane) = access;
    registers.bases(Place::Lane).resize(laneBits, 0);
    unsigned ways = simulate(memory, registers, 2);
    CHECK(ways <= 2);
    twice += ways == 2;
  }
  CHECK(twice == 1);
}

TEST_CASE("what needs no swizzle stays row-major", "[layout][swizzle]") {
  // At most one line of 128 bytes: all chunks have banks of their own.
  for (const Shape &shape :
       {Shape{1, 8}, Shape{2, 16}, Shape{8, 8}, Shape{1, 64}})
    CHECK(swizzled(shape, 3, threeBitAccesses(shape, 3)) == rowMajor(shape));
  CHECK(swizzled({64, 64}, 3, {}) == rowMajor({64, 64}));
  CHECK(swizzled({64, 64}, 3, {{8, 16, 32}}) == rowMajor({64, 64}));
  // Lanes that read the same chunk are served together.
  CHECK(swizzled({64, 64}, 3, {{0, 8, 16}}) == rowMajor({64, 64}));
}

TEST_CASE("ldmatrix rows take the textbook swizzle: chunk ^ row % 8",
          "[layout][swizzle]") {
  Shape shape{64, 64};
  Layout memory = swizzled(shape, 3, {{8, 16, 32}, {64, 128, 256}});
  auto offsetOf = offsets(memory);
  unsigned mistakes = 0;
  for (unsigned row = 0; row < 64; ++row)
    for (unsigned column = 0; column < 64; ++column)
      mistakes += offsetOf[row * 64 + column] !=
                  row * 64 + ((column / 8) ^ (row % 8)) * 8 + column % 8;
  CHECK(mistakes == 0);
}

TEST_CASE("bankConflicts agrees with the simulation", "[layout][swizzle]") {
  // Known cases first: f16 [64, 64], 128 bytes a row.
  Layout plain = rowMajor({64, 64});
  CHECK(bankConflicts(plain, accessLayout({64, 64}, 3, {8, 16, 32}), 3, 16) ==
        1);
  CHECK(bankConflicts(plain, accessLayout({64, 64}, 3, {64, 8, 16}), 3, 16) ==
        2);
  CHECK(bankConflicts(plain, accessLayout({64, 64}, 3, {64, 128, 8}), 3, 16) ==
        4);
  CHECK(bankConflicts(plain, accessLayout({64, 64}, 3, {64, 128, 256}), 3,
                      16) == 8);
  // One f16 of each row of 32: all rows share a bank. All lanes one word: none.
  CHECK(bankConflicts(plain,
                      Layout::make({64, 64}, {},
                                   {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {16, 0}}),
                      0, 16) == 32);
  CHECK(bankConflicts(plain,
                      Layout::make({64, 64}, {},
                                   {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}),
                      0, 16) == 1);

  std::mt19937 random(20250702); // fixed: the same accesses every time
  for (int trial = 0; trial < 3000; ++trial) {
    unsigned elementBytes = 1u << random() % 3; // 1, 2, 4
    unsigned chunkBits = 4 - elementBytes / 2;  // log2 elements of 16 bytes
    unsigned vectorBits = random() % (chunkBits + 1);
    Shape shape{1 << (3 + random() % 3), 1 << (5 + random() % 3)};
    Layout memory = rowMajor(shape);
    unsigned bits = memory.indexBits();
    for (unsigned bit = chunkBits + 3; bit < bits; ++bit) // any swizzle
      memory.bases(Place::Offset)[bit] ^= random() % 8 << chunkBits;
    Layout registers(shape);
    for (unsigned i = 0; i < vectorBits; ++i)
      registers.bases(Place::Register).push_back(1u << i);
    for (unsigned i = 0; i < laneBits; ++i)
      registers.bases(Place::Lane)
          .push_back(random() % (1u << (bits - vectorBits)) << vectorBits);
    INFO(memory.print() << " " << registers.print() << " vector " << vectorBits
                        << " bytes " << elementBytes);
    CHECK(bankConflicts(memory, registers, vectorBits, 8 * elementBytes) ==
          simulate(memory, registers, elementBytes));
  }
}
