// Verifiers of the operations of wgmma.
#include "compiler/base/SharedSpace.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"

using namespace mlir;
using namespace lath::tile;
using lath::Layout;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult StageOp::verify() {
  BufferType all = getBuffer().getType();
  auto one = BufferType::get(getContext(), /*stages=*/1, all.getShape(),
                             all.getElementType(), all.getPacked(),
                             all.getAtom(), all.getLayout());
  if (getType() != one)
    return emitOpError("expected a result of ") << one << ", got " << getType();
  return success();
}

/// Shape and element type of a dot's operand, a tile or a buffer.
static std::pair<SmallVector<int64_t, 2>, Type> operandOf(Value value) {
  if (auto buffer = dyn_cast<BufferType>(value.getType()))
    return {SmallVector<int64_t, 2>(buffer.getShape()),
            buffer.getElementType()};
  return {SmallVector<int64_t, 2>(tensorOf(value).getShape()),
          tensorOf(value).getElementType()};
}

/// A buffer that wgmma reads; `registers`: its A operand, where that is none.
static LogicalResult verifyMatrix(WarpgroupDotOp dot, Value value, bool alongK,
                                  std::optional<Layout> registers) {
  auto buffer = cast<BufferType>(value.getType());
  if (buffer.getStages() != 1)
    return dot.emitOpError("expected a buffer of one stage, got ")
           << buffer.getStages();
  Layout layout = buffer.getLayout().layout();
  const unsigned bits = buffer.getElementType().getIntOrFloatBitWidth();
  auto wanted = lath::warpgroupBuffer(layout.shape(), bits, alongK, registers);
  if (!wanted && bits != 16 && !alongK)
    return dot.emitOpError("expected k along rows, which wgmma does not "
                           "transpose for ")
           << buffer.getElementType() << ", got a buffer of ["
           << buffer.getShape() << "]";
  if (!wanted)
    return dot.emitOpError(
               "expected rows of at least 32 bytes, of at least 128 "
               "where the k of registers are permuted, got [")
           << buffer.getShape() << "] " << buffer.getElementType();
  if (!(*wanted == layout))
    return dot.emitOpError("expected a buffer in the order ")
           << wanted->print() << ", got " << layout.print();
  return success();
}

LogicalResult WarpgroupDotOp::verify() {
  auto [aShape, aType] = operandOf(getA());
  auto [bShape, bType] = operandOf(getB());
  auto acc = tensorOf(getAcc());
  if (aShape.size() != 2 || bShape.size() != 2 || acc.getRank() != 2)
    return emitOpError("expected matrices, got ")
           << getA().getType() << ", " << getB().getType() << " and " << acc;
  if (failed(verifyProductTypes(*this, aType, bType, acc.getElementType())))
    return failure();
  const unsigned bits = aType.getIntOrFloatBitWidth();
  if (bits > 16)
    return emitOpError("expected elements of 16 or 8 bits, got ") << aType;
  if (getATransposed())
    std::swap(aShape[0], aShape[1]);
  if (getBTransposed())
    std::swap(bShape[0], bShape[1]);
  if (aShape[1] != bShape[0] || aShape[0] != acc.getDimSize(0) ||
      bShape[1] != acc.getDimSize(1))
    return emitOpError("expected [M, K] * [K, N] + [M, N], got [")
           << aShape << "] * [" << bShape << "] + [" << acc.getShape() << "]";
  if (!isa<BufferType>(right().getType()))
    return emitOpError("expected ")
           << (getSwapped() ? "a" : "b") << " in a buffer, got "
           << right().getType();
  for (auto [value, transposed] :
       {std::pair(getA(), getATransposed()), {getB(), getBTransposed()}})
    if (transposed && !isa<BufferType>(value.getType()))
      return emitOpError("expected only buffers to be transposed, got ")
             << value.getType();
  const int64_t columns = acc.getDimSize(getSwapped() ? 0 : 1);
  const int64_t least = 256 / bits; // k of an instruction
  if (columns < 8 || columns > 256 || aShape[1] < least)
    return emitOpError("expected 8 to 256 columns of at least ")
           << least << " k, got " << columns << " of " << aShape[1];
  if (getScales() && (tensorOf(getScales()).getRank() != 2 ||
                      tensorOf(getScales()).getDimSize(1) != bShape[1] ||
                      bShape[0] % tensorOf(getScales()).getDimSize(0)))
    return emitOpError("expected scales [G, ")
           << bShape[1] << "] with G a divisor of " << bShape[0] << ", got ["
           << tensorOf(getScales()).getShape() << "]";
  if (!hasLayout(acc))
    return success();
  if (isa<BufferType>(left().getType())) {
    Layout sums = getSwapped() ? layoutOf(acc).transposed() : layoutOf(acc);
    if (!lath::isWarpgroupSum(sums))
      return emitOpError("expected sums in the order of wgmma, got ")
             << sums.print();
    if (failed(verifyMatrix(*this, left(), leftIsAlongK(), std::nullopt)))
      return failure();
    return verifyMatrix(*this, right(), rightIsAlongK(), std::nullopt);
  }
  if (!hasLayout(left().getType()))
    return success();
  Layout a = layoutOf(left().getType());
  if (getSwapped())
    a = a.transposed();
  if (!lath::isWarpgroupFragment(a, bits))
    return emitOpError("expected ")
           << (getSwapped() ? "b" : "a") << " in fragments of wgmma, got "
           << a.print();
  return verifyMatrix(*this, right(), rightIsAlongK(), a);
}

int64_t StageOp::bufferAlignment() { return lath::matrixOperandAlignment; }
