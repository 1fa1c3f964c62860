// The linear layers of well-known models, so that a pack can be named by one.
#pragma once

#include "compiler/Api.h"
#include "kernels/GemmSpec.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lath {

/// One weight matrix of each block of a model: N output and K input features.
struct ModelLayer {
  std::string_view name; ///< "qkv": q, k and v as one matrix
  std::int64_t n, k;
};

struct Model {
  std::string_view name; ///< "llama-3-8b"
  std::vector<ModelLayer> layers;
};

/// All of them. From the models' published configurations.
LATH_API std::span<const Model> models();

/// Throws Error{invalidSpec} naming the nearest one.
LATH_API const Model &model(std::string_view name);

/// `base` once for each layer and each bucket of up to `rows` rows; layers of
/// equal shape once. Throws Error{invalidSpec}.
LATH_API std::vector<GemmSpec>
modelSpecs(const Model &model, const GemmSpec &base, std::int64_t rows);

} // namespace lath
