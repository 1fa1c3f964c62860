// What tests of the tuner share: a small problem, few candidates of it.
#pragma once

#include "kernels/tune/Tuner.h"
#include "kernels/tuned/TuningDb.h"
#include "tests/unit/TemporaryFolder.h"

#include <cstddef>

namespace lath::test {

inline const GemmSpec spec = parseGemmSpec("m1n256k256");

inline TuneOptions few(std::size_t candidates = 6) {
  TuneOptions options;
  options.candidates = candidates;
  return options;
}

} // namespace lath::test
