#include "kernels/gemm/CompileGemm.h"

#include "kernels/gemm/DequantGemm.h"
#include "kernels/gemm/SharedPlan.h"

#include <chrono>
#include <memory>

namespace lath {

namespace {

std::unique_ptr<Program> checkedProgram(const GemmSpec &spec,
                                        const Schedule &schedule,
                                        const Target &target) {
  validate(spec);
  validate(schedule, spec, target);
  return dequantGemm(spec, schedule);
}

CompileOptions optionsFor(const GemmSpec &spec, const Schedule &schedule,
                          const Target &target) {
  const bool oneTile = spec.m <= schedule.blockM;
  return {{schedule, &target, oneTile ? tileRows(schedule, spec) : 0}};
}

} // namespace

CompiledGemm
compileGemm(const GemmSpec &spec, const Schedule &schedule,
            const Target &target,
            const std::function<void(Stage, const std::string &)> &dump) {
  auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Program> program = checkedProgram(spec, schedule, target);
  double build = std::chrono::duration<double, std::milli>(
                     std::chrono::steady_clock::now() - start)
                     .count();
  CompileResult compiled =
      compile(*program, optionsFor(spec, schedule, target), dump);
  CompiledGemm result{spec, schedule, std::move(compiled.ptx), {}};
  result.phases = {{"build", build}};
  result.phases.insert(result.phases.end(), compiled.phases.begin(),
                       compiled.phases.end());
  return result;
}

Ptx planLaunch(const GemmSpec &spec, const Schedule &schedule,
               const Target &target) {
  std::unique_ptr<Program> program = checkedProgram(spec, schedule, target);
  return planLaunch(*program, optionsFor(spec, schedule, target));
}

} // namespace lath
