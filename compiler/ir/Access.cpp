#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

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

int64_t atomBytes(const Memory &memory) {
  return memory.shape.back() * memory.unitBytes;
}

} // namespace lath::tile
