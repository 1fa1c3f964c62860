// What the copies of a thread have to do with other instructions.
#pragma once

#include "runtime/emulator/Machine.h"

namespace lath::emulator {

/// Lands all copies that a lane has issued, as cp.async.wait_all and the
/// arrival of an mbarrier do.
void landCopies(Warp &w, unsigned lane);

} // namespace lath::emulator
