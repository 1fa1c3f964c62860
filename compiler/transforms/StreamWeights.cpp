// Streams packed weights from memory straight into registers, one K step ahead.
//
//   before  scf.for %k ... {
//             %q = tile.load %w[%k, %n]
//             ... use of %q
//   after   %first = tile.guarded_load %w[%lo, %n] if %lo < %hi
//           scf.for %k ... iter_args(%q = %first) {
//             ... use of %q
//             %next = tile.guarded_load %w[%k + %step, %n]
//                         if %k + %step < %hi else %q
//             scf.yield ..., %next
//
// Weights that lie in memory as lanes use them (views in atoms) need no shared
// memory and no barrier: a register is requested again as soon as its word is
// unpacked, and the first step before anything else. How much is on its way
// follows from the K step and the number of warps.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Ahead.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_STREAMWEIGHTS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

/// The tile that iteration `k` reads, if there is such an iteration.
Value request(OpBuilder &b, scf::ForOp loop, LoadOp load, Value k, Value old) {
  Location loc = load.getLoc();
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, k,
                                       loop.getUpperBound());
  IRMapping map;
  map.map(loop.getInductionVar(), k);
  SmallVector<Value> starts;
  for (Value start : load.getStart())
    starts.push_back(cloneAhead(b, loop, start, map));
  return GuardedLoadOp::create(b, loc, load.getType(), load.getView(), starts,
                               inside, old);
}

void stream(scf::ForOp loop, LoadOp load) {
  OpBuilder before(loop);
  Value first =
      request(before, loop, load, loop.getLowerBound(), /*old=*/Value());
  IRRewriter rewriter(loop.getContext());
  rewriter.setInsertionPoint(loop);
  auto yields = [&](OpBuilder &b, Location loc,
                    ArrayRef<BlockArgument> added) -> SmallVector<Value> {
    Value next =
        arith::AddIOp::create(b, loc, loop.getInductionVar(), loop.getStep());
    return {request(b, loop, load, next, added.front())};
  };
  // `loop` is erased; its body moves.
  auto deeper = cast<scf::ForOp>(*loop.replaceWithAdditionalYields(
      rewriter, ValueRange{first}, /*replaceInitOperandUsesInLoop=*/false,
      yields));
  rewriter.replaceOp(load, deeper.getRegionIterArgs().back());
}

struct StreamWeights : lath::impl::StreamWeightsBase<StreamWeights> {
  void runOnOperation() override {
    SmallVector<std::pair<scf::ForOp, LoadOp>> loads;
    getOperation().walk([&](LoadOp load) {
      auto loop = dyn_cast<scf::ForOp>(load->getParentOp());
      if (scheduleOf(load).weights == lath::WeightPath::registers && loop &&
          load.getView().getType().streamed() &&
          computableAhead(loop, load.getStart()))
        loads.push_back({loop, load});
    });
    for (auto [loop, load] : loads) {
      // A loop that was deepened for another load is a new one.
      loop = cast<scf::ForOp>(load->getParentOp());
      stream(loop, load);
    }
  }
};
} // namespace
