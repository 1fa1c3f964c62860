// Places everything that needs shared memory.
//
// Conversions whose lanes differ become a store, a barrier and a load of a
// scratch buffer; operations get the scratch bytes that they ask for. Then
// every buffer gets an offset in the block's dynamic shared memory, in program
// order (base/SharedSpace.h), and the total stands on the kernel as
// `tile.shared_bytes`.
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

    lath::SharedSpace space;
    OpBuilder b(&getContext());
    auto place = [&](int64_t bytes, int64_t alignment = lath::sharedAlignment) {
      return b.getI32IntegerAttr(
          static_cast<int32_t>(space.place(bytes, alignment)));
    };
    constexpr int64_t allowed = std::numeric_limits<int32_t>::max();
    WalkResult placed = function.walk([&](Operation *op) {
      if (auto alloc = dyn_cast<AllocOp>(op))
        alloc.setOffsetAttr(
            place(alloc.getType().stageBytes() * alloc.getType().getStages(),
                  bufferAlignment(alloc)));
      else if (auto alloc = dyn_cast<MbarrierAllocOp>(op))
        alloc.setOffsetAttr(
            place(lath::mbarrierBytes * alloc.getType().getStages()));
      else if (int64_t bytes = scratchBytes(op))
        op->setAttr(scratchAttrName, place(bytes));
      if (space.bytes() <= allowed)
        return WalkResult::advance();
      op->emitOpError("ends at byte ")
          << space.bytes() << " of shared memory; offsets reach " << allowed;
      return WalkResult::interrupt();
    });
    if (placed.wasInterrupted())
      return failure();
    function->setAttr(sharedBytesAttrName,
                      b.getI32IntegerAttr(static_cast<int32_t>(space.bytes())));
    return success();
  }
};
} // namespace
