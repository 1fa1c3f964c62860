// Where branches go, and where the lanes that they part meet again.
#pragma once

#include "runtime/emulator/Program.h"

namespace lath::emulator {

/// Sets `target` of every branch from its label, and `join` to the immediate
/// post-dominator: the first instruction that all paths from the branch pass.
/// Throws Error{compile} on labels that are not there.
void resolveBranches(Program &program);

} // namespace lath::emulator
