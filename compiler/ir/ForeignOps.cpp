// Operations of other dialects: scf carries tiles, and what MLIR calls
// elementwise (arith, math) has its operands and its result in one place, row
// by row. And what it means that an operation does not answer.
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using lath::Layout;

#include "compiler/ir/TileInterfaces.cpp.inc"

namespace lath::tile {
namespace {

using Groups = SmallVector<SmallVector<Value>>;

bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

/// What goes around and what comes out of a loop or branch is one tile.
Groups carriedTiles(Operation *op) {
  Groups groups;
  if (auto loop = dyn_cast<scf::ForOp>(op))
    for (auto [init, argument, result, yielded] :
         llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs(),
                   loop.getResults(), loop.getYieldedValues()))
      groups.push_back({argument, result, yielded, init});
  if (auto branch = dyn_cast<scf::IfOp>(op))
    for (auto [i, result] : llvm::enumerate(branch.getResults()))
      groups.push_back({result, branch.thenYield().getOperand(i),
                        branch.elseYield().getOperand(i)});
  llvm::erase_if(groups, [](auto &group) { return !isTile(group.front()); });
  return groups;
}

template <typename Op>
struct Carries : LayoutInterface::ExternalModel<Carries<Op>, Op> {
  static Groups tiedTiles(Operation *op) { return carriedTiles(op); }
  static std::optional<Layout> operandLayout(Operation *op, OpOperand &operand,
                                             KnownLayout known) {
    // One value may be carried twice, in two layouts.
    auto loop = dyn_cast<scf::ForOp>(op);
    if (!loop || operand.getOperandNumber() < loop.getNumControlOperands())
      return std::nullopt;
    const Layout *layout = known(loop.getTiedLoopResult(&operand));
    return layout ? std::optional(*layout) : std::nullopt;
  }
};

/// A yield says what the operation around it does.
struct Yields : LayoutInterface::ExternalModel<Yields, scf::YieldOp> {
  static Groups tiedTiles(Operation *op) {
    return carriedTiles(op->getParentOp());
  }
  static std::optional<Layout> operandLayout(Operation *op, OpOperand &operand,
                                             KnownLayout known) {
    unsigned index = operand.getOperandNumber();
    if (index >= op->getParentOp()->getNumResults())
      return std::nullopt;
    const Layout *layout = known(op->getParentOp()->getResult(index));
    return layout ? std::optional(*layout) : std::nullopt;
  }
};

/// What operand `index` of a yield, or of what carries it, becomes.
SmallVector<Value> comesOut(Operation *op, unsigned index) {
  SmallVector<Value> values;
  if (index < op->getNumResults())
    values.push_back(op->getResult(index));
  if (auto loop = dyn_cast<scf::ForOp>(op); loop && !values.empty())
    values.push_back(loop.getRegionIterArg(index));
  return values;
}

template <typename Op>
struct KeepsRows : RowsInterface::ExternalModel<KeepsRows<Op>, Op> {
  static bool keepsRowsApart(Operation *, OpOperand &) { return true; }
  static SmallVector<Value> madeFrom(Operation *op, OpOperand &operand) {
    unsigned index = operand.getOperandNumber();
    if (isa<scf::YieldOp>(op))
      return comesOut(op->getParentOp(), index);
    return comesOut(op, index - scf::ForOp(op).getNumControlOperands());
  }
};

/// Traits of operations of MLIR are asked for by its own functions: hasTrait
/// finds a trait by the name that a compiler prints for it, and that of GCC is
/// another than the library's.
bool isElementwise(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) &&
         op->getNumResults() == 1 && isTile(op->getResult(0));
}

bool keepsRowsApart(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (auto rows = dyn_cast<RowsInterface>(op))
    return rows.keepsRowsApart(operand);
  return isElementwise(op);
}

SmallVector<Value> madeFrom(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (auto rows = dyn_cast<RowsInterface>(op))
    return rows.madeFrom(operand);
  return SmallVector<Value>(op->getResults());
}

} // namespace

std::optional<Layout> operandLayout(OpOperand &operand, KnownLayout known) {
  Operation *op = operand.getOwner();
  if (auto layouts = dyn_cast<LayoutInterface>(op))
    return layouts.operandLayout(operand, known);
  if (isElementwise(op))
    if (const Layout *layout = known(op->getResult(0)))
      return *layout;
  return std::nullopt;
}

std::optional<Layout> resultLayout(Operation *op, KnownLayout known) {
  if (auto layouts = dyn_cast<LayoutInterface>(op))
    return layouts.resultLayout(known);
  if (isElementwise(op))
    for (Value operand : op->getOperands())
      if (const Layout *layout = known(operand))
        return *layout;
  return std::nullopt;
}

Groups tiedTiles(Operation *op) {
  auto layouts = dyn_cast<LayoutInterface>(op);
  return layouts ? layouts.tiedTiles() : Groups();
}

OpOperand *whereRowsMeet(Value tile) {
  llvm::SetVector<Value> tiles;
  tiles.insert(tile);
  for (unsigned i = 0; i < tiles.size(); ++i)
    for (OpOperand &use : tiles[i].getUses()) {
      if (!keepsRowsApart(use))
        return &use;
      for (Value next : madeFrom(use))
        if (isTile(next))
          tiles.insert(next);
    }
  return nullptr;
}

bool startsCopy(Operation *op) {
  auto access = dyn_cast<StageInterface>(op);
  return access && access.startsCopy();
}

bool signalsCopy(Operation *op) {
  auto access = dyn_cast<StageInterface>(op);
  return access && access.startsCopy() && access.signalled();
}

int64_t scratchBytes(Operation *op) {
  auto scratch = dyn_cast<ScratchInterface>(op);
  return scratch ? scratch.scratchBytes() : 0;
}

int64_t bufferAlignment(Value buffer) {
  int64_t alignment = lath::sharedAlignment;
  for (Operation *user : buffer.getUsers())
    if (auto access = dyn_cast<StageInterface>(user))
      alignment = std::max(alignment, access.bufferAlignment());
  return alignment;
}

void registerForeignOps(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, scf::SCFDialect *) {
    scf::ForOp::attachInterface<Carries<scf::ForOp>, KeepsRows<scf::ForOp>>(
        *context);
    scf::IfOp::attachInterface<Carries<scf::IfOp>>(*context);
    scf::YieldOp::attachInterface<Yields, KeepsRows<scf::YieldOp>>(*context);
  });
}

} // namespace lath::tile
