// How long a schedule takes, estimated: to rank candidates and to choose where
// nothing was measured.
#pragma once

#include "compiler/Target.h"
#include "kernels/GemmSpec.h"
#include "kernels/Schedule.h"

#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// What the model knows of a device. Rates are of the whole device.
struct DeviceConstants {
  std::string origin; ///< where the numbers are from, for people
  unsigned sms = 132;
  double dram = 4.5;      ///< TB/s that a plain read reaches
  double l2 = 10;         ///< TB/s from L2 to the SMs
  double smRate = 6.6;    ///< TB/s that the SMs' load paths take together
  double latency = 0.5;   ///< µs from a load to its data, under load
  double clock = 1.75;    ///< GHz
  double launch = 0.91;   ///< µs of an empty kernel in a graph, and its drain
  double ramp = 0.59;     ///< µs until memory delivers at its rate
  double fragment = 12.8; ///< clocks of a sub-partition to unpack 16x16 weights
  double packed = 0.95;   ///< of `fragment`, where weights are packed
  double streamed = 0.85; ///< and where they go straight to registers
  double columns = 9.0;   ///< and to multiply them with 8 rows of x
  double scaleSums = 0.27;   ///< and, for 8 rows, scales on sums
  double scaleWeights = 4.8; ///< or scales on weights
  double step = 62;          ///< clocks a warp spends on a K step besides
  double copy = 0.2;         ///< clocks for each 16 bytes of x that it copies
  double warps = 4.2;        ///< of an SM that keep its issue slots busy
  double overlap = 6.8;      ///< exponent: 1 memory then arithmetic, large both
  double kWarps = 0.02;      ///< µs of the sum over warps
  double kWarpTile = 0.03;  ///< and for each doubling of them, 1024 sums a warp
  double split = 0.66;      ///< µs of a reduction over blocks
  double splitDepth = 0.03; ///< and for each doubling of the split
  double splitBytes = 2.3;  ///< and for each 100 kB of partial sums of a tile
  double cluster = 0.66;    ///< µs of a reduction in a cluster of two
  double wave = 1.4;        ///< µs for each wave after the first
  double prologue = 0.6; ///< µs for each 100 kB that an SM waits for at first
  double registersFixed = 40, registersPerSum = 1.5; ///< a thread's
};

/// Those of a device by name, where they are known; of an H200 scaled by SMs
/// and memory otherwise.
DeviceConstants deviceConstants(const Target &target, unsigned sms = 0);

/// {"origin": ..., "dram": ...}; fromJson throws Error{invalidInput}.
std::string toJson(const DeviceConstants &constants);
DeviceConstants constantsFromJson(std::string_view json);

/// Those that a fit may change: all but the number of SMs and what `dram` says.
std::vector<double DeviceConstants::*> fittedConstants();

/// An estimate and what it is made of, µs.
struct Cost {
  double memory = 0;    ///< the largest of DRAM rate, latency and SM rate
  double l2 = 0;        ///< weights and activations through L2
  double issue = 0;     ///< instructions, tensor cores among them
  double fixed = 0;     ///< launch, ramp, prologue
  double reduction = 0; ///< over warps and over blocks
  double waves = 0;     ///< waves after the first
  double total = 0;
  std::string_view bound; ///< the largest part: "memory", "L2", "issue", ...
};

/// Defined for any schedule whose numbers are in range, also an illegal one.
/// `blocksPerSm`: 0: estimated from shared memory and registers.
Cost estimate(const GemmSpec &spec, const Schedule &schedule,
              const Target &target, const DeviceConstants &constants,
              unsigned blocksPerSm = 0);

} // namespace lath
