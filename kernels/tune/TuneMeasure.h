// Checks and times candidates, in this process or in one that may die of them.
#pragma once

#include "kernels/gemm/CompileGemm.h"
#include "kernels/launch/Kernel.h"
#include "kernels/tune/DeviceProbe.h"
#include "kernels/tuned/TuningTable.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lath {

/// A schedule's code, ready to load.
struct TuneCandidate {
  int id = 0;
  CompiledGemm gemm;
  std::vector<char> cubin; ///< empty: the device takes the PTX text
};

/// What came of a launch onto a poisoned output.
struct TuneVerdict {
  Measurement::Status status = Measurement::Status::ok;
  std::string note; ///< why not
};

/// Samples of one candidate, microseconds a launch by round; or, on the
/// emulator, one cost.
using TuneSamples = std::vector<double>;

/// Median and spread of samples in any order.
Measurement summarise(TuneSamples samples, const std::string &unit);

/// Holds the weights of one problem and the candidates that were loaded.
/// For one thread. All may throw Error: a candidate is then out, and the
/// measurer must be prepared anew.
class Measurer {
public:
  virtual ~Measurer() = default;
  /// Random weights of this n, k, group and format, as many copies as cold
  /// timing takes, and a reference for up to spec.m rows. Drops what was there.
  virtual void prepare(const GemmSpec &spec, std::uint64_t seed) = 0;
  /// Loads, launches twice onto a poisoned output, compares with fp64.
  virtual TuneVerdict check(const TuneCandidate &candidate) = 0;
  /// Times checked candidates against each other with `m` rows; the last of
  /// the results is a plain read of the weights.
  virtual std::vector<TuneSamples> time(const std::vector<int> &ids,
                                        std::int64_t m, int replays) = 0;
  /// Of one checked candidate, all launches on one copy of the weights, which
  /// then come from L2 as far as they fit; and of a plain read of that copy.
  virtual std::vector<TuneSamples> timeWarm(int id, std::int64_t m,
                                            int replays) = 0;
  virtual void drop(const std::vector<int> &ids) = 0;
  /// Of the device by itself; where unit() is "us". Drops what prepare() made.
  virtual DeviceProbe probe() = 0;
  virtual const DeviceInfo &device() const = 0;
  /// "us", or "cost" on the emulator, which has no clock.
  virtual std::string unit() const = 0;
};

/// In this process: a candidate that hangs or corrupts the context takes it
/// along. On an EmulatedDevice time() returns emulatedCost.
std::unique_ptr<Measurer> measureHere(std::shared_ptr<Device> device);

} // namespace lath
