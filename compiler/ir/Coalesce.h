// Stores in whole sectors: what a layout costs global memory, a layout that
// costs less, and how tiles change places inside a warp.
//
// The accumulator of mma.m16n8k16 has two neighbours of a row in a lane and
// eight in four lanes: of 16-bit elements 4 bytes a lane, half of a sector of
// 32 bytes. Register bits and lane bits are of one kind, so a bit of each may
// change places:
//
//   register = [(0,1), (8,0), (0,8), (0,16)]   lane = [(0,2), (0,4), (1,0), ..]
//   register = [(0,1), (8,0), (0,2), (0,4)]    lane = [(0,8), (0,16), (1,0),
//   ..]
//
// which is a butterfly shuffle of half of the registers, and leaves 16 bytes in
// a lane and two whole sectors in four.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/ir/Layout.h"

#include <optional>
#include <vector>

namespace lath {

/// What it takes to access all elements of a row-major tile, up to
/// 2^neighbourBits neighbours of a row at once. Rows count as far apart, and as
/// beginning with a sector.
struct AccessCost {
  std::uint64_t instructions; ///< of each warp
  std::uint64_t sectors;      ///< of 32 bytes, over all instructions and warps
};
LATH_API AccessCost accessCost(const Layout &tile, unsigned unitBytes,
                               unsigned neighbourBits);

/// A register bit and a lane bit that change places.
struct BitExchange {
  unsigned reg, lane;
  bool operator==(const BitExchange &) const = default;
};

/// The exchanges, one after the other, after which `from` has the lanes, warps
/// and blocks of `to`, and the registers of both hold the same elements;
/// nullopt where it takes something else, or so many that shared memory is the
/// shorter way.
LATH_API std::optional<std::vector<BitExchange>>
laneExchanges(const Layout &from, const Layout &to);
LATH_API Layout exchanged(const Layout &layout,
                          const std::vector<BitExchange> &exchanges);

/// A layout of the same tile in which a store takes at most half of the
/// sectors, and half of the instructions, that it takes in `tile`: by exchanges
/// within the warp if they reach that, else blocked, through shared memory,
/// where that saves each warp 2 KB of traffic, more than barriers cost.
/// nullopt: it is well as it is.
LATH_API std::optional<Layout> coalesced(const Layout &tile, unsigned unitBytes,
                                         unsigned neighbourBits,
                                         unsigned warps);

} // namespace lath
