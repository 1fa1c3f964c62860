// From what the user wrote to a GemmSpec, by itself or with a layer of weights.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"
#include "kernels/weights/Gptq.h"
#include "tools/lath/Commands.h"

#include <optional>
#include <string>
#include <vector>

namespace lath::cli {

/// A spec and, where --schedule was given, the schedule for it.
struct Request {
  GemmSpec spec;
  std::optional<Schedule> schedule;
};

/// SPEC or its flags, and the schedule. A reduction that the spec leaves open
/// is that of the schedule. Throws CliError{usage} on missing, malformed or
/// conflicting arguments, Error{invalidSpec}.
Request readRequest(const SpecArguments &arguments, const Text &schedule);

/// A request whose weights come from a checkpoint.
struct LayerRequest {
  Request request;
  GptqLayer layer;
  std::vector<std::string> warnings;
};

/// As readRequest, but the spec needs only m: n, k, the group and the zero
/// points are those of the layer, and where the spec gives them they must
/// agree. Throws Error{invalidInput} where they do not, and what
/// Checkpoint and readLayer throw.
LayerRequest readLayerRequest(const SpecArguments &arguments,
                              const Text &schedule, const std::string &file,
                              const std::string &layer);

} // namespace lath::cli
