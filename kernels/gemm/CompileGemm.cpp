#include "kernels/gemm/CompileGemm.h"

#include "kernels/gemm/DequantGemm.h"

#include <chrono>

namespace lath {

CompiledGemm
compileGemm(const GemmSpec &spec, const Schedule &schedule,
            const Target &target,
            const std::function<void(Stage, const std::string &)> &dump) {
  auto start = std::chrono::steady_clock::now();
  validate(spec);
  validate(schedule, spec, target);
  std::unique_ptr<Program> program = dequantGemm(spec, schedule);
  double build = std::chrono::duration<double, std::milli>(
                     std::chrono::steady_clock::now() - start)
                     .count();
  const bool oneTile = spec.m <= schedule.blockM;
  const CompileOptions options{
      {schedule, &target, oneTile ? tileRows(schedule, spec) : 0}};
  CompileResult compiled = compile(*program, options, dump);
  CompiledGemm result{spec, schedule, std::move(compiled.ptx), {}};
  result.phases = {{"build", build}};
  result.phases.insert(result.phases.end(), compiled.phases.begin(),
                       compiled.phases.end());
  return result;
}

} // namespace lath
