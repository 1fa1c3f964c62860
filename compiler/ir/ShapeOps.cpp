// Verifiers of the operations that give elements other indices, and of those
// that combine them along a dimension.
#include "compiler/ir/Tile.h"

using namespace mlir;
using namespace lath::tile;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult BroadcastOp::verify() {
  auto from = tensorOf(getSource()), to = tensorOf(getResult());
  if (from.getRank() != to.getRank() ||
      from.getElementType() != to.getElementType())
    return emitOpError("expected operand and result of one rank and type, got ")
           << from << " and " << to;
  for (auto [d, f, t] : llvm::enumerate(from.getShape(), to.getShape()))
    if (f != t && f != 1)
      return emitOpError("expected extent 1 or ")
             << t << " in dimension " << d << ", got " << f;
  return success();
}

LogicalResult ReshapeOp::verify() {
  auto from = tensorOf(getSource()), to = tensorOf(getResult());
  if (from.getNumElements() != to.getNumElements() ||
      from.getElementType() != to.getElementType())
    return emitOpError("expected ")
           << from.getNumElements() << " elements of " << from.getElementType()
           << ", got " << to.getNumElements() << " of " << to.getElementType();
  return success();
}

/// The result of an operation that changes shapes alone.
static LogicalResult verifyShape(Operation *op, ArrayRef<int64_t> wanted,
                                 Value source) {
  auto from = tensorOf(source), to = tensorOf(op->getResult(0));
  if (to.getShape() != wanted)
    return op->emitOpError("expected a result of shape [")
           << wanted << "], got [" << to.getShape() << "]";
  if (to.getElementType() != from.getElementType())
    return op->emitOpError("expected a result of ")
           << from.getElementType() << ", got " << to.getElementType();
  return success();
}

static LogicalResult verifyDim(Operation *op, int64_t dim, Value source) {
  if (dim < 0 || dim >= tensorOf(source).getRank())
    return op->emitOpError("expected a dimension below ")
           << tensorOf(source).getRank() << ", got " << dim;
  return success();
}

SmallVector<unsigned> TransposeOp::permutation() {
  if (auto order = getOrder())
    return SmallVector<unsigned>(order->begin(), order->end());
  return {1, 0};
}

LogicalResult TransposeOp::verify() {
  auto from = tensorOf(getSource()), to = tensorOf(getResult());
  if (!getOrder()) {
    if (from.getRank() != 2 || to.getRank() != 2 ||
        from.getDimSize(0) != to.getDimSize(1) ||
        from.getDimSize(1) != to.getDimSize(0) ||
        from.getElementType() != to.getElementType())
      return emitOpError("expected the transpose of a matrix, got ")
             << from << " to " << to;
    return success();
  }
  const ArrayRef<int32_t> order = *getOrder();
  SmallVector<int32_t> sorted(order);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int32_t>(0, from.getRank())))
    return emitOpError("expected an order of ")
           << from.getRank() << " dimensions, got [" << order << "]";
  SmallVector<int64_t> shape;
  for (int32_t d : order)
    shape.push_back(from.getDimSize(d));
  return verifyShape(*this, shape, getSource());
}

LogicalResult JoinOp::verify() {
  SmallVector<int64_t> shape(tensorOf(getA()).getShape());
  shape.push_back(2);
  return verifyShape(*this, shape, getA());
}

LogicalResult SliceOp::verify() {
  auto from = tensorOf(getSource()), to = tensorOf(getResult());
  if (failed(verifyDim(*this, (int32_t)getDim(), getSource())))
    return failure();
  if (to.getRank() != from.getRank())
    return emitOpError("expected a result of rank ")
           << from.getRank() << ", got " << to.getRank();
  const int64_t extent = to.getDimSize(getDim()), start = (int32_t)getStart(),
                most = from.getDimSize(getDim());
  if (!llvm::isPowerOf2_64(extent) || extent > most)
    return emitOpError("expected a power-of-two extent up to ")
           << most << ", got " << extent;
  if (start < 0 || start % extent || start >= most)
    return emitOpError("expected a start below ")
           << most << " that is a multiple of " << extent << ", got " << start;
  SmallVector<int64_t> shape(from.getShape());
  shape[getDim()] = extent;
  return verifyShape(*this, shape, getSource());
}

LogicalResult IotaOp::verify() {
  if (const int64_t extent = tensorOf(getResult()).getDimSize(0);
      extent < 1 || !llvm::isPowerOf2_64(extent))
    return emitOpError("expected a power-of-two extent, got ") << extent;
  return success();
}

/// What there is of each operation: sums of conditions are no conditions, and
/// floats have no bits.
static LogicalResult verifyCombine(Operation *op, Combine combine,
                                   RankedTensorType type) {
  Type element = type.getElementType();
  const bool bits = combine == Combine::bitAnd || combine == Combine::bitOr ||
                    combine == Combine::bitXor;
  const bool forFloats = combine == Combine::add || combine == Combine::max ||
                         combine == Combine::min;
  if (isa<FloatType>(element) ? !forFloats : element.isInteger(1) && !bits)
    return op->emitOpError("expected an operation of ")
           << element << ", got " << stringifyCombine(combine);
  return success();
}

LogicalResult ReduceOp::verify() {
  if (failed(verifyDim(*this, (int32_t)getDim(), getSource())) ||
      failed(verifyCombine(*this, getCombine(), getSource().getType())))
    return failure();
  SmallVector<int64_t> shape(getSource().getType().getShape());
  shape[getDim()] = 1;
  return verifyShape(*this, shape, getSource());
}

LogicalResult ScanOp::verify() {
  if (failed(verifyDim(*this, (int32_t)getDim(), getSource())))
    return failure();
  return verifyCombine(*this, getCombine(), getSource().getType());
}
