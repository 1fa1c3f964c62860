// `lath emit`: compiles, and shows one stage.
#include "kernels/choose/ScheduleChoice.h"
#include "runtime/Assemble.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/SpecReader.h"
#include "tools/lath/Words.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace lath::cli {

namespace {

/// Those of the compiler, in its order, then those of the assembler.
constexpr std::array<std::string_view, 7> stages = {
    "tile", "layout", "nvvm", "llvm", "ptx", "cubin", "sass"};

using Clock = std::chrono::steady_clock;

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

/// Any other kernel: what it compiles, the measured one must not find done.
GemmSpec warmUpSpec(const GemmSpec &spec) {
  GemmSpec other;
  other.m = 16;
  other.n = spec.n == 1024 ? 2048 : 1024;
  other.k = 1024;
  other.x = spec.x;
  other.w = spec.w;
  other.zeros = spec.zeros;
  return other;
}

/// Compiles and assembles a kernel in a process that has done so for another,
/// and prints what each phase took. No stage is dumped meanwhile.
void printTiming(const GemmSpec &spec, const Schedule &schedule,
                 const TargetChoice &target) {
  GemmSpec other = warmUpSpec(spec);
  bool assembles =
      assembleIfPossible(
          compileChosen(other, *target.target, target.smCount).ptx, toolchain())
          .has_value();

  auto start = Clock::now();
  CompiledGemm gemm = compileGemm(spec, schedule, *target.target);
  std::string assembled = "          - no assembler is installed";
  if (assembles) {
    Cubin cubin = assemble(gemm.ptx);
    assembled =
        fmt::format("{:8.2f} ms by {}", cubin.milliseconds, cubin.assembler);
  }
  double total = millisecondsSince(start);

  std::string table =
      fmt::format("lath: timing of {} for {}, a new kernel in a process warmed "
                  "up by {}\n",
                  print(spec), target.target->name, print(other));
  for (const PhaseTime &phase : gemm.phases)
    table +=
        fmt::format("  {:<10}{:8.2f} ms\n", phase.name, phase.milliseconds);
  table += fmt::format("  {:<10}{}\n", "assemble", assembled);
  table += fmt::format("  {:<10}{:8.2f} ms\n", "total", total);
  std::fputs(table.c_str(), stderr);
}

std::string stageText(std::string_view stage, const GemmSpec &spec,
                      const Schedule &schedule, const Target &target) {
  std::optional<Stage> dumped = parseStage(stage);
  std::string text;
  auto dump = [&](Stage at, const std::string &dumpedText) {
    if (at == *dumped)
      text = dumpedText;
  };
  CompiledGemm gemm =
      compileGemm(spec, schedule, target,
                  dumped && *dumped != Stage::ptx
                      ? dump
                      : std::function<void(Stage, const std::string &)>());
  if (stage == "ptx")
    text = gemm.ptx.text;
  else if (!dumped) {
    Cubin cubin = assemble(gemm.ptx);
    text = stage == "sass"
               ? disassemble(cubin)
               : std::string(cubin.bytes.begin(), cubin.bytes.end());
  }
  return text;
}

} // namespace

void emit(const EmitArguments &arguments) {
  std::string_view stage =
      arguments.stage ? stages[wordIndex("stage", *arguments.stage, stages)]
                      : "ptx";
  if (stage == "cubin" && goesToTerminal(arguments.output))
    throw CliError{usage,
                   "a cubin is binary and standard output is a terminal",
                   {"give a file with -o, or redirect"}};
  Request request = readRequest(arguments.spec, arguments.schedule);
  TargetChoice target = chooseTarget(arguments.target);
  const Schedule schedule =
      request.schedule
          ? *request.schedule
          : chooseFor(request.spec, target, tunedFor(target).get()).schedule;
  if (arguments.timing)
    printTiming(request.spec, schedule, target);
  writeResult(stageText(stage, request.spec, schedule, *target.target),
              arguments.output);
}

} // namespace lath::cli
