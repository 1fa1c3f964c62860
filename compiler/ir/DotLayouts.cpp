// The tensor core sums over k and keeps rows and columns apart, so any
// permutation of k shared by A and B, of rows shared by A and the
// accumulator, and of columns shared by B and the accumulator gives the same
// result. The fragment fixes only what kind each place bit is:
//
//            register             lane 0-1   lane 2-4
//   A        k, k, row            k          row
//   B        k, k                 k          column
//   acc      column, row          column     row
//
// (registers beyond these repeat the fragment; a 32-bit register holds one k of
// 32-bit elements and four of 8-bit ones, so there the first k bit is missing,
// or there is one more). We choose which k, row and column bits go where:
//   k     bits 0-2 to registers, 3-4 to lanes, the rest to registers; or as the
//         instruction numbers them: 0, 3 to registers, 1-2 to lanes;
//   rows  low bits to registers if contiguous (up to two), three to lanes,
//         the rest to registers, the highest to warps;
//   columns  0-2 to B's lanes (bit 0 is the accumulator's register), the rest
//         to registers, the highest to warps.
// Where A lies in memory in atoms that are fragments already, k and rows go
// where the atom has them, and what is beyond it as above.
#include "compiler/ir/DotLayouts.h"

#include "compiler/ir/Panels.h"

#include <algorithm>
#include <bit>

namespace lath {

/// Atoms are of 4-bit weights.
static constexpr unsigned nibbleBits = 3;

/// A's fragment, [rows, k], where each lane takes its run of an atom's offsets
/// and unpacks it; nullopt unless that has k and rows where the instruction has
/// them, and 16 rows.
static std::optional<Layout> fragmentOf(const Layout &atom) {
  const Bases &offsets = atom.bases(Place::Offset);
  if (atom.rank() != 2 || atom.shape()[1] != 16 ||
      offsets.size() < laneBits + 3)
    return std::nullopt;
  Layout q(atom.shape());
  q.bases(Place::Register).assign(offsets.begin(), offsets.end() - laneBits);
  q.bases(Place::Lane).assign(offsets.end() - laneBits, offsets.end());
  Layout a = dequantResult(q, nibbleBits).transposed();
  const Bases &registers = a.bases(Place::Register),
              &lanes = a.bases(Place::Lane);
  auto along = [&](std::uint32_t basis, unsigned d) {
    return std::has_single_bit(basis) &&
           a.dimOfBit(std::countr_zero(basis)) == d;
  };
  auto all = [&](auto first, auto last, unsigned d) {
    return std::all_of(first, last,
                       [&](std::uint32_t basis) { return along(basis, d); });
  };
  auto rows = std::count_if(registers.begin(), registers.end(),
                            [&](auto basis) { return along(basis, 0); });
  auto ks = std::count_if(registers.begin(), registers.end(),
                          [&](auto basis) { return along(basis, 1); });
  if (!along(registers[0], 1) || rows != 1 || ks < 2 ||
      rows + ks != (std::ptrdiff_t)registers.size() ||
      !all(lanes.begin(), lanes.begin() + 2, 1) ||
      !all(lanes.begin() + 2, lanes.end(), 0))
    return std::nullopt;
  return a;
}

bool solveDotLayouts(const DotShape &s, DotLayouts &out, std::string &problem) {
  auto log2 = [](std::int64_t x) { return std::countr_zero((std::uint64_t)x); };
  int rowBits = log2(s.rows), columnBits = log2(s.columns), kBits = log2(s.k);
  int kWarpBits = log2(s.kWarps), warpBits = log2(s.warps) - kWarpBits;
  std::optional<Layout> fragment;
  if (s.packBits == nibbleBits && s.atom)
    fragment = fragmentOf(*s.atom);
  // Each warp's share of k is its own problem; the highest k bits name it.
  kBits -= kWarpBits;
  // A 32-bit register holds 2^wordBits k, and the instruction has eight.
  const int wordBits = std::countr_zero(32u / s.elementBits);
  if (warpBits < 0 || kBits < wordBits + 3) {
    problem = std::to_string(s.kWarps) + " warps along k are too many for " +
              std::to_string(s.warps) + " warps and a K step of " +
              std::to_string(s.k);
    return false;
  }

  // wgmma with operands whose order nobody else decides.
  const bool natural = s.warpgroups && !s.packBits;
  const int groupK = natural ? wordBits + 3 : 6;
  if (s.warpgroups &&
      (kWarpBits || warpBits < 2 || kBits < groupK || rowBits < 6)) {
    problem = "wgmma multiplies by four warps 64 rows and at least " +
              std::to_string(1 << groupK) + " k, all warps along rows; got " +
              std::to_string(s.warps) + " warps, " + std::to_string(s.kWarps) +
              " of them along k, and a tile of " + std::to_string(s.rows) +
              " x " + std::to_string(s.k);
    return false;
  }

  // Warps: along rows while a warp keeps 16 (32 where A is dear to make), then
  // along columns while it keeps 8, then rows again down to 16.
  int rowWarps = 0, columnWarps = 0;
  while (rowWarps + columnWarps < warpBits) {
    int rowTiles = rowBits - 4 - rowWarps,
        columnTiles = columnBits - 3 - columnWarps;
    bool rowsFirst = s.packBits || s.warpgroups || s.rowsFirst
                         ? rowTiles > 0
                         : rowTiles >= columnTiles;
    if (rowTiles > 0 && rowsFirst)
      ++rowWarps;
    else if (columnTiles > 0)
      ++columnWarps;
    else if (rowTiles > 0)
      ++rowWarps;
    else {
      problem = std::to_string(s.warps) + " warps are too many for a tile of " +
                std::to_string(s.rows) + " x " + std::to_string(s.columns) +
                "; each needs 16 x 8";
      return false;
    }
  }
  if (s.warpgroups && columnWarps) {
    problem = std::to_string(s.warps) + " warps are too many for wgmma over " +
              std::to_string(s.rows) + " rows; four share 64";
    return false;
  }
  const std::int64_t leastK = fragment ? fragment->shape()[1] : 32;
  if (s.packBits && (1ll << kBits) < leastK) {
    problem = std::to_string(32 >> s.packBits) +
              "-bit weights need a K step of at least " +
              std::to_string(leastK) + " a warp, got " +
              std::to_string(s.k / s.kWarps);
    return false;
  }

  struct Bits {
    std::vector<int> registers, lanes, warps;
  } k, row, column;
  int perWarp = rowBits - rowWarps, next = 0;
  const int chunkBits = wordBits + 2; // k in 16 bytes
  if (fragment) {
    auto bitsOf = [&](Place place, unsigned d) {
      std::vector<int> bits;
      for (std::uint32_t basis : fragment->bases(place))
        if (std::int64_t at = fragment->unflatten(basis)[d])
          bits.push_back(log2(at));
      return bits;
    };
    k.registers = bitsOf(Place::Register, 1);
    k.lanes = bitsOf(Place::Lane, 1);
    row.registers = bitsOf(Place::Register, 0);
    row.lanes = bitsOf(Place::Lane, 0);
    for (int b = log2(fragment->shape()[1]); b < kBits; ++b)
      k.registers.push_back(b);
    next = log2(fragment->shape()[0]);
  } else if (kBits >= chunkBits + 2 && !natural &&
             (s.packBits || s.consecutiveK)) {
    for (int b = 0; b < chunkBits; ++b)
      k.registers.push_back(b);
    k.lanes = {chunkBits, chunkBits + 1};
    // The pair that one 32-bit register holds: 4-bit weights are unpacked in
    // pairs (i, i + 4), see dequantResult.
    if (s.packBits == nibbleBits)
      k.registers = {2, 0, 1};
    for (int b = chunkBits + 2; b < kBits; ++b)
      k.registers.push_back(b);
  } else {
    // The instruction's own order, in which ldmatrix brings activations, and
    // tensor copies both operands.
    k.lanes = {wordBits, wordBits + 1};
    for (int b = 0; b < kBits; ++b)
      if (b != k.lanes[0] && b != k.lanes[1])
        k.registers.push_back(b);
  }
  if (!fragment) {
    if (s.contiguousRows)
      for (int i = 0; i < std::min(2, perWarp - 3); ++i)
        row.registers.push_back(next++);
    for (int i = 0; i < 3; ++i)
      row.lanes.push_back(next++);
  }
  if (natural) { // 16 rows a warp, 64 of four, then further ones of each
    row.registers.push_back(next++);
    row.warps = {next, next + 1};
    next += 2;
    perWarp += 2;
  }
  while (next < perWarp)
    row.registers.push_back(next++);
  while (next < rowBits)
    row.warps.push_back(next++);
  for (int b = 3; b < columnBits - columnWarps; ++b)
    column.registers.push_back(b);
  for (int b = columnBits - columnWarps; b < columnBits; ++b)
    column.warps.push_back(b);

  auto rowBasis = [](int b) { return std::vector<std::int64_t>{1ll << b, 0}; };
  auto colBasis = [](int b) { return std::vector<std::int64_t>{0, 1ll << b}; };
  const std::vector<std::int64_t> repeat{0, 0};
  Layout::Coords aReg, aLane, aWarp, bReg, bLane, bWarp, cReg, cLane, cWarp;

  // A: the k of 16 bytes first, then rows, then further k. Where an atom
  // is a fragment, that first, then further k, then rows.
  if (fragment) {
    for (std::uint32_t basis : fragment->bases(Place::Register))
      aReg.push_back(fragment->unflatten(basis));
    for (int b : k.registers)
      if (1ll << b >= fragment->shape()[1])
        aReg.push_back(colBasis(b));
    for (int b : row.registers)
      if (1ll << b >= fragment->shape()[0])
        aReg.push_back(rowBasis(b));
  } else {
    std::size_t chunk = std::min<std::size_t>(chunkBits, k.registers.size());
    for (std::size_t i = 0; i < chunk; ++i)
      aReg.push_back(colBasis(k.registers[i]));
    for (int b : row.registers)
      aReg.push_back(rowBasis(b));
    for (std::size_t i = chunk; i < k.registers.size(); ++i)
      aReg.push_back(colBasis(k.registers[i]));
  }
  for (int b : k.lanes)
    aLane.push_back(colBasis(b));
  for (int b : row.lanes)
    aLane.push_back(rowBasis(b));

  for (int b : k.registers)
    bReg.push_back(rowBasis(b));
  for (int b : column.registers)
    bReg.push_back(colBasis(b));
  for (int b : k.lanes)
    bLane.push_back(rowBasis(b));
  for (int b = 0; b < 3; ++b)
    bLane.push_back(colBasis(b));

  for (int b : row.registers)
    cReg.push_back(rowBasis(b));
  cReg.push_back(colBasis(0));
  for (int b : column.registers)
    cReg.push_back(colBasis(b));
  cLane = {colBasis(1), colBasis(2)};
  for (int b : row.lanes)
    cLane.push_back(rowBasis(b));

  for (int b = kBits; b < kBits + kWarpBits; ++b) {
    aWarp.push_back(colBasis(b));
    bWarp.push_back(rowBasis(b));
    cWarp.push_back(repeat);
  }
  for (int b : row.warps) {
    aWarp.push_back(rowBasis(b));
    bWarp.push_back(repeat);
    cWarp.push_back(rowBasis(b));
  }
  for (int b : column.warps) {
    aWarp.push_back(repeat);
    bWarp.push_back(colBasis(b));
    cWarp.push_back(colBasis(b));
  }
  out.a = Layout::make({s.rows, s.k}, aReg, aLane, aWarp);
  out.b = Layout::make({s.k, s.columns}, bReg, bLane, bWarp);
  out.acc = Layout::make({s.rows, s.columns}, cReg, cLane, cWarp);
  return true;
}

/// The k of a fragment of wgmma, [rows, k], by their place in one instruction:
/// within a word, lane, lane, upper half; then the steps. Empty where `a` is
/// none.
static std::vector<std::int64_t> warpgroupK(const Layout &a,
                                            unsigned elementBits) {
  const std::size_t wordBits = std::countr_zero(32u / elementBits);
  std::vector<std::int64_t> k, lanes;
  for (std::uint32_t basis : a.bases(Place::Register))
    if (std::int64_t bit = a.unflatten(basis)[1])
      k.push_back(bit);
  for (std::uint32_t basis : a.bases(Place::Lane))
    if (std::int64_t bit = a.unflatten(basis)[1])
      lanes.push_back(bit);
  const Bases &warps = a.bases(Place::Warp);
  bool rows = warps.size() >= 2;
  for (std::size_t i = 0; rows && i < 2; ++i)
    rows = a.unflatten(warps[i])[0] != 0;
  if (!rows || k.size() < wordBits + 1 || lanes.size() != 2)
    return {};
  k.insert(k.begin() + wordBits, lanes.begin(), lanes.end());
  return k;
}

std::optional<Layout> warpgroupOperand(const Layout &a, std::int64_t columns) {
  const std::vector<std::int64_t> k = warpgroupK(a, 16);
  if (k.size() < 6)
    return std::nullopt;
  // A row of the swizzle's 8 x 128 bytes: eight chunks of eight k, XORed with
  // the row.
  Layout::Coords offsets;
  for (int i = 0; i < 6; ++i)
    offsets.push_back({0, k[i]});
  for (int i = 0; i < 3; ++i)
    offsets.push_back({1ll << i, k[3 + i]});
  for (std::int64_t column = 8; column < columns; column *= 2)
    offsets.push_back({column, 0});
  for (std::size_t i = 6; i < k.size(); ++i)
    offsets.push_back({0, k[i]});
  return Layout::memory({columns, a.shape()[1]}, offsets);
}

bool isWarpgroupFragment(const Layout &a, unsigned elementBits) {
  return !warpgroupK(a, elementBits).empty();
}

std::optional<Layout> warpgroupBuffer(const Shape &shape, unsigned elementBits,
                                      bool alongK,
                                      const std::optional<Layout> &registers) {
  bool inOrder = true;
  if (registers) {
    const std::vector<std::int64_t> k = warpgroupK(*registers, elementBits);
    for (std::size_t i = 0; i < k.size(); ++i)
      inOrder &= k[i] == 1ll << i;
  }
  // Only of 16 bits can k be the first dimension, or in another order.
  if (elementBits != 16 && !(alongK && inOrder))
    return std::nullopt;
  if (!inOrder)
    return alongK ? warpgroupOperand(*registers, shape[0]) : std::nullopt;
  auto panels = Panels::of(shape, elementBits / 8);
  if (!panels || !panels->swizzleBits())
    return std::nullopt;
  return panels->layout();
}

bool isWarpgroupSum(const Layout &sums) {
  if (sums.rank() != 2 || sums.bits(Place::Warp) < 2)
    return false;
  using Coordinates = std::vector<std::int64_t>;
  auto at = [&](Place place, unsigned bit) {
    return sums.unflatten(sums.bases(place)[bit]);
  };
  const Coordinates lanes[laneBits] = {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}};
  bool right = at(Place::Warp, 0) == Coordinates{16, 0} &&
               at(Place::Warp, 1) == Coordinates{32, 0};
  for (unsigned bit = 0; bit < laneBits; ++bit)
    right &= at(Place::Lane, bit) == lanes[bit];
  for (unsigned bit = 0; bit < sums.bits(Place::Register); ++bit) {
    const Coordinates c = at(Place::Register, bit);
    right &= c == Coordinates{8, 0} || c == Coordinates{0, 1} ||
             (c[0] % 64 == 0 && c[1] % 8 == 0);
  }
  for (unsigned bit = 2; bit < sums.bits(Place::Warp); ++bit)
    right &= at(Place::Warp, bit)[0] % 64 == 0 && at(Place::Warp, bit)[1] == 0;
  return right;
}

static Layout rotateFirstThree(const Layout &layout, int by) {
  Layout result = layout;
  Bases &r = result.bases(Place::Register);
  if (r.size() >= 3)
    std::rotate(r.begin(), r.begin() + by, r.begin() + 3);
  return result;
}

Layout dequantResult(const Layout &q, unsigned packBits) {
  return packBits == nibbleBits ? rotateFirstThree(q, 2) : q;
}
Layout dequantSource(const Layout &result, unsigned packBits) {
  return packBits == nibbleBits ? rotateFirstThree(result, 1) : result;
}

Layout weightAtom() {
  Layout steps({1, 4});
  steps.bases(Place::Register) = {1, 2};
  Layout a = mmaA().product(steps);
  // Rows are numbered so that the two of a lane are neighbours: a word is two
  // rows of four k.
  for (Place place : {Place::Register, Place::Lane})
    for (std::uint32_t &basis : a.bases(place)) {
      std::vector<std::int64_t> at = a.unflatten(basis);
      at[0] = (at[0] << 1 & 15) | at[0] >> 3;
      basis = a.flatten(at);
    }
  Layout q = dequantSource(a.transposed(), nibbleBits);
  Layout atom(q.shape());
  for (Place place : {Place::Register, Place::Lane})
    for (std::uint32_t basis : q.bases(place))
      atom.bases(Place::Offset).push_back(basis);
  return atom;
}

Layout scatteredOverCluster(const Layout &acc, unsigned kWarps,
                            unsigned blocks) {
  Layout result = acc;
  Bases &registers = result.bases(Place::Register);
  Bases &rank = result.bases(Place::Block);
  // A rank that is no power of two has bits for which blocks are missing:
  // only the first 2^owners blocks own a part.
  const unsigned owners = std::bit_width(blocks) - 1;
  for (unsigned bit = 0; bit < (unsigned)std::bit_width(blocks - 1); ++bit) {
    rank.push_back(0);
    if (bit >= owners || registers.size() < 2)
      continue;
    rank.back() = registers.back();
    registers.pop_back();
  }
  return scatteredOverWarps(result, kWarps);
}

Layout scatteredOverWarps(const Layout &acc, unsigned kWarps) {
  Layout result = acc;
  Bases &registers = result.bases(Place::Register);
  for (unsigned bit = 0; bit < (unsigned)std::countr_zero(kWarps); ++bit) {
    if (registers.size() < 2)
      break; // neighbours stay together: 16-bit results are written in pairs
    result.bases(Place::Warp)[bit] = registers.back();
    registers.pop_back();
  }
  return result;
}

} // namespace lath
