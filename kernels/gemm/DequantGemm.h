// The kernel Lath exists for, as one tile program.
#pragma once

#include "compiler/Compile.h"
#include "kernels/gemm/Fit.h"
#include "kernels/gemm/GemmGrid.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <memory>

namespace lath {

/// out[M,N] = x[M,K] * dequant(W)^T for any schedule. Parameters in launch
/// order: m (scalar), x, qweight, scales, [qzeros], out, then what the
/// reduction adds (workspace, tickets). M is a launch argument; everything
/// else is fixed.
std::unique_ptr<Program> dequantGemm(const GemmSpec &spec,
                                     const Schedule &schedule);

/// Rows of x that a block keeps in shared memory, a power of two: of a tile of
/// 8 for one row, one. The others' products are not stored, so they may be any.
int tileRows(const Schedule &schedule, const GemmSpec &spec);

/// Shared-memory bytes of the copy pipeline.
std::int64_t sharedBytes(const Schedule &schedule, const GemmSpec &spec);

} // namespace lath
