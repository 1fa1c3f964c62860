// Gives each of `split` blocks (grid axis 2) its share of K and brings their
// partial sums together as the schedule says.
//
//   before  %lo, %hi, %st = tile.k_range extent 4096 step 128
//           %acc = scf.for %k = %lo to %hi step %st ...
//           %sum = tile.reduce_splits %acc
//           tile.store (tile.cast %sum), %out[...]
//
//   after   interleaved: block s takes steps s, s + split, ...
//           (ordered); contiguous: block s takes the s-th run of steps
//           %acc = scf.for %k = %s * 128 to 4096 step %split * 128 ...
//           tile.partial_store %acc, %workspace[%tile * split + %s]
//           %last = tile.arrive %tickets[%tile] of split
//           scf.if %last {
//             %sum = partial_load [tile * split] + ... + [tile * split + split
//             - 1] tile.store (tile.cast %sum), %out[...]
//           }
//
// `atomic` adds into one fp32 slot a tile instead, and the last block reads it
// back and clears it, so that no launch needs a memset. `atomic_out` turns the
// stores themselves into atomic adds of each block's share (arXiv 2402.00025).
//
// `cluster` makes the blocks of a tile one thread-block cluster, which adds
// through distributed shared memory: no workspace and no ticket.
//
//   after   %sent = tile.mbarrier_alloc              first in the kernel
//           tile.mbarrier_init %sent arrivals 1
//           tile.cluster_arrive
//           %acc = scf.for ...
//           tile.cluster_wait                        all peers have started
//           %sum = tile.sum_cluster %acc signals %sent {blocks = split}
//           tile.store (tile.cast %sum), %out[...]   every block its part
#include "compiler/base/Ptx.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

#include <limits>

namespace lath {
#define GEN_PASS_DEF_SPLITK
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

/// Where the shares of a k_range's n steps begin: floor(s n / split) * step.
class Borders {
public:
  Borders(OpBuilder &b, KRangeOp range, int64_t split)
      : b(b), loc(range.getLoc()), step(range.getStep()), split(split) {
    if (range.getExtent()) {
      steps = llvm::divideCeil(*range.getExtent(), step);
      return;
    }
    // n = whole * split + rest, so that no product is larger than n.
    Value least =
        arith::MaxSIOp::create(b, loc, range.getDynamicExtent(), constant(0));
    Value up = arith::AddIOp::create(b, loc, least, constant(step - 1));
    Value n = arith::DivUIOp::create(b, loc, up, constant(step));
    whole = arith::DivUIOp::create(b, loc, n, constant(split));
    rest = arith::RemUIOp::create(b, loc, n, constant(split));
  }

  Value operator()(Value s) {
    if (!whole && steps % split == 0)
      return arith::MulIOp::create(b, loc, s, constant(steps / split * step));
    Value scaled =
        arith::MulIOp::create(b, loc, s, whole ? rest : constant(steps));
    Value first = arith::DivUIOp::create(b, loc, scaled, constant(split));
    if (whole)
      first = arith::AddIOp::create(b, loc, first,
                                    arith::MulIOp::create(b, loc, s, whole));
    return arith::MulIOp::create(b, loc, first, constant(step));
  }

private:
  OpBuilder &b;
  Location loc;
  const int64_t step, split;
  int64_t steps = 0; ///< n, where it is a number
  Value whole, rest; ///< else

  Value constant(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
};

struct SplitK : lath::impl::SplitKBase<SplitK> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(split(function)))
        return signalPassFailure();
  }

  LogicalResult split(func::FuncOp function) {
    const lath::TargetSchedule schedule = scheduleOf(function);
    if (!function->hasAttr(scheduleAttrName))
      return function.emitOpError("expected a tile.schedule attribute");
    SmallVector<KRangeOp> ranges;
    SmallVector<ReduceSplitsOp> reductions;
    function.walk([&](Operation *op) {
      if (auto range = dyn_cast<KRangeOp>(op))
        ranges.push_back(range);
      if (auto reduction = dyn_cast<ReduceSplitsOp>(op))
        reductions.push_back(reduction);
    });
    if (schedule.split > 1 && (ranges.size() != 1 || reductions.size() != 1))
      return function.emitOpError("split ")
             << schedule.split
             << " needs one k_range and one reduce_splits, got "
             << ranges.size() << " and " << reductions.size();
    if (schedule.split > 1 && failed(checkAxes(function)))
      return failure();
    for (KRangeOp range : ranges) {
      if (failed(checkIndices(range, schedule)))
        return failure();
      replaceRange(range, schedule);
    }
    for (ReduceSplitsOp reduction : reductions)
      if (failed(replaceReduction(function, reduction, schedule)))
        return failure();
    return success();
  }

  /// Axis 2 of the grid is the splits'.
  LogicalResult checkAxes(func::FuncOp function) {
    WalkResult result = function.walk([&](Operation *op) {
      auto id = dyn_cast<ProgramIdOp>(op);
      auto count = dyn_cast<NumProgramsOp>(op);
      if ((id && id.getAxis() == 2) || (count && count.getAxis() == 2)) {
        op->emitOpError("axis 2 of the grid holds the splits; use 0 and 1");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// Kernels count K in 32 bits, up to `stages` strides past its end.
  LogicalResult checkIndices(KRangeOp range,
                             const lath::TargetSchedule &schedule) {
    if (!range.getExtent())
      return success(); // the caller's, as language.md says
    const int64_t extent = *range.getExtent(), step = range.getStep();
    const int64_t split = schedule.split;
    const bool interleaved = schedule.order == lath::KOrder::interleaved;
    const int64_t stride = interleaved ? split * step : step;
    const int64_t end = extent + schedule.stages * stride;
    constexpr int64_t allowed = std::numeric_limits<int32_t>::max();
    if (end > allowed)
      return range.emitOpError("extent ")
             << extent << " in strides of " << stride << ", of which "
             << schedule.stages << " go ahead, counts k to " << end
             << "; at most " << allowed << " fits";
    const int64_t steps = llvm::divideCeil(extent, step);
    constexpr int64_t allowedBorder = std::numeric_limits<uint32_t>::max();
    if (!interleaved && steps % split != 0 && split * steps > allowedBorder)
      return range.emitOpError("split ")
             << split << " of " << steps << " steps counts to " << split * steps
             << "; at most " << allowedBorder << " fits";
    return success();
  }

  void replaceRange(KRangeOp range, const lath::TargetSchedule &schedule) {
    OpBuilder b(range);
    Location loc = range.getLoc();
    auto constant = [&](int64_t v) -> Value {
      return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(v));
    };
    const int64_t step = range.getStep(), split = schedule.split;
    Value lower = constant(0),
          upper = range.getExtent() ? constant(*range.getExtent())
                                    : range.getDynamicExtent(),
          stride = constant(step);
    if (split > 1) {
      Value part = ProgramIdOp::create(b, loc, b.getI32Type(), 2);
      if (schedule.order == lath::KOrder::interleaved) {
        lower = arith::MulIOp::create(b, loc, part, constant(step));
        stride = constant(split * step);
      } else {
        // Block s takes steps floor(s n / split) to floor((s + 1) n / split) -
        // 1 of n: shares differ by one at most.
        Borders border(b, range, split);
        lower = border(part);
        Value end = border(arith::AddIOp::create(b, loc, part, constant(1)));
        upper = arith::MinSIOp::create(b, loc, end, upper);
      }
    }
    range.replaceAllUsesWith(ValueRange{lower, upper, stride});
    range.erase();
  }

  LogicalResult replaceReduction(func::FuncOp function,
                                 ReduceSplitsOp reduction,
                                 const lath::TargetSchedule &schedule) {
    Value partial = reduction.getPartial();
    if (schedule.split == 1) {
      reduction.replaceAllUsesWith(partial);
      reduction.erase();
      return success();
    }
    switch (schedule.reduce) {
    case lath::Reduce::none:
      break; // no split is without
    case lath::Reduce::atomicOut:
      return addIntoOutput(reduction);
    case lath::Reduce::cluster:
      return reduceInCluster(function, reduction, schedule);
    case lath::Reduce::atomic:
    case lath::Reduce::ordered:
      return reduceInWorkspace(function, reduction, schedule);
    }
    return failure();
  }

  /// Stores of the sum, through casts alone, become atomic adds.
  LogicalResult addIntoOutput(ReduceSplitsOp reduction) {
    SmallVector<Operation *> todo(reduction->getUsers());
    while (!todo.empty()) {
      Operation *user = todo.pop_back_val();
      if (auto store = dyn_cast<StoreOp>(user)) {
        OpBuilder b(store);
        AtomicOp::create(b, store.getLoc(), store.getValue().getType(),
                         AtomicKind::add, store.getValue(),
                         /*expected=*/Value(), store.getView(),
                         store.getStart(), store.getDims());
        store.erase();
      } else if (isa<CastOp>(user) &&
                 isa<FloatType>(getElementTypeOrSelf(user->getOperand(0))) &&
                 isa<Float16Type, BFloat16Type, Float32Type>(
                     getElementTypeOrSelf(user->getResult(0)))) {
        todo.append(user->user_begin(), user->user_end());
      } else {
        return user->emitOpError(
            "atomic adds into the output are possible only "
            "where the sum is cast and stored");
      }
    }
    reduction.replaceAllUsesWith(reduction.getPartial());
    reduction.erase();
    return success();
  }

  /// Whether an access reads memory that it writes: an atomic.
  static bool changesWhatItReads(Operation *op) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects)
      return false;
    SmallVector<MemoryEffects::EffectInstance> all;
    effects.getEffectsOnResource(GlobalMemory::get(), all);
    auto has = [&](auto *of) {
      return llvm::any_of(all, [&](const MemoryEffects::EffectInstance &each) {
        return each.getEffect() == of;
      });
    };
    return has(MemoryEffects::Read::get()) && has(MemoryEffects::Write::get());
  }

  LogicalResult reduceInCluster(func::FuncOp function, ReduceSplitsOp reduction,
                                const lath::TargetSchedule &schedule) {
    unsigned split = schedule.split;
    if (reduction->getBlock() != &function.front())
      return reduction.emitOpError("expected at the top level of the kernel");
    // All blocks go on behind the sum, each with its part of the tile. What is
    // the same in all of them is stored more than once, which is no harm.
    for (Operation *op = reduction->getNextNode(); op; op = op->getNextNode()) {
      WalkResult atomics = op->walk([](Operation *inner) {
        return changesWhatItReads(inner) ? WalkResult::interrupt()
                                         : WalkResult::advance();
      });
      if (atomics.wasInterrupted())
        return op->emitOpError(
            "behind a sum with reduce=cluster, which every block of the "
            "cluster "
            "goes on with, atomics would be done by each; use reduce=ordered");
    }
    Location loc = reduction.getLoc();
    OpBuilder start = OpBuilder::atBlockBegin(&function.front());
    Value sent = MbarrierAllocOp::create(
        start, loc, MbarriersType::get(start.getContext(), /*stages=*/1),
        IntegerAttr());
    MbarrierInitOp::create(start, loc, sent, /*arrivals=*/1);
    ClusterArriveOp::create(start, loc);
    OpBuilder b(reduction);
    ClusterWaitOp::create(b, loc);
    Value sum = SumClusterOp::create(b, loc, reduction.getType(),
                                     reduction.getPartial(), sent, split);
    reduction.replaceAllUsesWith(sum);
    reduction.erase();
    return success();
  }

  Value addScratch(func::FuncOp function, StringRef name,
                   lath::KernelParam::Kind kind, lath::Dtype type) {
    OpBuilder b(function.getContext());
    auto attributes = b.getDictionaryAttr(
        {b.getNamedAttr(paramNameAttr, b.getStringAttr(name)),
         b.getNamedAttr(paramKindAttr,
                        b.getI32IntegerAttr(static_cast<int>(kind))),
         b.getNamedAttr(paramTypeAttr, b.getStringAttr(lath::name(type)))});
    unsigned index = function.getNumArguments();
    (void)function.insertArgument(index,
                                  LLVM::LLVMPointerType::get(b.getContext(), 1),
                                  attributes, function.getLoc());
    return function.getArgument(index);
  }

  LogicalResult reduceInWorkspace(func::FuncOp function,
                                  ReduceSplitsOp reduction,
                                  const lath::TargetSchedule &schedule) {
    Block *block = reduction->getBlock();
    if (block != &function.front())
      return reduction.emitOpError("expected at the top level of the kernel");
    bool ordered = schedule.reduce == lath::Reduce::ordered;
    int64_t split = schedule.split;
    Value partial = reduction.getPartial();
    Value workspace =
        addScratch(function, "workspace", lath::KernelParam::Kind::workspace,
                   lath::Dtype::f32);
    Value tickets =
        addScratch(function, "tickets", lath::KernelParam::Kind::tickets,
                   lath::Dtype::i32);

    OpBuilder b(reduction);
    Location loc = reduction.getLoc();
    Type i32 = b.getI32Type();
    auto constant = [&](int64_t v) -> Value {
      return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(v));
    };
    // tile = id1 * grid0 + id0
    Value row =
        arith::MulIOp::create(b, loc, ProgramIdOp::create(b, loc, i32, 1),
                              NumProgramsOp::create(b, loc, i32, 0));
    Value tile =
        arith::AddIOp::create(b, loc, row, ProgramIdOp::create(b, loc, i32, 0));
    Value first = tile;
    if (ordered)
      first = arith::MulIOp::create(b, loc, tile, constant(split));
    Value slot = first;
    if (ordered)
      slot = arith::AddIOp::create(b, loc, first,
                                   ProgramIdOp::create(b, loc, i32, 2));
    PartialStoreOp::create(b, loc, partial, workspace, slot,
                           /*atomic=*/!ordered);
    Value last = ArriveOp::create(b, loc, b.getI1Type(), tickets, tile, split);
    auto branch = scf::IfOp::create(b, loc, last, /*withElseRegion=*/false);

    // What follows the reduction moves into the branch.
    Block *then = branch.thenBlock();
    then->getOperations().splice(then->getTerminator()->getIterator(),
                                 block->getOperations(),
                                 std::next(reduction->getIterator()),
                                 block->getTerminator()->getIterator());
    b.setInsertionPointToStart(then);
    Value sum =
        PartialLoadOp::create(b, loc, partial.getType(), workspace, first,
                              /*clear=*/!ordered);
    for (int64_t s = 1; ordered && s < split; ++s) {
      Value from = arith::AddIOp::create(b, loc, first, constant(s));
      Value next = PartialLoadOp::create(b, loc, partial.getType(), workspace,
                                         from, /*clear=*/false);
      sum = isa<FloatType>(getElementTypeOrSelf(sum))
                ? Value(arith::AddFOp::create(b, loc, sum, next))
                : arith::AddIOp::create(b, loc, sum, next);
    }
    reduction.replaceAllUsesWith(sum);
    reduction.erase();
    return success();
  }
};
} // namespace
