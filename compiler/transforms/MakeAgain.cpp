#include "compiler/transforms/MakeAgain.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace lath::tile {

/// The layout demanded of an operand where the one result has `result`; nullopt
/// where that does not follow from the result's.
static std::optional<Layout> demanded(OpOperand &operand,
                                      const Layout &result) {
  auto unknown = [](Value) -> const Layout * { return nullptr; };
  if (operandLayout(operand, unknown))
    return std::nullopt;
  Value made = operand.getOwner()->getResult(0);
  return operandLayout(
      operand, [&](Value value) { return value == made ? &result : nullptr; });
}

static bool madeAnywhere(Value tile, const Layout &layout, unsigned depth) {
  constexpr unsigned most = 4; // cheaper than a way through shared memory
  Operation *op = tile.getDefiningOp();
  if (!op || op->getNumResults() != 1 || !isPure(op) || depth > most)
    return false;
  bool made = op->hasTrait<AnyPlace>();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    auto own = demanded(operand, layout);
    if (!own || !madeAnywhere(operand.get(), *own, depth + 1))
      return false;
    made = true;
  }
  return made;
}
bool madeAnywhere(Value tile, const Layout &layout) {
  return madeAnywhere(tile, layout, 0);
}

Value makeAgainFrom(
    OpBuilder &b, Value tile, const Layout &layout,
    llvm::function_ref<Value(Value, const Layout &)> operandIn) {
  Operation *op = tile.getDefiningOp();
  SmallVector<std::pair<Value, Layout>> wanted;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType())) {
      auto own = demanded(operand, layout);
      if (!own)
        return Value();
      wanted.push_back({operand.get(), *own});
    }
  IRMapping again;
  for (auto &[value, own] : wanted)
    again.map(value, operandIn(value, own));
  Value made = b.clone(*op, again)->getResult(0);
  made.setType(withLayout(cast<RankedTensorType>(tile.getType()), layout));
  return made;
}

Value makeAgain(OpBuilder &b, Value tile, const Layout &layout) {
  return makeAgainFrom(b, tile, layout, [&](Value operand, const Layout &own) {
    return makeAgain(b, operand, own);
  });
}

} // namespace lath::tile
