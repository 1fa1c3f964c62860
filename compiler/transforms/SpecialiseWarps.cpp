// Gives a warp of its own all copies of the K loop, so that the others never
// wait for each other there.
//
//   before  for s in 0..stages-2 { if (..) { copy x -> bx[s]
//                                            bulk_copy w -> bw[s] }; commit }
//           for k, read, write, parity {
//             wait; barrier
//             if (..) { copy x -> bx[write]; bulk_copy w -> bw[write] }; commit
//             mbarrier_wait %full[read] parity
//             use bx[read], bw[read]
//           }
//           rest
//   after   %empty = tile.mbarrier_alloc ; tile.mbarrier_init %empty
//           barrier
//           if producer_warp {
//             for k, slot = 0, parity = 1 {
//               mbarrier_wait %empty[slot] parity
//               copy x -> bx[slot]; bulk_copy w -> bw[slot]
//               async_arrive %full[slot]
//             }
//             async_wait 0
//           } else {
//             for k, read, parity {
//               mbarrier_wait %full[read] parity
//               use bx[read], bw[read]
//               mbarrier_arrive %empty[read]
//             }
//             rest
//           }
//
// A stage is full when the bytes that the copy engine brings and the copies of
// each of the producer's lanes have landed, and empty when every warp that
// computes has said so. Both change by turns: the n-th filling of a stage waits
// for the (n-1)-th emptying, so its parity is one off, and the first passes at
// once.
//
// A dependent kernel reads constants before the launch ahead is done. There the
// producer fills all stages with weights first, so that dependent-launch can
// put its wait behind them:
//
//             for s in 0..stages-1 { if (..) bulk_copy w -> bw[s] }
//             for k, slot = 0, parity = 1 {
//               if (k >= lo + stages * step) {
//                 mbarrier_wait %empty[slot] parity ; bulk_copy w -> bw[slot] }
//               copy x -> bx[slot] ; async_arrive %full[slot]
//             }
// The loop may stand in another one, over the tiles of a persistent block. Both
// roles then have that loop, and carry stage and parity from one tile to the
// next: while the last steps of one are computed, and its result is stored, the
// producer fills stages with the first of the next.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Ahead.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_SPECIALISEWARPS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

constexpr unsigned lanes = 32;

template <typename Op> bool holds(Operation *root) {
  return root->walk([](Op) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

bool holdsAny(Operation *root, bool (*is)(Operation *)) {
  return root
      ->walk([&](Operation *op) {
        return is(op) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// A copy of cp.async, for which its thread waits itself.
bool copiesAlone(Operation *op) { return startsCopy(op) && !signalsCopy(op); }

/// A copy that may start before the launch ahead is done.
bool copiesConstants(Operation *op) {
  return isa<BulkCopyOp>(op) && isConstant(cast<BulkCopyOp>(op).getView());
}

class Specialiser {
public:
  Specialiser(func::FuncOp function, const lath::KernelSchedule &schedule)
      : function(function), schedule(schedule), b(function.getContext()) {}

  LogicalResult run() {
    if (failed(find()))
      return failure();
    b.setInsertionPoint(root);
    placeMbarriers();
    BarrierOp::create(b, loc()); // the mbarriers are initialised, for all warps
    Value isProducer = ProducerWarpOp::create(b, loc());
    auto roles = scf::IfOp::create(b, loc(), isProducer, /*withElse=*/true);
    roles->setAttr(rolesAttrName, b.getUnitAttr());
    produce(roles.thenBlock());
    consume(roles);
    return success();
  }

private:
  func::FuncOp function;
  const lath::KernelSchedule schedule;
  OpBuilder b;
  scf::ForOp prologue, fill, loop; ///< `fill`: where zeros are needed
  scf::ForOp tiles;                ///< the loop around, or null
  Operation *root = nullptr;       ///< the outer of both
  scf::IfOp issue;                 ///< the loop's copies, of step `ahead`
  Value ahead;
  Value full, empty;
  int64_t stages = 0;
  SmallVector<Value> outside; ///< computed in `tiles`, and used by copies
  IRMapping ofTile;           ///< the same in the producer

  Location loc() { return loop.getLoc(); }
  Value constant(int64_t value) {
    return arith::ConstantOp::create(b, loc(), b.getI32IntegerAttr(value));
  }

  LogicalResult find() {
    scf::ForOp second;
    function.walk([&](scf::ForOp each) {
      if (isPart(each, Part::ring) && holdsAny(each, signalsCopy))
        (loop ? second : loop) = each;
    });
    if (second)
      return second.emitOpError("a producer warp feeds one loop of stages, and "
                                "this is the second");
    if (loop)
      for (auto each : loop->getBlock()->getOps<scf::ForOp>()) {
        if (isPart(each, Part::prologue) && holdsAny(each, signalsCopy))
          prologue = each;
        else if (isPart(each, Part::fill))
          fill = each;
      }
    if (!loop || !prologue)
      return function.emitOpError("a producer warp is asked for, and no loop "
                                  "is fed by the copy engine");
    root = loop;
    if (!isa<func::FuncOp>(loop->getParentOp())) {
      tiles = dyn_cast<scf::ForOp>(loop->getParentOp());
      if (!tiles || !isa<func::FuncOp>(tiles->getParentOp()))
        return loop.emitOpError("expected the loop that a producer warp feeds "
                                "at the top of a kernel, or in one loop there");
      if (fill)
        return fill.emitOpError("stages are filled up once, and not for each "
                                "tile of a loop over tiles");
      root = tiles;
    }
    // Code before the roles part is every warp's, and lowered for those that
    // compute: it may set up the loop and no more.
    for (Operation &op : function.front()) {
      if (&op == root)
        break;
      const bool setsUp =
          op.hasTrait<AnyWarp>() || &op == prologue || (fill && &op == fill) ||
          (isMemoryEffectFree(&op) &&
           llvm::none_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>));
      if (!setsUp)
        return op.emitOpError(
            "with a producer warp nothing is loaded, computed "
            "or stored before the loop that it feeds");
    }
    for (auto branch : loop.getBody()->getOps<scf::IfOp>())
      if (isPart(branch, Part::issue))
        issue = branch;
    auto inside =
        issue ? issue.getCondition().getDefiningOp<arith::CmpIOp>() : nullptr;
    if (!inside || inside.getPredicate() != arith::CmpIPredicate::slt ||
        inside.getRhs() != loop.getUpperBound())
      return loop.emitOpError("expected a branch that issues the copies of a "
                              "step below the loop's end");
    ahead = inside.getLhs();
    SmallVector<Operation *> unfenced;
    issue.walk([&](StageInterface copy) {
      if (signalsCopy(copy)) {
        full = copy.signalled();
        stages = cast<BufferType>(copy.stageBuffer().getType()).getStages();
      } else if (llvm::any_of(copy.stageBuffer().getUsers(),
                              llvm::IsaPred<StageOp>)) {
        unfenced.push_back(copy);
      }
    });
    if (!unfenced.empty())
      return unfenced.front()->emitOpError(
          "what a producer warp copies is not fenced for wgmma; only the copy "
          "engine's copies are, and it cannot bring this tile");
    return findOutside();
  }

  /// What the producer needs of the loop over tiles.
  LogicalResult findOutside() {
    if (!tiles)
      return success();
    outside = {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()};
    issue.walk(
        [&](Operation *op) { llvm::append_range(outside, op->getOperands()); });
    llvm::erase_if(outside, [&](Value value) {
      return value.getParentBlock() != tiles.getBody();
    });
    for (Value value : outside) {
      if (auto alloc = value.getDefiningOp<AllocOp>())
        alloc->moveBefore(root);
      else if (!computableAhead(tiles, value))
        return loop.emitOpError(
            "a producer warp runs ahead into the next tile, "
            "and cannot compute what these copies start "
            "from");
    }
    return success();
  }

  void placeMbarriers() {
    auto init = llvm::find_if(full.getUsers(), llvm::IsaPred<MbarrierInitOp>);
    auto begin = cast<MbarrierInitOp>(*init);
    // Besides the copy engine's arrivals, one of each lane.
    if (holdsAny(issue, copiesAlone))
      begin.setArrivals(begin.getArrivals() + lanes);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(begin);
    empty = MbarrierAllocOp::create(b, loc(), full.getType(), IntegerAttr());
    MbarrierInitOp::create(b, loc(), empty, schedule.warps);
  }

  /// Clones those copies of the loop that `which` names, and what they need,
  /// for step `k` and stage `slot`.
  template <typename F> void copies(Value k, Value slot, F &&which) {
    IRMapping map = ofTile;
    map.map(ahead, k);
    SmallVector<Operation *> needed;
    for (Operation &op : issue.thenBlock()->without_terminator()) {
      if (startsCopy(&op) && !which(&op))
        continue;
      Operation *clone = b.clone(op, map);
      if (auto copy = dyn_cast<StageInterface>(clone))
        copy.getSlotMutable().set(slot);
      else
        needed.push_back(clone);
    }
    eraseDead(needed);
  }

  /// In an order in which users come later.
  static void eraseDead(ArrayRef<Operation *> ops) {
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }

  void produce(Block *body) {
    b.setInsertionPointToStart(body);
    if (tiles) {
      auto each = scf::ForOp::create(b, loc(), tiles.getLowerBound(),
                                     tiles.getUpperBound(), tiles.getStep(),
                                     ValueRange{constant(0), constant(1)});
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(each.getBody());
      ofTile.map(tiles.getInductionVar(), each.getInductionVar());
      for (Value value : outside)
        cloneAhead(b, tiles, value, ofTile);
      auto steps = produceSteps(each.getRegionIterArgs());
      scf::YieldOp::create(b, loc(), steps.getResults());
    } else {
      if (startsEarly())
        produceConstants();
      produceSteps({constant(0), constant(1)});
    }
    // A thread does not leave while its copies are on their way, nor between
    // its arrival at the cluster's barrier and the barrier's end.
    AsyncWaitOp::create(b, loc(), 0);
    if (holds<ClusterArriveOp>(function))
      ClusterWaitOp::create(b, loc());
  }

  /// Whether the first constants are copied before the launch ahead is done.
  bool startsEarly() {
    return !tiles && schedule.dependent != lath::Dependent::none &&
           holdsAny(issue, copiesConstants);
  }

  /// Those of all stages, which are empty.
  void produceConstants() {
    auto first = scf::ForOp::create(b, loc(), constant(0), constant(stages),
                                    constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(first.getBody());
    Value slot = first.getInductionVar();
    Value k = arith::AddIOp::create(
        b, loc(), loop.getLowerBound(),
        arith::MulIOp::create(b, loc(), loop.getStep(), slot));
    inBranch(arith::CmpIPredicate::slt, k, loop.getUpperBound(),
             [&] { copies(k, slot, copiesConstants); });
  }

  /// All steps of a tile, from this stage and parity on; returns the next ones.
  scf::ForOp produceSteps(ValueRange start) {
    const bool early = startsEarly();
    Value again; // the first step that fills a stage for the second time
    if (early)
      again = arith::AddIOp::create(
          b, loc(), loop.getLowerBound(),
          arith::MulIOp::create(b, loc(), loop.getStep(), constant(stages)));
    auto here = [&](Value value) { return ofTile.lookupOrDefault(value); };
    auto steps = scf::ForOp::create(b, loc(), here(loop.getLowerBound()),
                                    here(loop.getUpperBound()),
                                    here(loop.getStep()), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(steps.getBody());
    Value k = steps.getInductionVar(), slot = steps.getRegionIterArg(0),
          parity = steps.getRegionIterArg(1);
    if (early) {
      inBranch(arith::CmpIPredicate::sge, k, again, [&] {
        MbarrierWaitOp::create(b, loc(), empty, slot, parity);
        copies(k, slot, copiesConstants);
      });
      copies(k, slot, [](Operation *op) { return !copiesConstants(op); });
    } else {
      MbarrierWaitOp::create(b, loc(), empty, slot, parity);
      copies(k, slot, [](Operation *) { return true; });
    }
    if (holdsAny(issue, copiesAlone))
      AsyncArriveOp::create(b, loc(), full, slot);
    Value up = arith::AddIOp::create(b, loc(), slot, constant(1));
    Value wraps = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq, up,
                                        constant(stages));
    Value next = arith::SelectOp::create(b, loc(), wraps, constant(0), up);
    Value bit = arith::ExtUIOp::create(b, loc(), b.getI32Type(), wraps);
    scf::YieldOp::create(
        b, loc(),
        ValueRange{next, arith::XOrIOp::create(b, loc(), parity, bit)});
    return steps;
  }

  template <typename F>
  void inBranch(arith::CmpIPredicate how, Value left, Value right, F &&body) {
    Value condition = arith::CmpIOp::create(b, loc(), how, left, right);
    auto branch =
        scf::IfOp::create(b, loc(), condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    body();
  }

  void consume(scf::IfOp roles) {
    Operation *end = roles.elseBlock()->getTerminator();
    if (fill) {
      fill->moveBefore(end);
      b.setInsertionPoint(end);
      BarrierOp::create(b, loc()); // zeros are there, for all that compute
    }
    for (Operation *op = roles->getNextNode();
         op != function.front().getTerminator();) {
      Operation *next = op->getNextNode();
      op->moveBefore(end);
      op = next;
    }
    if (tiles) { // no stage is filled again before all have read it
      Operation *before = prologue->getPrevNode();
      while (before && isMemoryEffectFree(before))
        before = before->getPrevNode();
      if (isa_and_nonnull<BarrierOp>(before))
        before->erase();
    }
    prologue.erase();
    SmallVector<Operation *> dead{issue};
    Operation *firstLoad = nullptr;
    MbarrierWaitOp wait;
    for (Operation &op : *loop.getBody()) {
      if (op.hasTrait<StageSync>())
        dead.push_back(&op);
      else if (isa<StageInterface>(op) && !firstLoad)
        firstLoad = &op;
      else if (isa<MbarrierWaitOp>(op))
        wait = cast<MbarrierWaitOp>(op);
    }
    // Now it stands for all copies of the stage.
    if (firstLoad->isBeforeInBlock(wait))
      wait->moveBefore(firstLoad);
    for (Operation *op : dead)
      op->erase();
    // What only the copies needed.
    SmallVector<Operation *> body;
    for (Operation &op : loop.getBody()->without_terminator())
      body.push_back(&op);
    eraseDead(body);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    MbarrierArriveOp::create(b, loc(), empty, wait.getSlot());
    if (tiles)
      carryStage(wait);
  }

  /// Stage and parity go on where the last tile ended.
  void carryStage(MbarrierWaitOp wait) {
    SmallVector<OpOperand *> starts;
    SmallVector<Value> ends, zeros;
    for (Value carried : {wait.getSlot(), wait.getParity()}) {
      auto argument = cast<BlockArgument>(carried);
      starts.push_back(loop.getTiedLoopInit(argument));
      ends.push_back(loop.getTiedLoopResult(argument));
    }
    IRRewriter rewriter(b.getContext());
    rewriter.setInsertionPoint(tiles);
    for (OpOperand *start : starts) {
      (void)start;
      zeros.push_back(
          arith::ConstantOp::create(rewriter, loc(), b.getI32IntegerAttr(0)));
    }
    auto carry = [&](OpBuilder &, Location, ArrayRef<BlockArgument> added) {
      for (auto [start, argument] : llvm::zip(starts, added))
        start->set(argument);
      return ends;
    };
    (void)*tiles.replaceWithAdditionalYields(
        rewriter, zeros, /*replaceInitOperandUsesInLoop=*/false, carry);
  }
};

struct SpecialiseWarps : lath::impl::SpecialiseWarpsBase<SpecialiseWarps> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      const lath::TargetSchedule schedule = scheduleOf(function);
      if (schedule.producers && failed(Specialiser(function, schedule).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
