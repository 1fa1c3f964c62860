#include "kernels/programs/TunableProgram.h"

#include <fmt/format.h>

namespace lath {

std::string refusal(const TunableProgram &program, const ProgramChoice &choice,
                    const Target &target) {
  if (std::string why = refusal(choice, target); !why.empty())
    return why;
  if (program.fits && !program.fits(choice))
    return fmt::format("{} is not built with {}", program.name, print(choice));
  return "";
}

} // namespace lath
