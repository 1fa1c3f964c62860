// Making packs.
#pragma once

#include "compiler/base/Target.h"
#include "kernels/pack/Pack.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lath {

/// A schedule, and what chose it (PackEntry::chosenBy).
struct PackSchedule {
  Schedule schedule;
  std::string chosenBy;

  PackSchedule(const Schedule &schedule,
               std::string_view chosenBy = chosenByCaller)
      : schedule(schedule), chosenBy(chosenBy) {}
};

struct PackOptions {
  std::vector<const Target *> targets; ///< at least one
  /// Keep the PTX text too: for the emulator, and to read.
  bool withText = false;
  unsigned threads = 0; ///< 0: all cores
  /// Chooses the schedule of a spec. Empty: chooseSchedule's.
  std::function<PackSchedule(const GemmSpec &, const Target &)> schedule;
  /// Called after each kernel, from one thread at a time.
  std::function<void(std::size_t done, std::size_t total, const GemmSpec &,
                     const Target &)>
      progress;
};

/// The bytes of a pack with the kernels of all specs, each raised to its
/// bucket, for all targets. Equal requests give equal bytes. Throws what
/// compileGemm and assemble throw, and Error{invalidInput} on no target and no
/// spec.
LATH_API std::string makePack(std::span<const GemmSpec> specs,
                              const PackOptions &options);

} // namespace lath
