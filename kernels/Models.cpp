#include "kernels/Models.h"

#include "compiler/Error.h"
#include "compiler/Nearest.h"

#include <fmt/format.h>

#include <array>

namespace lath {

namespace {
// From the config.json of each: qkv is (heads + 2 kv heads) * head size,
// gate_up twice the intermediate size.
constexpr std::array<ModelShapes, 9> table = {{
    {"llama-2-7b", 12288, 4096, 22016, 11008},
    {"llama-2-13b", 15360, 5120, 27648, 13824},
    {"llama-3-8b", 6144, 4096, 28672, 14336},
    {"llama-3-70b", 10240, 8192, 57344, 28672},
    {"llama-3.1-405b", 18432, 16384, 106496, 53248},
    {"mistral-7b", 6144, 4096, 28672, 14336},
    {"qwen2.5-7b", 4608, 3584, 37888, 18944},
    {"qwen2.5-72b", 10240, 8192, 59136, 29568},
    {"qwen3-8b", 6144, 4096, 24576, 12288},
}};
} // namespace

std::span<const ModelShapes> models() { return table; }

const ModelShapes &model(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ModelShapes &m : table) {
    if (m.name == name)
      return m;
    names.push_back(m.name);
  }
  throw Error(ErrorKind::invalidInput,
              fmt::format("unknown model '{}'; the nearest is '{}'", name,
                          nearest(name, names)),
              {fmt::format("all are {}", fmt::join(names, ", "))});
}

std::vector<LayerShape> ModelShapes::layers(int parts,
                                            std::int64_t group) const {
  std::vector<LayerShape> list;
  auto add = [&](const char *layer, std::int64_t n, std::int64_t k) {
    if (n % 8 == 0 && k % group == 0)
      list.push_back({layer, n, k});
  };
  auto part = [&](std::int64_t whole) {
    return whole % parts ? std::int64_t{1}
                         : whole / parts; // 1: no valid extent
  };
  add("qkv", part(qkv), hidden);
  add("o", hidden, part(hidden));
  add("gate_up", part(gateUp), hidden);
  add("down", hidden, part(intermediate));
  return list;
}

} // namespace lath
