#include "tools/lath/ProgramReader.h"

#include "tools/lath/Words.h"

#include <array>

namespace lath::cli {

namespace {

constexpr std::array<std::string_view, 3> dtypes = {"f16", "bf16", "f32"};

bool any(const SpecArguments &spec) {
  for (const Text *part :
       {&spec.text, &spec.m, &spec.n, &spec.k, &spec.group, &spec.split,
        &spec.x, &spec.w, &spec.layout, &spec.launch, &spec.reduce})
    if (*part)
      return true;
  for (const Text &step : spec.epilogue)
    if (step)
      return true;
  return false;
}

} // namespace

bool wantsProgram(const ProgramArguments &arguments,
                  const SpecArguments &spec) {
  if (arguments.name && any(spec))
    throw CliError{usage,
                   "--program and a SPEC or its flags exclude each other",
                   {"`lath programs` lists programs and their sizes"}};
  for (auto [name, said] : {std::pair{"--sizes", &arguments.sizes},
                            std::pair{"--dtype", &arguments.dtype}})
    if (*said && !arguments.name)
      throw CliError{usage, fmt::format("{} belongs to --program", name), {}};
  return arguments.name.has_value();
}

ProgramRequest readProgram(const ProgramArguments &arguments) {
  std::vector<std::string_view> names;
  for (const Example &each : examples())
    names.push_back(each.name);
  const Example &found =
      examples()[wordIndex("program", *arguments.name, names)];
  const std::optional<Dtype> dtype = parseDtype(
      dtypes[arguments.dtype ? wordIndex("dtype", *arguments.dtype, dtypes)
                             : 0]);
  ExampleSizes sizes = parseSizes(
      arguments.sizes ? std::string_view(*arguments.sizes) : "", found.sizes);
  return {&found, sizes, *dtype, found.problem(sizes, *dtype)};
}

std::vector<ProgramRequest> readPrograms(const ProgramArguments &arguments) {
  std::vector<ProgramRequest> requests;
  std::string_view rest = *arguments.name;
  for (;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    ProgramArguments one = arguments;
    one.name = std::string(rest.substr(0, comma));
    requests.push_back(readProgram(one));
    if (comma == rest.size())
      return requests;
    rest.remove_prefix(comma + 1);
  }
}

ChosenProgram chooseForProgram(const TunableProgram &program,
                               const Text &schedule, const TargetChoice &target,
                               const TunedSchedules *tuned) {
  if (schedule) {
    const ProgramChoice choice =
        program.space.parse(*schedule, program.usualChoice());
    if (std::string why = refusal(choice, *target.target); !why.empty())
      throw Error(ErrorKind::unsupported, why,
                  {fmt::format("in choice '{}'", print(choice))});
    return {choice, {"as given"}};
  }
  if (tuned)
    return tuned->choose(program, *target.target);
  return {program.usualChoice(),
          {"the program's usual choice: no GPU is known here"}};
}

} // namespace lath::cli
