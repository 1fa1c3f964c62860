// A Measurer in a process of its own, so that a candidate that hangs, crashes
// or leaves the device unusable takes only that process along.
#pragma once

#include "compiler/base/Error.h"
#include "kernels/tune/TuneMeasure.h"

#include <functional>
#include <string>
#include <vector>

namespace lath {

/// Until a candidate counts as hung: thousands of times what one takes.
inline constexpr double candidateSeconds = 20;

/// A worker that gave no answer, or none that a worker gives: the message says
/// how it ended, the notes are what it printed last. Thrown by the measurer of
/// measureInWorker; the next prepare() or probe() starts a new process.
class WorkerFailure : public Error {
public:
  WorkerFailure(Measurement::Status status, std::string message,
                std::vector<std::string> notes = {})
      : Error(ErrorKind::driver, std::move(message), std::move(notes),
              Fault::fatal),
        status_(status) {}

  /// crashed or hung; of what the worker had in hand.
  Measurement::Status status() const { return status_; }

private:
  Measurement::Status status_;
};

/// Runs `command` (the first word is a path), which must call serveMeasurer.
/// `seconds`: after which check and time count as hung; what makes something
/// ready, the first answer too, has ten times as long.
/// Throws Error{toolchain} where the command cannot be started, WorkerFailure
/// where it ends before its first answer, and what the worker says where it has
/// no device.
std::unique_ptr<Measurer> measureInWorker(std::vector<std::string> command,
                                          double seconds);

/// The other end: answers requests on standard input until it ends. All that
/// this process prints goes to standard error meanwhile. Returns the exit code.
int serveMeasurer(const std::function<std::unique_ptr<Measurer>()> &open);

} // namespace lath
