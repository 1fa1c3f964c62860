// The one exception type that leaves Lath's public functions.
//
// Inside MLIR code errors travel as LogicalResult and diagnostics; Compile.cpp
// turns them into an Error. Nothing is thrown through LLVM frames.
#pragma once

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
  mismatch,     ///< a result outside its numeric bound
  internal,     ///< a bug in Lath
};

std::string_view name(ErrorKind kind);

/// What went wrong, in one sentence that carries the expected and the actual
/// value, and notes that help: the nearest valid value, a log, a command.
class Error : public std::exception {
public:
  Error(ErrorKind kind, std::string message,
        std::vector<std::string> notes = {})
      : kind_(kind), message_(std::move(message)), notes_(std::move(notes)) {}

  ErrorKind kind() const { return kind_; }
  const std::string &message() const { return message_; }
  const std::vector<std::string> &notes() const { return notes_; }
  const char *what() const noexcept override { return message_.c_str(); }

private:
  ErrorKind kind_;
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
  case ErrorKind::mismatch:
    return "numeric mismatch";
  case ErrorKind::internal:
    return "internal error";
  }
  return "error";
}

} // namespace lath
