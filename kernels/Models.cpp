#include "kernels/Models.h"

#include "compiler/Error.h"
#include "compiler/Nearest.h"
#include "kernels/MBuckets.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

/// Projections that share an input are one matrix, as serving engines run them.
static const std::vector<Model> table = {
    {"llama-2-7b",
     {{"qkv", 12288, 4096},
      {"o", 4096, 4096},
      {"gate_up", 22016, 4096},
      {"down", 4096, 11008}}},
    {"llama-2-13b",
     {{"qkv", 15360, 5120},
      {"o", 5120, 5120},
      {"gate_up", 27648, 5120},
      {"down", 5120, 13824}}},
    {"llama-3-8b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096},
      {"gate_up", 28672, 4096},
      {"down", 4096, 14336}}},
    {"llama-3-70b",
     {{"qkv", 10240, 8192},
      {"o", 8192, 8192},
      {"gate_up", 57344, 8192},
      {"down", 8192, 28672}}},
    {"llama-3.1-405b",
     {{"qkv", 18432, 16384},
      {"o", 16384, 16384},
      {"gate_up", 106496, 16384},
      {"down", 16384, 53248}}},
    {"mistral-7b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096},
      {"gate_up", 28672, 4096},
      {"down", 4096, 14336}}},
    {"qwen2.5-7b",
     {{"qkv", 4608, 3584},
      {"o", 3584, 3584},
      {"gate_up", 37888, 3584},
      {"down", 3584, 18944}}},
    {"qwen2.5-72b",
     {{"qkv", 10240, 8192},
      {"o", 8192, 8192},
      {"gate_up", 59136, 8192},
      {"down", 8192, 29568}}},
    {"qwen3-8b",
     {{"qkv", 6144, 4096},
      {"o", 4096, 4096},
      {"gate_up", 24576, 4096},
      {"down", 4096, 12288}}},
    {"qwen3-30b-a3b",
     {{"qkv", 5120, 2048},
      {"o", 2048, 4096},
      {"expert gate_up", 1536, 2048},
      {"expert down", 2048, 768}}},
    {"deepseek-v3",
     {{"q_a and kv_a", 2112, 7168},
      {"q_b", 24576, 1536},
      {"kv_b", 32768, 512},
      {"o", 7168, 16384},
      {"expert gate_up", 4096, 7168},
      {"expert down", 7168, 2048}}},
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
