// The one exception type that leaves Lath's public functions.
//
// Inside MLIR code errors travel as LogicalResult and diagnostics; Compile.cpp
// turns them into an Error. Nothing is thrown through LLVM frames.
#pragma once

#include "compiler/base/Api.h"

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lath {

enum class ErrorKind {
  invalidSpec,    ///< a spec, schedule or program text that says something
                  ///< impossible
  invalidProgram, ///< wrong use of the tile language: shapes, types, foreign
                  ///< values
  unsupported,    ///< well formed, but not for this target or schedule
  invalidInput, ///< a file or tensor that is malformed or does not fit the spec
  compile,      ///< a pass, LLVM or an assembler rejected generated code
  toolchain,    ///< no nvJitLink, ptxas or driver where one is needed
  driver,       ///< no device, or a CUDA driver call failed
  notPrepared,  ///< a kernel or workspace that would have to be made now, where
                ///< that is not allowed: cached only, or in a graph capture
  mismatch,     ///< a result outside its numeric bound
  internal,     ///< a bug in Lath
};

std::string_view name(ErrorKind kind);

/// What a failed call of the driver means for the caller.
enum class Fault {
  none,  ///< the error is not one of the driver's
  retry, ///< nothing is broken: the same call may succeed later (no memory, a
         ///< busy device)
  contextLost, ///< a kernel or the device failed. All memory, streams and
               ///< kernels of this context are lost; only a new process is sure
               ///< to help
  fatal, ///< the same call will fail again: wrong use, or a driver or device
         ///< that cannot do it
};

inline std::string_view name(Fault fault) {
  switch (fault) {
  case Fault::none:
    return "none";
  case Fault::retry:
    return "retry";
  case Fault::contextLost:
    return "context lost";
  case Fault::fatal:
    return "fatal";
  }
  return "?";
}

/// What went wrong, in one sentence that carries the expected and the actual
/// value, and notes that help: the nearest valid value, a log, a command.
class LATH_API Error : public std::exception {
public:
  Error(ErrorKind kind, std::string message,
        std::vector<std::string> notes = {}, Fault fault = Fault::none)
      : kind_(kind), fault_(fault), message_(std::move(message)),
        notes_(std::move(notes)) {}

  ErrorKind kind() const { return kind_; }
  /// Of errors of kind `driver`.
  Fault fault() const { return fault_; }
  const std::string &message() const { return message_; }
  const std::vector<std::string> &notes() const { return notes_; }
  const char *what() const noexcept override { return message_.c_str(); }

private:
  ErrorKind kind_;
  Fault fault_;
  std::string message_;
  std::vector<std::string> notes_;
};

inline std::string_view name(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::invalidSpec:
    return "invalid spec";
  case ErrorKind::invalidProgram:
    return "invalid program";
  case ErrorKind::unsupported:
    return "unsupported";
  case ErrorKind::invalidInput:
    return "invalid input";
  case ErrorKind::compile:
    return "compile error";
  case ErrorKind::toolchain:
    return "tool chain";
  case ErrorKind::driver:
    return "driver";
  case ErrorKind::notPrepared:
    return "not prepared";
  case ErrorKind::mismatch:
    return "numeric mismatch";
  case ErrorKind::internal:
    return "internal error";
  }
  return "error";
}

} // namespace lath
