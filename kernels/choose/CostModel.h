// How long a schedule takes, estimated: to rank candidates and to choose where
// nothing was measured.
#pragma once

#include "compiler/base/Target.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// The GPU on which the defaults below were fitted, by its driver's name.
inline constexpr std::string_view fittedGpu = "NVIDIA H200";

/// What the model knows of a device. Rates are of the whole device; clocks are
/// of a sub-partition at `clock`.
struct DeviceConstants {
  std::string origin; ///< where the numbers are from, for people
  unsigned sms = 132;
  double dram = 4.62;    ///< TB/s that a plain read reaches
  double l2 = 15.97;     ///< TB/s from L2 to the SMs
  double smRate = 106.2; ///< TB/s of weights into all SMs together
  double latency =
      0.02027;           ///< us that a step waits for a copy nobody overlapped
  double clock = 1.526;  ///< GHz
  double tensor = 627;   ///< TFLOP/s that products alone reach by mma.sync
  double launch = 1.055; ///< us of a launch in a graph, its start and drain
  double warpStart = 0.04071; ///< us to start and end 16 warps on an SM
  double fragment = 5.924;    ///< clocks to unpack 16 x 16 weights
  double packed = 1.476;      ///< of `fragment`, where weights are packed
  double streamed = 1.407;    ///< and where they go straight to registers
  double narrow = 0.5791;     ///< more of it for GPTQ's order, where a warp has
                              ///< less than 32 columns and reads half words
  double columns = 4.008;     ///< clocks to multiply them with 8 rows of x
  double streamedColumns = 0.7596; ///< of `columns`, where weights go straight
  double groupFragment = 1.245;    ///< of `fragment`, for wgmma
  double groupColumns = 2.295;     ///< instead of `columns` and `rowReads`
  double rowReads = 2.379; ///< and to read these rows, once for 16 columns
  double rowBytes = 1.238; ///< bytes of x through L2, beside one of weights
  double scaleSums =
      1.042; ///< clocks, for 8 rows, of scales on sums at g = 128
  double scaleWeights = 5.35; ///< or of scales on weights
  double step = 77.03;        ///< clocks that a warp's K step takes to issue
  double bulkStep = 0.8769; ///< of `step`, where the copy engine brings weights
  double producerStep = 0.01438; ///< where a warp of its own starts all copies
  double stepWait = 11.23;       ///< and to wait for its barriers,
  double producerWait = 21.99;   ///< of `stepWait`, for those that are filled
  double stepWarp = 32.55;       ///< more for each warp of the block
  double alone = 1.754; ///< clocks of a warp without others, for each it issues
  double overlap = 3.645; ///< exponent: 1 memory then arithmetic, large both
  double overlapBlocks = 0.002468; ///< more of it for each doubling of an SM's
                                   ///< blocks
  double fill =
      0.8389; ///< K steps of which nothing overlaps: the first and last
  double kWarp = 0.04241; ///< us of the sum over warps along K, for each more
  double kWarpTile = 0.001759; ///< us for each doubling of the warps along K
                               ///< and 16 sums a thread
  double split = 1.278;        ///< us of a reduction over blocks
  double splitBytes = 1.753; ///< and for each 100 kB of partial sums of a tile
  double cluster = 0.2004;   ///< us of a reduction in a cluster
  double clusterDepth = 0.2556; ///< and for each doubling of it
  double clusterBytes = 1.076;  ///< and for each 100 kB of an SM's partial sums
  double wave = 0.7822;         ///< us for each wave after the first
  double waveBlock = 0.07881;   ///< and of the time of a block by itself
  double chainGain = 0.107; ///< us that dep=late saves where the next launch's
                            ///< blocks find room beside all that run
  double chainEarly = 8.323, chainHalf = 4.219,
         chainEnd = 0.52;       ///< of it, others
  double chainCost = 0.0008944; ///< us that any of them costs
  double chainCrowd =
      0.004363; ///< more of the time, where there is no such room
  double registersFixed = 35.7, registersPerSum = 4.13; ///< a thread's
};

/// Those of an H200, scaled to so many SMs (0: as many) and to the memory of
/// the product `gpu`, which is the target's common one where its name is not
/// known.
DeviceConstants deviceConstants(const Target &target, unsigned sms = 0,
                                std::string_view gpu = {});

/// {"origin": ..., "dram": ...}; fromJson throws Error{invalidInput}.
std::string toJson(const DeviceConstants &constants);
DeviceConstants constantsFromJson(std::string_view json);

/// Those that a fit may change: all but the number of SMs, and but `dram` and
/// `tensor`, which are measured by themselves.
std::vector<double DeviceConstants::*> fittedConstants();

/// An estimate and what it is made of, µs.
struct Cost {
  double memory = 0;    ///< weights from DRAM, and into the busiest SM
  double l2 = 0;        ///< weights and activations through L2
  double issue = 0;     ///< instructions of the busiest SM, tensor cores too
  double alone = 0;     ///< of one warp after the other's step, by themselves
  double latency = 0;   ///< trips to memory that no copy ahead hides
  double fixed = 0;     ///< launch, start and end of blocks
  double reduction = 0; ///< over warps and over blocks
  double waves = 0;     ///< waves after the first
  double total = 0;
  std::string_view bound; ///< the largest part: "memory", "L2", ...
  /// It probably takes more registers than a thread has; `total` is then four
  /// times what it would be.
  bool spills = false;
};

/// SMs that clusters of so many blocks can fill, one block on each: blocks of a
/// cluster share a GPC, and what is left of each GPC idles.
unsigned clusterSms(unsigned sms, unsigned blocks);

/// Defined for any schedule whose numbers are in range, also an illegal one.
/// `blocksPerSm`: 0: estimated from shared memory and registers. Where it turns
/// out early that the total is more than `enough`, that is all the answer says:
/// `total` is infinite.
Cost estimate(const GemmSpec &spec, const Schedule &schedule,
              const Target &target, const DeviceConstants &constants,
              unsigned blocksPerSm = 0,
              double enough = std::numeric_limits<double>::infinity());

/// No more than the total of any schedule with these numbers, whatever its
/// options; much quicker. With a split of 0 whatever its stages and split, too.
double leastCost(const GemmSpec &spec, const Schedule &schedule,
                 const DeviceConstants &constants);

} // namespace lath
