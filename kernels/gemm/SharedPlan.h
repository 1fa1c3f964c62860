// What a GEMM's schedule needs of a block's shared memory, without compiling
// it: legality and the cost model ask for ten thousands of schedules.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <cstdint>

namespace lath {

/// Rows of x that a block keeps in shared memory, a power of two: of a tile of
/// 8 for one row, one. The others' products are not stored, so they may be any.
int tileRows(const Schedule &schedule, const GemmSpec &spec);

/// Dynamic shared memory of a block, bytes: exactly `Ptx::sharedBytes` of the
/// kernel that `schedule` makes for `spec`, where it is legal.
std::int64_t sharedBytes(const Schedule &schedule, const GemmSpec &spec);

} // namespace lath
