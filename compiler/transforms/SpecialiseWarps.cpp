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
// A stage is full when the bulk copy's bytes and the copies of each of the
// producer's lanes have landed, and empty when every warp that computes has
// said so. Both change by turns: the n-th filling of a stage waits for the
// (n-1)-th emptying, so its parity is one off, and the first passes at once.
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
#include "compiler/ir/Tile.h"
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

class Specialiser {
public:
  Specialiser(func::FuncOp function, const lath::KernelSchedule &schedule)
      : function(function), schedule(schedule), b(function.getContext()) {}

  LogicalResult run() {
    if (failed(find()))
      return failure();
    b.setInsertionPoint(loop);
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
  scf::IfOp issue;                 ///< the loop's copies, of step `ahead`
  Value ahead;
  Value full, empty;
  int64_t stages = 0;

  Location loc() { return loop.getLoc(); }
  Value constant(int64_t value) {
    return arith::ConstantOp::create(b, loc(), b.getI32IntegerAttr(value));
  }

  LogicalResult find() {
    for (auto each : function.front().getOps<scf::ForOp>()) {
      if (isPart(each, Part::ring) && holds<BulkCopyOp>(each)) {
        if (loop)
          return each.emitOpError("a producer warp feeds one loop of packed "
                                  "weights, and this is the second");
        loop = each;
      } else if (isPart(each, Part::prologue) && holds<BulkCopyOp>(each)) {
        prologue = each;
      } else if (isPart(each, Part::fill)) {
        fill = each;
      }
    }
    if (!loop || !prologue)
      return function.emitOpError(
          "a producer warp is asked for, and no loop at the top of the kernel "
          "is fed by bulk copies");
    // Code before the roles part is every warp's, and lowered for those that
    // compute: it may set up the loop and no more.
    for (Operation &op : function.front()) {
      if (&op == loop)
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
    issue.walk([&](BulkCopyOp copy) {
      full = copy.getMbarriers();
      stages = copy.getBuffer().getType().getStages();
    });
    return success();
  }

  void placeMbarriers() {
    auto init = llvm::find_if(full.getUsers(), llvm::IsaPred<MbarrierInitOp>);
    auto begin = cast<MbarrierInitOp>(*init);
    // Besides the bulk copies' arrivals, one of each lane.
    if (holds<AsyncCopyOp>(issue))
      begin.setArrivals(begin.getArrivals() + lanes);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(begin);
    empty = MbarrierAllocOp::create(b, loc(), full.getType(), IntegerAttr());
    MbarrierInitOp::create(b, loc(), empty, schedule.warps);
  }

  /// Clones those copies of the loop that `which` names, and what they need,
  /// for step `k` and stage `slot`.
  template <typename F> void copies(Value k, Value slot, F &&which) {
    IRMapping map;
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
    const bool early = schedule.dependent != lath::Dependent::none;
    auto bulk = [](Operation *op) { return isa<BulkCopyOp>(op); };
    auto other = [](Operation *op) { return !isa<BulkCopyOp>(op); };
    auto all = [](Operation *) { return true; };
    if (early) {
      auto first = scf::ForOp::create(b, loc(), constant(0), constant(stages),
                                      constant(1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(first.getBody());
      Value slot = first.getInductionVar();
      Value k = arith::AddIOp::create(
          b, loc(), loop.getLowerBound(),
          arith::MulIOp::create(b, loc(), loop.getStep(), slot));
      inBranch(arith::CmpIPredicate::slt, k, loop.getUpperBound(),
               [&] { copies(k, slot, bulk); });
    }
    Value again; // the first step that fills a stage for the second time
    if (early)
      again = arith::AddIOp::create(
          b, loc(), loop.getLowerBound(),
          arith::MulIOp::create(b, loc(), loop.getStep(), constant(stages)));
    auto steps = scf::ForOp::create(b, loc(), loop.getLowerBound(),
                                    loop.getUpperBound(), loop.getStep(),
                                    ValueRange{constant(0), constant(1)});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(steps.getBody());
      Value k = steps.getInductionVar(), slot = steps.getRegionIterArg(0),
            parity = steps.getRegionIterArg(1);
      if (early) {
        inBranch(arith::CmpIPredicate::sge, k, again, [&] {
          MbarrierWaitOp::create(b, loc(), empty, slot, parity);
          copies(k, slot, bulk);
        });
        copies(k, slot, other);
      } else {
        MbarrierWaitOp::create(b, loc(), empty, slot, parity);
        copies(k, slot, all);
      }
      if (holds<AsyncCopyOp>(issue))
        AsyncArriveOp::create(b, loc(), full, slot);
      Value up = arith::AddIOp::create(b, loc(), slot, constant(1));
      Value wraps = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq,
                                          up, constant(stages));
      Value next = arith::SelectOp::create(b, loc(), wraps, constant(0), up);
      Value bit = arith::ExtUIOp::create(b, loc(), b.getI32Type(), wraps);
      scf::YieldOp::create(
          b, loc(),
          ValueRange{next, arith::XOrIOp::create(b, loc(), parity, bit)});
    }
    // A thread does not leave while its copies are on their way, nor between
    // its arrival at the cluster's barrier and the barrier's end.
    AsyncWaitOp::create(b, loc(), 0);
    if (holds<ClusterArriveOp>(function))
      ClusterWaitOp::create(b, loc());
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
