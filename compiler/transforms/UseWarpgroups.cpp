// Multiplies by wgmma, which takes operands straight from shared memory.
//
//   before  tile.async_wait 0
//           %a = tile.local_load %ba[%s] : !tile.buffer<.., #swizzled>
//           %b = tile.local_load %bb[%s] : !tile.buffer<.., #swizzled>
//           %t = tile.transpose %b
//           %c = tile.dot %a, %t, %acc
//   after   tile.async_wait 0 for_matrix_operands
//           %a = tile.stage %ba[%s] : !tile.buffer<.., #panels>
//           %b = tile.stage %bb[%s] : !tile.buffer<.., #panels>
//           %c = tile.warpgroup_dot %a, %b transposed, %acc
//
// wgmma's B operand must come from there, A may: what a dot computes in
// registers, weights say, stays in them, as mma.sync has it. Where these number
// k otherwise than the instruction, the buffer does likewise (warpgroupBuffer),
// and the copy puts each k where the registers' lanes have it.
#include "compiler/ir/Access.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_USEWARPGROUPS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::Shape;

namespace {

bool multipliesByGroups(Operation *op) {
  auto dot = dyn_cast<DotOp>(op);
  return dot && scheduleOf(dot).mma == lath::MatrixUnit::warpgroup;
}

/// An operand that a loop has staged, as it lies there.
struct Staged {
  LocalLoadOp load;
  bool transposed = false;

  /// Nothing where it is computed, or read by others too: a buffer has one
  /// order.
  static std::optional<Staged> of(Value operand) {
    Staged found;
    while (auto transpose = operand.getDefiningOp<TransposeOp>()) {
      found.transposed = !found.transposed;
      operand = transpose.getSource();
    }
    found.load = operand.getDefiningOp<LocalLoadOp>();
    if (!found.load || !found.load.getBuffer().getDefiningOp<AllocOp>() ||
        found.load.getType().getShape() !=
            found.load.getBuffer().getType().getShape() ||
        !onlyDots(found.load.getResult()))
      return std::nullopt;
    return found;
  }

private:
  static bool onlyDots(Value value) {
    return llvm::all_of(value.getUses(), [](OpOperand &use) {
      if (auto transpose = dyn_cast<TransposeOp>(use.getOwner()))
        return onlyDots(transpose.getResult());
      return multipliesByGroups(use.getOwner()) && use.getOperandNumber() < 2;
    });
  }
};

/// Lets the buffer of `operand` have the order in which wgmma reads it.
LogicalResult arrange(DotOp dot, Staged operand, bool alongK,
                      const std::optional<Layout> &registers) {
  auto alloc = operand.load.getBuffer().getDefiningOp<AllocOp>();
  BufferType buffer = alloc.getType();
  const unsigned bits = buffer.getElementType().getIntOrFloatBitWidth();
  if (bits < 16 && !alongK)
    return dot.emitOpError("wgmma takes operands of 8 bits whose rows run "
                           "along k, a of [M, K] and b, transposed, of "
                           "[N, K]; got a tile of [")
           << buffer.getShape() << "] " << buffer.getElementType();
  if (bits > 16)
    return dot.emitOpError("wgmma takes operands of 16 and 8 bits, got ")
           << buffer.getElementType();
  auto layout = lath::warpgroupBuffer(
      Shape(buffer.getShape().begin(), buffer.getShape().end()), bits, alongK,
      registers);
  if (!layout)
    return dot.emitOpError("wgmma cannot read a tile of [")
           << buffer.getShape() << "] " << buffer.getElementType()
           << " beside these registers";
  for (Operation *user : alloc->getUsers())
    if (auto copy = dyn_cast<AsyncCopyOp>(user))
      if (accessOf(copy).copyBytes(*layout) < leastCopyBytes)
        return dot.emitOpError(
            "wgmma takes pairs of neighbours along k, which "
            "words of eight k do not give: use packed weights");
  alloc.getResult().setType(BufferType::get(
      dot.getContext(), buffer.getStages(), buffer.getShape(),
      buffer.getElementType(), buffer.getPacked(), buffer.getAtom(),
      LayoutAttr::get(dot.getContext(), *layout)));
  return success();
}

LogicalResult useWarpgroups(DotOp dot, SetVector<Operation *> &dead) {
  const bool swapped = dot.getSwapped();
  Value left = swapped ? dot.getB() : dot.getA(),
        right = swapped ? dot.getA() : dot.getB();
  std::optional<Staged> a = Staged::of(left), b = Staged::of(right);
  if (!b)
    return dot.emitOpError("wgmma multiplies by what a K loop loads from "
                           "memory for it alone; the other operand may be in "
                           "registers");
  // As the tensor core names them: rows and k, columns and k.
  const bool leftAlongK = a && (swapped ? a->transposed : !a->transposed),
             rightAlongK = swapped ? !b->transposed : b->transposed;
  std::optional<Layout> registers;
  if (a) {
    if (failed(arrange(dot, *a, leftAlongK, std::nullopt)))
      return failure();
  } else {
    registers = layoutOf(left.getType());
    if (swapped)
      registers = registers->transposed();
    if (!lath::isWarpgroupFragment(
            *registers, getElementTypeOrSelf(left).getIntOrFloatBitWidth()))
      return dot.emitOpError("the operand in registers is not in fragments of "
                             "wgmma");
  }
  if (failed(arrange(dot, *b, rightAlongK, registers)))
    return failure();

  OpBuilder at(dot);
  auto stage = [&](Staged operand) -> Value {
    BufferType all = operand.load.getBuffer().getType();
    auto one = BufferType::get(dot.getContext(), /*stages=*/1, all.getShape(),
                               all.getElementType(), all.getPacked(),
                               all.getAtom(), all.getLayout());
    return StageOp::create(at, dot.getLoc(), one, operand.load.getBuffer(),
                           operand.load.getSlot());
  };
  Value leftValue = a ? stage(*a) : left, rightValue = stage(*b);
  const bool leftTransposed = a && a->transposed;
  Value result = WarpgroupDotOp::create(
      at, dot.getLoc(), dot.getType(), swapped ? rightValue : leftValue,
      swapped ? leftValue : rightValue, dot.getAcc(), dot.getScales(),
      swapped ? b->transposed : leftTransposed,
      swapped ? leftTransposed : b->transposed, swapped);
  for (Operation &op : *dot->getBlock())
    if (auto wait = dyn_cast<AsyncWaitOp>(op))
      wait.setMatrixOperands(true);
  for (Value operand : {left, right})
    for (Operation *op = operand.getDefiningOp();
         isa_and_nonnull<TransposeOp, LocalLoadOp>(op);
         op = isa<TransposeOp>(op) ? op->getOperand(0).getDefiningOp()
                                   : nullptr)
      dead.insert(op);
  dot.replaceAllUsesWith(result);
  dot.erase();
  return success();
}

struct UseWarpgroups : lath::impl::UseWarpgroupsBase<UseWarpgroups> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation().walk([&](DotOp dot) {
      if (multipliesByGroups(dot))
        dots.push_back(dot);
    });
    SetVector<Operation *> dead;
    for (DotOp dot : dots)
      if (failed(useWarpgroups(dot, dead)))
        return signalPassFailure();
    while (!dead.empty()) {
      auto unused =
          llvm::find_if(dead, [](Operation *op) { return op->use_empty(); });
      if (unused == dead.end())
        break;
      Operation *op = *unused;
      dead.remove(op);
      op->erase();
    }
  }
};
} // namespace
