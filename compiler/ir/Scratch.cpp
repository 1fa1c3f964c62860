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

unsigned lath::tile::exchangedWordBytes(Type element) {
  return std::max(4u, element.getIntOrFloatBitWidth() / 8);
}

std::optional<std::pair<Place, unsigned>>
lath::tile::placeOfBit(const Layout &layout, unsigned indexBit) {
  for (Place place : {Place::Register, Place::Lane, Place::Warp}) {
    const lath::Bases &bases = layout.bases(place);
    if (auto found = llvm::find(bases, 1u << indexBit); found != bases.end())
      return std::pair(place, unsigned(found - bases.begin()));
  }
  return std::nullopt;
}

/// A word for each thread and each of `runs` that it has a part of, where warps
/// share the dimension.
static int64_t acrossWarps(RankedTensorType type, unsigned dim, unsigned runs) {
  Layout layout = layoutOf(type);
  const uint32_t along = layout.indexMask(dim);
  if (llvm::none_of(layout.bases(Place::Warp),
                    [&](uint32_t basis) { return basis & along; }))
    return 0;
  return exchangedWordBytes(type.getElementType()) * 32ll *
         layout.size(Place::Warp) * runs;
}

int64_t ReduceOp::scratchBytes() {
  return acrossWarps(getSource().getType(), getDim(),
                     layoutOf(getType()).size(Place::Register));
}

int64_t ScanOp::scratchBytes() {
  // Registers below the first bit that warps hold are one run by then.
  Layout layout = layoutOf(getType());
  unsigned runs = layout.size(Place::Register);
  const unsigned first = layout.dimShift(getDim());
  for (unsigned bit = first; bit < first + layout.dimBits(getDim()); ++bit) {
    auto at = placeOfBit(layout, bit);
    if (!at || at->first == Place::Warp)
      break;
    if (at->first == Place::Register)
      runs /= 2;
  }
  return acrossWarps(getType(), getDim(), runs);
}

/// A word for each element, where threads hold copies and want the result.
int64_t AtomicOp::scratchBytes() {
  Layout layout = layoutOf(getType());
  if (getResult().use_empty() || layout.withoutRepeatedRegisters().injective())
    return 0;
  return int64_t(exchangedWordBytes(
             cast<RankedTensorType>(getType()).getElementType())) *
         layout.elements();
}

bool AtomicOp::waitsForThreads() { return true; }
bool ReduceOp::waitsForThreads() { return true; }
bool ScanOp::waitsForThreads() { return true; }

int64_t lath::tile::scratchOffset(ScratchInterface op) {
  auto offset = op->getAttrOfType<IntegerAttr>(scratchAttrName);
  assert(offset && "tile-allocate-shared gives scratch to who asks for some");
  return offset.getInt();
}
