// The schedules of a spec side by side: predicted, measured, chosen, rejected.
#pragma once

#include "kernels/choose/ScheduleSpace.h"
#include "kernels/tuned/TuningTable.h"
#include "runtime/Device.h"
#include "tools/lath/Gpus.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lath::cli {

struct CandidateLine {
  Schedule schedule;
  double predicted = 0; ///< µs by the cost model
  std::optional<Measurement> measured;
  bool chosen = false;
  std::string why; ///< why it is not the one
};

/// All that were measured on this GPU, and the model's best few; the chosen
/// first, then by measured time, then by predicted. Without `tuned` no GPU is
/// known, and nothing is measured.
std::vector<CandidateLine> candidateLines(const GemmSpec &spec,
                                          const Schedule &chosen,
                                          const TargetChoice &target,
                                          const TunedSchedules *tuned);

std::string asText(const std::vector<CandidateLine> &lines);
nlohmann::ordered_json asJson(const std::vector<CandidateLine> &lines);

} // namespace lath::cli
