// A linear layer out of a checkpoint, whatever format it has.
//
// A format is one record of `checkpointFormats`: the tensor by which its layers
// are known, how it is told from others with the same tensors, and how it is
// read. Formats that cannot be read have records too, so that they are refused
// by name.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/weights/Gptq.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

class LayerTensors;

struct LayerReadOptions {
  /// How to read stored zero points, against the configuration. Left out: as
  /// the format and the configuration say.
  std::optional<Zeros> zeros = std::nullopt;
  /// Scales are converted to this type, f16 or bf16.
  Dtype scaleType = Dtype::f16;
  /// Whether the codes are read: everything else is a few percent of a file.
  bool codes = true;
};

struct LayerReadResult {
  GptqLayer layer; ///< without `qweight` where no codes were asked for
  /// Sentences for the user: a label that lies, scales that lost precision.
  /// Empty as a rule.
  std::vector<std::string> warnings;
};

/// One format of checkpoints.
struct CheckpointFormat {
  std::string_view name; ///< for users: "AWQ gemm"
  /// How the name of the tensor ends by which a layer is known: ".qweight".
  std::string_view anchor;
  /// Whether such a layer has this format; null: it has.
  bool (*is)(const LayerTensors &);
  /// Null: it is refused, with `advice`.
  LayerReadResult (*read)(const LayerTensors &, const LayerReadOptions &);
  std::string_view advice = {};
};

/// In the order in which they are asked.
LATH_API std::span<const CheckpointFormat> checkpointFormats();

/// The layer called `name`: its tensors are `name`.qweight and so on, checked
/// against each other and against the configuration; the group size follows
/// from their shapes.
/// Throws Error{invalidInput} where a tensor is missing or does not fit, with
/// the expected and the actual shape, and where there is no such layer, with
/// the nearest; Error{unsupported} for formats, and parts of formats, that are
/// not read, by name.
LATH_API LayerReadResult readLayer(const Checkpoint &checkpoint,
                                   std::string_view name,
                                   const LayerReadOptions &options = {});

/// What is known of a layer without its codes.
struct LayerSummary {
  std::string name;
  std::string_view format; ///< CheckpointFormat::name
  /// Of layers that can be read.
  std::int64_t n = 0, k = 0, group = 0;
  unsigned bits = 0;
  std::string_view weights; ///< the name of its WeightFormat
  std::string why;          ///< why it cannot be read; empty: it can
  std::vector<std::string> warnings;
};

/// All quantised layers, by name. Errors of a layer are its `why`.
LATH_API std::vector<LayerSummary> summarise(const Checkpoint &checkpoint);

} // namespace lath
