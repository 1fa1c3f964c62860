// Which operations of the dialect keep the rows of a tile apart, and where the
// rows of a tile meet. StageCopies asks, before it keeps fewer rows than a tile
// has.
#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"

using namespace mlir;
using namespace lath::tile;

static int64_t rowsOf(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getDimSize(0);
}

bool CastOp::keepsRowsApart(OpOperand &) { return true; }
bool ConvertLayoutOp::keepsRowsApart(OpOperand &) { return true; }
bool SumWarpsOp::keepsRowsApart(OpOperand &) { return true; }
bool SumClusterOp::keepsRowsApart(OpOperand &) { return true; }

/// Repeated along other dimensions only.
bool BroadcastOp::keepsRowsApart(OpOperand &) {
  return rowsOf(getSource()) == rowsOf(getResult());
}
/// Elements stay in row-major order, so as many rows are the same rows.
bool ReshapeOp::keepsRowsApart(OpOperand &) {
  return rowsOf(getSource()) == rowsOf(getResult());
}
bool SliceOp::keepsRowsApart(OpOperand &) { return getDim() != 0; }
bool JoinOp::keepsRowsApart(OpOperand &) { return true; }
bool ReduceOp::keepsRowsApart(OpOperand &) { return getDim() != 0; }
bool ScanOp::keepsRowsApart(OpOperand &) { return getDim() != 0; }
/// Row i of the result is made of row i of a and of acc, and of all of b.
bool DotOp::keepsRowsApart(OpOperand &operand) {
  return &operand == &getAMutable() || &operand == &getAccMutable();
}

/// Partial sums come back by partial_load, and by nothing else.
bool PartialStoreOp::keepsRowsApart(OpOperand &) {
  return llvm::all_of(getWorkspace().getUsers(),
                      llvm::IsaPred<PartialStoreOp, PartialLoadOp>);
}
SmallVector<Value> PartialStoreOp::madeFrom(OpOperand &) {
  return SmallVector<Value>(llvm::drop_begin(tiedTiles().front()));
}

/// Rows that no view has are not written where the tile starts at a multiple of
/// its rows: at 0 they lie behind the view's, elsewhere all lie outside.
template <typename Op> static bool dropsRows(Op op) {
  const Access access = accessOf(op);
  return access.along(0) == 0 &&
         ShapedType::isDynamic(access.memory().shape[0]) &&
         divisorOf(access.start(0)) % rowsOf(op.getValue()) == 0;
}
bool StoreOp::keepsRowsApart(OpOperand &operand) {
  return operand == getValueMutable() && dropsRows(*this);
}
bool AtomicOp::keepsRowsApart(OpOperand &operand) {
  return operand == getValueMutable() && dropsRows(*this);
}
