// Verifiers and folds of the operations.
#include "compiler/ir/Access.h"
#include "compiler/ir/AccessOps.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::LinearMap;

#define GET_OP_CLASSES
#include "compiler/ir/TileOps.cpp.inc"

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult KRangeOp::verify() {
  if (bool(getDynamicExtent()) == getExtent().has_value())
    return emitOpError("expected one extent, a number or an operand");
  if ((int32_t)getExtent().value_or(1) < 1 || (int32_t)getStep() < 1)
    return emitOpError("expected a positive extent and step, got ")
           << (int32_t)getExtent().value_or(1) << " and " << (int32_t)getStep();
  return success();
}

LogicalResult KRangeOp::canonicalize(KRangeOp op, PatternRewriter &rewriter) {
  APInt extent;
  if (!op.getDynamicExtent() ||
      !matchPattern(op.getDynamicExtent(), m_ConstantInt(&extent)) ||
      extent.getSExtValue() < 1)
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.setExtent(extent.getSExtValue());
    op.getDynamicExtentMutable().clear();
  });
  return success();
}

LogicalResult ExtractOp::verify() {
  auto source = tensorOf(getSource());
  if (source.getNumElements() != 1 || getType() != source.getElementType())
    return emitOpError("expected a tile of one ")
           << getType() << ", got " << source;
  return success();
}

LogicalResult PrintOp::verify() {
  if (packBitsOf(tensorOf(getValue()).getElementType()))
    return emitOpError("expected elements that share no words, got ")
           << tensorOf(getValue());
  return success();
}

LogicalResult SplatOp::verify() {
  if (getValue().getType() != tensorOf(getResult()).getElementType())
    return emitOpError("expected a value of ")
           << tensorOf(getResult()).getElementType() << ", got "
           << getValue().getType();
  return success();
}

LogicalResult CastOp::verify() {
  if (tensorOf(getSource()).getShape() != tensorOf(getResult()).getShape())
    return emitOpError("expected equal shapes, got [")
           << tensorOf(getSource()).getShape() << "] and ["
           << tensorOf(getResult()).getShape() << "]";
  Type from = tensorOf(getSource()).getElementType(),
       to = tensorOf(getResult()).getElementType();
  if (from == to || (from.isInteger() && to.isInteger()))
    return emitOpError("expected two types, a float among them, got ")
           << from << " and " << to;
  if (getIsUnsigned() && !from.isInteger() && !to.isInteger())
    return emitOpError("expected an integer type to be unsigned, got ")
           << from << " and " << to;
  return success();
}

/// Zero points are those of 4-bit codes.
static LogicalResult verifyZeros(Operation *op, RankedTensorType q,
                                 Value zeros) {
  if (zeros && !q.getElementType().isInteger(4))
    return op->emitOpError("expected zeros only with i4 weights, got ") << q;
  return success();
}

LogicalResult DequantOp::verify() {
  auto q = tensorOf(getQ()), scales = tensorOf(getScales()),
       result = tensorOf(getResult());
  if (q.getRank() != 2 || scales.getRank() != 2)
    return emitOpError("expected matrices, got ") << q << " and " << scales;
  if (result.getShape() != q.getShape() ||
      result.getElementType() != scales.getElementType())
    return emitOpError("expected a result of the shape of q and the type of "
                       "the scales, got ")
           << result;
  if (scales.getDimSize(1) != q.getDimSize(1) ||
      q.getDimSize(0) % scales.getDimSize(0))
    return emitOpError("expected scales [G, ")
           << q.getDimSize(1) << "] with G a divisor of " << q.getDimSize(0)
           << ", got [" << scales.getShape() << "]";
  if (getZeros() && tensorOf(getZeros()).getShape() != scales.getShape())
    return emitOpError("expected zeros of the scales' shape [")
           << scales.getShape() << "], got [" << tensorOf(getZeros()).getShape()
           << "]";
  return verifyZeros(*this, q, getZeros());
}

LogicalResult UnpackOp::verify() {
  auto q = tensorOf(getQ()), result = tensorOf(getResult());
  if (q.getRank() != 2 || result.getShape() != q.getShape())
    return emitOpError("expected matrices of one shape, got ")
           << q << " and " << result;
  if (getZeros() && (tensorOf(getZeros()).getRank() != 2 ||
                     tensorOf(getZeros()).getDimSize(1) != q.getDimSize(1) ||
                     q.getDimSize(0) % tensorOf(getZeros()).getDimSize(0)))
    return emitOpError("expected zeros [G, ")
           << q.getDimSize(1) << "] with G a divisor of " << q.getDimSize(0)
           << ", got [" << tensorOf(getZeros()).getShape() << "]";
  return verifyZeros(*this, q, getZeros());
}

LogicalResult lath::tile::verifyProductTypes(Operation *dot, Type a, Type b,
                                             Type sum) {
  if (a != b && !(isByteFloat(a) && isByteFloat(b)))
    return dot->emitOpError("expected a and b of one type, got ")
           << a << " and " << b;
  if (sum.isInteger() != a.isInteger())
    return dot->emitOpError("expected sums of ")
           << (a.isInteger() ? "i32" : "f32") << " of products of " << a
           << ", got " << sum;
  return success();
}

LogicalResult DotOp::verify() {
  auto a = tensorOf(getA()), b = tensorOf(getB()), acc = tensorOf(getAcc());
  if (a.getRank() != 2 || b.getRank() != 2 || acc.getRank() != 2)
    return emitOpError("expected matrices, got ")
           << a << ", " << b << " and " << acc;
  if (failed(verifyProductTypes(*this, a.getElementType(), b.getElementType(),
                                acc.getElementType())))
    return failure();
  if (a.getDimSize(1) != b.getDimSize(0) ||
      a.getDimSize(0) != acc.getDimSize(0) ||
      b.getDimSize(1) != acc.getDimSize(1))
    return emitOpError("expected [M, K] * [K, N] + [M, N], got [")
           << a.getShape() << "] * [" << b.getShape() << "] + ["
           << acc.getShape() << "]";
  if (getScales() && (tensorOf(getScales()).getRank() != 2 ||
                      tensorOf(getScales()).getDimSize(1) != b.getDimSize(1) ||
                      b.getDimSize(0) % tensorOf(getScales()).getDimSize(0)))
    return emitOpError("expected scales [G, ")
           << b.getDimSize(1) << "] with G a divisor of " << b.getDimSize(0)
           << ", got [" << tensorOf(getScales()).getShape() << "]";
  if (!hasLayout(a) || !hasLayout(b) || !hasLayout(acc))
    return success();
  // Congruence: with A the operand on the m16 side (rows), lanes 0-1 hold the
  // same k in A and B, lanes 2-4 the same rows in A and the accumulator, and
  // the accumulator's lanes 0-1 are the columns of B's lanes 3-4.
  Layout la = layoutOf(a), lb = layoutOf(b), lc = layoutOf(acc);
  if (getSwapped()) {
    Layout wasA = la;
    la = lb.transposed(), lb = wasA.transposed(), lc = lc.transposed();
  }
  auto coords = [](const Layout &l, unsigned lane) {
    return l.unflatten(l.bases(Place::Lane)[lane]);
  };
  for (unsigned i = 0; i < 2; ++i)
    if (coords(la, i)[1] != coords(lb, i)[0] || coords(la, i)[0] ||
        coords(lb, i)[1] || coords(lc, i)[1] != coords(lb, i + 3)[1] ||
        coords(lc, i)[0])
      return emitOpError("lane bit ")
             << i << " is not congruent: " << la.print() << " * " << lb.print()
             << " + " << lc.print();
  for (unsigned i = 2; i < 5; ++i)
    if (coords(la, i)[0] != coords(lc, i)[0] || coords(la, i)[1] ||
        coords(lc, i)[1] || coords(lb, i)[0])
      return emitOpError("lane bit ")
             << i << " is not congruent: " << la.print() << " * " << lb.print()
             << " + " << lc.print();
  return success();
}

LogicalResult SumClusterOp::verify() {
  unsigned blocks = getBlocks(), kWarps = getKWarps();
  if (blocks < 2 || blocks > lath::maxCluster)
    return emitOpError("expected 2 to ")
           << lath::maxCluster << " blocks, got " << (int32_t)blocks;
  if (!llvm::isPowerOf2_32(kWarps))
    return emitOpError("expected a power of two of warps, got ")
           << (int32_t)kWarps;
  if (getMbarrier().getType().getStages() != 1)
    return emitOpError("expected one mbarrier, got ")
           << getMbarrier().getType().getStages();
  if (tensorOf(getPartial()).getShape() != tensorOf(getResult()).getShape())
    return emitOpError("expected the same tile, got ")
           << tensorOf(getPartial()) << " and " << tensorOf(getResult());
  return success();
}

LogicalResult ConvertLayoutOp::verify() {
  auto from = tensorOf(getSource()), to = tensorOf(getResult());
  if (from.getShape() != to.getShape() ||
      from.getElementType() != to.getElementType())
    return emitOpError("expected the same tile, got ") << from << " to " << to;
  return success();
}

/// A register tile and the buffer it is read from or written to.
static LogicalResult verifyLocal(Operation *op, BufferType buffer,
                                 RankedTensorType tile) {
  if (tile.getShape() != buffer.getShape() ||
      tile.getElementType() != buffer.getElementType())
    return op->emitOpError("expected a tile of [")
           << buffer.getShape() << "] " << buffer.getElementType() << ", got ["
           << tile.getShape() << "] " << tile.getElementType();
  return success();
}

LogicalResult LocalLoadOp::verify() {
  BufferType buffer = getBuffer().getType();
  auto tile = tensorOf(getResult());
  if (tile.getRank() != (int64_t)buffer.getShape().size() ||
      tile.getShape().drop_front() != buffer.getShape().drop_front() ||
      tile.getDimSize(0) % buffer.getShape()[0])
    return verifyLocal(*this, buffer, tile);
  return verifyLocal(*this, buffer,
                     tile.clone(buffer.getShape(), tile.getElementType()));
}
LogicalResult LocalStoreOp::verify() {
  if (packBitsOf(getBuffer().getType().getElementType()))
    return emitOpError("packed buffers are filled by async_copy only");
  return verifyLocal(*this, getBuffer().getType(), tensorOf(getValue()));
}

// What accesses a stage.

bool AsyncCopyOp::startsCopy() { return true; }

OpFoldResult ConvertLayoutOp::fold(FoldAdaptor) {
  if (getSource().getType() == getResult().getType())
    return getSource();
  if (auto inner = getSource().getDefiningOp<ConvertLayoutOp>())
    if (inner.getSource().getType() == getResult().getType())
      return inner.getSource();
  return {};
}
