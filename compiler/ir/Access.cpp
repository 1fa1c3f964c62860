#include "compiler/ir/Access.h"

#include "compiler/base/SharedSpace.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <fmt/format.h>

using namespace mlir;

namespace lath::tile {

static constexpr int64_t mostDivisor = int64_t(1) << 31;

int64_t divisorOf(Value value) {
  auto lesser = [](Value a, Value b) {
    return std::min(divisorOf(a), divisorOf(b));
  };
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    int64_t c = constant.getSExtValue();
    return c ? c & -c : mostDivisor;
  }
  if (auto op = value.getDefiningOp<arith::MulIOp>()) // at most 2^62
    return std::min(divisorOf(op.getLhs()) * divisorOf(op.getRhs()),
                    mostDivisor);
  if (auto op = value.getDefiningOp<arith::AddIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::SubIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::MinSIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::DivUIOp>()) {
    APInt by;
    if (!matchPattern(op.getRhs(), m_ConstantInt(&by)) || !by.isPowerOf2())
      return 1;
    return std::max<int64_t>(1, divisorOf(op.getLhs()) / by.getZExtValue());
  }
  if (auto op = value.getDefiningOp<KRangeOp>()) {
    int64_t step = op.getStep();
    return value == op.getUpper() ? 1 : step & -step;
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
      if (argument == loop.getInductionVar())
        return lesser(loop.getLowerBound(), loop.getStep());
  return 1;
}

int64_t divisorOfUnits(const Memory &memory, OperandRange starts, unsigned d) {
  int dim = memory.arrayDim(d);
  if (dim < 0) // words of an atom start at the first
    return memory.shape[d];
  return std::max<int64_t>(1,
                           divisorOf(starts[dim]) / memory.elementsPerStep(d));
}

bool staysWhole(const Memory &memory, ArrayRef<int64_t> units,
                OperandRange starts, unsigned d) {
  return !ShapedType::isDynamic(memory.shape[d]) &&
         memory.shape[d] % units[d] == 0 &&
         divisorOfUnits(memory, starts, d) % units[d] == 0;
}

unsigned neighbourBits(const Memory &memory, ArrayRef<int64_t> units,
                       OperandRange starts) {
  const unsigned last = units.size() - 1;
  if (ShapedType::isDynamic(memory.shape[last]))
    return 0;
  const int64_t divisor = divisorOfUnits(memory, starts, last);
  auto together = [&](int64_t n) {
    return n * memory.unitBytes <= 16 && divisor % n == 0 &&
           units[last] % n == 0 && memory.shape[last] % n == 0;
  };
  unsigned bits = 0;
  while (together(2ll << bits))
    ++bits;
  return bits;
}

unsigned copyBits(const Memory &memory, const Layout &buffer,
                  OperandRange starts) {
  SmallVector<int64_t> units(buffer.shape().begin(), buffer.shape().end());
  const unsigned most = neighbourBits(memory, units, starts);
  LinearMap toOffset = *buffer.map(Place::Offset).inverse();
  unsigned bits = 0;
  while (bits < most && toOffset(1u << bits) == 1u << bits)
    ++bits;
  return bits;
}

unsigned copyBytes(const Memory &memory, const Layout &buffer,
                   OperandRange starts) {
  return memory.unitBytes << copyBits(memory, buffer, starts);
}

// PTX ISA, "Tensor copies", and cuTensorMapEncodeTiled.
static constexpr int64_t tensorUnit = 16;   ///< bytes that rows begin at
static constexpr int64_t mostOfBox = 256;   ///< elements along a dimension
static constexpr size_t mostDimensions = 5; ///< of a tensor

std::string whyNoTensor(ViewType view, ArrayRef<int64_t> shape) {
  Memory memory = view.memory();
  if (memory.holdsCodes())
    return "tensor copies bring elements of 16 bits or more, not codes";
  if (shape.size() < 2 || shape.size() > mostDimensions)
    return fmt::format("tensor copies are of 2 to {} dimensions, got {}",
                       mostDimensions, shape.size());
  for (int64_t extent : ArrayRef<int64_t>(memory.shape).drop_front())
    if (ShapedType::isDynamic(extent))
      return "the inner extents of the view are known at run time only";
  if (int64_t row = memory.shape.back() * memory.unitBytes; row % tensorUnit)
    return fmt::format("the view's rows are {} bytes; tensor copies take "
                       "multiples of {}",
                       row, tensorUnit);
  auto panels = lath::Panels::of(lath::Shape(shape.begin(), shape.end()),
                                 memory.unitBytes);
  if (!panels)
    return fmt::format("the tile's rows are {} bytes; tensor copies take {} or "
                       "more",
                       shape.back() * memory.unitBytes, tensorUnit);
  for (int64_t extent : shape.drop_back())
    if (extent > mostOfBox)
      return fmt::format("a tensor copy has at most {} elements along a "
                         "dimension, got {}",
                         mostOfBox, extent);
  const int64_t rowBytes = shape.back() * memory.unitBytes;
  if (!lath::fillsPanels(panels->rows(), rowBytes))
    return fmt::format("a stage of {} rows of {} bytes does not fill the "
                       "swizzle's period of {}",
                       panels->rows(), rowBytes, lath::panelAlignment);
  return "";
}

std::string whyNoTensorFrom(ViewType view, OperandRange starts) {
  const int64_t bytes =
      divisorOf(starts.back()) * static_cast<int64_t>(view.memory().unitBytes);
  if (bytes % tensorUnit)
    return fmt::format("tiles are known to start at multiples of {} bytes of a "
                       "row; tensor copies take multiples of {}",
                       bytes, tensorUnit);
  return "";
}

int64_t atomBytes(const Memory &memory) {
  return memory.shape.back() * memory.unitBytes;
}

} // namespace lath::tile
