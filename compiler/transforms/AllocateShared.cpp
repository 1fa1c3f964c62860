// Places everything that needs shared memory.
//
// Conversions between warps become a store, a barrier and a load of a scratch
// buffer; operations get the scratch bytes that they ask for. Then everything
// gets an offset in the block's dynamic shared memory, in program order, the
// lowest at which it touches nothing that is needed at the same time: buffers
// of one loop lie one behind the other (base/SharedSpace.h), those of the next
// one where the first's were, behind a barrier. The total stands on the kernel
// as `tile.shared_bytes`.
//
//   before  %b = tile.convert_layout %a : tensor<.., #l0> -> tensor<.., #l1>
//   after   %s = tile.alloc {offset = 0 : i32} : !tile.buffer<1 of ..>
//           tile.barrier
//           tile.local_store %a, %s[%c0]
//           tile.barrier
//           %b = tile.local_load %s[%c0]
#include "compiler/base/SharedSpace.h"
#include "compiler/ir/Scratch.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

#include <limits>

namespace lath {
#define GEN_PASS_DEF_ALLOCATESHARED
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::LinearMap;
using lath::Place;
using lath::Shape;

namespace {

LogicalResult throughShared(ConvertLayoutOp convert) {
  auto type = cast<RankedTensorType>(convert.getSource().getType());
  Layout from = layoutOf(type), to = layoutOf(convert.getType());
  if (registersFrom(from, to, LinearMap::identity(from.indexBits())))
    return success(); // a renaming of registers
  if (shuffles(convert))
    return success(); // inside the warps
  if (packBitsOf(type.getElementType()))
    return convert.emitOpError()
           << type.getElementTypeBitWidth()
           << "-bit tiles are not moved between lanes: a conversion stands on "
              "the weight path";
  if (llvm::any_of(from.bases(Place::Block), [](uint32_t b) { return b != 0; }))
    return convert.emitOpError(
        "the blocks of a cluster hold parts of the sum, "
        "which may only be changed by element and stored");
  OpBuilder b(convert);
  Location loc = convert.getLoc();
  Shape shape(type.getShape().begin(), type.getShape().end());
  auto buffer = BufferType::get(
      b.getContext(), 1, type.getShape(), type.getElementType(), /*packed=*/-1,
      /*atom=*/LayoutAttr(),
      LayoutAttr::get(b.getContext(), lath::rowMajor(shape)));
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  Value scratch = AllocOp::create(b, loc, buffer, IntegerAttr());
  BarrierOp::create(b, loc); // in a loop, the last step's readers are done
  LocalStoreOp::create(b, loc, convert.getSource(), scratch, zero);
  BarrierOp::create(b, loc);
  Value loaded = LocalLoadOp::create(b, loc, convert.getType(), scratch, zero);
  convert.replaceAllUsesWith(loaded);
  convert.erase();
  return success();
}

/// Whose writes to a need another one's may follow behind a barrier: threads'
/// behind threads', and the copy engine's behind its own, which threads have
/// only read since. Between the two a barrier orders nothing.
enum class Writers { threads, engine, both };

/// Bytes of shared memory, and what needs them.
struct Need {
  Operation *op; ///< allocates them, or has them as scratch
  int64_t bytes, alignment;
  /// May lie where something lay that is no longer needed.
  bool shares;
  Writers writers = Writers::threads;
  /// The bytes taken, with those skipped for the alignment.
  int64_t from = 0, to = 0;
};

/// Where in a block something is needed: from one operation to another.
struct Span {
  Operation *first, *last;
  bool before(const Span &other) const {
    return last != other.first && last->isBeforeInBlock(other.first);
  }
};

/// `block` contains the operation.
Span spanIn(Block *block, Operation *op) {
  Operation *own = block->findAncestorOpInBlock(*op);
  if (!isa<AllocOp>(op) || own != op)
    return {own, own};
  Span span{nullptr, nullptr};
  for (Operation *user : op->getUsers()) {
    Operation *at = block->findAncestorOpInBlock(*user);
    if (!span.first || at->isBeforeInBlock(span.first))
      span.first = at;
    if (!span.last || span.last->isBeforeInBlock(at))
      span.last = at;
  }
  return span;
}

Block *commonBlock(Operation *a, Operation *b) {
  for (Block *block = a->getBlock();; block = block->getParentOp()->getBlock())
    if (block->findAncestorOpInBlock(*b))
      return block;
}

bool atOnce(const Need &a, const Need &b) {
  if (!a.shares || !b.shares || a.writers != b.writers)
    return true;
  Block *block = commonBlock(a.op, b.op);
  Span x = spanIn(block, a.op), y = spanIn(block, b.op);
  return !x.before(y) && !y.before(x);
}

/// Whether all threads meet between two operations of a block; null: its
/// begin or end.
bool meet(Block *block, Operation *after, Operation *until) {
  auto at = after ? std::next(Block::iterator(after)) : block->begin();
  for (; at != block->end() && &*at != until; ++at)
    if (isa<BarrierOp>(*at))
      return true;
  return false;
}

/// Threads that are done with one need may still be behind others that begin
/// with the next in its place: puts a barrier there unless there is one.
void separate(const Need &a, const Need &b) {
  Block *block = commonBlock(a.op, b.op);
  Span x = spanIn(block, a.op), y = spanIn(block, b.op);
  const bool inOrder = x.before(y);
  const Need &next = inOrder ? b : a, &first = inOrder ? a : b;
  if (!inOrder)
    std::swap(x, y);
  auto wait = [](Operation *ahead) {
    OpBuilder builder(ahead);
    BarrierOp::create(builder, ahead->getLoc());
  };
  if (isa<AllocOp>(next.op) && !meet(block, x.last, y.first))
    wait(y.first);
  // In a loop the first follows the next one, too.
  const bool looped = isa<scf::ForOp>(block->getParentOp()) ||
                      block->getParentOp()->getParentOfType<scf::ForOp>();
  if (looped && isa<AllocOp>(first.op) && !meet(block, y.last, nullptr) &&
      !meet(block, nullptr, x.first))
    wait(x.first);
}

/// Lays needs out, each in the first place that is free while it is needed.
class Memory {
public:
  const Need &place(Need need) {
    int64_t begin = 0;
    auto offset = [&] {
      return (need.from + need.alignment - 1) & -need.alignment;
    };
    for (bool moved = true; moved;) {
      moved = false;
      need.from = begin;
      need.to = offset() + need.bytes;
      for (const Need &other : needs)
        if (need.from < other.to && other.from < need.to &&
            atOnce(need, other)) {
          begin = other.to;
          moved = true;
          break;
        }
    }
    end = std::max(end, need.to);
    needs.push_back(need);
    return needs.back();
  }

  void separateAll() {
    for (size_t i = 0; i < needs.size(); ++i)
      for (size_t j = i + 1; j < needs.size(); ++j)
        if (needs[i].from < needs[j].to && needs[j].from < needs[i].to)
          separate(needs[i], needs[j]);
  }

  int64_t bytes() const { return end; }

private:
  std::vector<Need> needs;
  int64_t end = 0;
};

Writers writersOf(AllocOp alloc) {
  bool engine = false, threads = false;
  for (Operation *user : alloc->getUsers()) {
    auto access = dyn_cast<StageInterface>(user);
    if (!access)
      return Writers::both;
    if (access.writesByAsyncProxy())
      engine = true;
    else
      threads |= !isMemoryEffectFree(user) &&
                 !hasSingleEffect<MemoryEffects::Read>(user);
  }
  return !engine ? Writers::threads : threads ? Writers::both : Writers::engine;
}

/// What an operation needs, if anything.
std::optional<Need> needOf(Operation *op) {
  if (auto alloc = dyn_cast<AllocOp>(op)) {
    const Writers writers = writersOf(alloc);
    return Need{op, alloc.getType().stageBytes() * alloc.getType().getStages(),
                bufferAlignment(alloc),
                writers != Writers::both && !op->use_empty(), writers};
  }
  if (auto alloc = dyn_cast<MbarrierAllocOp>(op))
    return Need{op, lath::mbarrierBytes * alloc.getType().getStages(),
                lath::sharedAlignment, false};
  if (int64_t bytes = scratchBytes(op))
    return Need{op, bytes, lath::sharedAlignment,
                cast<ScratchInterface>(op).waitsForThreads()};
  return std::nullopt;
}

struct AllocateShared : lath::impl::AllocateSharedBase<AllocateShared> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(allocate(function)))
        return signalPassFailure();
  }

  LogicalResult allocate(func::FuncOp function) {
    SmallVector<ConvertLayoutOp> conversions;
    function.walk([&](ConvertLayoutOp op) { conversions.push_back(op); });
    for (ConvertLayoutOp convert : conversions)
      if (failed(throughShared(convert)))
        return failure();

    Memory memory;
    OpBuilder b(&getContext());
    constexpr int64_t allowed = std::numeric_limits<int32_t>::max();
    WalkResult placed = function.walk([&](Operation *op) {
      std::optional<Need> need = needOf(op);
      if (!need)
        return WalkResult::advance();
      int64_t offset = memory.place(*need).to - need->bytes;
      auto attribute = b.getI32IntegerAttr(static_cast<int32_t>(offset));
      if (auto alloc = dyn_cast<AllocOp>(op))
        alloc.setOffsetAttr(attribute);
      else if (auto alloc = dyn_cast<MbarrierAllocOp>(op))
        alloc.setOffsetAttr(attribute);
      else
        op->setAttr(scratchAttrName, attribute);
      if (memory.bytes() <= allowed)
        return WalkResult::advance();
      op->emitOpError("ends at byte ")
          << memory.bytes() << " of shared memory; offsets reach " << allowed;
      return WalkResult::interrupt();
    });
    if (placed.wasInterrupted())
      return failure();
    memory.separateAll();
    function->setAttr(
        sharedBytesAttrName,
        b.getI32IntegerAttr(static_cast<int32_t>(memory.bytes())));
    return success();
  }
};
} // namespace
