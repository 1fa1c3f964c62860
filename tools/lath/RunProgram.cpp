// `lath run --program`: runs a choice once, and compares with fp64.
#include "kernels/programs/ProgramBench.h"
#include "tools/lath/OpenDevice.h"
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

using Json = nlohmann::ordered_json;

void runProgram(const RunArguments &arguments) {
  const bool json = wantsJson(arguments.format);
  if (arguments.weights || arguments.layer || arguments.counters)
    throw CliError{
        usage, "--weights, --layer and --counters belong to a SPEC", {}};
  const std::uint64_t seed =
      arguments.seed ? wholeNumber<std::uint64_t>("--seed", *arguments.seed)
                     : 1;
  const ProgramRequest request = readProgram(arguments.program);
  const std::shared_ptr<Device> device = openDevice(arguments.device);
  const DeviceInfo &info = device->info();
  const TargetChoice target{&lath::target(info.target), info.smCount, info};
  const ChosenProgram chosen = chooseForProgram(
      request.program, arguments.schedule, target, tunedFor(target).get());
  ProgramBench bench(device, request.program, chosen.choice, seed);
  bench.launch();
  const std::vector<OutputCheck> outputs = bench.check();
  std::string text = row("program", request.program.name);
  text += row("problem", request.program.problem);
  text += row("device", fmt::format("{}, {}", info.name, info.target));
  text += row("choice", print(chosen.choice));
  for (const std::string &reason : chosen.reasons)
    text += wrappedRow("", reason);
  Json list = Json::array();
  bool right = true;
  for (const OutputCheck &output : outputs) {
    right &= output.ok();
    text += row("check",
                fmt::format("{}: relative error {:.2e}, the bound is {:.1e}; "
                            "{} strays",
                            output.name, output.error, output.bound,
                            output.strays));
    list.push_back({{"output", std::string(output.name)},
                    {"ok", output.ok()},
                    {"relative_error", output.error},
                    {"bound", output.bound},
                    {"strays", output.strays}});
  }
  writeResult(json ? Json({{"schema", 1},
                           {"program", request.program.name},
                           {"problem", request.program.problem},
                           {"device", info.name},
                           {"target", info.target},
                           {"choice", print(chosen.choice)},
                           {"checks", list}})
                             .dump(2) +
                         "\n"
                   : text);
  if (!right)
    throw Error(ErrorKind::mismatch,
                fmt::format("{} {}: the result is wrong", request.program.name,
                            request.program.problem));
}

} // namespace lath::cli
