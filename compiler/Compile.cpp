#include "compiler/Compile.h"
#include "compiler/Pipeline.h"
#include "compiler/codegen/Codegen.h"
#include "compiler/dsl/ProgramImpl.h"
#include "compiler/ir/Access.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Scratch.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
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

std::string print(const CompileOptions &options) {
  return fmt::format("{} rows={} {}",
                     options.target ? options.target->name : "", options.rows,
                     printWords(options));
}

namespace {

void checkOptions(const CompileOptions &options) {
  auto refuse = [](std::string why) {
    if (!why.empty())
      throw Error(ErrorKind::invalidSpec, "compile: " + why);
  };
  refuse(contradiction(options));
  if (std::string why = lacking(options, *options.target); !why.empty())
    throw Error(ErrorKind::unsupported, why);
  refuse(conflict(options));
}

/// The tensors of tensor copies, in the order of their maps.
void describeTensors(mlir::func::FuncOp function, Ptx &ptx) {
  for (mlir::BlockArgument map : function.getArguments()) {
    auto copy =
        llvm::find_if(map.getUsers(), llvm::IsaPred<tile::TensorCopyOp>);
    if (copy == map.getUsers().end())
      continue;
    auto of = llvm::cast<tile::TensorCopyOp>(*copy);
    auto view = of.getView().getDefiningOp<tile::ViewOp>();
    tile::Memory memory = view.getType().memory();
    llvm::ArrayRef<std::int64_t> shape = of.getBuffer().getType().getShape();
    const Panels panels =
        *Panels::of(Shape(shape.begin(), shape.end()), memory.unitBytes);
    auto number = [](mlir::Value argument) {
      return llvm::cast<mlir::BlockArgument>(argument).getArgNumber();
    };
    TensorFacts tensor;
    tensor.param = number(view.getPointer());
    tensor.elementBytes = memory.unitBytes;
    tensor.swizzleBits = panels.swizzleBits();
    auto known = view.getExtents().begin();
    for (auto [extent, box] : llvm::zip(
             memory.shape, tile::boxOf(view.getType(), shape, of.getDims()))) {
      LaunchNumber n;
      if (mlir::ShapedType::isDynamic(extent))
        n.scalar = static_cast<std::int32_t>(number(*known++));
      else
        n.constant = static_cast<std::uint64_t>(extent);
      tensor.extents.push_back(n);
      tensor.box.push_back(static_cast<std::uint32_t>(box));
    }
    tensor.box.back() = static_cast<std::uint32_t>(panels.columns());
    ptx.tensorMaps.push_back(tensor);
  }
}

/// "at file:line" of the call that an operation comes from; empty where none is
/// known.
std::string sourceOf(mlir::Location location) {
  std::string text;
  location->walk([&](mlir::Location inner) {
    auto file = llvm::dyn_cast<mlir::FileLineColLoc>(inner);
    if (!file)
      return mlir::WalkResult::advance();
    text = fmt::format("at {}:{}", file.getFilename().str(), file.getLine());
    return mlir::WalkResult::interrupt();
  });
  return text;
}

/// What the launch needs to know, read off the kernel before it is lowered.
void describeLaunch(ProgramImpl &program, const CompileOptions &options,
                    Ptx &ptx) {
  mlir::func::FuncOp function = program.function;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto text = [&](llvm::StringRef attribute) {
      return function.getArgAttrOfType<mlir::StringAttr>(i, attribute).str();
    };
    ptx.params.push_back(
        {static_cast<KernelParam::Kind>(
             function
                 .getArgAttrOfType<mlir::IntegerAttr>(i, tile::paramKindAttr)
                 .getInt()),
         text(tile::paramNameAttr), *parseDtype(text(tile::paramTypeAttr))});
    if (auto multiple = function.getArgAttrOfType<mlir::IntegerAttr>(
            i, tile::multipleOfAttrName))
      ptx.params.back().multipleOf = multiple.getInt();
  }
  function.walk([&](tile::PartialStoreOp store) {
    auto type = llvm::cast<mlir::RankedTensorType>(store.getValue().getType());
    Layout layout = tile::layoutOf(type);
    std::uint64_t slot =
        4ull * layout.size(Place::Register) * 32 * options.warps;
    ptx.workspaceBytesPerTile = slot * (store.getAtomic() ? 1 : options.split);
  });
  function.walk([&](tile::ArriveOp) { ptx.usesTickets = true; });
  ptx.accumulatesIntoOutput =
      options.split > 1 && options.reduce == Reduce::atomicOut;
  if (options.reduce == Reduce::cluster)
    ptx.clusterBlocks = options.split;
  ptx.persistent = options.persistent;
  ptx.dependent = options.dependent != Dependent::none;
  describeTensors(function, ptx);
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
    if (d.getSeverity() == mlir::DiagnosticSeverity::Remark)
      return mlir::success(); // nobody's fault; lath-opt shows them
    std::string line;
    llvm::raw_string_ostream os(line);
    d.print(os);
    // The operation itself follows the message, often pages of it.
    diagnostics.push_back(line);
    if (std::string at = sourceOf(d.getLocation()); !at.empty())
      diagnostics.push_back(at);
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
  p.function->setAttr(tile::scheduleAttrName,
                      tile::ScheduleAttr::get(context, options));
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
  unsigned version = options.target->ptxVersion;
  if (auto needed =
          module->getAttrOfType<mlir::IntegerAttr>(tile::ptxVersionAttrName))
    version = std::max<unsigned>(version, needed.getInt());
  CodegenTimes times;
  result.ptx.text =
      generatePtx(module, *options.target, version, times,
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
