// What asynchronous copies do to mbarriers.
#pragma once

#include "runtime/emulator/Machine.h"

namespace lath::emulator {

/// The mbarrier at a shared address of `owner`; ends the launch where none was
/// initialised.
Mbarrier &mbarrierAt(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                     std::uint32_t offset);
/// fence.mbarrier_init: shows the copy engines, and those that meet this warp
/// at the cluster's barrier, the mbarriers that these lanes initialised.
void fenceInitialisations(Warp &w, const Instruction &, std::uint32_t mask);
/// The lane signals the mbarrier: reports an initialisation that its warp has
/// not seen.
Mbarrier &threadUses(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                     std::uint32_t offset);
/// The copy engine will signal it for the lane: reports, besides, one that the
/// engine has not seen.
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
