// The linear layers of models, as matrix products.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

struct LayerShape {
  std::string name; ///< "qkv", "gate_up"
  std::int64_t n = 0, k = 0;
};

struct ModelShapes {
  std::string_view name; ///< "llama-3-8b"
  std::int64_t qkv, hidden, gateUp, intermediate;

  /// The layers, QKV and gate-up fused, as one of `parts` tensor-parallel
  /// processes has them: qkv and gate_up split along N, o and down along K.
  /// Layers that `parts` does not divide into valid shapes are left out.
  std::vector<LayerShape> layers(int parts, std::int64_t group = 128) const;
};

std::span<const ModelShapes> models();

/// Throws Error{invalidInput} naming the nearest.
const ModelShapes &model(std::string_view name);

} // namespace lath
