// Errors of the command line itself, and what the process ends with.
#pragma once

#include "compiler/base/Error.h"

#include <string>
#include <vector>

namespace lath::cli {

/// What scripts may rely on; docs/cli.md lists it.
enum ExitCode {
  success = 0,
  failure = 1,     ///< anything that has no code of its own
  usage = 2,       ///< a command, option or word that lath does not know
  invalid = 3,     ///< a spec, schedule, target or input file that cannot be
  noToolchain = 4, ///< no assembler or disassembler where one is needed
  noDevice = 5,    ///< no driver, no GPU, a call of the driver failed, or the
                   ///< process that measures ended
  mismatch = 6,    ///< a result outside its numeric bound
};

inline ExitCode exitCode(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::invalidSpec:
  case ErrorKind::invalidProgram:
  case ErrorKind::unsupported:
  case ErrorKind::invalidInput:
    return invalid;
  case ErrorKind::toolchain:
    return noToolchain;
  case ErrorKind::driver:
    return noDevice;
  case ErrorKind::mismatch:
    return mismatch;
  case ErrorKind::compile:
  case ErrorKind::notPrepared:
  case ErrorKind::internal:
    return failure;
  }
  return failure;
}

/// What lath::Error has no kind for: usage (2) and output that cannot be
/// written (1).
struct CliError {
  ExitCode code;
  std::string message;
  std::vector<std::string> notes;
};

} // namespace lath::cli
