#include "compiler/ir/Access.h"

#include "compiler/base/SharedSpace.h"
#include "compiler/ir/IndexRange.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <fmt/format.h>

using namespace mlir;

namespace lath::tile {

static constexpr int64_t mostDivisor = int64_t(1) << 31;

namespace {
class Divisors {
public:
  int64_t of(Value value) {
    if (auto found = known.find(value); found != known.end())
      return found->second;
    const int64_t divisor = computed(value);
    known[value] = divisor;
    return divisor;
  }

private:
  llvm::DenseMap<Value, int64_t> known;

  int64_t lesser(Value a, Value b) { return std::min(of(a), of(b)); }

  int64_t computed(Value value) {
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant))) {
      int64_t c = constant.getSExtValue();
      return c ? c & -c : mostDivisor;
    }
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      return loop && argument == loop.getInductionVar()
                 ? lesser(loop.getLowerBound(), loop.getStep())
                 : 1;
    }
    Operation *op = value.getDefiningOp();
    if (isa<arith::MulIOp>(op)) // at most 2^62
      return std::min(of(op->getOperand(0)) * of(op->getOperand(1)),
                      mostDivisor);
    // A remainder is a difference of multiples.
    if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp,
            arith::RemUIOp>(op))
      return lesser(op->getOperand(0), op->getOperand(1));
    if (auto select = dyn_cast<arith::SelectOp>(op))
      return lesser(select.getTrueValue(), select.getFalseValue());
    if (auto divide = dyn_cast<arith::DivUIOp>(op)) {
      APInt by;
      if (!matchPattern(divide.getRhs(), m_ConstantInt(&by)) ||
          !by.isPowerOf2())
        return 1;
      return std::max<int64_t>(1, of(divide.getLhs()) / by.getZExtValue());
    }
    if (auto range = dyn_cast<KRangeOp>(op)) {
      int64_t step = range.getStep();
      return value == range.getUpper() ? 1 : step & -step;
    }
    return 1;
  }
};
} // namespace

int64_t divisorOf(Value value) { return Divisors().of(value); }

int64_t divisorOfUnits(const Memory &memory, OperandRange starts, unsigned d) {
  int dim = memory.arrayDim(d);
  if (dim < 0) // words of an atom start at the first
    return memory.shape[d];
  return std::max<int64_t>(1,
                           divisorOf(starts[dim]) / memory.elementsPerStep(d));
}

bool staysWhole(const Memory &memory, ArrayRef<int64_t> units,
                OperandRange starts, unsigned d) {
  if (ShapedType::isDynamic(memory.shape[d]) || memory.shape[d] % units[d] ||
      divisorOfUnits(memory, starts, d) % units[d])
    return false;
  int dim = memory.arrayDim(d);
  if (dim < 0) // words of an atom start at the first
    return true;
  Operation *user = starts.getBase()->getOwner();
  auto guarded = dyn_cast<GuardedLoadOp>(user);
  const int64_t each = memory.elementsPerStep(d);
  return rangeOf(starts[dim], user->getBlock(),
                 guarded ? guarded.getCondition() : Value())
      .inside(units[d] * each, memory.shape[d] * each);
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
