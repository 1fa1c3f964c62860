// Starts copies `stages - 1` steps before their use.
//
//   before  for k { copy(k) -> b[0]; commit; wait 0; barrier; use b[0]; barrier
//   } after   for s in 0..stages-2 { if (lo + s * step < hi) copy -> b[s];
//   commit }
//           for k, read = 0, write = stages-1 {
//             wait stages-2          the oldest group has landed, for this
//             thread barrier                ... for all; and all are done with
//             b[write],
//                                    which was read one step ago
//             if (k + (stages-1) * step < hi) copy -> b[write]
//             commit                 empty groups keep the count right
//             use b[read]
//             read, write = next(read), next(write)
//           }
//
// Where starts come from memory, as those of gathered rows do, what they come
// from is loaded a step before the copy and carried, so that no copy waits:
//
//           %i = load ids[lo + (stages-1) * step]
//           for k, ..., i {
//             ...
//             if (k + (stages-1) * step < hi) copy rows[i] -> b[write]
//             commit
//             next i = load ids[k + stages * step]
//
// One barrier a step does for both directions. The loops and the branches that
// copy are marked `tile.part`, for the passes after this one: prologue, ring,
// issue.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Ahead.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_PIPELINELOOPS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

class Pipeliner {
public:
  Pipeliner(scf::ForOp loop, unsigned stages)
      : loop(loop), stages(stages), b(loop) {
    for (Operation &op : *loop.getBody()) {
      if (startsCopy(&op))
        copies.push_back(cast<StageInterface>(op));
      if (auto wait = dyn_cast<AsyncWaitOp>(op))
        matrixOperands |= wait.getMatrixOperands();
    }
  }

  LogicalResult run() {
    if (copies.empty())
      return success();
    for (StageInterface copy : copies)
      for (Value operand : copy->getOperands())
        if (operand != copy.getSlotMutable().get())
          collectReads(loop, operand, reads);
    if (failed(checkNested()) || failed(deepenBuffers()))
      return failure();
    // Inside another loop the buffers have readers from the last time.
    if (loop->getParentOfType<scf::ForOp>())
      BarrierOp::create(b, loc());
    Value lower = loop.getLowerBound(), step = loop.getStep();
    // A loop, not unrolled code: a cold launch pays for every instruction line
    // it fetches.
    auto prologue = scf::ForOp::create(b, loc(), constant(0),
                                       constant(stages - 1), constant(1));
    setPart(prologue, Part::prologue);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(prologue.getBody());
      Value slot = prologue.getInductionVar();
      Value ahead = arith::MulIOp::create(b, loc(), step, slot);
      IRMapping none;
      issue(arith::AddIOp::create(b, loc(), lower, ahead), slot, none);
    }
    pipelineBody();
    return success();
  }

private:
  scf::ForOp loop;
  unsigned stages;
  OpBuilder b;
  SmallVector<StageInterface> copies;
  SetVector<Operation *> reads; ///< of memory, which copies start from
  bool matrixOperands = false;

  Location loc() { return loop.getLoc(); }
  Value constant(int64_t value) {
    return arith::ConstantOp::create(b, loc(), b.getI32IntegerAttr(value));
  }

  /// The step for which copies start in step k.
  Value stagesAhead(Value k) {
    Value ahead =
        arith::MulIOp::create(b, loc(), loop.getStep(), constant(stages - 1));
    return arith::AddIOp::create(b, loc(), k, ahead);
  }

  /// A copy in a region of the body cannot go ahead with those of the body,
  /// whose groups are counted; only loops that wait for their own may copy.
  LogicalResult checkNested() {
    WalkResult result = loop.walk([&](StageInterface access) {
      if (!access.startsCopy() || access->getParentOp() == loop)
        return WalkResult::advance();
      if (access->getParentOfType<scf::ForOp>() != loop &&
          !isDeep(access.stageBuffer()))
        return WalkResult::advance();
      access.emitOpError("starts a copy in a region of a pipelined loop; only "
                         "those of its body itself go ahead");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult deepenBuffers() {
    for (StageInterface copy : copies) {
      for (Operation *user : copy.stageBuffer().getUsers())
        if (!isa<StageInterface>(user))
          return user->emitOpError("uses a buffer of a pipelined loop and does "
                                   "not say which stage of it");
      auto type = cast<BufferType>(copy.stageBuffer().getType());
      copy.stageBuffer().setType(BufferType::get(
          type.getContext(), stages, type.getShape(), type.getElementType(),
          type.getPacked(), type.getAtom(), type.getLayout()));
    }
    return success();
  }

  bool isDeep(Value buffer) {
    return llvm::any_of(copies, [&](StageInterface copy) {
      return copy.stageBuffer() == buffer;
    });
  }

  /// What copies of step k start from; where there is none, `otherwise`.
  SmallVector<Value> readFor(Value k, ValueRange otherwise) {
    if (reads.empty())
      return {};
    Value inside = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::slt, k,
                                         loop.getUpperBound());
    auto branch = scf::IfOp::create(b, loc(), otherwise.getTypes(), inside,
                                    /*withElseRegion=*/true);
    OpBuilder then = branch.getThenBodyBuilder();
    IRMapping map;
    map.map(loop.getInductionVar(), k);
    SmallVector<Value> read;
    for (Operation *op : reads)
      read.push_back(cloneAhead(then, loop, op->getResult(0), map));
    scf::YieldOp::create(then, loc(), read);
    OpBuilder none = branch.getElseBodyBuilder();
    scf::YieldOp::create(none, loc(), otherwise);
    return branch.getResults();
  }

  /// Zeros in place of what is read.
  SmallVector<Value> nothingRead() {
    SmallVector<Value> zeros;
    for (Operation *op : reads) {
      Type type = op->getResult(0).getType();
      Value zero = arith::ConstantOp::create(
          b, loc(), b.getZeroAttr(getElementTypeOrSelf(type)));
      zeros.push_back(SplatOp::create(b, loc(), type, zero));
    }
    return zeros;
  }

  /// `if (k < hi) copies(k) -> slot`, and a commit. `map` may hold what the
  /// copies start from.
  void issue(Value k, Value slot, IRMapping &map) {
    Value inside = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::slt, k,
                                         loop.getUpperBound());
    auto branch = scf::IfOp::create(b, loc(), inside, /*withElseRegion=*/false);
    setPart(branch, Part::issue);
    OpBuilder then = branch.getThenBodyBuilder();
    map.map(loop.getInductionVar(), k);
    for (StageInterface copy : copies) {
      for (Value operand : copy->getOperands())
        if (operand != copy.getSlotMutable().get())
          cloneAhead(then, loop, operand, map);
      cast<StageInterface>(then.clone(*copy, map)).getSlotMutable().set(slot);
    }
    AsyncCommitOp::create(b, loc());
  }

  void pipelineBody() {
    SmallVector<Value> inits(loop.getInitArgs());
    inits.push_back(constant(0));
    inits.push_back(constant(stages - 1));
    if (!reads.empty())
      llvm::append_range(
          inits, readFor(stagesAhead(loop.getLowerBound()), nothingRead()));
    auto deep = scf::ForOp::create(b, loc(), loop.getLowerBound(),
                                   loop.getUpperBound(), loop.getStep(), inits);
    deep->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    setPart(deep, Part::ring);
    unsigned carried = loop.getInitArgs().size();
    Value read = deep.getRegionIterArg(carried),
          write = deep.getRegionIterArg(carried + 1);

    b.setInsertionPointToStart(deep.getBody());
    AsyncWaitOp::create(b, loc(), stages - 2, matrixOperands);
    BarrierOp::create(b, loc());
    Value k = stagesAhead(deep.getInductionVar());
    auto carriedReads = deep.getRegionIterArgs().drop_front(carried + 2);
    IRMapping known;
    for (auto [op, value] : llvm::zip(reads, carriedReads))
      known.map(op->getResult(0), value);
    issue(k, write, known);
    SmallVector<Value> nextReads;
    if (!reads.empty())
      nextReads =
          readFor(arith::AddIOp::create(b, loc(), k, loop.getStep()),
                  SmallVector<Value>(carriedReads.begin(), carriedReads.end()));

    IRMapping map;
    map.map(loop.getInductionVar(), deep.getInductionVar());
    for (unsigned i = 0; i < carried; ++i)
      map.map(loop.getRegionIterArg(i), deep.getRegionIterArg(i));
    for (Operation &op : loop.getBody()->without_terminator()) {
      if (startsCopy(&op) || op.hasTrait<StageSync>())
        continue;
      b.clone(op, map)->walk([&](StageInterface access) {
        if (isDeep(access.stageBuffer()))
          access.getSlotMutable().set(read);
      });
    }
    SmallVector<Value> yields;
    for (Value value : loop.getYieldedValues())
      yields.push_back(map.lookupOrDefault(value));
    yields.push_back(next(read));
    yields.push_back(next(write));
    llvm::append_range(yields, nextReads);
    scf::YieldOp::create(b, loc(), yields);
    loop.replaceAllUsesWith(deep.getResults().take_front(carried));
    loop.erase();
    if (!reads.empty()) // what only copies started from
      for (Operation &op :
           llvm::make_early_inc_range(llvm::reverse(*deep.getBody())))
        if (isOpTriviallyDead(&op))
          op.erase();
  }

  Value next(Value slot) {
    Value up = arith::AddIOp::create(b, loc(), slot, constant(1));
    Value wraps = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq, up,
                                        constant(stages));
    return arith::SelectOp::create(b, loc(), wraps, constant(0), up);
  }
};

struct PipelineLoops : lath::impl::PipelineLoopsBase<PipelineLoops> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      if (const int stages = scheduleOf(loop).stages;
          stages > 1 && failed(Pipeliner(loop, stages).run()))
        return signalPassFailure();
  }
};
} // namespace
