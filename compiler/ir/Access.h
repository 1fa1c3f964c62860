// What is known, when a kernel is compiled, of where a tile lies in its view:
// whether bounds must be checked, and how many neighbours move at once. Passes
// and lowering ask the same functions, so they cannot disagree.
#pragma once

#include "compiler/ir/Tile.h"

#include "mlir/IR/ValueRange.h"

#include <string>

namespace lath::tile {

class ViewType;

/// The largest power of two, at most mostDivisor, that is known to divide an
/// integer in every execution. Tiles ask for powers of two only, and these
/// alone survive sums and products that wrap.
int64_t divisorOf(mlir::Value value);

/// An array of a view, with what is known of its run-time extents and strides.
/// `values`: of these the view's operands, or what they are lowered to:
/// pointer, dynamic extents, dynamic strides.
Memory memoryOf(ViewType view, mlir::ValueRange values);

/// An access to a view: to which elements of it those of a tile belong.
///
/// Along dimension d of the array the coordinate of a tile's element is
/// starts[d] plus its own coordinate along dimension `along[d]` of the tile, if
/// that is not -1. A start may be a tensor of the tile's rank (extents equal or
/// 1): each element then has a start of its own.
class Access {
public:
  /// `dims`: `along`, empty where dimension d runs along d. The access stands
  /// in `block`, and is made where `condition` holds.
  Access(Memory memory, mlir::ValueRange starts, llvm::ArrayRef<int64_t> dims,
         mlir::Block *block, mlir::Value condition);

  const Memory &memory() const { return array; }
  unsigned rank() const { return array.shape.size(); }
  /// Dimension of the tile of units that dimension d of memory runs along.
  int along(unsigned d) const { return alongs[d]; }
  /// The start along dimension d of memory; null for words of an atom.
  mlir::Value start(unsigned d) const;
  bool isGathered(unsigned d) const;
  bool gathers() const;
  /// It gathers, and neighbours of a tile's row start together.
  bool gathersRows() const;
  /// Every dimension runs along that of the tile, from one start.
  bool isPlain() const;

  /// As divisorOf, for a scalar start along dimension d of memory, in units.
  int64_t divisorOfUnits(unsigned d) const;

  /// Whether a tile of `units` lies inside of a view along dimension d of
  /// memory in every execution, by what is known of its start. See IndexRange.
  bool staysWhole(llvm::ArrayRef<int64_t> units, unsigned d) const;

  /// log2 of the units along the last dimension of a tile that one access may
  /// move: aligned to their size, 16 bytes at most, and all inside the view or
  /// all outside. Without a promise about an extent that is known at run time
  /// only, or about strides, units are accessed one by one.
  unsigned neighbourBits(llvm::ArrayRef<int64_t> units) const;

  /// As neighbourBits, for a copy to a stage of a buffer, where they must be
  /// neighbours too. `buffer`: offsets to units of the tile.
  unsigned copyBits(const Layout &buffer) const;
  /// Bytes that one cp.async moves, and what it can: 4, 8 or 16.
  unsigned copyBytes(const Layout &buffer) const;
  /// Which units each lane of `warps` copies: so many bytes, neighbouring lanes
  /// neighbouring pieces.
  Layout copied(const Layout &buffer, unsigned warps) const;

private:
  Memory array;
  llvm::SmallVector<mlir::Value> starts; ///< of the array, in elements
  llvm::SmallVector<int> alongs;
  mlir::Block *block;
  mlir::Value condition;
};
inline constexpr unsigned leastCopyBytes = 4;

/// The access of an operation that has a view and starts in it; `values`: what
/// the view is lowered to.
template <typename Op> Access accessOf(Op op, mlir::ValueRange values);
template <typename Op> Access accessOf(Op op);

/// Where the starts of a gather lie if the elements that they are of lie in
/// `tile`.
Layout startsLayout(mlir::Value starts, Layout tile);
/// The start of each register of units that lie in `units`, where those of
/// `starts` do; nullopt where they do not.
std::optional<LinearMap> startRegisters(const Layout &starts,
                                        const Layout &units);

/// The box of a view's tensor that a tile of `shape` is, `dims` as in Access:
/// one element along dimensions that the tile has not.
llvm::SmallVector<int64_t> boxOf(ViewType view, llvm::ArrayRef<int64_t> shape,
                                 llvm::ArrayRef<int64_t> dims);
/// Why the copy engine cannot bring tiles of `shape` of a view as boxes of a
/// tensor; empty: it can, into stages in the order of Panels.
std::string whyNoTensor(ViewType view, llvm::ArrayRef<int64_t> shape,
                        llvm::ArrayRef<int64_t> dims);
/// The same of the start of one.
std::string whyNoTensorFrom(ViewType view, mlir::OperandRange starts);

/// Bytes of an atom, of which bulk copies move runs, and what these must be
/// multiples of.
int64_t atomBytes(const Memory &memory);
inline constexpr int64_t bulkCopyUnit = 16;

/// The operands of the operation that made a view; none where that is not
/// known.
mlir::ValueRange viewOperands(mlir::Value view);

template <typename Op> Access accessOf(Op op, mlir::ValueRange values) {
  llvm::ArrayRef<int64_t> dims;
  if constexpr (requires { op.getDims(); })
    dims = op.getDims();
  mlir::Value condition;
  if constexpr (requires { op.getCondition(); })
    condition = op.getCondition();
  return Access(memoryOf(op.getView().getType(), values), op.getStart(), dims,
                op->getBlock(), condition);
}
template <typename Op> Access accessOf(Op op) {
  return accessOf(op, viewOperands(op.getView()));
}

} // namespace lath::tile
