// Which choices of a program are tried.
#pragma once

#include "kernels/programs/TunableProgram.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lath {

/// Choices of a program's space for a target.
struct ProgramCandidates {
  std::vector<ProgramChoice> chosen; ///< the usual one first
  bool all = false;                  ///< there are no others
};

/// The usual choice and every other that the program and the target allow,
/// where those are `most` at most; else so many, among them every value of each
/// dimension that is allowed, the rest at random by `seed`.
ProgramCandidates candidatesOf(const TunableProgram &program,
                               const Target &target, std::size_t most,
                               std::uint64_t seed);

/// Those that differ from `choice` in one dimension: in the next number, or in
/// any option.
std::vector<ProgramChoice> neighbours(const TunableProgram &program,
                                      const Target &target,
                                      const ProgramChoice &choice);

} // namespace lath
