// What a launch should have left behind.
#pragma once

#include "compiler/base/Ptx.h"
#include "runtime/emulator/GlobalRaces.h"

namespace lath::emulator {

struct ExpectedOutput {
  std::uint64_t address;
  std::size_t bytes;
};

/// Reports to the launch's log: holes in what was written of a buffer that is a
/// view, where the bytes hold nothing but a fill; expected bytes that were not
/// written; tickets that are not zero; and a workspace that atomics added to
/// and nobody cleared.
void checkOutputs(const Launch &launch, const GlobalRaces &races,
                  const Ptx &ptx, const std::vector<const Buffer *> &arguments,
                  const std::vector<ExpectedOutput> &expected);

} // namespace lath::emulator
