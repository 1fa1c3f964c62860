#include "kernels/pack/Models.h"

#include "compiler/base/Error.h"
#include "compiler/base/Nearest.h"
#include "kernels/gemm/MBuckets.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

static constexpr auto inputs = TensorParallel::inputs,
                      nothing = TensorParallel::nothing;

/// Projections that share an input are one matrix, as serving engines run them.
static const std::vector<Model> table = {
    {"llama-2-7b",
     {{"qkv", 12288, 4096},
      {"o", 4096, 4096, inputs},
      {"gate_up", 22016, 4096},
      {"down", 4096, 11008, inputs}}},
    {"llama-2-13b",
     {{"qkv", 15360, 5120},
      {"o", 5120, 5120, inputs},
      {"gate_up", 27648, 5120},
      {"down", 5120, 13824, inputs}}},
    {"llama-3-8b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096, inputs},
      {"gate_up", 28672, 4096},
      {"down", 4096, 14336, inputs}}},
    {"llama-3-70b",
     {{"qkv", 10240, 8192},
      {"o", 8192, 8192, inputs},
      {"gate_up", 57344, 8192},
      {"down", 8192, 28672, inputs}}},
    {"llama-3.1-405b",
     {{"qkv", 18432, 16384},
      {"o", 16384, 16384, inputs},
      {"gate_up", 106496, 16384},
      {"down", 16384, 53248, inputs}}},
    {"mistral-7b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096, inputs},
      {"gate_up", 28672, 4096},
      {"down", 4096, 14336, inputs}}},
    {"qwen2.5-7b",
     {{"qkv", 4608, 3584},
      {"o", 3584, 3584, inputs},
      {"gate_up", 37888, 3584},
      {"down", 3584, 18944, inputs}}},
    {"qwen2.5-72b",
     {{"qkv", 10240, 8192},
      {"o", 8192, 8192, inputs},
      {"gate_up", 59136, 8192},
      {"down", 8192, 29568, inputs}}},
    {"qwen3-8b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096, inputs},
      {"gate_up", 24576, 4096},
      {"down", 4096, 12288, inputs}}},
    {"qwen3-30b-a3b",
     {{"qkv", 5120, 2048},
      {"o", 2048, 4096, inputs},
      {"expert gate_up", 1536, 2048},
      {"expert down", 2048, 768, inputs}}},
    {"deepseek-v3",
     {{"q_a and kv_a", 2112, 7168, nothing},
      {"q_b", 24576, 1536},
      {"kv_b", 32768, 512},
      {"o", 7168, 16384, inputs},
      {"expert gate_up", 4096, 7168},
      {"expert down", 7168, 2048, inputs}}},
};

std::span<const Model> models() { return table; }

const Model &model(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Model &candidate : table) {
    if (candidate.name == name)
      return candidate;
    names.push_back(candidate.name);
  }
  throw Error(ErrorKind::invalidSpec,
              fmt::format("unknown model '{}'; the nearest is '{}'", name,
                          nearest(name, names)),
              {fmt::format("all are {}", fmt::join(names, ", "))});
}

std::vector<ModelLayer> layersOfPart(const Model &model, int parts,
                                     std::int64_t group) {
  if (parts < 1)
    throw Error(
        ErrorKind::invalidInput,
        fmt::format("{} tensor-parallel processes; expected 1 or more", parts));
  std::vector<ModelLayer> layers;
  for (ModelLayer layer : model.layers) {
    std::int64_t &divided =
        layer.divides == TensorParallel::inputs ? layer.k : layer.n;
    if (layer.divides != TensorParallel::nothing) {
      if (divided % parts)
        continue;
      divided /= parts;
    }
    if (layer.n % 8 == 0 && layer.k % group == 0)
      layers.push_back(layer);
  }
  return layers;
}

std::vector<GemmSpec> modelSpecs(const Model &model, const GemmSpec &base,
                                 std::int64_t rows) {
  std::vector<GemmSpec> specs;
  for (const ModelLayer &layer : model.layers) {
    GemmSpec spec = base;
    spec.n = layer.n;
    spec.k = layer.k;
    for (const GemmSpec &bucket : bucketSpecs(spec, rows)) {
      validate(bucket);
      if (std::find(specs.begin(), specs.end(), bucket) == specs.end())
        specs.push_back(bucket);
    }
  }
  return specs;
}

} // namespace lath
