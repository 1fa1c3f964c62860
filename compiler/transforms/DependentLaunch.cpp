// Lets a kernel start while the launch before it on the stream still runs
// (programmatic dependent launch), and read ahead what no launch changes.
//
//   before  for s in 0..stages-2 { if (..) copy(w) -> bw[s], copy(x) -> bx[s];
//                                  commit }
//           for k { wait stages-2; barrier; ... }
//   after   for s in 0..stages-2 { if (..) copy(w) -> bw[s] }
//           tile.wait_dependency
//           for s in 0..stages-2 { if (..) copy(x) -> bx[s]; commit }
//           for k { wait stages-2; barrier; ... }
//           tile.launch_dependents               (dependent = end)
//
// w is a view whose argument is marked `tile.constant`; everything else in
// global memory (activations, outputs, workspace, tickets) is touched after
// wait_dependency only.
//
// The loop's waits still hold. A commit closes a group of all copies a thread
// has issued since its last commit, so group 0 now has the constant copies of
// every stage and the other copies of stage 0, and group s > 0 the other
// copies of stage s. The number of groups is what it was; the wait of step i
// completes groups 0..i, and all copies of stage i are in groups 0 and i.
//
// Where launch_dependents stands is the schedule's choice:
//
//   end     behind the ring (where no loop is marked one: the last), as above:
//           when every block of this launch is about to add up and store
//   half,   in that loop, when so many of its steps have begun:
//   late      for k { if (k == lo + (3 * steps / 4) * step) {
//                       tile.launch_dependents }; ... }
//   early   right behind wait_dependency
//
// The next launch's blocks then take what room there is and start reading
// constants, while this one ends. They should find room on every SM beside all
// blocks of this launch: where they do not, those that are left over start on
// the SMs that end first, several on one, and both launches take longer. Not
// before the wait: several launches would pile up, unevenly.
//
// What the next launch shares with this one, outputs, workspace and tickets, it
// touches after its own wait, which returns when this launch has completed and
// its writes are visible. And since every thread of every launch waits before
// it ends, a completed launch means that all launches before it are completed
// too: launches further apart are ordered as well, although each waits for its
// neighbour alone.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_DEPENDENTLAUNCH
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using Launch = lath::Dependent;

namespace {

/// Whether this operation itself, by the effects it has, touches memory of
/// which a launch before may not be done. What does not say so does.
bool mustWait(Operation *op) {
  if (isa<RegionBranchOpInterface>(op))
    return false; // its operations are asked
  auto known = dyn_cast<MemoryEffectOpInterface>(op);
  if (!known)
    return true;
  SmallVector<MemoryEffects::EffectInstance> effects;
  known.getEffects(effects);
  return llvm::any_of(effects, [](const MemoryEffects::EffectInstance &effect) {
    if (effect.getResource() == SharedMemory::get())
      return false;
    Value view = effect.getValue();
    return !(isa<MemoryEffects::Read>(effect.getEffect()) && view &&
             isConstant(view));
  });
}

template <typename F> bool any(Operation *root, F &&predicate) {
  return root
      ->walk([&](Operation *op) {
        return predicate(op) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether `op` needs what other operations within `root` may read only after
/// the wait.
bool comesFromWaiting(Operation *op, Operation *root) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    Operation *from = operand.getDefiningOp();
    return from && root->isProperAncestor(from) &&
           (mustWait(from) || comesFromWaiting(from, root));
  });
}

/// Puts the wait before the first operation of `body` that needs it, and
/// constant copies before the wait.
WaitDependencyOp wait(Block &body) {
  auto first = llvm::find_if(body.without_terminator(),
                             [](Operation &op) { return any(&op, mustWait); });
  Operation *late =
      first == body.without_terminator().end() ? body.getTerminator() : &*first;
  auto readsAhead = [&](Operation *op) {
    return startsCopy(op) && !mustWait(op) && !comesFromWaiting(op, late);
  };
  OpBuilder b(late);
  if (isPart(late, Part::prologue) && any(late, readsAhead)) {
    auto erase = [](Operation *loop, auto &&predicate) {
      SmallVector<Operation *> dead;
      loop->walk([&](Operation *op) {
        if (predicate(op))
          dead.push_back(op);
      });
      for (Operation *op : dead)
        op->erase();
      // What the copies started from.
      loop->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
        if (isOpTriviallyDead(op))
          op->erase();
      });
    };
    Operation *ahead = b.clone(*late);
    erase(ahead, [&](Operation *op) {
      return op->hasTrait<StageSync>() ||
             (startsCopy(op) && (mustWait(op) || comesFromWaiting(op, ahead)));
    });
    erase(late, readsAhead);
  }
  return WaitDependencyOp::create(b, late->getLoc());
}

/// The last loop that is marked a ring; where none is, the last of all.
scf::ForOp mainLoop(Block &body) {
  scf::ForOp last, ring;
  for (auto loop : body.getOps<scf::ForOp>()) {
    last = loop;
    if (isPart(loop, Part::ring))
      ring = loop;
  }
  return ring ? ring : last;
}

/// In the iteration before which so many quarters of all have begun.
void launchInside(scf::ForOp loop, int quarters) {
  Location loc = loop.getLoc();
  OpBuilder b(loop);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  };
  auto times = [&](Value x, int64_t n) -> Value {
    return arith::MulIOp::create(b, loc, x, constant(n));
  };
  Value lower = loop.getLowerBound(), step = loop.getStep();
  Value extent = arith::SubIOp::create(b, loc, loop.getUpperBound(), lower);
  Value begun =
      arith::DivUIOp::create(b, loc, times(extent, quarters), times(step, 4));
  Value when = arith::AddIOp::create(
      b, loc, lower, arith::MulIOp::create(b, loc, begun, step));
  b.setInsertionPointToStart(loop.getBody());
  Value now = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                    loop.getInductionVar(), when);
  auto branch = scf::IfOp::create(b, loc, now, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  LaunchDependentsOp::create(b, loc);
}

/// `first`: the wait ahead of which nothing but constants was touched; `body`
/// computes.
void launch(WaitDependencyOp first, Block &body, Launch when) {
  scf::ForOp loop = mainLoop(body);
  if (when == Launch::early) {
    OpBuilder b(first->getContext());
    b.setInsertionPointAfter(first);
    LaunchDependentsOp::create(b, first.getLoc());
  } else if (when == Launch::end || !loop) {
    OpBuilder b = OpBuilder::atBlockBegin(&body);
    if (loop)
      b.setInsertionPointAfter(loop);
    LaunchDependentsOp::create(b, body.getParentOp()->getLoc());
  } else {
    launchInside(loop, when == Launch::half ? 2 : 3);
  }
}

void makeDependent(func::FuncOp function, Launch when) {
  // Where a warp of its own copies, it waits before the first copy of what is
  // not constant, and the others before they store.
  for (auto branch : function.front().getOps<scf::IfOp>())
    if (branch->hasAttr(rolesAttrName)) {
      WaitDependencyOp first = wait(*branch.thenBlock());
      wait(*branch.elseBlock());
      launch(first, *branch.elseBlock(), when);
      return;
    }
  launch(wait(function.front()), function.front(), when);
}

struct DependentLaunch : lath::impl::DependentLaunchBase<DependentLaunch> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (const Launch when = scheduleOf(function).dependent;
          when != Launch::none)
        makeDependent(function, when);
    }
  }
};
} // namespace
