// Lets the copy engine fill stages: one thread starts the copy of a whole tile,
// and an mbarrier for each stage says when it is there. Packed weights come by
// bulk_copy (weights = bulk), dense tiles by tensor_copy (copies = tensor) of
// tensors that the launch describes in parameters which are added here.
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
// multiples of the tile's. Tensor copies write zeros there themselves.
//
// Of dense tiles those that the engine cannot bring (whyNoTensor) stay as they
// are. Where it brings all, commits and waits of cp.async have nothing to do.
#include "compiler/base/Ptx.h"
#include "compiler/ir/Access.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
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

lath::Layout panelsOf(BufferType buffer) {
  auto shape = buffer.getShape();
  return lath::Panels::of(Shape(shape.begin(), shape.end()),
                          buffer.memory().unitBytes)
      ->layout();
}

/// Why tensor copies cannot fill a buffer that `copy` fills.
std::string whyNoTensor(AllocOp buffer, AsyncCopyOp copy) {
  ViewType type = copy.getView().getType();
  if (accessOf(copy).gathers())
    return "its rows are gathered";
  if (std::string why =
          whyNoTensor(type, buffer.getType().getShape(), copy.getDims());
      !why.empty())
    return why;
  if (std::string why = whyNoTensorFrom(type, copy.getStart()); !why.empty())
    return why;
  auto view = copy.getView().getDefiningOp<ViewOp>();
  auto isParameter = [](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && isa<func::FuncOp>(argument.getOwner()->getParentOp());
  };
  if (!view || !isParameter(view.getPointer()) ||
      !llvm::all_of(view.getExtents(), isParameter))
    return "pointer and extent of the view are no parameters of the kernel";
  if (llvm::any_of(buffer->getUsers(), llvm::IsaPred<StageOp>) &&
      !(buffer.getType().getLayout().layout() == panelsOf(buffer.getType())))
    return "wgmma reads the tile in the order of k of registers";
  return "";
}

/// The buffers of one pipelined loop that the copy engine fills.
class Stream {
public:
  Stream(scf::ForOp loop, const lath::KernelSchedule &schedule)
      : loop(loop), schedule(schedule) {
    loop.walk([&](StageInterface access) {
      auto buffer = access.stageBuffer().getDefiningOp<AllocOp>();
      if (access.startsCopy() || !buffer || llvm::is_contained(buffers, buffer))
        return;
      if (buffer.getType().getAtom()
              ? schedule.weights == lath::WeightPath::bulk
              : takesTensors(buffer))
        buffers.push_back(buffer);
    });
  }
  SmallVector<AllocOp> buffers;
  std::string whyNot; ///< why a buffer stays to the threads

  LogicalResult run() {
    if (!isa<func::FuncOp>(loop->getParentOp()) && !schedule.producers)
      return loop.emitOpError("expected the loop that bulk copies feed at the "
                              "top of a kernel: mbarriers begin once");
    for (AllocOp buffer : buffers)
      if (BufferType type = buffer.getType(); type.getAtom())
        if (int64_t bytes = atomBytes(type.memory()); bytes % bulkCopyUnit)
          return buffer.emitOpError("bulk copies move atoms of a multiple of ")
                 << bulkCopyUnit << " bytes, got " << bytes;
    for (AllocOp buffer : buffers)
      for (Operation *user : buffer->getUsers())
        if (auto access = dyn_cast<StageInterface>(user);
            access && !access.startsCopy() &&
            (access->getParentOp() != loop ||
             !carriedAs(loop, access.getSlotMutable().get())))
          return user->emitOpError("expected the stage of a pipelined loop");
    placeMbarriers();
    for (AllocOp buffer : buffers)
      copyByEngine(buffer);
    if (failed(fillTheRest()))
      return failure();
    waitInLoop();
    dropCommits();
    return success();
  }

private:
  scf::ForOp loop;
  lath::KernelSchedule schedule;
  Value full;
  SmallVector<BulkCopyOp> ahead;                       ///< in the prologue
  llvm::MapVector<std::pair<Value, Type>, Value> maps; ///< of view and box

  Location loc() { return loop.getLoc(); }

  bool takesTensors(AllocOp buffer) {
    if (schedule.copies != lath::CopyPath::tensor)
      return false;
    bool copied = false;
    for (Operation *user : buffer->getUsers())
      if (auto copy = dyn_cast<AsyncCopyOp>(user)) {
        copied = true;
        if (std::string why = whyNoTensor(buffer, copy); !why.empty()) {
          whyNot = std::move(why);
          return false;
        }
      }
    return copied;
  }

  void placeMbarriers() {
    // Behind all buffers, at the top of the kernel, where they begin.
    Operation *top = loop;
    while (!isa<func::FuncOp>(top->getParentOp()))
      top = top->getParentOp();
    Operation *last = nullptr;
    for (AllocOp alloc :
         llvm::make_early_inc_range(loop->getBlock()->getOps<AllocOp>())) {
      if (!alloc->isBeforeInBlock(loop))
        continue;
      if (top != loop)
        alloc->moveBefore(top);
      last = alloc;
    }
    OpBuilder b(top);
    b.setInsertionPointAfter(last);
    auto type = MbarriersType::get(b.getContext(),
                                   buffers.back().getType().getStages());
    full = MbarrierAllocOp::create(b, loc(), type, IntegerAttr());
    // Each copy of a stage arrives once, with its bytes.
    MbarrierInitOp::create(b, loc(), full, buffers.size());
  }

  /// The parameter that describes the tensor of a view to copies of such boxes.
  Value mapOf(AsyncCopyOp copy) {
    BufferType tile = copy.getBuffer().getType();
    auto box = RankedTensorType::get(
        boxOf(copy.getView().getType(), tile.getShape(), copy.getDims()),
        tile.getElementType());
    Value &map = maps[{copy.getView(), box}];
    if (map)
      return map;
    auto function = loop->getParentOfType<func::FuncOp>();
    auto pointer = cast<BlockArgument>(
        copy.getView().getDefiningOp<ViewOp>().getPointer());
    OpBuilder b(function.getContext());
    auto of = [&](StringRef name) {
      return b.getNamedAttr(name,
                            function.getArgAttr(pointer.getArgNumber(), name));
    };
    SmallVector<NamedAttribute> attributes{b.getNamedAttr(
        paramKindAttr, b.getI32IntegerAttr(static_cast<int32_t>(
                           lath::KernelParam::Kind::tensorMap)))};
    for (StringRef name : {paramNameAttr, paramTypeAttr})
      if (function.getArgAttr(pointer.getArgNumber(), name))
        attributes.push_back(of(name));
    const unsigned last = function.getNumArguments();
    LogicalResult inserted = function.insertArgument(
        last, LLVM::LLVMPointerType::get(b.getContext(), 0),
        b.getDictionaryAttr(attributes), loc());
    assert(succeeded(inserted) && "any function takes more arguments");
    (void)inserted;
    return map = function.getArgument(last);
  }

  void copyByEngine(AllocOp buffer) {
    BufferType type = buffer.getType();
    auto units = type.memory().shape;
    const bool atoms = type.getAtom() != nullptr;
    buffer.getResult().setType(BufferType::get(
        type.getContext(), type.getStages(), type.getShape(),
        type.getElementType(), type.getPacked(), type.getAtom(),
        LayoutAttr::get(type.getContext(),
                        atoms
                            ? lath::rowMajor(Shape(units.begin(), units.end()))
                            : panelsOf(type))));
    for (Operation *user : llvm::make_early_inc_range(buffer->getUsers())) {
      auto copy = dyn_cast<AsyncCopyOp>(user);
      if (!copy)
        continue;
      OpBuilder b(copy);
      if (!atoms) {
        TensorCopyOp::create(b, copy.getLoc(), mapOf(copy), copy.getView(),
                             copy.getStart(), copy.getBuffer(), copy.getSlot(),
                             full, copy.getDims());
        copy.erase();
        continue;
      }
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

  Operation *prologue() {
    for (Operation &op : *loop->getBlock())
      if (isPart(&op, Part::prologue) && op.isBeforeInBlock(loop) &&
          op.walk([&](StageInterface access) {
              return access.startsCopy() && access.signalled() == full
                         ? WalkResult::interrupt()
                         : WalkResult::advance();
            }).wasInterrupted())
        return &op;
    return nullptr;
  }

  /// Without copies by cp.async nobody waits for any, nor is there something to
  /// fence; the barrier stays.
  void dropCommits() {
    Operation *first = prologue();
    SmallVector<Operation *> idle;
    bool copies = false;
    for (Operation *part : {first, loop.getOperation()})
      if (part)
        part->walk([&](Operation *op) {
          copies |= startsCopy(op) && !signalsCopy(op);
          if (isa<AsyncCommitOp, AsyncWaitOp>(op))
            idle.push_back(op);
        });
    if (!copies)
      for (Operation *op : idle)
        op->erase();
  }

  /// The prologue once more, for all stages, with zeros in place of copies.
  LogicalResult fillTheRest() {
    if (ahead.empty() || !llvm::any_of(ahead, isRagged))
      return success();
    Operation *first = prologue();
    if (!first)
      return ahead.front().emitOpError(
          "expected a copy ahead of its loop in the loop's prologue");
    OpBuilder b(loop);
    auto fill = cast<scf::ForOp>(b.clone(*first));
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
    StageInterface first;
    loop.walk([&](StageInterface access) {
      if (!first && !access.startsCopy() &&
          llvm::is_contained(buffers,
                             access.stageBuffer().getDefiningOp<AllocOp>()))
        first = access;
    });
    unsigned read = *carriedAs(loop, first.getSlotMutable().get());
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
    OpBuilder b(first.getOperation());
    MbarrierWaitOp::create(b, loc(), full, first.getSlotMutable().get(),
                           deeper.getRegionIterArgs().back());
    loop = deeper;
  }
};

LogicalResult convert(func::FuncOp function,
                      const lath::KernelSchedule &schedule) {
  std::vector<Stream> streams;
  std::string whyNot = "no loop reads any through stages";
  bool tensors = false, atoms = false;
  function.walk([&](scf::ForOp loop) {
    if (!isPart(loop, Part::ring))
      return;
    Stream stream(loop, schedule);
    for (AllocOp buffer : stream.buffers)
      (buffer.getType().getAtom() ? atoms : tensors) = true;
    if (!stream.buffers.empty())
      streams.push_back(stream);
    else if (!stream.whyNot.empty())
      whyNot = stream.whyNot;
  });
  if (schedule.weights == lath::WeightPath::bulk && !atoms)
    return function.emitOpError("bulk copies are asked for, and no loop reads "
                                "packed weights through stages");
  if (schedule.copies == lath::CopyPath::tensor && !tensors)
    return function.emitOpError("tensor copies are asked for, and no tile can "
                                "be brought by one: ")
           << whyNot;
  for (Stream &stream : streams)
    if (failed(stream.run()))
      return failure();
  return success();
}

struct BulkCopies : lath::impl::BulkCopiesBase<BulkCopies> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (const lath::TargetSchedule schedule = scheduleOf(function);
          engineCopies(schedule) && failed(convert(function, schedule)))
        return signalPassFailure();
  }
};
} // namespace
