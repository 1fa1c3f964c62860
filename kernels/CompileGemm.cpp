// Spec to PTX.
#include "kernels/DequantGemm.h"
#include "kernels/Engine.h"
#include "kernels/ScheduleSpace.h"

#include <chrono>

namespace lath {

CompiledGemm
compileGemm(const GemmSpec &spec, const std::optional<Schedule> &schedule,
            const Target &target, unsigned smCount,
            const std::function<void(Stage, const std::string &)> &dump) {
  auto start = std::chrono::steady_clock::now();
  validate(spec);
  CompiledGemm result;
  result.spec = spec;
  result.schedule =
      schedule ? *schedule : chooseSchedule(spec, target, smCount).schedule;
  validate(result.schedule, spec, target);
  std::unique_ptr<Program> program = dequantGemm(spec, result.schedule);
  double build = std::chrono::duration<double, std::milli>(
                     std::chrono::steady_clock::now() - start)
                     .count();
  CompileOptions options = compileOptions(result.schedule, target);
  if (spec.m <= result.schedule.blockM)
    options.rows = tileRows(result.schedule, spec);
  CompileResult compiled = compile(*program, options, dump);
  result.ptx = std::move(compiled.ptx);
  result.phases = {{"build", build}};
  result.phases.insert(result.phases.end(), compiled.phases.begin(),
                       compiled.phases.end());
  return result;
}

} // namespace lath
