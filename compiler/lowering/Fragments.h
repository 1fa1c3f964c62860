// What the registers of a dot's tiles are to the tensor core, in the
// orientation in which A has the sixteen rows.
#pragma once

#include "compiler/lowering/Emit.h"

namespace lath::tile {

/// Register bits of a layout along dimension d, as coordinates there.
Bases registersAlong(const Layout &layout, unsigned d);

class Fragments {
public:
  /// a: [rows, k], acc: [rows, columns], with the `aRegs` that hold a, of
  /// type `element`.
  Fragments(const Layout &a, mlir::ValueRange aRegs, mlir::Type element,
            const Layout &acc);
  /// The same without A in registers: only where things are is known.
  Fragments(const Layout &acc, mlir::Type element, int64_t k);
  /// `scales`: [G, extent of acc along `dim`], in registers `scaleRegs`.
  void scaleBy(const Layout &scales, mlir::ValueRange scaleRegs, unsigned dim);

  /// False where registers do not make a fragment.
  bool whole() const { return k.size() > wordBits && !rows.empty(); }

  /// The step along k to the instruction's upper half.
  uint32_t upper() const { return k[wordBits]; }
  /// Groups that are scaled on their own (one without scales), and the
  /// instruction's steps of k within each.
  unsigned groups() const { return 1u << outer.size(); }
  unsigned steps() const { return 1u << inner.size(); }
  /// First k of a step.
  uint32_t start(unsigned group, unsigned step) const {
    return LinearMap(outer)(group) ^ LinearMap(inner)(step);
  }
  unsigned rowTiles() const { return 1u << tiles.size(); }
  uint32_t rowTile(unsigned tile) const { return LinearMap(tiles)(tile); }
  unsigned columnTiles() const { return 1u << columns.size(); }
  uint32_t column(unsigned tile) const { return LinearMap(columns)(tile); }

  /// The four words of A for a row tile and the step at k0.
  Registers a(Emit &e, unsigned rowTile, uint32_t k0) const;
  /// Registers of the accumulator that a row and a column tile have.
  llvm::SmallVector<uint32_t, 4> places(unsigned rowTile,
                                        unsigned columnTile) const;
  /// total + sums * scales of the group.
  Registers scaled(Emit &e, unsigned group, mlir::ValueRange sums,
                   mlir::ValueRange total) const;
  /// The elements of a 32-bit register, from k0 on, as the tensor core takes
  /// them; `at` gives the one at some k.
  mlir::Value word(Emit &e, uint32_t k0,
                   llvm::function_ref<mlir::Value(uint32_t)> at) const;

private:
  Layout aLayout, accLayout, scaleLayout;
  mlir::ValueRange aRegs, scaleRegs;
  mlir::Type element;
  unsigned wordBits; ///< log2 of the elements in a 32-bit register
  Bases k, rows, tiles, columns, inner, outer;

  void arrange();
  unsigned groupShift = 0, scaleDim = 0;
};

} // namespace lath::tile
