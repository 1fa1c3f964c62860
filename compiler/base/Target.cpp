// The table of GPUs. Limits are those of the CUDA C++ Programming Guide,
// "Technical Specifications per Compute Capability"; SMs, memory and L2 of
// products those of NVIDIA's data sheets and architecture white papers, of an
// H200 as its driver says. PTX versions are those that ptxas accepts with the
// instructions most kernels have: loads with L1::no_allocate (7.4) from sm_80,
// the target itself on sm_89, sm_100a, sm_103a and sm_120a, vector red (8.1) on
// sm_90a. A driver takes text up to its own version; so a later one is asked
// for by the kernels alone that need it (Emit::needPtx).
#include "compiler/base/Target.h"

#include "compiler/base/Error.h"
#include "compiler/base/Nearest.h"

#include <fmt/format.h>

namespace lath {

namespace {

constexpr unsigned kib = 1024;
constexpr std::size_t mib = 1024 * 1024;

std::vector<std::string_view> names() {
  std::vector<std::string_view> result;
  for (const Target &candidate : targets())
    result.push_back(candidate.name);
  return result;
}

} // namespace

const std::vector<Target> &targets() {
  static const std::vector<Target> table = {
      {.name = "sm_80",
       .capability = 80,
       .ptxVersion = 74,
       .maxSharedBytes = 163 * kib,
       .sharedBytesPerSm = 164 * kib,
       .threadsPerSm = 2048,
       .blocksPerSm = 32,
       .gpus = {{"NVIDIA A100-SXM4-80GB", 108, 2.04, 40 * mib},
                {"NVIDIA A100 80GB PCIe", 108, 1.94, 40 * mib},
                {"NVIDIA A100-SXM4-40GB", 108, 1.56, 40 * mib},
                {"NVIDIA A100-PCIE-40GB", 108, 1.56, 40 * mib},
                {"NVIDIA A30", 56, 0.93, 24 * mib}}},
      {.name = "sm_86",
       .capability = 86,
       .ptxVersion = 74,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .blocksPerSm = 16,
       .gpus = {{"NVIDIA A40", 84, 0.70, 6 * mib},
                {"NVIDIA RTX A6000", 84, 0.77, 6 * mib},
                {"NVIDIA GeForce RTX 3090", 82, 0.94, 6 * mib},
                {"NVIDIA A10", 72, 0.60, 6 * mib}}},
      {.name = "sm_89",
       .capability = 89,
       .ptxVersion = 78,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .blocksPerSm = 24,
       .gpus = {{"NVIDIA L40S", 142, 0.86, 96 * mib},
                {"NVIDIA L40", 142, 0.86, 96 * mib},
                {"NVIDIA RTX 6000 Ada Generation", 142, 0.96, 96 * mib},
                {"NVIDIA GeForce RTX 4090", 128, 1.01, 72 * mib},
                {"NVIDIA L4", 58, 0.30, 48 * mib}}},
      {.name = "sm_90a",
       .capability = 90,
       .ptxVersion = 81,
       .maxSharedBytes = 227 * kib,
       .sharedBytesPerSm = 228 * kib,
       .threadsPerSm = 2048,
       .blocksPerSm = 32,
       .gpus = {{"NVIDIA H200", 132, 4.8, 60 * mib},
                {"NVIDIA H100 80GB HBM3", 132, 3.35, 50 * mib},
                {"NVIDIA H100 PCIe", 114, 2.0, 50 * mib}}},
      {.name = "sm_100a",
       .capability = 100,
       .ptxVersion = 86,
       .maxSharedBytes = 227 * kib,
       .sharedBytesPerSm = 228 * kib,
       .threadsPerSm = 2048,
       .blocksPerSm = 32,
       .gpus = {{"NVIDIA B200", 148, 7.7, 126 * mib}}},
      {.name = "sm_103a",
       .capability = 103,
       .ptxVersion = 88,
       .maxSharedBytes = 227 * kib,
       .sharedBytesPerSm = 228 * kib,
       .threadsPerSm = 2048,
       .blocksPerSm = 32,
       .gpus = {{"NVIDIA B300 SXM6 AC", 148, 8.0, 126 * mib}}},
      {.name = "sm_120a",
       .capability = 120,
       .ptxVersion = 87,
       .maxSharedBytes = 99 * kib,
       .sharedBytesPerSm = 100 * kib,
       .threadsPerSm = 1536,
       .blocksPerSm = 24,
       .gpus = {{"NVIDIA GeForce RTX 5090", 170, 1.79, 96 * mib},
                {"NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 188, 1.79,
                 128 * mib}}},
  };
  return table;
}

const Gpu &Target::gpu(std::string_view product) const {
  for (const Gpu &each : gpus)
    if (each.name == product)
      return each;
  return gpus.front();
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
