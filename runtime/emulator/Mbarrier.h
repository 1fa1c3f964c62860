// What asynchronous copies do to mbarriers.
#pragma once

#include "runtime/emulator/Machine.h"

namespace lath::emulator {

/// The mbarrier at a shared address of `owner`; ends the launch where none was
/// initialised.
Mbarrier &mbarrierAt(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                     std::uint32_t offset);
/// A fence.mbarrier_init of the warp.
void fenceInitialisations(Warp &w);
/// The copy engine will signal the mbarrier on behalf of w: reports an
/// initialisation that neither w nor the engine has seen.
void engineUses(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                std::uint32_t offset);
/// Bytes of an asynchronous copy have arrived.
void completeTransaction(Block &owner, std::uint32_t offset,
                         std::int64_t bytes);
/// A warp asks the mbarrier: completes the bulk copies that signal it and that
/// somebody asked for before.
void completeBulk(Cluster &cluster, const Block &owner, std::uint32_t offset);
/// Reports copies that nobody waited for when a cluster's blocks have ended.
void checkPendingBulk(Cluster &cluster);

} // namespace lath::emulator
