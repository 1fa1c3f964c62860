#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace lath::tile {

/// What is promised of an argument of the kernel.
static int64_t divisorOfArgument(BlockArgument argument) {
  Operation *owner = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<scf::ForOp>(owner))
    return argument == loop.getInductionVar()
               ? std::min(divisorOf(loop.getLowerBound()),
                          divisorOf(loop.getStep()))
               : 1;
  if (auto function = dyn_cast<FunctionOpInterface>(owner))
    if (auto multiple = function.getArgAttrOfType<IntegerAttr>(
            argument.getArgNumber(), multipleOfAttrName))
      return powerOfTwoIn(multiple.getInt());
  return 1;
}

int64_t divisorOf(Value value) {
  auto lesser = [](Value a, Value b) {
    return std::min(divisorOf(a), divisorOf(b));
  };
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return powerOfTwoIn(constant.getSExtValue());
  if (auto op = value.getDefiningOp<arith::MulIOp>()) // at most 2^62
    return std::min(divisorOf(op.getLhs()) * divisorOf(op.getRhs()),
                    mostDivisor);
  if (auto op = value.getDefiningOp<arith::AddIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::SubIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::MinSIOp>())
    return lesser(op.getLhs(), op.getRhs());
  if (auto op = value.getDefiningOp<arith::ExtSIOp>())
    return divisorOf(op.getIn());
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
    return divisorOfArgument(argument);
  return 1;
}

bool isPromised(Value coordinate) {
  SmallPtrSet<Value, 16> seen;
  SmallVector<Value> todo{coordinate};
  while (!todo.empty()) {
    Value value = todo.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (!value.getType().isIntOrIndex())
      return false; // an element of a tile
    if (Operation *op = value.getDefiningOp()) {
      if (op->getNumRegions() || !isMemoryEffectFree(op))
        return false;
      llvm::append_range(todo, op->getOperands());
      continue;
    }
    Block *block = cast<BlockArgument>(value).getOwner();
    auto loop = dyn_cast<scf::ForOp>(block->getParentOp());
    if (loop && value == loop.getInductionVar())
      llvm::append_range(todo, ValueRange{loop.getLowerBound(),
                                          loop.getUpperBound(),
                                          loop.getStep()});
    else if (!isa<FunctionOpInterface>(block->getParentOp()))
      return false; // a loop carries it
  }
  return true;
}

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
  for (auto [extent, divisor] :
       llvm::zip(memory.shape, memory.extentDivisors))
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

Access::Access(Memory memory, ValueRange origins, ArrayRef<int64_t> dims)
    : array(std::move(memory)), starts(origins) {
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
  if (array.arrayDim(d) < 0)
    return true;
  if (isGathered(d) || ShapedType::isDynamic(array.shape[d]))
    return false;
  if (along(d) >= 0 && (array.shape[d] % units[along(d)] ||
                        divisorOfUnits(d) % units[along(d)]))
    return false;
  APInt constant;
  if (matchPattern(start(d), m_ConstantInt(&constant)))
    return constant.ult(array.shape[d] * array.elementsPerStep(d));
  return isPromised(start(d));
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

int64_t atomBytes(const Memory &memory) {
  return memory.shape.back() * memory.unitBytes;
}

} // namespace lath::tile
