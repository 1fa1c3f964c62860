// `lath explain --program`: the choice with its reasons, and what it costs.
#include "compiler/base/Occupancy.h"
#include "kernels/programs/ProgramBench.h"
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/Resources.h"
#include "tools/lath/Words.h"

namespace lath::cli {

using Json = nlohmann::ordered_json;

void explainProgram(const ExplainArguments &arguments) {
  const bool json = wantsJson(arguments.format);
  const ProgramRequest request = readProgram(arguments.program);
  TargetChoice target = chooseTarget(arguments.target);
  if (arguments.gpu)
    nameGpu(target, *arguments.gpu);
  const TunableProgram &program = request.program;
  const ChosenProgram chosen = chooseForProgram(program, arguments.schedule,
                                                target, tunedFor(target).get());
  const Ptx ptx = compileChoice(program, chosen.choice, *target.target);
  const LaunchConfig config = launchConfig(program, chosen.choice, ptx);
  const ProgramScratch scratch = scratchOf(ptx, config);
  const std::optional<Cubin> cubin = assembleIfPossible(ptx, toolchain());
  const unsigned shared =
      ptx.sharedBytes + (cubin ? cubin->resources.staticShared : 0);
  const Occupancy held =
      occupancy(*target.target, ptx.threads,
                cubin ? cubin->resources.registers : 0, shared);
  if (json) {
    const Json all = {{"schema", 1},
                      {"program", program.name},
                      {"problem", program.problem},
                      {"target", target.target->name},
                      {"sms", target.sms()},
                      {"choice", print(chosen.choice)},
                      {"reasons", chosen.reasons},
                      {"space", program.space.text()},
                      {"grid", config.grid},
                      {"threads", ptx.threads},
                      {"persistent", ptx.persistent},
                      {"registers", registersJson(cubin)},
                      {"shared_bytes", shared},
                      {"workspace_bytes", scratch.workspace},
                      {"ticket_bytes", scratch.tickets},
                      {"blocks_per_sm", held.blocks}};
    return writeResult(all.dump(2) + "\n");
  }
  std::string text = row("program", program.name);
  text += row("formula", request.example->formula);
  text += row("problem", program.problem);
  text += row("target",
              fmt::format("{}, {} SMs", target.target->name, target.sms()));
  text += row("choice", print(chosen.choice));
  for (const std::string &reason : chosen.reasons)
    text += wrappedRow("", reason);
  text += wrappedRow("space", program.space.text());
  text += row(
      "grid",
      fmt::format("{} x {} x {} blocks of {} threads{}", config.grid[0],
                  config.grid[1], config.grid[2], ptx.threads,
                  ptx.persistent ? ", which as many walk over as run" : ""));
  text += row("registers", registersText(cubin));
  text += row("shared", fmt::format("{} B a block, at most {} B", shared,
                                    target.target->maxSharedBytes));
  text += row("workspace", fmt::format("{} B, and {} B of tickets",
                                       scratch.workspace, scratch.tickets));
  text += row("occupancy", fmt::format("{} blocks an SM", held.blocks));
  writeResult(text);
}

} // namespace lath::cli
