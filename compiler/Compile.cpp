#include "compiler/Compile.h"
#include "compiler/Pipeline.h"
#include "compiler/codegen/Codegen.h"
#include "compiler/dsl/ProgramImpl.h"
#include "compiler/ir/Scratch.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <chrono>
#include <fmt/format.h>

namespace lath {

std::string_view name(Stage stage) {
  switch (stage) {
  case Stage::tile:
    return "tile";
  case Stage::layout:
    return "layout";
  case Stage::nvvm:
    return "nvvm";
  case Stage::llvm:
    return "llvm";
  case Stage::ptx:
    return "ptx";
  }
  return "?";
}

std::optional<Stage> parseStage(std::string_view text) {
  for (Stage stage :
       {Stage::tile, Stage::layout, Stage::nvvm, Stage::llvm, Stage::ptx})
    if (text == name(stage))
      return stage;
  return std::nullopt;
}

namespace {

tile::SplitReduce splitReduce(CompileOptions::SplitReduce reduce) {
  switch (reduce) {
  case CompileOptions::SplitReduce::none:
    return tile::SplitReduce::none;
  case CompileOptions::SplitReduce::atomic:
    return tile::SplitReduce::atomic;
  case CompileOptions::SplitReduce::atomicOut:
    return tile::SplitReduce::atomicOut;
  case CompileOptions::SplitReduce::ordered:
    return tile::SplitReduce::ordered;
  case CompileOptions::SplitReduce::cluster:
    return tile::SplitReduce::cluster;
  }
  llvm_unreachable("all policies are listed");
}

tile::DependentLaunch dependentLaunch(CompileOptions::DependentLaunch when) {
  switch (when) {
  case CompileOptions::DependentLaunch::none:
    return tile::DependentLaunch::none;
  case CompileOptions::DependentLaunch::early:
    return tile::DependentLaunch::early;
  case CompileOptions::DependentLaunch::half:
    return tile::DependentLaunch::half;
  case CompileOptions::DependentLaunch::late:
    return tile::DependentLaunch::late;
  case CompileOptions::DependentLaunch::end:
    return tile::DependentLaunch::end;
  }
  llvm_unreachable("all times are listed");
}

} // namespace

std::string print(const CompileOptions &options) {
  // Names every member, so that a new one does not compile here until it is
  // printed.
  auto [target, warps, kWarps, scaleSums, streamRegisters, warpgroups,
        bulkWeights, producers, rows, stages, split, contiguousSplit, reduce,
        dependent, verifyEach] = options;
  (void)verifyEach;
  return fmt::format("{} warps={} k_warps={} scale_sums={} "
                     "stream_registers={} warpgroups={} bulk_weights={} "
                     "producers={} rows={} stages={} split={} contiguous={} "
                     "reduce={} dependent={}",
                     target ? target->name : "", warps, kWarps, scaleSums,
                     streamRegisters, warpgroups, bulkWeights, producers, rows,
                     stages, split, contiguousSplit, static_cast<int>(reduce),
                     static_cast<int>(dependent));
}

namespace {

void checkOptions(const CompileOptions &options) {
  auto fail = [](const std::string &why) {
    throw Error(ErrorKind::invalidSpec, "compile: " + why);
  };
  int warps = options.warps;
  if (warps < 1 || warps > 32 || (warps & (warps - 1)))
    fail(fmt::format("expected a power of two from 1 to 32 warps, got {}",
                     warps));
  int kWarps = options.kWarps;
  if (kWarps < 1 || kWarps > warps || (kWarps & (kWarps - 1)))
    fail(fmt::format(
        "expected a power of two from 1 to {} warps along K, got {}", warps,
        kWarps));
  if (options.stages < 1)
    fail(fmt::format("expected at least one stage, got {}", options.stages));
  if (options.rows < 0 || (options.rows & (options.rows - 1)))
    fail(fmt::format("expected a power of two of rows, or 0, got {}",
                     options.rows));
  if (options.split < 1)
    fail(fmt::format("expected a split of at least 1, got {}", options.split));
  if (options.warpgroups) {
    if (!options.target->hasWarpgroupMma())
      throw Error(ErrorKind::unsupported,
                  fmt::format("{} has no wgmma (sm_90a alone has)",
                              options.target->name));
    if (options.producers)
      fail("what a producer warp copies is not fenced for wgmma");
    if (options.stages < 2)
      fail(fmt::format("wgmma reads from copy stages: expected at least two, "
                       "got {}",
                       options.stages));
  }
  if (options.dependent != CompileOptions::DependentLaunch::none &&
      !options.target->hasDependentLaunch())
    throw Error(
        ErrorKind::unsupported,
        fmt::format("{} has no programmatic dependent launch (sm_90 and "
                    "later have)",
                    options.target->name));
  if (options.bulkWeights && !options.target->hasBulkCopies())
    throw Error(ErrorKind::unsupported,
                fmt::format("{} has no bulk copies (sm_90 and later have)",
                            options.target->name));
  if (options.bulkWeights && options.streamRegisters)
    fail("4-bit weights go to registers or, by bulk copies, to shared memory, "
         "not both");
  if (options.bulkWeights && options.stages < 2)
    fail(fmt::format("bulk copies fill the stages of a pipeline: expected at "
                     "least 2, got {}",
                     options.stages));
  if (options.producers < 0 || options.producers > 1)
    fail(fmt::format("expected no or one producer warp, got {}",
                     options.producers));
  if (options.producers && !options.bulkWeights)
    fail("a producer warp issues bulk copies, and there are none");
  if (options.reduce != CompileOptions::SplitReduce::cluster)
    return;
  int split = options.split;
  if (split < 2 || split > 8)
    fail(fmt::format("expected a cluster of 2 to 8 blocks, got {}", split));
  if (!options.target->hasClusters())
    throw Error(ErrorKind::unsupported,
                fmt::format("{} has no thread-block clusters (sm_90 and later "
                            "have); reduce the split through memory",
                            options.target->name));
}

/// What the launch needs to know, read off the kernel before it is lowered.
void describeLaunch(ProgramImpl &program, const CompileOptions &options,
                    Ptx &ptx) {
  mlir::func::FuncOp function = program.function;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    ptx.params.push_back(
        {static_cast<KernelParam::Kind>(
             function
                 .getArgAttrOfType<mlir::IntegerAttr>(i, tile::paramKindAttr)
                 .getInt()),
         function.getArgAttrOfType<mlir::StringAttr>(i, tile::paramNameAttr)
             .str()});
  function.walk([&](tile::PartialStoreOp store) {
    auto type = llvm::cast<mlir::RankedTensorType>(store.getValue().getType());
    Layout layout = tile::layoutOf(type);
    std::uint64_t slot =
        4ull * layout.size(Place::Register) * 32 * options.warps;
    ptx.workspaceBytesPerTile = slot * (store.getAtomic() ? 1 : options.split);
  });
  function.walk([&](tile::ArriveOp) { ptx.usesTickets = true; });
  ptx.accumulatesIntoOutput =
      options.split > 1 &&
      options.reduce == CompileOptions::SplitReduce::atomicOut;
  if (options.reduce == CompileOptions::SplitReduce::cluster)
    ptx.clusterBlocks = options.split;
  ptx.dependent = options.dependent != CompileOptions::DependentLaunch::none;
  ptx.entry = program.name;
  ptx.target = options.target->name;
  ptx.threads = 32 * (options.warps + options.producers);
  ptx.sharedBytes =
      function->getAttrOfType<mlir::IntegerAttr>(tile::sharedBytesAttrName)
          .getInt();
}

/// Up to the stage `last`: layout or ptx.
CompileResult run(Program &program, const CompileOptions &options, Stage last,
                  const std::function<void(Stage, const std::string &)> &dump) {
  ProgramImpl &p = program.impl();
  if (p.compiled)
    throw Error(ErrorKind::invalidProgram,
                fmt::format("program '{}' has been compiled already", p.name));
  if (!options.target)
    throw Error(ErrorKind::internal, "compile: no target");
  checkOptions(options);
  p.compiled = true;
  mlir::ModuleOp module = *p.module;
  mlir::MLIRContext *context = p.context.get();
  auto text = [&] {
    std::string s;
    llvm::raw_string_ostream os(s);
    module.print(os);
    return s;
  };

  std::vector<std::string> diagnostics;
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &d) {
    std::string line;
    llvm::raw_string_ostream os(line);
    d.print(os);
    // The operation itself follows the message, often pages of it.
    diagnostics.push_back(line);
    return mlir::success();
  });
  auto check = [&](bool ok, std::string_view where) {
    if (ok)
      return;
    std::string message =
        diagnostics.empty() ? "no diagnostic" : diagnostics.front();
    std::vector<std::string> notes;
    for (std::size_t i = 1; i < diagnostics.size(); ++i)
      notes.push_back(diagnostics[i]);
    throw Error(ErrorKind::compile,
                fmt::format("program '{}': {}: {}", p.name, where, message),
                notes);
  };

  CompileResult result;
  p.function->setAttr(
      tile::scheduleAttrName,
      tile::ScheduleAttr::get(
          context, options.warps, options.kWarps, options.stages,
          options.scaleSums, options.streamRegisters, options.warpgroups,
          options.bulkWeights, options.producers, options.rows, options.split,
          options.contiguousSplit ? tile::KOrder::contiguous
                                  : tile::KOrder::interleaved,
          splitReduce(options.reduce), options.target->capability,
          dependentLaunch(options.dependent)));
  check(mlir::succeeded(mlir::verify(module)), "verify");
  if (dump)
    dump(Stage::tile, text());

  using Clock = std::chrono::steady_clock;
  double passes = 0;
  for (std::size_t i = 0; i < pipeline().size(); ++i) {
    const PipelineStep &step = pipeline()[i];
    auto start = Clock::now();
    mlir::PassManager manager(context);
    manager.enableVerifier(options.verifyEach);
    manager.addPass(step.create());
    check(mlir::succeeded(manager.run(module)), step.name);
    passes +=
        std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (i + 1 == layoutSteps()) {
      describeLaunch(p, options, result.ptx);
      if (dump)
        dump(Stage::layout, text());
      if (result.ptx.sharedBytes > options.target->maxSharedBytes)
        throw Error(
            ErrorKind::unsupported,
            fmt::format("program '{}' needs {} bytes of shared memory a block, "
                        "{} has {}; use fewer stages or smaller tiles",
                        p.name, result.ptx.sharedBytes, options.target->name,
                        options.target->maxSharedBytes));
      if (last == Stage::layout)
        return result;
    }
    if (i + 1 == nvvmSteps() && dump)
      dump(Stage::nvvm, text());
  }
  CodegenTimes times;
  result.ptx.text =
      generatePtx(module, *options.target, times,
                  dump ? [&](const std::string &s) { dump(Stage::llvm, s); }
                       : std::function<void(const std::string &)>());
  if (dump)
    dump(Stage::ptx, result.ptx.text);
  result.phases = {{"passes", passes},
                   {"translate", times.translate},
                   {"optimise", times.optimise},
                   {"codegen", times.codegen}};
  return result;
}

} // namespace

CompileResult
compile(Program &program, const CompileOptions &options,
        const std::function<void(Stage, const std::string &)> &dump) {
  return run(program, options, Stage::ptx, dump);
}

Ptx planLaunch(Program &program, const CompileOptions &options) {
  return run(program, options, Stage::layout, {}).ptx;
}

} // namespace lath
