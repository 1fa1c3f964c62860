// Finds the fastest choice of a program of one's own by measuring, and stores
// what it measured.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/programs/TunableProgram.h"
#include "kernels/tune/Tuner.h"
#include "kernels/tuned/TuningTable.h"
#include "runtime/Device.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lath {

class TuningDb;

struct ProgramTuneResult {
  ProgramProblem problem;
  std::optional<ProgramEntry> winner; ///< nothing: every candidate failed
  ProgramChoice usual;                ///< the choice that needs no tuning
  std::optional<double> usualMedian;  ///< of it, where it was measured
  std::vector<ProgramEntry> entries;  ///< of this place, ranked()
  std::string unit;                   ///< "us", or "cost" on the emulator
  std::size_t measured = 0;           ///< in this call
  std::size_t known = 0;              ///< that the database had
  std::size_t failed = 0;             ///< wrong or rejected
  bool complete = false;              ///< not cut short by the budget or a stop
  double seconds = 0;
};

/// Tunes a program as tune() does a spec, in this process: a candidate that
/// hangs or corrupts the context takes it along. Candidates are those of the
/// program's space (`options.candidates` at most, then neighbours of the
/// fastest where some were left out), compiled on all cores; spills are
/// rejected; each is checked against the program's reference before it is
/// timed, or against the usual choice where it has none. On an emulator the
/// cost is counted. `options.shard` and `worker` mean nothing here.
/// Throws Error for a usual choice that is none or does not run where the
/// program has no reference, databases that cannot be written, and a device
/// that failed; not for candidates.
LATH_API ProgramTuneResult tuneProgram(const TunableProgram &program,
                                       std::shared_ptr<Device> device,
                                       TuningDb &db,
                                       const TuneOptions &options = {});

} // namespace lath
