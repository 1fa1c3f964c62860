// How many blocks compute a GEMM.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <array>
#include <cstdint>

namespace lath {

/// Blocks of a launch with `m` rows: N tiles, M tiles, splits.
std::array<unsigned, 3> gemmGrid(const GemmSpec &spec, const Schedule &schedule,
                                 std::int64_t m);

} // namespace lath
