// A Device that executes PTX on the CPU, exactly and suspiciously: it counts
// what a profiler would count, and reports what a GPU would hide.
//
//   auto device = lath::openEmulator();
//   lath::Engine engine(device);               // as on any device
//   engine.gemm(spec).launch(nullptr, arguments);
//   device->counters().sectors...              // of the last launch
//
// Everything runs on the calling thread's time: a launch returns when it is
// done, streams are ignored. Safe to use from several threads; launches then
// take turns.
#pragma once

#include "runtime/Device.h"
#include "runtime/TensorMap.h"
#include "runtime/emulator/Counters.h"
#include "runtime/emulator/Report.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lath {

struct EmulatorOptions {
  /// Races, uninitialised data, in-flight accesses, outputs. Without them a
  /// launch still checks bounds, alignment and barriers.
  bool checks = true;
  bool counters = true;
  /// A launch with findings throws Error{driver}, each finding a note.
  /// Otherwise they are left for reports().
  bool throwOnReport = true;
  unsigned threads = 0; ///< host threads; 0: all cores
  /// A warp that executes more counts as stuck. 0: no limit.
  std::uint64_t maxInstructions = 1ull << 27;
};

class LATH_API EmulatedDevice : public Device {
public:
  /// Findings of the launches since the last call, oldest first.
  virtual std::vector<Report> takeReports() = 0;
  /// What kernels have printed since the last call, in no order of blocks. It
  /// goes to standard error as well.
  virtual std::string takePrinted() = 0;
  /// Of the last launch.
  virtual LaunchCounters counters() const = 0;
  /// The next launch must write every one of these bytes, or a report says
  /// which it left out.
  virtual void expectWritten(DevicePtr from, std::size_t bytes) = 0;
  /// A tensor map for this device's cp.async.bulk.tensor, in its own encoding:
  /// upload it into a buffer and pass that. Throws Error{invalidInput,
  /// unsupported}.
  virtual EncodedTensorMap encode(const TensorMap &map) const = 0;
};

/// An emulated GPU of that target ("sm_80", "sm_90a", ...), with the SMs and
/// the L2 of its common product (Target::gpu), so that schedules come out
/// alike. Throws Error{unsupported} on a name that is no target.
LATH_API std::shared_ptr<EmulatedDevice>
openEmulator(std::string target = "sm_90a",
             const EmulatorOptions &options = {});

} // namespace lath
