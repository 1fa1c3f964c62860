// What asking for kernels and launching them costs the host.
// LaunchCost.h has the launches.
#pragma once

#include "runtime/Device.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lath::verify {

/// Nanoseconds of one Engine::gemm that hits memory, one thread, a random spec
/// of `kernels`.
double memoryHit(const std::shared_ptr<Device> &device, int kernels);

/// Microseconds of an Engine::gemm that finds its kernel on disk, to the loaded
/// kernel: each in an engine of its own, the file in the page cache.
struct DiskHit {
  double median = 0, most = 0;
  std::size_t cubinBytes = 0;
};
DiskHit diskHit(const std::shared_ptr<Device> &device, int rounds);

/// Milliseconds of opening a pack, and of loading all its kernels too.
struct PackTimes {
  std::size_t bytes = 0, kernels = 0;
  double open = 0, loadAll = 0;
};
PackTimes packTimes(const std::shared_ptr<Device> &device,
                    const std::string &path);

/// Warm look-ups from several threads.
struct Lookups {
  std::uint64_t count = 0;
  unsigned threads = 0;
  double seconds = 0;
  std::uint64_t wrong = 0;         ///< kernels of another spec than asked for
  std::int64_t grownKilobytes = 0; ///< resident memory, after a tenth and at
                                   ///< the end
};
Lookups lookups(const std::shared_ptr<Device> &device, std::uint64_t count,
                unsigned threads);

struct EngineCostOptions {
  int rounds = 200;
  std::uint64_t lookups = 10'000'000;
  std::string pack; ///< empty: none is timed
};

/// All of it, as a page in Markdown for docs/results/engine.md. Returns how
/// many bounds were missed.
int engineCosts(const std::shared_ptr<Device> &device,
                const EngineCostOptions &options, const std::string &path);

} // namespace lath::verify
