#include "compiler/ir/Access.h"

#include "compiler/base/SharedSpace.h"
#include "compiler/ir/IndexRange.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <fmt/format.h>

using namespace mlir;

namespace lath::tile {

/// What every launch keeps of an argument of the kernel.
static int64_t promised(BlockArgument argument, Operation *owner) {
  auto function = dyn_cast<FunctionOpInterface>(owner);
  auto multiple = function ? function.getArgAttrOfType<IntegerAttr>(
                                 argument.getArgNumber(), multipleOfAttrName)
                           : IntegerAttr();
  return multiple ? powerOfTwoIn(multiple.getInt()) : 1;
}

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
      return powerOfTwoIn(constant.getSExtValue());
    }
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      Operation *owner = argument.getOwner()->getParentOp();
      if (auto loop = dyn_cast<scf::ForOp>(owner))
        return argument == loop.getInductionVar()
                   ? lesser(loop.getLowerBound(), loop.getStep())
                   : 1;
      return promised(argument, owner);
    }
    Operation *op = value.getDefiningOp();
    if (isa<arith::MulIOp>(op)) // at most 2^62
      return std::min(of(op->getOperand(0)) * of(op->getOperand(1)),
                      mostDivisor);
    // A remainder is a difference of multiples.
    if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp,
            arith::RemUIOp>(op))
      return lesser(op->getOperand(0), op->getOperand(1));
    if (isa<arith::ExtSIOp>(op))
      return of(op->getOperand(0));
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

ValueRange viewOperands(Value view) {
  auto op = view.getDefiningOp<ViewOp>();
  return op ? ValueRange(op->getOperands()) : ValueRange();
}

Memory memoryOf(ViewType view, ValueRange values) {
  Memory memory = view.memory();
  if (values.size() < 1 + view.numDynamicExtents() + view.numDynamicStrides())
    return memory;
  values = values.drop_front();
  const bool dense = view.getStrides().empty();
  unsigned next = 0;
  for (auto [extent, divisor] : llvm::zip(memory.shape, memory.extentDivisors))
    if (ShapedType::isDynamic(extent))
      divisor = divisorOf(values[next++]);
  for (unsigned d = memory.shape.size(); d-- > 0;)
    if (dense && d + 1 < memory.shape.size())
      memory.strideDivisors[d] =
          std::min(memory.strideDivisors[d + 1] * memory.extentDivisors[d + 1],
                   mostDivisor);
  for (auto [stride, divisor] :
       llvm::zip(memory.strides, memory.strideDivisors))
    if (!dense && ShapedType::isDynamic(stride))
      divisor = divisorOf(values[next++]);
  return memory;
}

Access::Access(Memory memory, ValueRange origins, ArrayRef<int64_t> dims,
               Block *block, Value condition)
    : array(std::move(memory)), starts(origins), block(block),
      condition(condition) {
  for (unsigned d = 0; d < rank(); ++d)
    alongs.push_back(dims.empty() ? (int)d : (int)dims[d]);
}

Value Access::start(unsigned d) const {
  int dim = array.arrayDim(d);
  return dim < 0 ? Value() : starts[dim];
}

bool Access::isGathered(unsigned d) const {
  Value from = start(d);
  return from && isa<RankedTensorType>(from.getType());
}

bool Access::gathers() const {
  return llvm::any_of(llvm::seq(rank()),
                      [&](unsigned d) { return isGathered(d); });
}

bool Access::gathersRows() const {
  return gathers() && llvm::all_of(llvm::seq(rank()), [&](unsigned d) {
           return !isGathered(d) || cast<RankedTensorType>(start(d).getType())
                                            .getShape()
                                            .back() == 1;
         });
}

std::optional<LinearMap> startRegisters(const Layout &starts,
                                        const Layout &units) {
  Bases flat;
  for (unsigned i = 0; i < units.indexBits(); ++i) {
    auto coords = units.unflatten(1u << i);
    for (unsigned t = 0; t < coords.size(); ++t)
      if (starts.shape()[t] == 1)
        coords[t] = 0;
    flat.push_back(starts.flatten(coords));
  }
  return registersFrom(starts, units, LinearMap(flat));
}

bool Access::isPlain() const {
  return !gathers() && llvm::all_of(llvm::seq(rank()), [&](unsigned d) {
    return along(d) == (int)d;
  });
}

int64_t Access::divisorOfUnits(unsigned d) const {
  if (array.arrayDim(d) < 0) // words of an atom start at the first
    return array.shape[d];
  return std::max<int64_t>(1, divisorOf(start(d)) / array.elementsPerStep(d));
}

bool Access::staysWhole(ArrayRef<int64_t> units, unsigned d) const {
  if (array.arrayDim(d) < 0) // words of an atom start at the first
    return true;
  if (isGathered(d) || ShapedType::isDynamic(array.shape[d]))
    return false;
  const int64_t extent = along(d) < 0 ? 1 : units[along(d)],
                each = array.elementsPerStep(d);
  if (array.shape[d] % extent || divisorOfUnits(d) % extent)
    return false;
  return rangeOf(start(d), block, condition)
      .inside(extent * each, array.shape[d] * each);
}

unsigned Access::neighbourBits(ArrayRef<int64_t> units) const {
  const int last = units.size() - 1;
  // The dimension of memory that the last one of the tile runs along.
  std::optional<unsigned> row;
  for (unsigned d = 0; d < rank(); ++d) {
    if (isGathered(d)) {
      auto type = cast<RankedTensorType>(start(d).getType());
      if (type.getShape().back() != 1)
        return 0; // neighbours have starts of their own
    } else if (along(d) == last) {
      row = d;
    }
  }
  if (!row || array.strides[*row] != 1)
    return 0;
  auto together = [&](int64_t n) {
    if (n * array.unitBytes > 16 || units[last] % n ||
        divisorOfUnits(*row) % n || array.extentDivisors[*row] % n)
      return false;
    for (unsigned d = 0; d < rank(); ++d)
      if (d != *row && array.strideDivisors[d] % n)
        return false; // rows begin anywhere
    return true;
  };
  unsigned bits = 0;
  while (together(2ll << bits))
    ++bits;
  return bits;
}

unsigned Access::copyBits(const Layout &buffer) const {
  SmallVector<int64_t> units(buffer.shape().begin(), buffer.shape().end());
  const unsigned most = neighbourBits(units);
  LinearMap toOffset = *buffer.map(Place::Offset).inverse();
  unsigned bits = 0;
  while (bits < most && toOffset(1u << bits) == 1u << bits)
    ++bits;
  return bits;
}

unsigned Access::copyBytes(const Layout &buffer) const {
  return array.unitBytes << copyBits(buffer);
}

Layout Access::copied(const Layout &buffer, unsigned warps) const {
  return lath::blocked(buffer.shape(), 1 << copyBits(buffer), warps);
}

// PTX ISA, "Tensor copies", and cuTensorMapEncodeTiled.
static constexpr int64_t tensorUnit = 16;   ///< bytes that rows begin at
static constexpr int64_t mostOfBox = 256;   ///< elements along a dimension
static constexpr size_t mostDimensions = 5; ///< of a tensor

SmallVector<int64_t> boxOf(ViewType view, ArrayRef<int64_t> shape,
                           ArrayRef<int64_t> dims) {
  if (dims.empty())
    return SmallVector<int64_t>(shape);
  SmallVector<int64_t> box(view.getShape().size(), 1);
  for (auto [extent, along] : llvm::zip(box, dims))
    if (along >= 0)
      extent = shape[along];
  return box;
}

std::string whyNoTensor(ViewType view, ArrayRef<int64_t> shape,
                        ArrayRef<int64_t> dims) {
  Memory memory = view.memory();
  if (memory.holdsCodes())
    return "tensor copies bring elements of 16 bits or more, not codes";
  if (memory.shape.size() < 2 || memory.shape.size() > mostDimensions)
    return fmt::format("tensor copies are of 2 to {} dimensions, got {}",
                       mostDimensions, memory.shape.size());
  if (!view.getStrides().empty())
    return "tensor copies bring tiles of dense views";
  // A box has the order of its tensor.
  int64_t next = 0;
  for (int64_t along : dims)
    if (along >= 0 && along != next++)
      return "tensor copies bring dimensions in the order of the view";
  if (!dims.empty() ? dims.back() + 1 != int64_t(shape.size())
                    : shape.size() != memory.shape.size())
    return "tensor copies bring the last dimension of the view";
  if (ShapedType::isDynamic(memory.shape.back()))
    return "the length of the view's rows is known at run time only";
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
