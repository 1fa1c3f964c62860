// From what the user wrote to an example program, its problem and its choice.
#pragma once

#include "kernels/examples/Examples.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"

#include <string>
#include <vector>

namespace lath::cli {

/// Whether a program is asked for. Throws CliError{usage} where a spec is named
/// as well, or a program's sizes without one.
bool wantsProgram(const ProgramArguments &arguments, const SpecArguments &spec);

/// An example for sizes and a type.
struct ProgramRequest {
  const Example *example;
  ExampleSizes sizes;
  Dtype dtype;
  TunableProgram program;
};

/// Throws CliError{usage} for a name or a type that there is not, with the
/// nearest, Error{invalidSpec} for sizes.
ProgramRequest readProgram(const ProgramArguments &arguments);

/// Those that `lath tune` names, by commas, with the same sizes.
std::vector<ProgramRequest> readPrograms(const ProgramArguments &arguments);

/// The choice that --schedule names; else the one tuned where a GPU is known
/// (`tuned` is not null), else the usual one. Throws Error{invalidSpec},
/// Error{unsupported} where the target cannot do it.
ChosenProgram chooseForProgram(const TunableProgram &program,
                               const Text &schedule, const TargetChoice &target,
                               const TunedSchedules *tuned);

/// `lath run --program`. Throws Error{mismatch} where an output is wrong.
void runProgram(const RunArguments &arguments);

/// `lath explain --program`.
void explainProgram(const ExplainArguments &arguments);

/// What a launch of the compiled choice takes, for launchers in other
/// languages: docs/cli.md has its fields.
std::string launchJson(const ProgramRequest &request,
                       const ProgramChoice &choice, const Ptx &ptx);

} // namespace lath::cli
