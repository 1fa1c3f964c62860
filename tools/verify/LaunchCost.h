// What one launch costs the host: Lath's beside every bare way that the driver
// has.
#pragma once

#include "runtime/Device.h"

#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace lath::verify {

/// Launches between two waits for the device. The first: few enough that the
/// device's queue never fills, so that the host waits for nothing. If those of
/// the others are slower, the device is the limit there, and not the host.
inline constexpr int launchesPerRound[] = {16, 64, 256};

/// Nanoseconds of host time for one launch by each way: the median over rounds
/// in which all ways take turns.
struct LaunchCost {
  std::string name;
  double nanoseconds[std::size(launchesPerRound)] = {};
};

/// One kernel, launched by Lath and by the driver alone.
struct LaunchCosts {
  std::string kernel;
  std::vector<LaunchCost> ways;
  /// Kernel::launch, and the call that it makes.
  const LaunchCost &lath() const { return ways.at(0); }
  const LaunchCost &bare() const { return ways.at(1); }
};

/// A kernel without a workspace by all ways; then, by Lath and its own call
/// only, one with the stream's workspace, one with dependent launch, and the
/// first in a thread without a current context.
/// Throws Error{driver}: a launch failed.
std::vector<LaunchCosts> launchCosts(const std::shared_ptr<Device> &device,
                                     int rounds);

} // namespace lath::verify
