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
/// order: m (scalar), the operands that the spec has (Operands.h), then what
/// the reduction adds (workspace, tickets). M is a launch argument; everything
/// else is fixed.
std::unique_ptr<Program> dequantGemm(const GemmSpec &spec,
                                     const Schedule &schedule);

} // namespace lath
