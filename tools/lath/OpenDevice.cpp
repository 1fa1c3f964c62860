#include "tools/lath/OpenDevice.h"

#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/Environment.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <algorithm>

namespace lath::cli {

std::optional<int> deviceOrdinal(const Text &device) {
  static constexpr std::string_view prefix = "cuda:";
  if (!device) {
    // A driver that is named but broken is an error, not a reason to emulate.
    if (cudaDeviceCount() > 0 || !environment().cudaDriver.empty())
      return 0;
    remark("no GPU found: running on the emulator, which is exact but has no "
           "times");
    return std::nullopt;
  }
  if (*device == "emulator")
    return std::nullopt;
  if (*device == "cuda")
    return 0;
  bool digits = device->size() > prefix.size() &&
                std::all_of(device->begin() + prefix.size(), device->end(),
                            [](char c) { return c >= '0' && c <= '9'; });
  if (!device->starts_with(prefix) || !digits)
    throw CliError{
        usage,
        fmt::format("unknown device '{}'; the nearest is '{}'", *device,
                    device->starts_with("e") || *device == "cpu" ? "emulator"
                                                                 : "cuda:0"),
        {"a device is emulator, or cuda:0, cuda:1, ... as `lath doctor` lists "
         "them"}};
  return wholeNumber<int>("the number of --device",
                          device->substr(prefix.size()));
}

std::shared_ptr<Device> openGpu(int ordinal) {
  try {
    return openCuda(ordinal);
  } catch (const Error &error) {
    std::vector<std::string> notes = error.notes();
    notes.push_back("`lath doctor` tells what this machine has; "
                    "`lath run --device emulator` needs no GPU");
    throw Error(error.kind(), error.message(), std::move(notes));
  }
}

std::shared_ptr<Device> openDevice(const Text &device) {
  std::optional<int> ordinal = deviceOrdinal(device);
  if (ordinal)
    return openGpu(*ordinal);
  return openEmulator();
}

} // namespace lath::cli
