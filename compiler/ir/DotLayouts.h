// The layouts a dot asks for, solved from where its operands come from.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/ir/Layout.h"

#include <optional>
#include <string>

namespace lath {

struct DotShape {
  std::int64_t rows, columns, k; ///< of the m16n8 tiling: A is rows x k
  unsigned warps;
  unsigned kWarps = 1; ///< of them, warps that share a K step
  /// Bits of an element of A and B: 32, 16 or 8. The instruction multiplies 8,
  /// 16 or 32 k.
  unsigned elementBits = 16;
  /// log2 of the k that a word of A holds: 3 of 4-bit weights, 2 of 8-bit ones,
  /// 0 where A is no weights.
  unsigned packBits = 0;
  /// A's rows are contiguous in memory, so neighbours should share a lane.
  bool contiguousRows = false;
  /// The order in memory of an atom of A, [k, rows], if it lies there in atoms.
  /// Where a lane's share of one is a fragment, the fragment is taken as it is
  /// (`contiguousRows` means nothing then), else the atom is ignored.
  std::optional<Layout> atom;
  /// A lane owns consecutive k, 16 bytes that one access to global memory
  /// brings. Otherwise k has the instruction's own order, which ldmatrix
  /// brings, and in which an accumulator's columns are the k of another dot's
  /// A.
  bool consecutiveK = true;
  /// Warps divide rows as long as there are some, so that a row's columns lie
  /// in one warp.
  bool rowsFirst = false;
  /// For wgmma: the lowest two warp bits are rows of one instruction, and no
  /// warp has columns or k of its own. Where A is no weights, rows and k are
  /// numbered as the instruction does, so that either operand may lie in
  /// shared memory.
  bool warpgroups = false;
};

struct DotLayouts {
  Layout a;   ///< [rows, k]
  Layout b;   ///< [k, columns]
  Layout acc; ///< [rows, columns]
};

/// Fragments of mma.m16n8 repeated over the tile, with rows, columns and k
/// permuted so that what a lane needs is contiguous in memory: a lane owns
/// eight consecutive k (a word of 4-bit weights, two of 8-bit ones, 16 bytes of
/// activations; of an atom what it finds there), and up to four consecutive
/// rows where those are contiguous. `problem` says why where it is impossible.
bool solveDotLayouts(const DotShape &shape, DotLayouts &layouts,
                     std::string &problem);

/// Where wgmma finds its B operand, [columns, k] in shared memory, for an A in
/// registers, [rows, k]: K-major with 128-byte swizzle, the k of each 16 in the
/// order in which A's registers and lanes hold them (PTX ISA, sections on
/// wgmma's register fragments and shared-memory layout). Offsets are in
/// elements; buffers must start at multiples of 1024 bytes. nullopt if `a` is
/// no fragment of wgmma with at least 64 k.
std::optional<Layout> warpgroupOperand(const Layout &a, std::int64_t columns);

/// Whether a tile [rows, k] is in registers as wgmma takes its A operand from
/// there, in any order of k.
bool isWarpgroupFragment(const Layout &a, unsigned elementBits);

/// The order of a buffer that is an operand of wgmma; k is its last dimension
/// (`alongK`) or its first. In panels (Panels.h), or, where the other operand
/// is in `registers` that number k otherwise, as these do (warpgroupOperand).
/// nullopt where that cannot be.
std::optional<Layout> warpgroupBuffer(const Shape &shape, unsigned elementBits,
                                      bool alongK,
                                      const std::optional<Layout> &registers);

/// Whether the sums of wgmma, [rows, columns], are those of operands whose rows
/// and columns are in their order: four warps share 64 neighbouring rows.
bool isWarpgroupSum(const Layout &sums);

/// The layout of a dequantised tile, given that of its codes and the log2 of
/// those in a word: eight nibbles come out as the pairs (i, i + 4), since one
/// lop3 masks nibbles 0 and 4 of a shifted word. So where the first three
/// register bits of `q` are the nibbles' index b0 b1 b2, those of the result
/// are b2 b0 b1. Bytes come out in their order.
Layout dequantResult(const Layout &q, unsigned packBits);
Layout dequantSource(const Layout &result, unsigned packBits);

/// The order in memory of packed 4-bit weights, [64 k, 16 n]: lane l of a warp
/// owns bytes 16 l to 16 l + 15, and what it finds there are, dequantised, its
/// A operands of four m16n8k16. It follows from the fragment: the offset bits
/// are the register bits of A, then its lane bits. Offsets are in 4-bit
/// elements.
LATH_API Layout weightAtom();

/// The accumulator after the partial sums of `kWarps` warps (the lowest warp
/// bits, zero bases in `acc`) are added: those warps take over register bits,
/// the last ones first and never the first, so that neighbours stay in one
/// lane. Warps beyond that repeat each other.
Layout scatteredOverWarps(const Layout &acc, unsigned kWarps);

/// The accumulator after the partial sums of the `blocks` blocks of a cluster
/// and of `kWarps` warps of each are added: blocks take over register bits as
/// warps do, before them. The lowest bits of a block's rank choose its share;
/// blocks for which no register bit is left, and those beyond the highest power
/// of two, repeat others.
Layout scatteredOverCluster(const Layout &acc, unsigned kWarps,
                            unsigned blocks);

} // namespace lath
