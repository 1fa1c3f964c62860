// Operations that access views: their starts as text, and verifiers.
#include "compiler/ir/AccessOps.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lath::tile;

ParseResult
lath::tile::parseStarts(OpAsmParser &parser,
                        SmallVectorImpl<OpAsmParser::UnresolvedOperand> &starts,
                        SmallVectorImpl<Type> &types, DenseI64ArrayAttr &dims) {
  Builder b(parser.getContext());
  SmallVector<int64_t> along;
  bool plain = true;
  auto parseStart = [&]() -> ParseResult {
    types.push_back(b.getI32Type());
    along.push_back(-1);
    if (parser.parseOperand(starts.emplace_back()))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("along"))) {
      plain = false;
      return parser.parseInteger(along.back());
    }
    if (succeeded(parser.parseOptionalColon())) {
      plain = false;
      return parser.parseType(types.back());
    }
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseStart))
    return failure();
  dims = b.getDenseI64ArrayAttr(plain ? ArrayRef<int64_t>() : along);
  return success();
}

void lath::tile::printStarts(OpAsmPrinter &printer, Operation *,
                             OperandRange starts, TypeRange types,
                             DenseI64ArrayAttr dims) {
  printer << "[";
  for (unsigned d = 0; d < starts.size(); ++d) {
    printer << (d ? ", " : "") << starts[d];
    if (!dims.empty() && dims[d] >= 0)
      printer << " along " << dims[d];
    if (isa<RankedTensorType>(types[d]))
      printer << " : " << types[d];
  }
  printer << "]";
}

/// Each dimension of the tile has what gives its elements their places.
static LogicalResult verifyStarts(Operation *op, ViewType view,
                                  ArrayRef<int64_t> tile, OperandRange starts,
                                  ArrayRef<int64_t> dims) {
  const size_t rank = view.getShape().size();
  if (starts.size() != rank)
    return op->emitOpError("expected ")
           << rank << " start indices, got " << starts.size();
  const bool codes = view.getPacked() >= 0 || view.getAtom();
  if (dims.empty()) {
    if (tile.size() != rank)
      return op->emitOpError("expected a tile of rank ")
             << rank << ", got " << tile.size();
    for (Value start : starts)
      if (!start.getType().isInteger(32))
        return op->emitOpError("expected starts that are numbers where "
                               "dimensions run along each other, got ")
               << start.getType();
    return success();
  }
  if (codes)
    return op->emitOpError("expected a tile that runs along ")
           << view << " dimension by dimension";
  if (dims.size() != rank)
    return op->emitOpError("expected a dimension or -1 for each of ")
           << rank << " starts, got " << dims.size();
  SmallVector<bool> placed(tile.size(), false);
  for (auto [start, along] : llvm::zip(starts, dims)) {
    if (along < -1 || along >= (int64_t)tile.size())
      return op->emitOpError("expected a dimension below ")
             << tile.size() << ", got " << along;
    auto each = dyn_cast<RankedTensorType>(start.getType());
    if (along >= 0) {
      if (each || placed[along])
        return op->emitOpError("expected one start that is a number along "
                               "dimension ")
               << along << " of the tile";
      placed[along] = true;
    }
    if (!each)
      continue;
    if (each.getRank() != (int64_t)tile.size())
      return op->emitOpError("expected starts of rank ")
             << tile.size() << ", got " << each;
    for (unsigned d = 0; d < tile.size(); ++d) {
      if (each.getDimSize(d) != 1 && each.getDimSize(d) != tile[d])
        return op->emitOpError("expected starts of extent 1 or ")
               << tile[d] << " in dimension " << d << ", got "
               << each.getDimSize(d);
      if (each.getDimSize(d) != 1)
        placed[d] = true;
    }
  }
  for (unsigned d = 0; d < tile.size(); ++d)
    if (!placed[d] && tile[d] != 1)
      return op->emitOpError("expected a start along dimension ")
             << d << " of the tile";
  return success();
}

template <typename Op>
static LogicalResult verifyAccess(Op op, Value value, ArrayRef<int64_t> dims) {
  ViewType view = op.getView().getType();
  auto tile = cast<RankedTensorType>(value.getType());
  if (failed(verifyStarts(op, view, tile.getShape(), op.getStart(), dims)))
    return failure();
  if (tile.getElementType() != view.getElementType())
    return op.emitOpError("expected a tile of ")
           << view.getElementType() << ", got " << tile.getElementType();
  for (int64_t extent : tile.getShape())
    if (!llvm::isPowerOf2_64(extent))
      return op.emitOpError("expected power-of-two tile extents, got ")
             << extent;
  if (const int64_t least = 1 << packBitsOf(view.getElementType());
      view.getPacked() >= 0 && tile.getDimSize(view.getPacked()) < least)
    return op.emitOpError("expected at least ")
           << least << " elements along the packed dimension, got "
           << tile.getDimSize(view.getPacked());
  if (LayoutAttr atom = view.getAtom())
    for (auto [extent, least] : llvm::zip(tile.getShape(), atom.getShape()))
      if (extent < least)
        return op.emitOpError("expected a tile of whole atoms of [")
               << atom.getShape() << "], got [" << tile.getShape() << "]";
  return success();
}

LogicalResult ViewOp::verify() {
  for (auto [what, wanted, given] :
       {std::tuple("extents", getType().numDynamicExtents(),
                   (unsigned)getExtents().size()),
        std::tuple("strides", getType().numDynamicStrides(),
                   (unsigned)getStrides().size())})
    if (wanted != given)
      return emitOpError("expected ")
             << wanted << " " << what << " for those that the type leaves "
             << "dynamic, got " << given;
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyAccess(*this, getResult(), getDims());
}
LogicalResult GuardedLoadOp::verify() {
  if (!getView().getType().getElementType().isInteger(4))
    return emitOpError("expected a view of i4, got ") << getView().getType();
  if (getOld() && getOld().getType() != getResult().getType())
    return emitOpError("expected an old tile of ")
           << getResult().getType() << ", got " << getOld().getType();
  return verifyAccess(*this, getResult(), {});
}
LogicalResult StoreOp::verify() {
  if (getView().getType().getPacked() >= 0)
    return emitOpError("views packed along a dimension are read only");
  return verifyAccess(*this, getValue(), getDims());
}

LogicalResult AtomicOp::verify() {
  const bool compares = getKind() == AtomicKind::compareExchange;
  if (compares != bool(getExpected()))
    return emitOpError() << (compares
                                 ? "expected what to compare with"
                                 : "only compare_exchange expects a value");
  if (getExpected() && getExpected().getType() != getValue().getType())
    return emitOpError("expected to compare with ")
           << getValue().getType() << ", got " << getExpected().getType();
  Type element = cast<RankedTensorType>(getType()).getElementType();
  const bool whole = element.isInteger(32) || element.isInteger(64),
             halves = element.isF16() || element.isBF16();
  bool known = false;
  switch (getKind()) {
  case AtomicKind::add:
    known = whole || halves || element.isF32();
    break;
  case AtomicKind::max:
  case AtomicKind::min:
    known = whole;
    break;
  case AtomicKind::umax:
  case AtomicKind::umin:
    known = element.isInteger(32);
    break;
  case AtomicKind::exchange:
  case AtomicKind::compareExchange:
    known = whole || element.isF32();
    break;
  }
  if (!known)
    return emitOpError("there is no atomic ")
           << stringifyAtomicKind(getKind()) << " of " << element;
  return verifyAccess(*this, getValue(), getDims());
}

LogicalResult InsideOp::verify() {
  if (packBitsOf(getView().getType().getElementType()))
    return emitOpError("expected a view that is not packed");
  return verifyStarts(*this, getView().getType(),
                      cast<RankedTensorType>(getType()).getShape(), getStart(),
                      getDims());
}

LogicalResult lath::tile::verifyNumbers(Operation *op, ViewType view,
                                        ArrayRef<int64_t> tile,
                                        OperandRange starts,
                                        ArrayRef<int64_t> dims) {
  for (Value start : starts)
    if (!start.getType().isInteger(32))
      return op->emitOpError("expected starts that are numbers, got ")
             << start.getType();
  return verifyStarts(op, view, tile, starts, dims);
}

LogicalResult AsyncCopyOp::verify() {
  ViewType view = getView().getType();
  BufferType buffer = getBuffer().getType();
  if (buffer.getElementType() != view.getElementType() ||
      buffer.getPacked() != view.getPacked() ||
      buffer.getAtom() != view.getAtom())
    return emitOpError("expected view and buffer of one type and packed "
                       "dimension, got ")
           << view << " and " << buffer;
  return verifyStarts(*this, view, buffer.getShape(), getStart(), getDims());
}
