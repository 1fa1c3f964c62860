// A Measurer in a process of its own, so that a candidate that hangs, crashes
// or leaves the device unusable takes only that process along.
#pragma once

#include "kernels/tune/TuneMeasure.h"

#include <functional>
#include <string>
#include <vector>

namespace lath {

/// Until a candidate counts as hung: thousands of times what one takes.
inline constexpr double candidateSeconds = 20;

/// Why a worker gave no answer. Thrown by the measurer of measureInWorker; the
/// next prepare() starts a new process.
struct WorkerFailure {
  Measurement::Status status; ///< crashed or hung
  std::string note;
};

/// Runs `command` (the first word is a path), which must call serveMeasurer,
/// when it is first needed. `seconds`: after which check and time count as
/// hung; prepare has ten times as long.
/// Throws Error{toolchain} where the command cannot be started.
std::unique_ptr<Measurer> measureInWorker(std::vector<std::string> command,
                                          double seconds);

/// The other end: answers requests on standard input until it ends. All that
/// this process prints goes to standard error meanwhile. Returns the exit code.
int serveMeasurer(const std::function<std::unique_ptr<Measurer>()> &open);

} // namespace lath
