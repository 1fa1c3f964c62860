// A spec and a schedule, compiled.
#pragma once

#include "compiler/Compile.h"
#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <functional>
#include <string>
#include <vector>

namespace lath {

/// A GEMM compiled for a target, not loaded. Plain data.
struct CompiledGemm {
  GemmSpec spec;
  Schedule schedule;
  Ptx ptx;
  std::vector<PhaseTime>
      phases; ///< build, passes, translate, optimise, codegen
};

/// Spec to PTX: the program, the passes, LLVM. `dump` gets the text of each
/// stage. Throws Error{invalidSpec, unsupported, compile}.
LATH_API CompiledGemm compileGemm(
    const GemmSpec &spec, const Schedule &schedule, const Target &target,
    const std::function<void(Stage, const std::string &)> &dump = {});

/// All of its Ptx but the text, without code generation. Throws likewise.
LATH_API Ptx planLaunch(const GemmSpec &spec, const Schedule &schedule,
                        const Target &target);

} // namespace lath
