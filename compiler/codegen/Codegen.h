// From the LLVM dialect to PTX text: translation, LLVM's optimiser, NVPTX.
#pragma once

#include "compiler/base/Target.h"

#include <functional>
#include <memory>
#include <string>

namespace mlir {
class ModuleOp;
}

namespace lath {

struct CodegenTimes {
  double translate = 0, optimise = 0, codegen = 0; ///< milliseconds
};

/// Text of PTX version `ptxVersion`, times ten. Throws Error{compile}.
/// `dumpLlvm` gets the optimised LLVM IR.
std::string
generatePtx(mlir::ModuleOp module, const Target &target, unsigned ptxVersion,
            CodegenTimes &times,
            const std::function<void(const std::string &)> &dumpLlvm);

} // namespace lath
