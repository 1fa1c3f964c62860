// A number to compare schedules by where there is no clock.
#pragma once

#include "runtime/emulator/Counters.h"

#include <algorithm>

namespace lath {

/// What a launch did, as one deterministic figure: the larger of sectors moved
/// and warp instructions, each by a GPU's rate, plus a share of the smaller and
/// of the barriers. No time: it knows no latency, no caches and no overlap.
inline double emulatedCost(const LaunchCounters &counters, unsigned sms) {
  double sectors = 0;
  for (const BufferCounters &buffer : counters.buffers)
    sectors += static_cast<double>(buffer.sectorsRead + buffer.sectorsWritten);
  double memory = sectors * 32 / 4.7e6;
  // Only blocks that exist work: four warp instructions a clock and SM.
  double busy = std::max(1.0, std::min<double>(sms, double(counters.blocks)));
  double issue = double(counters.instructions) / (busy * 4 * 1.75e3);
  return std::max(memory, issue) + 0.3 * std::min(memory, issue) +
         double(counters.barriers) / (busy * 1e4);
}

} // namespace lath
