// What a device reaches in a few kernels that do one thing each: what the cost
// model's constants are scaled by.
#pragma once

#include "kernels/choose/CostModel.h"
#include "runtime/Device.h"

#include <memory>

namespace lath {

/// Rates of the whole device; launch and drain are taken off.
struct DeviceProbe {
  double dram = 0;   ///< TB/s of a plain read whose bytes are in memory
  double l2 = 0;     ///< TB/s of one whose bytes are in L2
  double tensor = 0; ///< TFLOP/s of fp16 products by mma.sync, fp32 sums
  double launch = 0; ///< us from one launch of a graph to the next, of a kernel
                     ///< that reads 32 KB
};

/// Compiles and times the kernels, in the tile language; takes a fraction of a
/// second. For a device with a clock (not the emulator). Throws Error.
DeviceProbe probe(const std::shared_ptr<Device> &device);

/// The constants that were fitted on an H200, scaled by what a probe of this
/// device reached where it reached the probe's values of that H200: rates of
/// memory and L2, the clock by the products of an SM, the launch by the
/// difference.
DeviceConstants deviceConstants(const DeviceInfo &device,
                                const DeviceProbe &probe);

} // namespace lath
