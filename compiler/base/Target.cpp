// The table of GPUs. Limits are those of the CUDA C++ Programming Guide,
// "Technical Specifications per Compute Capability"; PTX versions those that
// ptxas accepts with the instructions Lath emits: loads with
// L1::no_allocate (7.4) from sm_80, the target itself on sm_89, sm_100a and
// sm_120a, vector red (8.1) on sm_90a.
#include "compiler/base/Target.h"

#include "compiler/base/Error.h"
#include "compiler/base/Nearest.h"

#include <fmt/format.h>

namespace lath {

namespace {

constexpr unsigned kib = 1024;

std::vector<std::string_view> names() {
  std::vector<std::string_view> result;
  for (const Target &candidate : targets())
    result.push_back(candidate.name);
  return result;
}

} // namespace

const std::vector<Target> &targets() {
  static const std::vector<Target> table = {
      // A100.
      {.name = "sm_80",
       .capability = 80,
       .ptxVersion = 74,
       .maxSharedBytes = 163 * kib,
       .sharedBytesPerSm = 164 * kib,
       .threadsPerSm = 2048,
       .smCount = 108},
      // A40. RTX A6000 is the same chip, RTX 3090 has 82 SMs.
      {.name = "sm_86",
       .capability = 86,
       .ptxVersion = 74,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .smCount = 84},
      // L40 and L40S. RTX 4090 has 128 SMs.
      {.name = "sm_89",
       .capability = 89,
       .ptxVersion = 78,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .smCount = 142},
      // H100 SXM and H200.
      {.name = "sm_90a",
       .capability = 90,
       .ptxVersion = 81,
       .maxSharedBytes = 227 * kib,
       .sharedBytesPerSm = 228 * kib,
       .threadsPerSm = 2048,
       .smCount = 132},
      // B200.
      {.name = "sm_100a",
       .capability = 100,
       .ptxVersion = 86,
       .maxSharedBytes = 227 * kib,
       .sharedBytesPerSm = 228 * kib,
       .threadsPerSm = 2048,
       .smCount = 148},
      // RTX 5090. RTX PRO 6000 has 188 SMs.
      {.name = "sm_120a",
       .capability = 120,
       .ptxVersion = 87,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .smCount = 170},
  };
  return table;
}

const Target &target(std::string_view name) {
  for (const Target &candidate : targets()) {
    std::string_view full = candidate.name;
    bool withoutSuffix =
        full.ends_with('a') && name == full.substr(0, full.size() - 1);
    if (name == full || withoutSuffix)
      return candidate;
  }
  std::vector<std::string_view> all = names();
  throw Error(ErrorKind::unsupported,
              fmt::format("no target '{}'; the nearest is {}", name,
                          nearest(name, all)),
              {fmt::format("the targets are {}", fmt::join(all, ", "))});
}

// Code for sm_X runs on devices of the same major and an equal or higher minor
// version; code for an architecture-specific target (the letter a) on exactly
// its version.
const Target &targetForDevice(int major, int minor) {
  const Target *best = nullptr;
  for (const Target &candidate : targets()) {
    int targetMajor = static_cast<int>(candidate.capability / 10);
    int targetMinor = static_cast<int>(candidate.capability % 10);
    bool specific = candidate.name.ends_with('a');
    if (targetMajor == major &&
        (specific ? targetMinor == minor : targetMinor <= minor))
      best = &candidate;
  }
  if (best)
    return *best;
  std::vector<std::string> runnable;
  for (const Target &candidate : targets())
    runnable.push_back(fmt::format("{}.{} ({})", candidate.capability / 10,
                                   candidate.capability % 10, candidate.name));
  throw Error(ErrorKind::unsupported,
              fmt::format("no target for a device of compute capability {}.{}",
                          major, minor),
              {fmt::format("there is code for {}", fmt::join(runnable, ", "))});
}

} // namespace lath
