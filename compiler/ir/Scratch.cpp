// What operations say about the shared memory that their lowering needs for
// itself. AllocateShared asks.
#include "compiler/ir/Scratch.h"

#include "compiler/base/SharedSpace.h"

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::Place;

/// What a block's threads exchange when each hands out all of `partial`.
static int64_t exchangedBytes(const Layout &partial) {
  return lath::partialSumBytes(partial.size(Place::Register),
                               32 * partial.size(Place::Warp));
}

/// A word that one thread hands to its block.
int64_t ArriveOp::scratchBytes() { return lath::ticketBytes; }

int64_t SumWarpsOp::scratchBytes() {
  return exchangedBytes(layoutOf(getPartial().getType()));
}

int64_t SumClusterOp::scratchBytes() {
  // From every block its share: what the blocks own does not lie here.
  Layout result = layoutOf(getType());
  unsigned owners =
      1u << llvm::count_if(result.bases(Place::Block),
                           [](uint32_t basis) { return basis != 0; });
  return exchangedBytes(layoutOf(getPartial().getType())) * getBlocks() /
         owners;
}

/// Across warps, a word for each result register and thread.
int64_t ReduceOp::scratchBytes() {
  Layout source = layoutOf(getSource().getType());
  Layout result = layoutOf(getResult().getType());
  for (unsigned i = 0; i < source.bits(Place::Warp); ++i)
    if (source.bases(Place::Warp)[i] != 0 && result.bases(Place::Warp)[i] == 0)
      return 4ll * 32 * source.size(Place::Warp) * result.size(Place::Register);
  return 0;
}

bool ReduceOp::waitsForThreads() { return true; }

int64_t lath::tile::scratchOffset(ScratchInterface op) {
  auto offset = op->getAttrOfType<IntegerAttr>(scratchAttrName);
  assert(offset && "tile-allocate-shared gives scratch to who asks for some");
  return offset.getInt();
}
