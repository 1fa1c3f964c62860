// Addresses and bounds checks of the elements of a view that a tile has.
//
// A lane's address is the view's pointer, plus the tile's start, plus the
// lane's own part of the layout, plus a constant for each register. Strides
// that are known at run time only are multiplied in 64 bits. A dimension is
// checked unless the tile is known to lie inside of the view along it.
#pragma once

#include "compiler/ir/Access.h"
#include "compiler/lowering/Emit.h"

namespace lath::tile {

/// What a view is lowered to: its pointer, and extents and strides, those that
/// are known at run time only as values of 32 and 64 bits.
class ViewArray {
public:
  /// `tile`: units of the tile that is accessed.
  ViewArray(Emit &e, const Access &access, mlir::ValueRange values,
            llvm::ArrayRef<int64_t> tile);

  mlir::Value pointer() const { return origin; }
  mlir::Value extent(unsigned d) const;
  /// Whether coordinates of the tile along dimension d become bytes in 32 bits.
  bool isNarrow(unsigned d) const { return narrow[d]; }
  int64_t strideBytes(unsigned d) const { return memory.strideBytes(d); }
  /// So many steps along dimension d, signed, in bytes of 64 bits.
  mlir::Value bytes(mlir::Value steps, unsigned d) const;
  /// `pointer` moved by a constant along dimension d.
  mlir::Value moved(mlir::Value pointer, int64_t steps, unsigned d) const;

private:
  Emit &e;
  const Memory memory;
  mlir::Value origin;
  llvm::SmallVector<mlir::Value> extents, strides; ///< strides in bytes
  llvm::SmallVector<bool> narrow;
};

/// Addresses and masks of one tile access, in memory units.
class ViewAccess {
public:
  /// `units`: layout of the units of the tile; `values` and `starts`: what the
  /// view and the starts are lowered to.
  ViewAccess(Emit &e, Access access, mlir::ValueRange values, Layout units,
             llvm::ArrayRef<mlir::ValueRange> starts);

  /// log2 of the units that one access may move.
  unsigned maxVectorBits() const { return vectorBits; }
  const Layout &layout() const { return units; }

  mlir::Value address(uint32_t reg) const;
  /// Whether the elements of a register lie inside; null where they always do.
  mlir::Value mask(uint32_t reg) const;

private:
  Emit &e;
  Access access;
  Layout units;
  ViewArray array;
  unsigned vectorBits;
  mlir::Value base;
  llvm::SmallVector<mlir::Value> laneCoords; ///< along dimensions of the tile
  llvm::SmallVector<Registers> startUnits; ///< one, or a register's of a gather
  llvm::SmallVector<LinearMap> startRegisters; ///< of a gather, by register
  llvm::SmallVector<bool> checked;

  LinearMap dimMap(unsigned tileDim) const;
  uint32_t laneMask(unsigned tileDim) const;
  bool lanesShare(unsigned tileDim, uint32_t index) const;
  mlir::Value startOf(unsigned d, uint32_t reg) const;
};

template <typename Op, typename Adaptor>
ViewAccess viewAccess(Emit &e, Op op, Adaptor &adaptor, Layout units) {
  return ViewAccess(e, accessOf(op, adaptor.getView()), adaptor.getView(),
                    std::move(units), adaptor.getStart());
}

/// Start of a tile along dimension d of memory, in units, given its starts in
/// elements of the array.
mlir::Value unitStart(Emit &e, const Memory &memory, mlir::ValueRange starts,
                      unsigned d);

} // namespace lath::tile
