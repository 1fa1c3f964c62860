// The device that --device names.
#pragma once

#include "runtime/Device.h"
#include "tools/lath/Commands.h"

#include <memory>
#include <optional>

namespace lath::cli {

/// The GPU that --device names, or nothing for the emulator; left out: GPU 0,
/// or the emulator where there is no driver. Throws CliError{usage}.
std::optional<int> deviceOrdinal(const Text &device);

/// Throws Error{driver} with what to do instead.
std::shared_ptr<Device> openGpu(int ordinal);

/// The device, GPU or emulator.
std::shared_ptr<Device> openDevice(const Text &device);

} // namespace lath::cli
