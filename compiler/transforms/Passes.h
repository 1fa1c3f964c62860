// Constructors of the passes; see Pipeline.cpp for their order.
#pragma once

#include <memory>

namespace mlir {
class Pass;
}

namespace lath {
std::unique_ptr<mlir::Pass> createPersistBlocks();
std::unique_ptr<mlir::Pass> createOrientDots();
std::unique_ptr<mlir::Pass> createSplitK();
std::unique_ptr<mlir::Pass> createPlaceScales();
std::unique_ptr<mlir::Pass> createSplitWarps();
std::unique_ptr<mlir::Pass> createAssignLayouts();
std::unique_ptr<mlir::Pass> createRemoveConversions();
std::unique_ptr<mlir::Pass> createStageCopies();
std::unique_ptr<mlir::Pass> createStreamWeights();
std::unique_ptr<mlir::Pass> createUseWarpgroups();
std::unique_ptr<mlir::Pass> createPipelineLoops();
std::unique_ptr<mlir::Pass> createBulkCopies();
std::unique_ptr<mlir::Pass> createSpecialiseWarps();
std::unique_ptr<mlir::Pass> createDependentLaunch();
std::unique_ptr<mlir::Pass> createAllocateShared();
std::unique_ptr<mlir::Pass> createTileToNVVM();
/// Registers all of them for lath-opt.
void registerPasses();
} // namespace lath
