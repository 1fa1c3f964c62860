// The linear layers of well-known models, so that a pack can be named by one.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lath {

/// What tensor parallelism divides of a layer (arXiv 1909.08053).
enum class TensorParallel {
  outputs, ///< N: each process has some output features
  inputs,  ///< K: each has the inputs that its part of the layer ahead made
  nothing, ///< each has all of it
};

/// One weight matrix of each block of a model: N output and K input features.
struct ModelLayer {
  std::string_view name; ///< "qkv": q, k and v as one matrix
  std::int64_t n, k;
  TensorParallel divides = TensorParallel::outputs;
};

struct Model {
  std::string_view name; ///< "llama-3-8b"
  std::vector<ModelLayer> layers;
};

/// All of them. From the models' published configurations.
LATH_API std::span<const Model> models();

/// Throws Error{invalidSpec} naming the nearest one.
LATH_API const Model &model(std::string_view name);

/// The layers as one of `parts` tensor-parallel processes has them, in groups
/// of `group`. Those that `parts` does not divide into valid shapes are left
/// out. Throws Error{invalidInput} where parts is below 1.
LATH_API std::vector<ModelLayer> layersOfPart(const Model &model, int parts,
                                              std::int64_t group = 128);

/// `base` once for each layer and each bucket of up to `rows` rows; layers of
/// equal shape once. Throws Error{invalidSpec}.
LATH_API std::vector<GemmSpec>
modelSpecs(const Model &model, const GemmSpec &base, std::int64_t rows);

} // namespace lath
