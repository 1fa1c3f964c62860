#include "compiler/codegen/Codegen.h"
#include "compiler/base/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <chrono>
#include <mutex>

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

namespace lath {

static void initialiseLlvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // Shared pointers of 32 bits: an option of the process, since the data
    // layout depends on it.
    const char *arguments[] = {"lath", "-nvptx-short-ptr"};
    llvm::cl::ParseCommandLineOptions(2, arguments);
  });
}

/// Barriers and warp-wide instructions in inline assembly must not be moved
/// into or out of divergent control flow, nor a wait for the launch ahead be
/// doubled; MLIR's inline_asm cannot say so.
static void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function)) {
      auto *call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!call || !call->isInlineAsm())
        continue;
      llvm::StringRef text =
          llvm::cast<llvm::InlineAsm>(call->getCalledOperand())->getAsmString();
      if (text.contains("bar.") || text.contains("sync") ||
          text.contains("griddepcontrol."))
        call->setConvergent();
    }
}

/// O3 without what a GPU kernel of straight-line tiles has no use for.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling =
      false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

std::string
generatePtx(mlir::ModuleOp module, const Target &target, unsigned ptxVersion,
            CodegenTimes &times,
            const std::function<void(const std::string &)> &dumpLlvm) {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  auto lap = [&] {
    auto now = Clock::now();
    double ms = std::chrono::duration<double, std::milli>(now - last).count();
    last = now;
    return ms;
  };
  initialiseLlvm();
  llvm::LLVMContext context;
  auto llvmModule = mlir::translateModuleToLLVMIR(module, context, "lath");
  if (!llvmModule)
    throw Error(ErrorKind::compile, "translation to LLVM IR failed");
  markConvergent(*llvmModule);

  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string problem;
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!backend)
    throw Error(ErrorKind::toolchain,
                "this LLVM has no NVPTX target: " + problem);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target.name, "+ptx" + std::to_string(ptxVersion), options,
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  llvmModule->setTargetTriple(triple);
  llvmModule->setDataLayout(machine->createDataLayout());
  times.translate = lap();

  optimise(*llvmModule, *machine);
  times.optimise = lap();
  if (dumpLlvm) {
    std::string text;
    llvm::raw_string_ostream os(text);
    llvmModule->print(os, nullptr);
    dumpLlvm(text);
    lap();
  }

  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream os(ptx);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile,
                                   /*DisableVerify=*/true))
    throw Error(ErrorKind::compile, "NVPTX cannot print assembly");
  passes.run(*llvmModule);
  times.codegen = lap();
  return std::string(ptx);
}

} // namespace lath
