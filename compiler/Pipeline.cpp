#include "compiler/Pipeline.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/Passes.h"

#include <algorithm>

namespace lath {

const std::vector<PipelineStep> &pipeline() {
  static const std::vector<PipelineStep> steps = {
      // Tiles without layouts.
      {"canonicalize", [] { return mlir::createCanonicalizerPass(); }},
      {"cse", [] { return mlir::createCSEPass(); }},
      {"tile-persist-blocks", createPersistBlocks},
      {"tile-orient-dots", createOrientDots},
      {"tile-split-k", createSplitK},
      {"tile-split-warps", createSplitWarps},
      {"tile-place-scales", createPlaceScales},
      // Tiles with layouts.
      {"tile-assign-layouts", createAssignLayouts},
      {"tile-remove-conversions", createRemoveConversions},
      {"tile-stage-copies", createStageCopies},
      {"tile-use-warpgroups", createUseWarpgroups},
      {"tile-stream-weights", createStreamWeights},
      {"tile-pipeline-loops", createPipelineLoops},
      {"tile-bulk-copies", createBulkCopies},
      {"tile-specialise-warps", createSpecialiseWarps},
      {"tile-dependent-launch", createDependentLaunch},
      {"tile-allocate-shared", createAllocateShared},
      // Registers and instructions.
      {"tile-to-nvvm", createTileToNVVM},
      // The LLVM dialect.
      {"convert-scf-to-cf", [] { return mlir::createSCFToControlFlowPass(); }},
      {"convert-arith-to-llvm",
       [] { return mlir::createArithToLLVMConversionPass(); }},
      {"convert-cf-to-llvm",
       [] { return mlir::createConvertControlFlowToLLVMPass(); }},
      {"convert-nvvm-to-llvm",
       [] { return mlir::createConvertNVVMToLLVMPass(); }},
      {"reconcile-unrealized-casts",
       [] { return mlir::createReconcileUnrealizedCastsPass(); }},
  };
  return steps;
}

std::size_t layoutSteps() {
  const std::vector<PipelineStep> &steps = pipeline();
  auto lowering =
      std::find_if(steps.begin(), steps.end(), [](const PipelineStep &step) {
        return step.name == "tile-to-nvvm";
      });
  return lowering - steps.begin();
}
std::size_t nvvmSteps() { return layoutSteps() + 1; }

void registerPasses() {
  for (const PipelineStep &step : pipeline())
    mlir::registerPass(step.create);
}

} // namespace lath
