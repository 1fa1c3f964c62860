// Gives every tile a layout.
//
//   before  %w = tile.load %q[...] : ... -> tensor<128x128xi4>
//   after   %w = tile.load %q[...] : ... -> tensor<128x128xi4,
//   #tile.layout<...>>
//
// Operations that need their tiles in certain places say so first: dots, whose
// three layouts are solved together from where the operands come from. From
// there layouts spread along the operations that tie their operands' places to
// their result's, in both directions, so a load gets the layout its consumer
// needs and no conversion stands between. What none of them reaches starts from
// coalesced loads: of 16 bytes a lane where so many neighbours move at once,
// else of as many as do, so that lanes access neighbours all the same. Where
// two demands on one value differ, the later use converts. Which layout goes
// with which is the operations' answer (LayoutInterface); this pass knows
// neither them nor any layout by name.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

#include <limits>

namespace lath {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::Shape;

namespace {

RankedTensorType tensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}
Shape shapeOf(Value value) {
  auto shape = tensorType(value).getShape();
  return Shape(shape.begin(), shape.end());
}

class Assignment {
public:
  explicit Assignment(func::FuncOp function)
      : function(function), schedule(scheduleOf(function)) {}

  LogicalResult run() {
    splatConstants();
    WalkResult asked = function.walk([&](LayoutInterface op) {
      auto ask = [&](Value value, const Layout &layout) { set(value, layout); };
      return failed(op.seedLayouts(ask)) ? WalkResult::interrupt()
                                         : WalkResult::advance();
    });
    if (asked.wasInterrupted())
      return failure();
    spread();
    // Loads decide where no dot does, those that gather first: their
    // coordinates lie where their elements do. Then anything left.
    function.walk([&](LoadOp load) {
      if (llvm::any_of(load.getStart(), tensorType))
        seedBlocked(load.getResult());
    });
    function.walk([&](LoadOp load) { seedBlocked(load.getResult()); });
    function.walk([&](Operation *op) {
      for (Value result : op->getResults())
        seedBlocked(result);
    });
    function.walk([&](Operation *op) {
      if (auto layout = resultLayout(op, known);
          layout && llvm::none_of(op->getOpOperands(), [&](OpOperand &operand) {
            return demanded(operand).has_value();
          }))
        convertResult(op, *layout);
    });
    insertConversions();
    for (auto &[value, layout] : layouts)
      value.setType(withLayout(tensorType(value), layout));
    return success();
  }

private:
  func::FuncOp function;
  const lath::TargetSchedule schedule;
  llvm::MapVector<Value, Layout> layouts;
  SmallVector<Value> changed;

  const Layout *get(Value value) const {
    auto it = layouts.find(value);
    return it == layouts.end() ? nullptr : &it->second;
  }
  std::function<const Layout *(Value)> known = [this](Value value) {
    return get(value);
  };
  void set(Value value, Layout layout) {
    if (!tensorType(value) || layouts.count(value))
      return;
    layouts.insert({value, layout});
    changed.push_back(value);
    // What a loop carries and what it returns have one type.
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
        set(loop.getTiedLoopResult(argument), std::move(layout));
    } else if (auto loop = value.getDefiningOp<scf::ForOp>()) {
      set(loop.getTiedLoopRegionIterArg(cast<OpResult>(value)),
          std::move(layout));
    }
  }

  /// Folding may have left tensors of constants; as splats they have every
  /// layout.
  void splatConstants() {
    SmallVector<arith::ConstantOp> constants;
    function.walk([&](arith::ConstantOp op) {
      if (tensorType(op))
        constants.push_back(op);
    });
    for (arith::ConstantOp op : constants) {
      auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
      if (!dense || !dense.isSplat())
        continue;
      OpBuilder b(op);
      Value scalar = arith::ConstantOp::create(
          b, op.getLoc(), cast<TypedAttr>(dense.getSplatValue<Attribute>()));
      Value splat = SplatOp::create(b, op.getLoc(), op.getType(), scalar);
      op.replaceAllUsesWith(splat);
      op.erase();
    }
  }

  void seedBlocked(Value value) {
    if (!tensorType(value) || get(value))
      return;
    unsigned bits = std::max(8u, tensorType(value).getElementTypeBitWidth());
    Shape shape = shapeOf(value);
    int64_t perThread = std::max<int64_t>(
        1, tensorType(value).getNumElements() / (32 * schedule.warps));
    int64_t vector = std::min<int64_t>(
        {perThread, 128 / bits, shape.back(), neighbours(value)});
    set(value, lath::blocked(shape, llvm::bit_floor((uint64_t)vector),
                             schedule.warps));
    spread();
  }

  /// Neighbours that all accesses of `value` to memory can move at once.
  static int64_t neighbours(Value value) {
    int64_t least = std::numeric_limits<int64_t>::max();
    auto limit = [&](Operation *op) {
      if (auto access = dyn_cast_or_null<LayoutInterface>(op))
        if (std::optional<int64_t> moved = access.movedAtOnce(value))
          least = std::min(least, *moved);
    };
    limit(value.getDefiningOp());
    for (Operation *user : value.getUsers())
      limit(user);
    return least;
  }

  void spread() {
    while (!changed.empty()) {
      Value value = changed.pop_back_val();
      Operation *op = value.getDefiningOp();
      relate(op ? op : cast<BlockArgument>(value).getOwner()->getParentOp());
      for (Operation *user : value.getUsers())
        relate(user);
    }
  }

  /// All of these values share one layout.
  void tie(ArrayRef<Value> values) {
    for (Value value : values)
      if (const Layout *layout = get(value)) {
        Layout copy = *layout;
        for (Value other : values)
          set(other, copy);
        return;
      }
  }

  /// What follows for the tiles of `op` from those that have a layout.
  void relate(Operation *op) {
    for (ArrayRef<Value> group : tiedTiles(op))
      tie(group);
    if (op->getNumResults() != 1)
      return;
    Value result = op->getResult(0);
    if (!get(result))
      if (auto layout = resultLayout(op, known))
        set(result, *layout);
    if (get(result))
      for (OpOperand &operand : op->getOpOperands())
        if (!get(operand.get())) // asking a dot solves it
          if (auto layout = demanded(operand))
            set(operand.get(), *layout);
  }

  std::optional<Layout> demanded(OpOperand &operand) {
    return tensorType(operand.get()) ? operandLayout(operand, known)
                                     : std::nullopt;
  }

  /// What demands nothing of its operands leaves its result where they say;
  /// users that were given another layout first get a conversion.
  void convertResult(Operation *op, const Layout &own) {
    Value result = op->getResult(0);
    Layout wanted = *get(result);
    if (wanted == own)
      return;
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    auto converted = ConvertLayoutOp::create(
        b, op->getLoc(), withLayout(tensorType(result), wanted), result);
    result.replaceAllUsesExcept(converted, converted);
    layouts[result] = own;
    layouts[converted.getResult()] = wanted;
  }

  void insertConversions() {
    SmallVector<std::pair<OpOperand *, Layout>> conversions;
    function.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands()) {
        auto wanted = demanded(operand);
        if (wanted && !(*wanted == *get(operand.get())))
          conversions.push_back({&operand, *wanted});
      }
    });
    for (auto &[operand, layout] : conversions) {
      OpBuilder b(operand->getOwner());
      auto type = tensorType(operand->get());
      Value converted =
          ConvertLayoutOp::create(b, operand->getOwner()->getLoc(),
                                  withLayout(type, layout), operand->get());
      operand->set(converted);
    }
  }
};

struct AssignLayouts : lath::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(scheduleAttrName)) {
        function.emitOpError("expected a tile.schedule attribute");
        return signalPassFailure();
      }
      if (failed(Assignment(function).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
