// What tests of the tuner share: a small problem, few candidates of it.
#pragma once

#include "kernels/ScheduleSpace.h"
#include "kernels/TuneWorker.h"
#include "kernels/Tuner.h"
#include "kernels/TuningDb.h"
#include "tests/unit/TemporaryFolder.h"

#include <map>

namespace lath::test {

inline const GemmSpec spec = parseGemmSpec("m1n256k256");

inline TuneOptions few(std::size_t candidates = 6) {
  TuneOptions options;
  options.candidates = candidates;
  return options;
}

inline std::vector<RankedSchedule> candidates(std::size_t count) {
  const Target &t = target("sm_90a");
  return searchSpace(spec, t, deviceConstants(t, 132), count).best;
}

inline std::unique_ptr<Measurer> worker(std::vector<std::string> plants,
                                        double seconds = 30) {
  plants.insert(plants.begin(), LATH_TEST_WORKER);
  return measureInWorker(std::move(plants), seconds);
}

/// By schedule.
inline std::map<std::string, Measurement> rows(const TuningDb &db) {
  std::map<std::string, Measurement> found;
  const TuningTable table = db.all();
  for (const auto &[key, measurement] : table.rows())
    found[key.schedule] = measurement;
  return found;
}

} // namespace lath::test
