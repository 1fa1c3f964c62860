// `lath emit`: compiles, and shows one stage.
#include "kernels/choose/ScheduleChoice.h"
#include "runtime/Assemble.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/SpecReader.h"
#include "tools/lath/Words.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>

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

using Dump = std::function<void(Stage, const std::string &)>;

/// What is emitted: a GEMM or a program, by a schedule, for a target.
struct Subject {
  std::string name;
  std::function<CompileResult(const Dump &)> compile;
};

/// Compiles and assembles a kernel in a process that has done so for another,
/// `other`, and prints what each phase took. No stage is dumped meanwhile.
void printTiming(const Subject &subject, const GemmSpec &other,
                 const TargetChoice &target) {
  bool assembles =
      assembleIfPossible(
          compileChosen(other, *target.target, target.smCount).ptx, toolchain())
          .has_value();

  auto start = Clock::now();
  CompileResult result = subject.compile({});
  std::string assembled = "          - no assembler is installed";
  if (assembles) {
    Cubin cubin = assemble(result.ptx);
    assembled =
        fmt::format("{:8.2f} ms by {}", cubin.milliseconds, cubin.assembler);
  }
  double total = millisecondsSince(start);

  std::string table =
      fmt::format("lath: timing of {} for {}, a new kernel in a process warmed "
                  "up by {}\n",
                  subject.name, target.target->name, print(other));
  for (const PhaseTime &phase : result.phases)
    table +=
        fmt::format("  {:<10}{:8.2f} ms\n", phase.name, phase.milliseconds);
  table += fmt::format("  {:<10}{}\n", "assemble", assembled);
  table += fmt::format("  {:<10}{:8.2f} ms\n", "total", total);
  std::fputs(table.c_str(), stderr);
}

struct Emitted {
  std::string text;
  Ptx ptx;
};

Emitted emitted(std::string_view stage, const Subject &subject) {
  std::optional<Stage> dumped = parseStage(stage);
  Emitted result;
  auto dump = [&](Stage at, const std::string &dumpedText) {
    if (at == *dumped)
      result.text = dumpedText;
  };
  result.ptx =
      subject.compile(dumped && *dumped != Stage::ptx ? dump : Dump()).ptx;
  if (stage == "ptx")
    result.text = result.ptx.text;
  else if (!dumped) {
    Cubin cubin = assemble(result.ptx);
    result.text = stage == "sass"
                      ? disassemble(cubin)
                      : std::string(cubin.bytes.begin(), cubin.bytes.end());
  }
  return result;
}

Subject gemmSubject(const GemmSpec &spec, const Schedule &schedule,
                    const Target &target) {
  return {print(spec), [=, &target](const Dump &dump) -> CompileResult {
            CompiledGemm gemm = compileGemm(spec, schedule, target, dump);
            return {std::move(gemm.ptx), std::move(gemm.phases)};
          }};
}

Subject programSubject(const TunableProgram &program,
                       const ProgramChoice &choice, const Target &target) {
  return {
      fmt::format("{} {} by {}", program.name, program.problem, print(choice)),
      [=, &target](const Dump &dump) {
        auto start = Clock::now();
        std::unique_ptr<Program> built = program.build(choice);
        const double build = millisecondsSince(start);
        CompileResult result =
            compile(*built, CompileOptions{{choice.schedule, &target}}, dump);
        result.phases.insert(result.phases.begin(), {"build", build});
        return result;
      }};
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
  if (arguments.launch && !arguments.program.name)
    throw CliError{usage, "--launch-json belongs to --program", {}};
  if (wantsProgram(arguments.program, arguments.spec)) {
    ProgramRequest request = readProgram(arguments.program);
    TargetChoice target = chooseTarget(arguments.target);
    const ProgramChoice choice =
        chooseForProgram(request.program, arguments.schedule, target,
                         tunedFor(target).get())
            .choice;
    Subject subject = programSubject(request.program, choice, *target.target);
    if (arguments.timing)
      printTiming(subject, warmUpSpec({}), target);
    Emitted result = emitted(stage, subject);
    if (arguments.launch)
      writeResult(launchJson(request, choice, result.ptx), arguments.launch);
    return writeResult(result.text, arguments.output);
  }
  Request request = readRequest(arguments.spec, arguments.schedule);
  TargetChoice target = chooseTarget(arguments.target);
  const Schedule schedule =
      request.schedule
          ? *request.schedule
          : chooseFor(request.spec, target, tunedFor(target).get()).schedule;
  Subject subject = gemmSubject(request.spec, schedule, *target.target);
  if (arguments.timing)
    printTiming(subject, warmUpSpec(request.spec), target);
  writeResult(emitted(stage, subject).text, arguments.output);
}

} // namespace lath::cli
