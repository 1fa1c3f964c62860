#include "compiler/ir/Coalesce.h"

#include <algorithm>
#include <bit>

namespace lath {

static constexpr unsigned sectorBytes = 32;
/// A shuffle and three selects for each pair of registers, each: beyond that a
/// store and a load of shared memory are shorter.
static constexpr std::size_t mostExchanges = 3;
/// Sectors that each warp must save for two barriers and a way through shared
/// memory.
static constexpr std::uint64_t sharedWorth = 64;

static bool holds(const Bases &bases, std::uint32_t basis) {
  return std::find(bases.begin(), bases.end(), basis) != bases.end();
}

static unsigned rowBits(const Layout &tile) {
  return tile.rank() ? tile.dimBits(tile.rank() - 1) : 0;
}

AccessCost accessCost(const Layout &tile, unsigned unitBytes,
                      unsigned neighbourBits) {
  const Bases &registers = tile.bases(Place::Register);
  unsigned vector = 0;
  while (vector < std::min(neighbourBits, rowBits(tile)) &&
         holds(registers, 1u << vector))
    ++vector;
  unsigned within = std::min<unsigned>(
      std::countr_zero(std::max(1u, sectorBytes / unitBytes)), rowBits(tile));
  // Other registers and warps add (XOR) a constant to all lanes' places. Warps
  // that repeat others store nothing.
  Bases warp = registers;
  warp.insert(warp.end(), tile.bases(Place::Lane).begin(),
              tile.bases(Place::Lane).end());
  Bases all = warp;
  all.insert(all.end(), tile.bases(Place::Warp).begin(),
             tile.bases(Place::Warp).end());
  unsigned warps = LinearMap(all).rank() - LinearMap(warp).rank();
  Bases lanes = tile.bases(Place::Lane);
  for (std::uint32_t &basis : lanes)
    basis &= ~((1u << within) - 1);
  std::uint64_t instructions = tile.size(Place::Register) >> vector;
  return {instructions, instructions << (LinearMap(lanes).rank() + warps)};
}

Layout exchanged(const Layout &layout,
                 const std::vector<BitExchange> &exchanges) {
  Layout result = layout;
  for (BitExchange each : exchanges)
    std::swap(result.bases(Place::Register)[each.reg],
              result.bases(Place::Lane)[each.lane]);
  return result;
}

std::optional<std::vector<BitExchange>> laneExchanges(const Layout &from,
                                                      const Layout &to) {
  for (Place place : {Place::Warp, Place::Block})
    if (from.bases(place) != to.bases(place))
      return std::nullopt;
  Layout now = from;
  Bases &registers = now.bases(Place::Register),
        &lanes = now.bases(Place::Lane);
  if (lanes.size() != to.bits(Place::Lane))
    return std::nullopt;
  std::vector<BitExchange> exchanges;
  for (unsigned lane = 0; lane < lanes.size(); ++lane) {
    std::uint32_t wanted = to.bases(Place::Lane)[lane];
    if (lanes[lane] == wanted)
      continue;
    auto found = std::find(registers.begin(), registers.end(), wanted);
    if (found == registers.end())
      return std::nullopt;
    exchanges.push_back(
        {static_cast<unsigned>(found - registers.begin()), lane});
    std::swap(*found, lanes[lane]);
  }
  for (std::uint32_t basis : to.bases(Place::Register))
    if (!now.registerOf(basis))
      return std::nullopt;
  if (exchanges.size() > mostExchanges)
    return std::nullopt;
  return exchanges;
}

/// The lowest `bits` of an index in registers, as far as lanes have them and
/// registers have something for it: the next bits of the row first, so that
/// neighbouring lanes stay neighbours.
static Layout rowsInRegisters(Layout tile, unsigned bits) {
  Bases &registers = tile.bases(Place::Register),
        &lanes = tile.bases(Place::Lane);
  const std::uint32_t row = (1u << rowBits(tile)) - 1;
  for (unsigned bit = 0; bit < bits; ++bit) {
    if (holds(registers, 1u << bit))
      continue;
    auto lane = std::find(lanes.begin(), lanes.end(), 1u << bit);
    auto best = registers.end();
    for (auto each = registers.begin(); each != registers.end(); ++each) {
      if (*each < 1u << bits) // stays, or is a repetition
        continue;
      bool inRow = std::has_single_bit(*each) && (*each & row);
      if (best == registers.end() ||
          (inRow && (!(*best & row) || *each < *best)))
        best = each;
    }
    if (lane == lanes.end() || best == registers.end())
      break;
    std::swap(*lane, *best);
  }
  return tile;
}

std::optional<Layout> coalesced(const Layout &tile, unsigned unitBytes,
                                unsigned neighbourBits, unsigned warps) {
  const AccessCost own = accessCost(tile, unitBytes, neighbourBits);
  auto halves = [&](AccessCost cost) {
    return 2 * cost.sectors <= own.sectors &&
           2 * cost.instructions <= own.instructions;
  };
  std::optional<Layout> best;
  AccessCost least = own;
  unsigned most = std::min(neighbourBits, rowBits(tile));
  for (unsigned bits = most; bits > 0; --bits) {
    Layout candidate = rowsInRegisters(tile, bits);
    AccessCost cost = accessCost(candidate, unitBytes, neighbourBits);
    if (halves(cost) && cost.sectors < least.sectors &&
        laneExchanges(tile, candidate)) {
      best = candidate;
      least = cost;
    }
  }
  if (best || tile.bits(Place::Block))
    return best;
  Layout rows = blocked(tile.shape(), 1u << most, warps);
  AccessCost cost = accessCost(rows, unitBytes, neighbourBits);
  if (halves(cost) && own.sectors - cost.sectors >= sharedWorth * warps)
    return rows;
  return std::nullopt;
}

} // namespace lath
