// Checks and times Lath's kernels over whole grids of problems, on a device.
#pragma once

#include "kernels/engine/Engine.h"
#include "kernels/gemm/Schedule.h"
#include "kernels/weights/Workbench.h"
#include "runtime/Device.h"
#include "runtime/EmulatedDevice.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lath::verify {

struct AccuracyOptions {
  std::uint64_t seed = 1;
  bool quick = false; ///< small shapes only
  WeightLayout layout = WeightLayout::gptq;
  int launches = 20; ///< of an ordered kernel, compared bit by bit
};

/// Every combination that docs/results/accuracy.md lists. Writes JSON to
/// `path`, prints a summary, returns the number of failures.
int accuracy(const std::shared_ptr<Device> &device,
             const AccuracyOptions &options, const std::string &path);

struct TimingOptions {
  std::uint64_t seed = 1;
  std::vector<std::int64_t> m = {1, 16};
  WeightLayout layout = WeightLayout::gptq;
  std::string shapes; ///< "4096x4096,..." (N x K); empty: the standard list
  std::vector<std::string> schedules; ///< of a chain; empty: the default one
};

/// The shapes asked for, (N, K).
std::vector<std::pair<std::int64_t, std::int64_t>>
shapesOf(const TimingOptions &options);

/// Cold times of the engine's choice beside a plain read of the same bytes in
/// the same run.
int timing(const std::shared_ptr<Device> &device, const TimingOptions &options,
           const std::string &path);

/// Time per kernel of chains under dependent launch, of the default schedule
/// (or those given) with every value of dep, beside the plain read chained the
/// same way and alone. Writes JSON to `path`, returns the number of failures.
int chain(const std::shared_ptr<Device> &device, const TimingOptions &options,
          const std::string &path);

struct MatmulOptions {
  std::uint64_t seed = 1;
  std::vector<std::int64_t> size = {4096, 4096, 4096}; ///< M, N, K
  std::vector<std::string> schedules; ///< "bm128bn256bk64w8st4,mma=warpgroup"
  bool kn = false;                    ///< b as [K, N], not [N, K]
  bool bf16 = false;                  ///< not f16
  bool check = true;                  ///< samples of the result against fp64
  std::string ptx; ///< file for the text of the last one; empty: none
};

/// Times of the matmul example under each schedule, from cold memory, and what
/// they are in TFLOP/s: one by one with pauses (burst) and without (sustained).
/// Returns the number of wrong results.
int matmul(const std::shared_ptr<Device> &device, const MatmulOptions &options);

/// The example programs on odd and even sizes.
int examples(const std::shared_ptr<Device> &device, std::uint64_t seed);

struct CompileCostOptions {
  std::string target = "sm_90a";
  std::string name; ///< of one example; empty: all
  int rounds = 5;
  double most = 100; ///< milliseconds of a processor that one may take
};

/// Milliseconds from an example's sizes to machine code, by phase, of the round
/// of the median total. Throws as assemble() where there is no assembler.
/// Returns how many take longer than `most`.
int compileCosts(const CompileCostOptions &options);

/// Launches single accesses of one warp, calling `launched` with the name of
/// each.
void profileAccesses(const std::shared_ptr<Device> &device,
                     const std::function<void(const std::string &)> &launched);

/// Launches each kernel of a fixed list once, then the accesses, for a
/// profiler to look at, and
/// writes the list to `path` as JSON; with `emulator` (the same device) also
/// what it counted. tools/verify/profile.py puts the two together.
int profile(const std::shared_ptr<Device> &device, EmulatedDevice *emulator,
            const std::string &path);

} // namespace lath::verify
