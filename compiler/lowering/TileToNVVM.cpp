// Tiles to registers, tile operations to LLVM and NVVM.
//
//   before  %c = tile.dot %a, %b, %acc : tensor<16x128xf16, #a>, ...
//   after   %d0 = nvvm.mma.sync A[%r0, ...] B[...] C[...]
//
// A tile becomes one value for each register of its layout, also where scf
// carries it; a view becomes its pointer and run-time numbers; a buffer its
// shared pointer. Kernel functions become llvm.func with the launch bounds of
// the schedule.
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_TILETONVVM
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;

namespace {

struct TileToNVVM : lath::impl::TileToNVVMBase<TileToNVVM> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    const bool warpgroups =
        module.walk([](WarpgroupDotOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
    OpBuilder b(module.getBodyRegion());
    if (!module.lookupSymbol("lath_shared"))
      LLVM::GlobalOp::create(b, module.getLoc(),
                             LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                             /*isConstant=*/false, LLVM::Linkage::External,
                             "lath_shared", Attribute(),
                             /*alignment=*/warpgroups ? 1024 : 128,
                             /*addrSpace=*/3);
    if (failed(convertOperations(module)))
      return signalPassFailure();
    if (warpgroups)
      module.walk([](Block *block) {
        if (isa<func::FuncOp, scf::ForOp, scf::IfOp>(block->getParentOp()))
          sinkToUses(*block);
      });
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      convertFunction(function);
  }

  LogicalResult convertOperations(ModuleOp module) {
    MLIRContext *context = &getContext();
    TypeConverter types;
    types.addConversion([](Type type) { return type; });
    types.addConversion(
        [](RankedTensorType type,
           SmallVectorImpl<Type> &out) -> std::optional<LogicalResult> {
          if (!hasLayout(type))
            return failure();
          out.append(registerCount(type), registerType(type.getElementType()));
          return success();
        });
    types.addConversion([](ViewType type, SmallVectorImpl<Type> &out)
                            -> std::optional<LogicalResult> {
      out.push_back(LLVM::LLVMPointerType::get(type.getContext(), 1));
      out.append(type.numDynamicExtents(),
                 IntegerType::get(type.getContext(), 32));
      out.append(llvm::count_if(type.memory().strides, ShapedType::isDynamic),
                 IntegerType::get(type.getContext(), 64));
      return success();
    });
    types.addConversion([](BufferType type) -> Type {
      return LLVM::LLVMPointerType::get(type.getContext(), 3);
    });

    types.addConversion([](MbarriersType type) -> Type {
      return LLVM::LLVMPointerType::get(type.getContext(), 3);
    });

    ConversionTarget target(*context);
    target.addIllegalDialect<TileDialect>();
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      return types.isLegal(op->getOperandTypes()) &&
             types.isLegal(op->getResultTypes());
    });
    RewritePatternSet patterns(context);
    addGlobalMemoryPatterns(types, patterns);
    addAtomicPatterns(types, patterns);
    addSharedMemoryPatterns(types, patterns);
    addDotPatterns(types, patterns);
    addUnpackPatterns(types, patterns);
    addWarpgroupPatterns(types, patterns);
    addElementwisePatterns(types, patterns);
    addCastPatterns(types, patterns);
    addFunctionPatterns(types, patterns);
    addShapePatterns(types, patterns);
    addReductionPatterns(types, patterns);
    addConversionPatterns(types, patterns);
    addValuePatterns(types, patterns);
    addSplitPatterns(types, patterns);
    addClusterPatterns(types, patterns);
    addLaunchPatterns(types, patterns);
    addBulkCopyPatterns(types, patterns);
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns,
                                                         target);
    // What is known of a tile's start rests on these: they are lowered last.
    target.addLegalOp<ProgramIdOp, NumProgramsOp>();
    RewritePatternSet axes(context);
    addAxisPatterns(types, axes);
    ConversionTarget rest(*context);
    rest.addIllegalOp<ProgramIdOp, NumProgramsOp>();
    rest.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    ConversionConfig config;
    config.allowPatternRollback = false;
    if (failed(applyPartialConversion(module, target, std::move(patterns),
                                      config)))
      return failure();
    return applyPartialConversion(module, rest, std::move(axes), config);
  }

  /// func.func of scalars and pointers -> llvm.func with kernel attributes.
  void convertFunction(func::FuncOp function) {
    OpBuilder b(function);
    MLIRContext *context = &getContext();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                            function.getArgumentTypes());
    auto kernel = LLVM::LLVMFuncOp::create(b, function.getLoc(),
                                           function.getName(), type);
    kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
    const lath::TargetSchedule schedule = scheduleOf(function);
    const int threads = 32 * (schedule.warps + schedule.producers);
    kernel->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({threads}));
    if (schedule.reduce == lath::Reduce::cluster)
      kernel->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                      b.getDenseI32ArrayAttr({1, 1, schedule.split}));
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto pointer =
          dyn_cast<LLVM::LLVMPointerType>(function.getArgument(i).getType());
      if (!pointer)
        continue;
      const bool tensorMap = pointer.getAddressSpace() == 0;
      kernel.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(tensorMap ? 64 : 16));
      if (!tensorMap)
        continue;
      // The parameter itself, which the copy engine reads where it is.
      kernel.setArgAttr(
          i, LLVM::LLVMDialect::getByValAttrName(),
          TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), 128)));
      kernel.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                        b.getUnitAttr());
    }
    kernel.getBody().takeBody(function.getBody());
    // What is left of the dialect's marks is on loops and branches.
    kernel.walk([](Operation *op) {
      if (op->getNumRegions() == 0)
        return;
      op->removeAttr(rolesAttrName);
      op->removeAttr(partAttrName);
      op->removeAttr(scheduleAttrName);
    });
    kernel.walk([](func::ReturnOp op) {
      OpBuilder at(op);
      LLVM::ReturnOp::create(at, op.getLoc(), ValueRange{});
      op.erase();
    });
    function.erase();
  }
};
} // namespace
