// The copy engine: bulk copies from issue to completion.
#pragma once

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

namespace lath::emulator {

/// A shared or shared::cluster address of one lane.
struct SharedPlace {
  Block *owner;
  std::uint32_t offset;
};
/// Checks the bounds of `bytes` there.
SharedPlace place(Warp &w, const Instruction &i, unsigned lane,
                  std::uint64_t address, std::size_t bytes, unsigned align);

/// Issues a copy of the lane's: it is pending until somebody waits for it.
void enqueue(Warp &w, const Instruction &i, unsigned lane, PendingBulk b);

/// Issues a copy to each block that `chosen` has a bit for, at the offset and
/// with the mbarrier offset given. `signalled` is the block whose mbarrier was
/// named, null where every destination signals its own (multicast).
void enqueueToBlocks(Warp &w, const Instruction &i, unsigned lane,
                     PendingBulk b, std::uint64_t chosen,
                     const SharedPlace &target, const SharedPlace &signal,
                     bool multicast);

/// Binds operand n, the mbarrier, and after it where `multicast` the mask of
/// blocks. Keeps d.i.offset.
void bindSignal(Decoding &d, std::size_t n, bool multicast);

/// Completes a copy: its bytes move, its mbarrier is told.
void complete(Cluster &cluster, const PendingBulk &b);

} // namespace lath::emulator
