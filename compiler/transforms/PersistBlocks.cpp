// Lets a block compute one tile after the other, instead of the grid a block
// for each: what starts a block is paid once, and a producer warp brings the
// first stages of the next tile while this one is stored.
//
//   before  %x = tile.program_id 0 ; %y = tile.program_id 1
//           rest of %x, %y
//   after   %b = tile.program_id 0 ; %n = tile.num_programs 0
//           for %t = %b to %grid_x * %grid_y step %n {
//             %x, %y = tile number %t
//             rest of %x, %y
//           }
//
// The launch starts as many blocks as run at once, and passes the extents of
// the grid that the program was written for (KernelParam::gridX, gridY). What
// depends on no position stays ahead of the loop.
//
// Blocks that run at the same time have neighbouring numbers, and should share
// what they read. So tiles are numbered through groups of rows (y): in one all
// rows of a column (x), then the next column.
#include "compiler/base/Ptx.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_PERSISTBLOCKS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

/// Rows of tiles in a group. Tiles of twice as many columns as rows, on 132
/// SMs, then cover about a square.
constexpr int64_t groupRows = 16;

class Persistence {
public:
  explicit Persistence(func::FuncOp function)
      : function(function), b(function.getContext()) {}

  LogicalResult run() {
    WalkResult third = function.walk([](Operation *op) {
      const bool asks =
          (isa<ProgramIdOp>(op) && cast<ProgramIdOp>(op).getAxis() == 2) ||
          (isa<NumProgramsOp>(op) && cast<NumProgramsOp>(op).getAxis() == 2);
      if (!asks)
        return WalkResult::advance();
      op->emitOpError(
          "persistent blocks walk over a grid of two axes, and this "
          "asks for the third");
      return WalkResult::interrupt();
    });
    if (third.wasInterrupted())
      return failure();
    const SmallVector<Operation *> body = dependent();
    if (body.empty())
      return function.emitOpError("persistent blocks need a position in the "
                                  "grid, and the program asks for none");
    gridX = parameter("grid_x", lath::KernelParam::Kind::gridX);
    gridY = parameter("grid_y", lath::KernelParam::Kind::gridY);

    b.setInsertionPoint(function.front().getTerminator());
    Value first = ProgramIdOp::create(b, loc(), 0),
          step = NumProgramsOp::create(b, loc(), 0);
    Value count = arith::MulIOp::create(b, loc(), gridX, gridY);
    auto tiles = scf::ForOp::create(b, loc(), first, count, step);
    b.setInsertionPointToStart(tiles.getBody());
    auto [x, y] = position(tiles.getInductionVar());
    for (Operation *op : body)
      op->moveBefore(tiles.getBody()->getTerminator());
    tiles.walk([&, x = x, y = y](Operation *op) {
      if (auto id = dyn_cast<ProgramIdOp>(op))
        id.replaceAllUsesWith(id.getAxis() == 0 ? x : y);
      else if (auto extent = dyn_cast<NumProgramsOp>(op))
        extent.replaceAllUsesWith(extent.getAxis() == 0 ? gridX : gridY);
    });
    return success();
  }

private:
  func::FuncOp function;
  OpBuilder b;
  Value gridX, gridY;

  Location loc() { return function.getLoc(); }

  /// All that is not the same for every tile, or is a tile or has an effect.
  SmallVector<Operation *> dependent() {
    SmallVector<Operation *> body;
    llvm::DenseSet<Operation *> inside;
    for (Operation &op : function.front().without_terminator()) {
      const bool same =
          isMemoryEffectFree(&op) && op.getNumRegions() == 0 &&
          !isa<ProgramIdOp, NumProgramsOp>(op) &&
          llvm::none_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>) &&
          llvm::none_of(op.getOperands(), [&](Value operand) {
            return inside.contains(operand.getDefiningOp());
          });
      if (same)
        continue;
      inside.insert(&op);
      body.push_back(&op);
    }
    const bool anyPosition = llvm::any_of(body, [](Operation *op) {
      return op->walk([](ProgramIdOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
    });
    return anyPosition ? body : SmallVector<Operation *>();
  }

  Value parameter(StringRef name, lath::KernelParam::Kind kind) {
    const unsigned last = function.getNumArguments();
    LogicalResult inserted = function.insertArgument(
        last, b.getI32Type(),
        b.getDictionaryAttr(
            {b.getNamedAttr(paramNameAttr, b.getStringAttr(name)),
             b.getNamedAttr(paramKindAttr,
                            b.getI32IntegerAttr(static_cast<int32_t>(kind))),
             b.getNamedAttr(paramTypeAttr,
                            b.getStringAttr(lath::name(lath::Dtype::i32)))}),
        loc());
    assert(succeeded(inserted) && "any function takes more arguments");
    (void)inserted;
    return function.getArgument(last);
  }

  /// Column and row of a tile, by its number.
  std::pair<Value, Value> position(Value number) {
    auto divide = [&](Value a, Value by) -> Value {
      return arith::DivUIOp::create(b, loc(), a, by);
    };
    auto rest = [&](Value a, Value by) -> Value {
      return arith::RemUIOp::create(b, loc(), a, by);
    };
    Value rows =
        arith::ConstantOp::create(b, loc(), b.getI32IntegerAttr(groupRows));
    Value perGroup = arith::MulIOp::create(b, loc(), gridX, rows);
    Value top = arith::MulIOp::create(b, loc(), divide(number, perGroup), rows);
    Value here = arith::MinSIOp::create(
        b, loc(), arith::SubIOp::create(b, loc(), gridY, top), rows);
    Value within = rest(number, perGroup);
    Value y = arith::AddIOp::create(b, loc(), top, rest(within, here));
    Value x = divide(within, here);
    for (Value position : {x, y})
      position.getDefiningOp()->setAttr(positionAttrName, b.getUnitAttr());
    return {x, y};
  }
};

struct PersistBlocks : lath::impl::PersistBlocksBase<PersistBlocks> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (scheduleOf(function).persistent &&
          failed(Persistence(function).run()))
        return signalPassFailure();
  }
};
} // namespace
