#include "compiler/ir/Scratch.h"

#include "compiler/base/SharedSpace.h"

using namespace mlir;

namespace lath::tile {

int64_t scratchBytes(Operation *op) {
  if (isa<ArriveOp>(op))
    return ticketBytes;
  if (auto sum = dyn_cast<SumWarpsOp>(op)) {
    Layout partial = layoutOf(sum.getPartial().getType());
    return partialSumBytes(partial.size(Place::Register),
                           32 * partial.size(Place::Warp));
  }
  if (auto sum = dyn_cast<SumClusterOp>(op)) {
    // From every block its share: what the blocks own does not lie here.
    Layout partial = layoutOf(sum.getPartial().getType());
    Layout result = layoutOf(sum.getType());
    unsigned owners =
        1u << llvm::count_if(result.bases(Place::Block),
                             [](uint32_t basis) { return basis != 0; });
    return partialSumBytes(partial.size(Place::Register),
                           32 * partial.size(Place::Warp)) *
           sum.getBlocks() / owners;
  }
  auto reduce = dyn_cast<ReduceOp>(op);
  if (!reduce)
    return 0;
  Layout source = layoutOf(reduce.getSource().getType());
  Layout result = layoutOf(reduce.getResult().getType());
  for (unsigned i = 0; i < source.bits(Place::Warp); ++i)
    if (source.bases(Place::Warp)[i] != 0 && result.bases(Place::Warp)[i] == 0)
      return 4ll * 32 * source.size(Place::Warp) * result.size(Place::Register);
  return 0;
}

} // namespace lath::tile
