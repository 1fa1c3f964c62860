// What `lath run` found out, and its two forms.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"
#include "kernels/weights/Workbench.h"
#include "runtime/ColdTimer.h"
#include "runtime/Device.h"
#include "runtime/emulator/Counters.h"
#include "tools/lath/Commands.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace lath::cli {

struct RunReport {
  GemmSpec spec;
  std::uint64_t seed = 0;
  Text weightsFile, layer;
  DeviceInfo device;
  Schedule schedule;
  std::array<unsigned, 3> grid{};
  unsigned threads = 0, sharedBytes = 0, blocksPerSm = 0;
  KernelResources resources;
  std::int64_t weightBytes = 0; ///< weights, scales and zero points of a launch
  GemmCheck check;
  unsigned copies = 0; ///< of the weights, for the cold time
  std::optional<ColdTiming> cold;
  std::string notCold; ///< why there is no cold time
  std::optional<double> warmMicroseconds;
  std::optional<LaunchCounters> counters; ///< of the emulator
};

std::string asText(const RunReport &report);
std::string asJson(const RunReport &report);

} // namespace lath::cli
