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
// not stored. A remark says where that cannot be.
//
// A load stays as it is where cp.async cannot move it (4 bytes at least) or its
// start cannot be computed for a step ahead. Of gathers those come that gather
// rows; their starts are computed where the pieces lie that lanes copy, and
// what of memory they come from stays plain loads.
//
// A global read then is coalesced whatever layout the consumer has, and can be
// started early (see PipelineLoops). The buffer's chunks are permuted so that
// neither the copy nor the read collides on banks; which permutation follows
// from the layout of the read.
#include "compiler/ir/Access.h"
#include "compiler/ir/MatrixAccess.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Ahead.h"
#include "compiler/transforms/MakeAgain.h"
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
using lath::LinearMap;
using lath::Place;
using lath::Shape;

namespace {

/// Why stages cannot keep only the first rows of a tile; nothing where they
/// can. Rows beyond those that views have must be zeros that nobody sees: the
/// tile starts at a multiple of its rows, so that the view's rows are its
/// first, and what becomes of the others meets no other row and is not stored.
std::optional<InFlightDiagnostic> whyAllRows(LoadOp load, int64_t rows) {
  auto type = cast<RankedTensorType>(load.getType());
  auto remark = [&] {
    return load.emitRemark("stages keep all ")
           << type.getDimSize(0) << " rows of this tile, although views have "
           << rows << ": ";
  };
  if (divisorOf(load.getStart()[0]) % type.getDimSize(0))
    return remark() << "it is not known to start at a multiple of its rows";
  if (OpOperand *use = whereRowsMeet(load.getResult())) {
    InFlightDiagnostic why = remark() << "its rows do not stay apart";
    why.attachNote(use->getOwner()->getLoc())
        << "they meet, or are stored, in " << use->getOwner()->getName();
    return why;
  }
  return std::nullopt;
}

/// The shape of the buffer for a load.
SmallVector<int64_t> stagedShape(LoadOp load) {
  auto type = cast<RankedTensorType>(load.getType());
  SmallVector<int64_t> shape(type.getShape());
  const lath::TargetSchedule schedule = scheduleOf(load);
  const int64_t rows = schedule.rows;
  // The operand of wgmma has its eight rows.
  if (rows && rows < shape[0] && schedule.mma == lath::MatrixUnit::warp &&
      ShapedType::isDynamic(load.getView().getType().getShape()[0]) &&
      accessOf(load).along(0) == 0 && !whyAllRows(load, rows))
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
  // Eight lanes read 16 bytes each: by ldmatrix the lanes that name its rows,
  // else the first eight where a lane holds that many neighbours. Words that
  // lanes read one by one take eight chunks where two lane bits lie within one.
  Bases lanes = read.bases(Place::Lane);
  auto held = [&](Place place) {
    for (unsigned i = 0; i < vectorBits; ++i)
      if (!llvm::is_contained(read.bases(place), 1u << i))
        return false;
    return true;
  };
  if (auto matrices = matrixAccess(memory, read, LinearMap::identity(bits)))
    lanes = matrices->pointers.bases(Place::Lane);
  else if (memory.unitBytes == 4 && !memory.holdsCodes() && held(Place::Lane))
    llvm::erase_if(lanes, [&](uint32_t basis) {
      return basis && basis < 1u << vectorBits;
    });
  else if (!held(Place::Register))
    return lath::rowMajor(shape);
  Bases reading;
  for (unsigned i = 0; i < 3; ++i)
    if (lanes[i])
      reading.push_back(lanes[i]);
  Bases writing; // consecutive lanes copy consecutive chunks
  for (unsigned i = 0; i < 3; ++i)
    writing.push_back(1u << (vectorBits + i));
  return lath::swizzled(shape, vectorBits, {writing, reading});
}

/// What one load becomes.
struct Staged {
  LoadOp load;
  BufferType buffer;
};

/// Nothing where the load stays as it is.
std::optional<Staged> staged(scf::ForOp loop, LoadOp load) {
  ViewType view = load.getView().getType();
  if (scheduleOf(loop).weights == lath::WeightPath::registers &&
      view.streamed())
    return std::nullopt;
  // A warp that copies alone has no starts that come from memory.
  const bool reading = !scheduleOf(loop).producers;
  const Access access = accessOf(load);
  if ((access.gathers() && !(reading && access.gathersRows())) ||
      !computableAhead(loop, load.getStart(), reading))
    return std::nullopt;
  SmallVector<int64_t> shape = stagedShape(load);
  Layout layout = bufferLayout(load, shape);
  if (access.copyBytes(layout) < leastCopyBytes)
    return std::nullopt;
  return Staged{load,
                BufferType::get(load.getContext(), /*stages=*/1, shape,
                                view.getElementType(), view.getPacked(),
                                view.getAtom(),
                                LayoutAttr::get(load.getContext(), layout))};
}

/// Starts of gathers, made in other layouts.
class Starts {
public:
  explicit Starts(scf::ForOp loop) : loop(loop), outside(loop) {}

  /// `tile` in `layout`, for what stands behind `b`.
  Value in(OpBuilder &b, Value tile, const Layout &layout) {
    if (layoutOf(tile.getType()) == layout)
      return tile;
    for (auto &[source, where, value] : made)
      if (source == tile && where == layout)
        return value;
    Value value = make(b, tile, layout);
    made.push_back({tile, layout, value});
    return value;
  }

private:
  scf::ForOp loop;
  OpBuilder outside;
  SmallVector<std::tuple<Value, Layout, Value>> made;

  Value make(OpBuilder &b, Value tile, const Layout &layout) {
    Operation *op = tile.getDefiningOp();
    const bool within = op && op->getBlock() == loop.getBody();
    if (!within && madeAnywhere(tile, layout))
      return makeAgain(outside, tile, layout);
    if (within && op->getNumResults() == 1)
      if (Value again = makeAgainFrom(b, tile, layout,
                                      [&](Value operand, const Layout &own) {
                                        return in(b, operand, own);
                                      }))
        return again;
    return ConvertLayoutOp::create(
        within ? b : outside, tile.getLoc(),
        withLayout(cast<RankedTensorType>(tile.getType()), layout), tile);
  }
};

/// Lets the starts of gathers lie where lanes copy.
void placeStarts(scf::ForOp loop, ArrayRef<Staged> loads) {
  Starts starts(loop);
  bool gathers = false;
  for (const Staged &each : loads) {
    LoadOp load = each.load;
    const Layout copied = accessOf(load).copied(
        each.buffer.getLayout().layout(), scheduleOf(loop).warps);
    OpBuilder b(load);
    for (OpOperand &start : load.getStartMutable())
      if (isa<RankedTensorType>(start.get().getType())) {
        gathers = true;
        start.set(starts.in(b, start.get(), startsLayout(start.get(), copied)));
      }
  }
  if (!gathers)
    return;
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(*loop.getBody())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// The loads of a loop that become copies, packed weights last: activations and
/// scales are few bytes, often in L2, and would queue behind the block's own
/// stream of weights.
SmallVector<Staged> stagedLoads(scf::ForOp loop) {
  SmallVector<Staged> loads;
  for (auto load : loop.getBody()->getOps<LoadOp>())
    if (auto each = staged(loop, load))
      loads.push_back(*each);
  // Those that starts come from are not there a step ahead if they are copied.
  SetVector<Operation *> reads;
  for (const Staged &each : loads)
    for (Value start : LoadOp(each.load).getStart())
      collectReads(loop, start, reads);
  for (unsigned i = 0; i < reads.size(); ++i)
    for (Value operand : reads[i]->getOperands())
      collectReads(loop, operand, reads);
  llvm::erase_if(loads, [&](const Staged &each) {
    return reads.contains(LoadOp(each.load).getOperation());
  });
  SmallVector<Staged> weights;
  for (const Staged &each : loads)
    if (LoadOp(each.load).getView().getType().streamed())
      weights.push_back(each);
  llvm::erase_if(loads, [](const Staged &each) {
    return LoadOp(each.load).getView().getType().streamed();
  });
  llvm::append_range(loads, weights);
  placeStarts(loop, loads);
  return loads;
}

void stage(scf::ForOp loop) {
  SmallVector<Staged> loads = stagedLoads(loop);
  if (loads.empty())
    return;
  Location loc = loop.getLoc();
  OpBuilder outside(loop), inside(loop.getContext());
  Value zero =
      arith::ConstantOp::create(outside, loc, outside.getI32IntegerAttr(0));
  LoadOp top = loads.front().load;
  for (auto &[load, buffer] : loads)
    if (load->isBeforeInBlock(top))
      top = load;
  inside.setInsertionPoint(top);
  // Bring up what computes the starts of later loads.
  for (auto &[load, buffer] : loads) {
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
  for (auto &[load, buffer] : loads) {
    Value alloc = AllocOp::create(outside, loc, buffer, IntegerAttr());
    AsyncCopyOp::create(inside, loc, load.getView(), load.getStart(), alloc,
                        zero, load.getDims());
    buffers.push_back(alloc);
  }
  AsyncCommitOp::create(inside, loc);
  AsyncWaitOp::create(inside, loc, 0);
  BarrierOp::create(inside, loc);
  for (auto [each, buffer] : llvm::zip(loads, buffers)) {
    LoadOp load = each.load;
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
