// A GEMM of the engine's on the emulator, with random inputs.
#pragma once

#include "kernels/engine/Engine.h"
#include "kernels/weights/Workbench.h"
#include "runtime/EmulatedDevice.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

namespace lath::test {

struct EmulatedGemm : Workbench {
  std::shared_ptr<EmulatedDevice> device;

  EmulatedGemm(const std::shared_ptr<EmulatedDevice> &on, const GemmSpec &what,
               std::uint64_t seed = 7)
      : Workbench(on, what, seed), device(on) {}

  /// Launches `launches` times, expecting all of m rows (0: spec.m), and
  /// compares.
  Comparison run(const Kernel &kernel, std::int64_t m = 0, int launches = 2) {
    const std::int64_t rows = m ? m : spec.m;
    for (int n = 0; n < launches; ++n) {
      poisonOutput(rows);
      kernel.launch(nullptr, arguments(rows));
    }
    return check(result(), kernel.schedule(), rows).comparison;
  }
};

/// Checks a launch of m rows (0: as the spec says) of a GEMM that is given as
/// texts; the engine chooses a schedule where that is empty.
inline void checkGemm(const std::string &gpu, const std::string &specText,
                      std::int64_t m = 0, const std::string &schedule = "") {
  GemmSpec spec = parseGemmSpec(specText);
  INFO(gpu << " " << specText << " m = " << m);
  auto device = openEmulator(gpu);
  Engine engine(device);
  try {
    EmulatedGemm gemm(device, spec);
    Kernel kernel = schedule.empty()
                        ? engine.gemm(spec)
                        : engine.gemm(spec, parseSchedule(schedule));
    INFO(print(kernel.schedule()));
    Comparison c = gemm.run(kernel, m);
    CHECK(c.nonFinite == 0);
    CHECK(c.relativeFrobenius <= bound(spec.x, kernel.schedule().reduce));
  } catch (const Error &error) {
    std::string notes;
    for (const std::string &note : error.notes())
      notes += "\n  " + note;
    FAIL(error.message() << notes);
  }
}

} // namespace lath::test
