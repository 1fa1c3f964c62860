// Chooses which operand of a dot is the tensor core's A operand.
//
// mma.m16n8k16 wants 16 rows from A and 8 columns from B. A decode-time matmul
// has many weights and few activations, so the weights (b) take the 16-row
// side and a narrow M falls on the 8-column side:
//
//   before  tile.dot %x, %w, %acc           M = 16 pads nothing, M = 8 would
//   after   tile.dot %x, %w, %acc swapped   computes acc^T = w^T x^T
//
// Nothing moves: the transpose of a layout is its bases renamed. Dots of
// dequantised weights are always swapped, so that one packed layout serves
// every M; other dots only when M has no 16 rows. wgmma takes 64 rows of A, and
// B, the other operand, from shared memory: there, too, where M has no 64 rows,
// or where a is what a loop loads and b is computed.
#include "compiler/base/Target.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_ORIENTDOTS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

/// Whether a tile is loaded as it is multiplied, transposed at most.
bool isLoaded(Value tile) {
  while (auto transpose = tile.getDefiningOp<TransposeOp>())
    tile = transpose.getSource();
  return tile.getDefiningOp<LoadOp>() != nullptr;
}

bool swapsForWarpgroups(DotOp dot) {
  return cast<RankedTensorType>(dot.getA().getType()).getDimSize(0) < 64 ||
         (isLoaded(dot.getA()) && !isLoaded(dot.getB()));
}

struct OrientDots : lath::impl::OrientDotsBase<OrientDots> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](DotOp dot) {
      const lath::Target &target = *scheduleOf(dot).target;
      if (Type type = getElementTypeOrSelf(dot.getA());
          isByteFloat(type) && !target.hasByteFloatProducts()) {
        dot.emitOpError("products of ")
            << type << " need sm_89 or later, got " << target.name
            << ", which multiplies f16, bf16, f32 and i8";
        return WalkResult::interrupt();
      }
      auto a = cast<RankedTensorType>(dot.getA().getType());
      auto b = cast<RankedTensorType>(dot.getB().getType());
      bool dequantised = dot.getB().getDefiningOp<DequantOp>() != nullptr;
      dot.setSwapped(dequantised || a.getDimSize(0) < 16 ||
                     (scheduleOf(dot).mma == lath::MatrixUnit::warpgroup &&
                      swapsForWarpgroups(dot)));
      int64_t rows = dot.getSwapped() ? b.getDimSize(1) : a.getDimSize(0);
      int64_t columns = dot.getSwapped() ? a.getDimSize(0) : b.getDimSize(1);
      const int64_t k = 256 / a.getElementTypeBitWidth(); // of an instruction
      if (rows < 16 || columns < 8 || a.getDimSize(1) < k) {
        dot.emitOpError("expected at least 16 x 8 x ")
            << k << " for the tensor core, got " << rows << " x " << columns
            << " x " << a.getDimSize(1);
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
