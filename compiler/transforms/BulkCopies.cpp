// Lets the copy engine bring packed weights: one thread starts a whole tile,
// and an mbarrier for each stage says when it is there.
//
//   before  for s in 0..stages-2 { if (k < hi) { copy x -> bx[s];
//                                                copy w -> bw[s] }; commit }
//           for k, read, write { wait; barrier
//                                if (..) { copy x -> bx[write];
//                                          copy w -> bw[write] }; commit
//                                use bx[read], bw[read] }
//   after   %full = tile.mbarrier_alloc ; tile.mbarrier_init %full arrivals 1
//           for s in 0..stages-2 { .. bulk_copy w -> bw[s] signals %full ..}
//           for s in 0..stages-1 { if (k < hi) zero_outside w, bw[s] }
//           for k, read, write, parity = 0 {
//             wait; barrier
//             if (..) { copy x -> bx[write]
//                       bulk_copy w -> bw[write] signals %full }; commit
//             mbarrier_wait %full[read] parity
//             use bx[read], bw[read]
//             parity flips where read wraps
//           }
//
// The loop's barrier, which all warps reach after they have read b[write], lets
// its stage be filled again; it also shows them the initialised mbarriers. No
// fence between proxies is needed: what the engine writes, threads only read.
//
// A bulk copy fills nothing with zeros. Atoms of a tile outside the view
// (ragged N, a tail of K) are left as they are, and what lies there is
// multiplied: by activations that are zero, or into columns that nobody stores.
// So it may be any weight, but not memory that nobody wrote: zero_outside
// writes what the first filling of each stage does not. Columns are outside in
// every step. Rows are in the last alone, and no step fills that stage later,
// so nothing here is written by both. No loop has it where N and K are
// multiples of the tile's.
#include "compiler/ir/Access.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_BULKCOPIES
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Shape;

namespace {

/// The position of `slot` among what the loop carries.
std::optional<unsigned> carriedAs(scf::ForOp loop, Value slot) {
  auto argument = dyn_cast<BlockArgument>(slot);
  if (!argument || argument.getOwner() != loop.getBody() ||
      argument == loop.getInductionVar())
    return std::nullopt;
  return argument.getArgNumber() - loop.getNumInductionVars();
}

bool isRagged(BulkCopyOp copy) {
  const Access access = accessOf(copy);
  auto units = copy.getBuffer().getType().memory().shape;
  return !access.staysWhole(units, 0) || !access.staysWhole(units, 1);
}

/// The buffers of weights that one pipelined loop reads.
class Stream {
public:
  explicit Stream(scf::ForOp loop) : loop(loop) {}
  SmallVector<AllocOp> buffers;

  LogicalResult run() {
    if (!isa<func::FuncOp>(loop->getParentOp()))
      return loop.emitOpError("expected the loop that bulk copies feed at the "
                              "top of a kernel: mbarriers begin once");
    for (AllocOp buffer : buffers)
      if (int64_t bytes = atomBytes(buffer.getType().memory());
          bytes % bulkCopyUnit)
        return buffer.emitOpError("bulk copies move atoms of a multiple of ")
               << bulkCopyUnit << " bytes, got " << bytes;
    for (AllocOp buffer : buffers)
      for (Operation *user : buffer->getUsers())
        if (auto load = dyn_cast<LocalLoadOp>(user))
          if (load->getParentOp() != loop || !carriedAs(loop, load.getSlot()))
            return load.emitOpError("expected the stage of a pipelined loop");
    placeMbarriers();
    for (AllocOp buffer : buffers)
      copyInBulk(buffer);
    if (failed(fillTheRest()))
      return failure();
    waitInLoop();
    return success();
  }

private:
  scf::ForOp loop;
  Value full;
  SmallVector<BulkCopyOp> ahead; ///< in the prologue

  Location loc() { return loop.getLoc(); }

  void placeMbarriers() {
    AllocOp last = buffers.back();
    OpBuilder b(last);
    b.setInsertionPointAfter(last);
    auto type = MbarriersType::get(b.getContext(), last.getType().getStages());
    full = MbarrierAllocOp::create(b, loc(), type, IntegerAttr());
    // Each copy of a stage arrives once, with its bytes.
    MbarrierInitOp::create(b, loc(), full, buffers.size());
  }

  void copyInBulk(AllocOp buffer) {
    BufferType type = buffer.getType();
    auto units = type.memory().shape;
    buffer.getResult().setType(BufferType::get(
        type.getContext(), type.getStages(), type.getShape(),
        type.getElementType(), type.getPacked(), type.getAtom(),
        LayoutAttr::get(type.getContext(),
                        lath::rowMajor(Shape(units.begin(), units.end())))));
    for (Operation *user : llvm::make_early_inc_range(buffer->getUsers())) {
      auto copy = dyn_cast<AsyncCopyOp>(user);
      if (!copy)
        continue;
      OpBuilder b(copy);
      // What no launch changes is mostly read once: it need not stay in L2.
      const bool evictFirst = isConstant(copy.getView()) &&
                              scheduleOf(loop).evict == lath::Eviction::first;
      auto bulk = BulkCopyOp::create(b, copy.getLoc(), copy.getView(),
                                     copy.getStart(), copy.getBuffer(),
                                     copy.getSlot(), full, evictFirst);
      copy.erase();
      if (!loop->isAncestor(bulk))
        ahead.push_back(bulk);
    }
  }

  /// The prologue once more, for all stages, with zeros in place of copies.
  LogicalResult fillTheRest() {
    if (ahead.empty() || !llvm::any_of(ahead, isRagged))
      return success();
    Operation *prologue = ahead.front()->getParentOp();
    while (prologue && !isPart(prologue, Part::prologue))
      prologue = prologue->getParentOp();
    if (!prologue)
      return ahead.front().emitOpError(
          "expected a copy ahead of its loop in the loop's prologue");
    OpBuilder b(loop);
    auto fill = cast<scf::ForOp>(b.clone(*prologue));
    setPart(fill, Part::fill);
    OpBuilder before(fill);
    fill.getUpperBoundMutable().assign(arith::ConstantOp::create(
        before, loc(),
        b.getI32IntegerAttr(buffers.front().getType().getStages())));
    SmallVector<Operation *> copies;
    fill.walk([&](Operation *op) {
      if (startsCopy(op) || op->hasTrait<StageSync>())
        copies.push_back(op);
    });
    for (Operation *op : copies) {
      if (auto copy = dyn_cast<BulkCopyOp>(op); copy && isRagged(copy)) {
        OpBuilder at(copy);
        ZeroOutsideOp::create(at, copy.getLoc(), copy.getView(),
                              copy.getStart(), copy.getBuffer(),
                              copy.getSlot());
      }
      op->erase();
    }
    return success();
  }

  void waitInLoop() {
    LocalLoadOp first;
    loop.walk([&](LocalLoadOp load) {
      if (!first && llvm::is_contained(
                        buffers, load.getBuffer().getDefiningOp<AllocOp>()))
        first = load;
    });
    unsigned read = *carriedAs(loop, first.getSlot());
    IRRewriter rewriter(loop.getContext());
    rewriter.setInsertionPoint(loop);
    auto constant = [&](OpBuilder &b, int64_t value) -> Value {
      return arith::ConstantOp::create(b, loc(), b.getI32IntegerAttr(value));
    };
    Value start = constant(rewriter, 0);
    auto flip = [&](OpBuilder &b, Location loc,
                    ArrayRef<BlockArgument> added) -> SmallVector<Value> {
      Value next = loop.getYieldedValues()[read];
      Value wraps = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          next, constant(b, 0));
      Value bit = arith::ExtUIOp::create(b, loc, b.getI32Type(), wraps);
      return {arith::XOrIOp::create(b, loc, added.front(), bit)};
    };
    auto deeper = cast<scf::ForOp>(*loop.replaceWithAdditionalYields(
        rewriter, ValueRange{start}, /*replaceInitOperandUsesInLoop=*/false,
        flip));
    setPart(deeper, Part::ring);
    OpBuilder b(first);
    MbarrierWaitOp::create(b, loc(), full, first.getSlot(),
                           deeper.getRegionIterArgs().back());
  }
};

LogicalResult convert(func::FuncOp function) {
  SmallVector<Stream> streams;
  function.walk([&](scf::ForOp loop) {
    if (!isPart(loop, Part::ring))
      return;
    Stream stream(loop);
    loop.walk([&](LocalLoadOp load) {
      auto buffer = load.getBuffer().getDefiningOp<AllocOp>();
      if (buffer && buffer.getType().getAtom() &&
          !llvm::is_contained(stream.buffers, buffer))
        stream.buffers.push_back(buffer);
    });
    if (!stream.buffers.empty())
      streams.push_back(stream);
  });
  if (streams.empty())
    return function.emitOpError("bulk copies are asked for, and no loop reads "
                                "packed weights through stages");
  for (Stream &stream : streams)
    if (failed(stream.run()))
      return failure();
  return success();
}

struct BulkCopies : lath::impl::BulkCopiesBase<BulkCopies> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (scheduleOf(function).weights == lath::WeightPath::bulk &&
          failed(convert(function)))
        return signalPassFailure();
  }
};
} // namespace
