#include "compiler/ir/IndexRange.h"
#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <limits>

using namespace mlir;

namespace lath::tile {

namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int32_t>::min(),
                       highest = std::numeric_limits<std::int32_t>::max();
constexpr IndexRange any{lowest, highest};

/// A result that may not fit 32 bits wraps to anything.
IndexRange fitting(IndexRange range) {
  return range.least < lowest || range.most > highest ? any : range;
}

class Ranges {
public:
  /// Of what executes under all of these conditions.
  explicit Ranges(ArrayRef<Value> conditions) : conditions(conditions) {}

  IndexRange of(Value value) {
    if (auto found = known.find(value); found != known.end())
      return found->second;
    IndexRange range = computed(value);
    known[value] = range; // a condition may compare it with what it makes
    for (Value condition : conditions)
      narrow(range, value, condition);
    known[value] = range;
    return range;
  }

private:
  ArrayRef<Value> conditions;
  llvm::DenseMap<Value, IndexRange> known;

  static bool isConstant(const IndexRange &range) {
    return !range.piece && range.least == range.most;
  }

  IndexRange computed(Value value) {
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return {constant.getSExtValue(), constant.getSExtValue(), 0, true};
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      return loop && argument == loop.getInductionVar() ? coordinate(loop)
                                                        : any;
    }
    Operation *op = value.getDefiningOp();
    if (isa<ProgramIdOp>(op) || op->hasAttr(positionAttrName))
      return {0, 0, 1};
    if (isa<NumProgramsOp>(op))
      return {1, highest};
    if (auto range = dyn_cast<KRangeOp>(op)) {
      if (!range.getExtent())
        return {0, highest};
      const std::int64_t extent = *range.getExtent();
      return value == range.getUpper() ? IndexRange{extent, extent, 0, true}
                                       : IndexRange{0, extent};
    }
    if (auto extended = dyn_cast<arith::ExtUIOp>(op))
      return {0,
              (1ll << extended.getIn().getType().getIntOrFloatBitWidth()) - 1};
    if (auto extended = dyn_cast<arith::ExtSIOp>(op)) {
      const std::int64_t half =
          1ll << (extended.getIn().getType().getIntOrFloatBitWidth() - 1);
      return {-half, half - 1};
    }
    if (op->getNumOperands() == 2 && isa<arith::ArithDialect>(op->getDialect()))
      return combined(op, of(op->getOperand(0)), of(op->getOperand(1)));
    if (auto select = dyn_cast<arith::SelectOp>(op)) {
      IndexRange a = of(select.getTrueValue()), b = of(select.getFalseValue());
      return {std::min(a.least, b.least),
              a.piece || b.piece ? highest : std::max(a.most, b.most)};
    }
    return any;
  }

  /// Of a loop's coordinate, which is below the loop's end.
  IndexRange coordinate(scf::ForOp loop) {
    IndexRange lower = of(loop.getLowerBound()),
               upper = of(loop.getUpperBound()), step = of(loop.getStep());
    IndexRange result{lower.least, upper.piece ? highest : upper.most - 1};
    const std::int64_t aligned = divisorOf(loop.getInductionVar());
    result.most &= ~(aligned - 1);
    // A k_range may be split, but some block takes its last step.
    const bool whole = bool(loop.getLowerBound().getDefiningOp<KRangeOp>());
    if ((isConstant(lower) || whole) && !upper.piece && upper.attained &&
        (isConstant(step) || whole)) {
      const std::int64_t by =
          whole ? loop.getStep().getDefiningOp<KRangeOp>().getStep()
                : step.least;
      const std::int64_t begin = whole ? 0 : lower.least;
      if (by > 0 && upper.most > begin) {
        result.most = begin + (upper.most - 1 - begin) / by * by;
        result.attained = true;
      }
    }
    return result;
  }

  static IndexRange combined(Operation *op, IndexRange a, IndexRange b) {
    const bool positive = a.least >= 0 && b.least >= 0;
    const bool attained =
        (isConstant(a) && b.attained) || (isConstant(b) && a.attained);
    if (isa<arith::AddIOp>(op)) {
      if (a.piece && b.piece)
        return any;
      return fitting({a.least + b.least, a.most + b.most,
                      std::max(a.piece, b.piece), attained});
    }
    if (isa<arith::SubIOp>(op)) {
      if (b.piece)
        return any;
      return fitting({a.least - b.most, a.most - b.least, a.piece, attained});
    }
    if (isa<arith::MulIOp>(op)) {
      if (isConstant(a))
        std::swap(a, b);
      if (!positive || (a.piece && (!isConstant(b) || !b.most)) || b.piece)
        return any;
      return fitting(
          {a.least * b.least, a.most * b.most, a.piece * b.most, attained});
    }
    if (isa<arith::DivUIOp>(op)) {
      if (!positive || b.piece || !b.least)
        return any;
      if (!a.piece)
        return {a.least / b.most, a.most / b.least, 0, attained};
      if (!isConstant(b))
        return {0, highest};
      if (a.piece % b.most)
        return {0, 0, 1}; // the grid's choice as well
      return {a.least / b.most, a.most / b.most, a.piece / b.most};
    }
    if (isa<arith::RemUIOp>(op)) {
      if (!positive || b.piece || !b.least)
        return any;
      return {0, a.piece ? b.most - 1 : std::min(a.most, b.most - 1)};
    }
    if (isa<arith::MinSIOp>(op)) {
      if (a.piece && b.piece)
        return {std::min(a.least, b.least), highest};
      return {std::min(a.least, b.least), a.piece   ? b.most
                                          : b.piece ? a.most
                                                    : std::min(a.most, b.most)};
    }
    if (isa<arith::MaxSIOp>(op))
      return {std::max(a.least, b.least),
              a.piece || b.piece ? highest : std::max(a.most, b.most)};
    return any;
  }

  /// By a condition that holds.
  void narrow(IndexRange &range, Value value, Value condition) {
    if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
      narrow(range, value, both.getLhs());
      narrow(range, value, both.getRhs());
      return;
    }
    auto compare = condition.getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getLhs() != value || compare.getRhs() == value)
      return;
    range.attained = false;
    IndexRange other = of(compare.getRhs());
    auto below = [&](std::int64_t most) {
      if (other.piece)
        return;
      // What the launch chose is bounded as well now.
      range = {range.least, range.piece ? most : std::min(range.most, most)};
      range.most &= ~(divisorOf(value) - 1);
    };
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::slt:
      return below(other.most - 1);
    case arith::CmpIPredicate::sle:
      return below(other.most);
    case arith::CmpIPredicate::sgt:
      range.least = std::max(range.least, other.least + 1);
      return;
    case arith::CmpIPredicate::sge:
      range.least = std::max(range.least, other.least);
      return;
    default:
      return;
    }
  }
};

} // namespace

bool IndexRange::inside(std::int64_t tile, std::int64_t extent) const {
  if (least < 0)
    return false;
  return piece ? extent % piece == 0 && most + tile <= piece
               : most + tile <= extent;
}

std::optional<std::int64_t> IndexRange::outside(std::int64_t tile,
                                                std::int64_t extent) const {
  if (!piece && least > most)
    return std::nullopt; // never executed
  if (least >= extent)   // also behind whatever the launch chose
    return least;
  if (piece)
    return std::nullopt;
  if (most + tile <= 0)
    return most;
  if (attained && most >= extent)
    return most;
  if (attained && least + tile <= 0)
    return least;
  return std::nullopt;
}

IndexRange rangeOf(Value index, Block *block, Value condition) {
  SmallVector<Value> conditions;
  if (condition)
    conditions.push_back(condition);
  bool branches = false;
  for (Operation *op; block && (op = block->getParentOp());
       block = op->getBlock())
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      branches = true;
      if (block == branch.thenBlock())
        conditions.push_back(branch.getCondition());
    }
  IndexRange range = Ranges(conditions).of(index);
  // Whether a branch is taken is not known; a constant is one in any.
  if (branches && range.least != range.most)
    range.attained = false;
  return range;
}

} // namespace lath::tile
