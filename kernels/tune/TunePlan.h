// What a tuning is about to measure: problems, their candidates, and what the
// database has of them.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/tune/CandidateCompiler.h"
#include "kernels/tune/Tuner.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace lath {

class TuningDb;

/// One problem on its way.
struct TuneTask {
  TuningProblem problem;
  GemmSpec spec;
  TuneResult result;
  std::vector<Schedule> wanted;          ///< not in the database
  std::map<int, CompiledCandidate> byId; ///< checked and timed, to time again
  std::map<std::string, TuningEntry> rows;
};

/// What problems have in common that share their weights and what they are
/// timed beside.
inline auto weightsOf(const TuningProblem &p) {
  return std::tuple(p.launches, p.n, p.k, p.group, p.x, p.w, p.zeros, p.layout,
                    p.epilogue);
}

/// Where and by what model the candidates are chosen.
struct TunePlace {
  TuningPlace place;
  const Target &target;
  DeviceConstants constants;
  bool timed = true; ///< not counted, as on the emulator
};

/// The problems of `specs`, each once, that are this shard's; those that share
/// their weights follow each other.
std::vector<TuneTask> planTuning(const std::vector<GemmSpec> &specs,
                                 const TunePlace &where, const TuningDb &db,
                                 const TuneOptions &options);

/// The neighbours of the fastest three that nobody has measured, `most` at
/// most, the best by the model: it ranks near relatives better than all
/// schedules.
std::vector<Schedule> nextToTheFastest(const TuneTask &task,
                                       const TunePlace &where,
                                       std::size_t most);

} // namespace lath
