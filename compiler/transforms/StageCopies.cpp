// Brings the tiles that a K loop reads through shared memory, by cp.async.
//
//   before  scf.for %k ... {
//             %t = tile.load %x[%row, %k] : ... -> tensor<16x128xf16, #l>
//   after   %b = tile.alloc : !tile.buffer<1 of 16x128xf16, #s>
//           scf.for %k ... {
//             tile.async_copy %x[%row, %k], %b[%c0]
//             tile.async_commit
//             tile.async_wait 0
//             tile.barrier
//             %t = tile.local_load %b[%c0] : ... -> tensor<16x128xf16, #l>
//             ...
//             tile.barrier
//
// Where the schedule says that views of unknown extent have at most `rows`
// rows, and a tile has more, the buffer keeps these only: rows beyond would be
// zeros, and whatever stands there instead ends in rows of the output that are
// not stored.
//
// A global read then is coalesced whatever layout the consumer has, and can be
// started early (see PipelineLoops). The buffer's chunks are permuted so that
// neither the copy nor the read collides on banks; which permutation follows
// from the layout of the read.
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_STAGECOPIES
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Bases;
using lath::Layout;
using lath::Place;
using lath::Shape;

namespace {

/// log2 of the units one copy instruction can move: 16 bytes, less where the
/// start or the row stride is not that aligned. cp.async moves 4, 8 or 16.
int copyVectorBits(LoadOp load) {
  Memory memory = load.getView().getType().memory();
  auto type = cast<RankedTensorType>(load.getType());
  auto units = memory.tileShape(type.getShape());
  unsigned last = units.size() - 1;
  int64_t divisor = divisorOfUnits(memory, load.getStart(), last);
  int bits = 0;
  while ((memory.unitBytes << (bits + 1)) <= 16 &&
         divisor % (2ll << bits) == 0 && units[last] % (2ll << bits) == 0 &&
         (ShapedType::isDynamic(memory.shape[last]) ||
          memory.shape[last] % (2ll << bits) == 0))
    ++bits;
  return bits;
}

/// Whether what a tile's rows become stays in these rows up to stores that drop
/// those outside of a view of unknown extent.
bool rowsStayApart(func::FuncOp function) {
  int dots = 0; // a second might sum over what the first made of the rows
  return !function
              ->walk([&](Operation *op) {
                if (isa<DotOp>(op) && ++dots > 1)
                  return WalkResult::interrupt();
                if (isa<BroadcastOp, ReshapeOp, TransposeOp, ReduceOp, MaskOp>(
                        op))
                  return WalkResult::interrupt();
                ViewType view;
                if (auto store = dyn_cast<StoreOp>(op))
                  view = store.getView().getType();
                else if (auto add = dyn_cast<AtomicAddOp>(op))
                  view = add.getView().getType();
                if (view && !ShapedType::isDynamic(view.getShape()[0]))
                  return WalkResult::interrupt();
                return WalkResult::advance();
              })
              .wasInterrupted();
}

/// The shape of the buffer for a load.
SmallVector<int64_t> stagedShape(LoadOp load) {
  auto type = cast<RankedTensorType>(load.getType());
  SmallVector<int64_t> shape(type.getShape());
  const lath::TargetSchedule schedule = scheduleOf(load);
  const int64_t rows = schedule.rows;
  // The operand of wgmma has its eight rows.
  if (!rows || rows >= shape[0] ||
      schedule.mma == lath::MatrixUnit::warpgroup ||
      !ShapedType::isDynamic(load.getView().getType().getShape()[0]) ||
      !load->hasOneUse())
    return shape;
  auto dot = dyn_cast<DotOp>(*load->user_begin());
  if (dot && load.getResult() == dot.getA() &&
      rowsStayApart(load->getParentOfType<func::FuncOp>()))
    shape[0] = rows;
  return shape;
}

Layout bufferLayout(LoadOp load, ArrayRef<int64_t> staged) {
  auto type = cast<RankedTensorType>(load.getType());
  Memory memory = load.getView().getType().memory();
  auto units = memory.tileShape(staged);
  Shape shape(units.begin(), units.end());
  Layout read = unitLayout(memory, layoutOf(type));
  // Rows that are not kept are the highest bits of an index.
  unsigned bits = lath::rowMajor(shape).indexBits();
  for (Place place : {Place::Register, Place::Lane, Place::Warp})
    for (uint32_t &basis : read.bases(place))
      basis &= (1u << bits) - 1;
  unsigned vectorBits = llvm::Log2_32(16 / memory.unitBytes);
  if (bits < vectorBits + 3)
    return lath::rowMajor(shape);
  // Eight lanes read 16 bytes each: the first eight where a lane holds that
  // many neighbours; by ldmatrix, where four lanes hold pairs, the lanes that
  // name its rows.
  const Bases &registers = read.bases(Place::Register),
              &lanes = read.bases(Place::Lane);
  unsigned firstLane = 0;
  if (memory.unitBytes == 2 && !registers.empty() && registers[0] == 1 &&
      lanes[0] == 2 && lanes[1] == 4)
    firstLane = 2;
  else
    for (unsigned i = 0; i < vectorBits; ++i)
      if (!llvm::is_contained(registers, 1u << i))
        return lath::rowMajor(shape);
  Bases reading;
  for (unsigned i = 0; i < 3; ++i)
    if (uint32_t basis = lanes[firstLane + i])
      reading.push_back(basis);
  Bases writing; // consecutive lanes copy consecutive chunks
  for (unsigned i = 0; i < 3; ++i)
    writing.push_back(1u << (vectorBits + i));
  return lath::swizzled(shape, vectorBits, {writing, reading});
}

void stage(scf::ForOp loop) {
  SmallVector<LoadOp> loads;
  for (auto load : loop.getBody()->getOps<LoadOp>()) {
    Memory memory = load.getView().getType().memory();
    if (scheduleOf(loop).weights == lath::WeightPath::registers &&
        load.getView().getType().streamed())
      continue;
    if ((memory.unitBytes << copyVectorBits(load)) >= 4)
      loads.push_back(load);
  }
  if (loads.empty())
    return;
  // Packed weights last: activations and scales are few bytes, often in L2,
  // and would queue behind the block's own stream of weights.
  auto streams = [](LoadOp load) {
    return load.getView().getType().streamed();
  };
  SmallVector<LoadOp> ordered;
  for (bool stream : {false, true})
    for (LoadOp load : loads)
      if (streams(load) == stream)
        ordered.push_back(load);
  loads = ordered;
  Location loc = loop.getLoc();
  OpBuilder outside(loop), inside(loop.getContext());
  Value zero =
      arith::ConstantOp::create(outside, loc, outside.getI32IntegerAttr(0));
  LoadOp top = loads.front();
  for (LoadOp load : loads)
    if (load->isBeforeInBlock(top))
      top = load;
  inside.setInsertionPoint(top);
  // Starts of later loads are computed from the induction variable by pure
  // operations; bring those up first.
  for (LoadOp load : loads) {
    SmallVector<Operation *> needed;
    std::function<void(Value)> collect = [&](Value value) {
      Operation *op = value.getDefiningOp();
      if (!op || op->getBlock() != loop.getBody() ||
          llvm::is_contained(needed, op))
        return;
      for (Value operand : op->getOperands())
        collect(operand);
      needed.push_back(op);
    };
    for (Value start : load.getStart())
      collect(start);
    for (Operation *op : needed)
      if (top->isBeforeInBlock(op))
        op->moveBefore(top);
  }
  SmallVector<Value> buffers;
  for (LoadOp load : loads) {
    auto type = cast<RankedTensorType>(load.getType());
    SmallVector<int64_t> shape = stagedShape(load);
    auto buffer = BufferType::get(
        load.getContext(), /*stages=*/1, shape, type.getElementType(),
        load.getView().getType().getPacked(),
        load.getView().getType().getAtom(),
        LayoutAttr::get(load.getContext(), bufferLayout(load, shape)));
    Value alloc = AllocOp::create(outside, loc, buffer, IntegerAttr());
    AsyncCopyOp::create(inside, loc, load.getView(), load.getStart(), alloc,
                        zero);
    buffers.push_back(alloc);
  }
  AsyncCommitOp::create(inside, loc);
  AsyncWaitOp::create(inside, loc, 0);
  BarrierOp::create(inside, loc);
  for (auto [load, buffer] : llvm::zip(loads, buffers)) {
    OpBuilder b(load);
    Value value = LocalLoadOp::create(b, loc, load.getType(), buffer, zero);
    load.replaceAllUsesWith(value);
    load.erase();
  }
  OpBuilder end(loop.getBody()->getTerminator());
  BarrierOp::create(end, loc);
}

struct StageCopies : lath::impl::StageCopiesBase<StageCopies> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      // Innermost loops only: copies of an outer loop would wait for those of
      // the inner one.
      bool innermost =
          !loop.getBody()
               ->walk([](scf::ForOp) { return WalkResult::interrupt(); })
               .wasInterrupted();
      if (scheduleOf(loop).stages > 1 && innermost)
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      stage(loop);
  }
};
} // namespace
