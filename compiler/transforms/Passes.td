// The passes between a tile program and NVVM, in the order they run.
#ifndef LATH_PASSES
#define LATH_PASSES

include "mlir/Pass/PassBase.td"

def PersistBlocks : Pass<"tile-persist-blocks", "::mlir::ModuleOp"> {
  let summary = "let blocks walk over the tiles of the grid";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
def OrientDots : Pass<"tile-orient-dots", "::mlir::ModuleOp"> {
  let summary = "choose which operand of a dot is the tensor core's A";
}
def SplitK : Pass<"tile-split-k", "::mlir::ModuleOp"> {
  let summary = "give each block its share of K and reduce the partial sums";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::LLVM::LLVMDialect"];
}
def PlaceScales : Pass<"tile-place-scales", "::mlir::ModuleOp"> {
  let summary = "apply scales to sums of products instead of to weights";
}
def SplitWarps : Pass<"tile-split-warps", "::mlir::ModuleOp"> {
  let summary = "give warps of a block their share of each K step";
}
def AssignLayouts : Pass<"tile-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "give every tile a layout, outward from the dots";
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}
def RemoveConversions : Pass<"tile-remove-conversions", "::mlir::ModuleOp"> {
  let summary = "drop layout conversions that a producer can do for free";
}
def StageCopies : Pass<"tile-stage-copies", "::mlir::ModuleOp"> {
  let summary = "bring the tiles of the K loop through shared memory";
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}
def StreamWeights : Pass<"tile-stream-weights", "::mlir::ModuleOp"> {
  let summary = "read packed weights into registers, one K step ahead";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
def UseWarpgroups : Pass<"tile-use-warpgroups", "::mlir::ModuleOp"> {
  let summary = "multiply by wgmma, activations straight from shared memory";
}
def PipelineLoops : Pass<"tile-pipeline-loops", "::mlir::ModuleOp"> {
  let summary = "start copies several steps before their use";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
def BulkCopies : Pass<"tile-bulk-copies", "::mlir::ModuleOp"> {
  let summary = "let the copy engine fill stages";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::LLVM::LLVMDialect"];
}
def SpecialiseWarps : Pass<"tile-specialise-warps", "::mlir::ModuleOp"> {
  let summary = "let a warp of its own start all copies";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
def DependentLaunch : Pass<"tile-dependent-launch", "::mlir::ModuleOp"> {
  let summary = "start before the launch ahead is done; read constants meanwhile";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
def AllocateShared : Pass<"tile-allocate-shared", "::mlir::ModuleOp"> {
  let summary = "lower conversions to shared memory and place all buffers";
}
def TileToNVVM : Pass<"tile-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "tiles to registers, tile operations to NVVM and LLVM";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

#endif
