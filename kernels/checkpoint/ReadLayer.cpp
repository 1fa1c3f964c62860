#include "kernels/checkpoint/ReadLayer.h"

#include "compiler/base/Half.h"
#include "compiler/base/Nearest.h"
#include "compiler/base/Parallel.h"
#include "kernels/checkpoint/Formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace lath {

static bool hasDtype(const LayerTensors &tensors, std::string_view part,
                     std::string_view dtype) {
  const SafetensorsInfo *info = tensors.find(part);
  return info && info->dtype == dtype;
}
static constexpr std::array formats = {
    CheckpointFormat{"GPTQ", ".qweight", isGptq, readGptq},
    CheckpointFormat{"AWQ gemm", ".qweight", isAwqGemm, readAwqGemm},
    CheckpointFormat{"AWQ gemv", ".qweight", isAwqGemv, readAwqGemv},
    CheckpointFormat{"AWQ gemv_fast", ".qweight", isAwqGemvFast, nullptr,
                     "save it again with version = gemm"},
    CheckpointFormat{"compressed-tensors pack-quantized", ".weight_packed",
                     isPackQuantized, readPackQuantized},
    CheckpointFormat{"compressed-tensors fp4", ".weight_packed",
                     [](const LayerTensors &t) {
                       return hasDtype(t, "weight_packed", "U8");
                     },
                     nullptr},
    CheckpointFormat{"bitsandbytes 4 bit", ".weight.absmax", nullptr, nullptr},
    CheckpointFormat{"HQQ", ".W_q", nullptr, nullptr},
    CheckpointFormat{"torchao", "._weight_qdata", nullptr, nullptr},
    CheckpointFormat{"MXFP4 of gpt-oss", "_blocks", nullptr, nullptr},
    CheckpointFormat{
        "fp8", ".weight",
        [](const LayerTensors &t) { return hasDtype(t, "weight", "F8_E4M3"); },
        nullptr},
    CheckpointFormat{
        "int8", ".weight",
        [](const LayerTensors &t) { return hasDtype(t, "weight", "I8"); },
        nullptr},
    CheckpointFormat{"modelopt fp4 or int4", ".weight",
                     [](const LayerTensors &t) {
                       return hasDtype(t, "weight", "U8") &&
                              t.find("weight_scale");
                     },
                     nullptr},
    CheckpointFormat{"ExLlamaV2", ".q_weight", nullptr, nullptr,
                     "quantise the model with gptqmodel or llm-compressor"},
    CheckpointFormat{"ExLlamaV3", ".trellis", nullptr, nullptr,
                     "quantise the model with gptqmodel or llm-compressor"},
    CheckpointFormat{"AQLM", ".codebooks", nullptr, nullptr,
                     "quantise the model with gptqmodel or llm-compressor"},
    CheckpointFormat{"QuIP#", ".Qidxs", nullptr, nullptr,
                     "quantise the model with gptqmodel or llm-compressor"},
};

std::span<const CheckpointFormat> checkpointFormats() { return formats; }

/// The name of the layer that a tensor makes in a format; nothing: it does not.
static std::optional<std::string_view> layerOf(const CheckpointFormat &format,
                                               std::string_view tensor) {
  if (!tensor.ends_with(format.anchor) || tensor.size() == format.anchor.size())
    return std::nullopt;
  tensor.remove_suffix(format.anchor.size());
  return tensor;
}

static std::string anchorOf(const CheckpointFormat &format,
                            std::string_view layer) {
  return fmt::format("{}{}", layer, format.anchor);
}

static const CheckpointFormat *formatOf(const LayerTensors &tensors) {
  for (const CheckpointFormat &format : formats)
    if (tensors.checkpoint().find(anchorOf(format, tensors.layer())) &&
        (!format.is || format.is(tensors)))
      return &format;
  return nullptr;
}

/// Of all quantised layers, by name.
static std::map<std::string_view, const CheckpointFormat *>
layersOf(const Checkpoint &checkpoint) {
  std::map<std::string_view, const CheckpointFormat *> layers;
  for (const auto &[name, tensor] : checkpoint.tensors())
    for (const CheckpointFormat &format : formats)
      if (auto layer = layerOf(format, name); layer && !layers.contains(*layer))
        if (const CheckpointFormat *found =
                formatOf(LayerTensors(checkpoint, *layer)))
          layers.emplace(*layer, found);
  return layers;
}

[[noreturn]] static void failNoLayer(const LayerTensors &tensors) {
  const auto layers = layersOf(tensors.checkpoint());
  if (tensors.find("weight"))
    tensors.fail(fmt::format("layer '{}' is not quantised: '{}' is {}",
                             tensors.layer(), tensors.full("weight"),
                             tensors.find("weight")->dtype),
                 ErrorKind::unsupported);
  if (layers.empty())
    tensors.fail(fmt::format("no layer '{}', nor any other with quantised "
                             "weights",
                             tensors.layer()));
  std::vector<std::string_view> names;
  for (const auto &[name, format] : layers)
    names.push_back(name);
  tensors.fail(fmt::format("no layer '{}'; the nearest of {} is '{}'",
                           tensors.layer(), names.size(),
                           nearest(tensors.layer(), names)));
}

static LayerReadResult read(const CheckpointFormat &format,
                            const LayerTensors &tensors,
                            const LayerReadOptions &options) {
  if (!format.read) {
    std::vector<std::string> notes;
    if (!format.advice.empty())
      notes.emplace_back(format.advice);
    tensors.fail(fmt::format("layer '{}' has the format {}, which is not read",
                             tensors.layer(), format.name),
                 ErrorKind::unsupported, std::move(notes));
  }
  return format.read(tensors, options);
}

LayerReadResult readLayer(const Checkpoint &checkpoint, std::string_view name,
                          const LayerReadOptions &options) {
  LayerTensors tensors(checkpoint, name);
  if (options.scaleType != Dtype::f16 && options.scaleType != Dtype::bf16)
    tensors.fail(fmt::format("scales are f16 or bf16, not {}",
                             lath::name(options.scaleType)));
  const CheckpointFormat *format = formatOf(tensors);
  if (!format)
    failNoLayer(tensors);
  return read(*format, tensors, options);
}

std::vector<LayerSummary> summarise(const Checkpoint &checkpoint) {
  std::vector<LayerSummary> summaries;
  for (const auto &[name, format] : layersOf(checkpoint)) {
    LayerSummary summary;
    summary.name = name;
    summary.format = format->name;
    try {
      // bf16 holds the scales of every type.
      LayerReadResult result = read(*format, LayerTensors(checkpoint, name),
                                    {.scaleType = Dtype::bf16, .codes = false});
      const GptqLayer &layer = result.layer;
      summary.n = layer.n;
      summary.k = layer.k;
      summary.group = layer.group;
      summary.bits = layer.format().bits();
      summary.weights = layer.format().name;
      summary.warnings = std::move(result.warnings);
    } catch (const Error &error) {
      summary.why = error.message();
      // Which file it is, all of them say.
      const std::string start = checkpoint.source() + ": ";
      if (summary.why.starts_with(start))
        summary.why.erase(0, start.size());
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

void takeScales(const LayerTensors &tensors, std::string_view part,
                const LayerReadOptions &options, bool transposed,
                LayerReadResult &result) {
  GptqLayer &layer = result.layer;
  const std::vector<float> values = tensors.floats(part);
  const SafetensorsInfo &info = tensors.need(part);
  layer.scaleType = options.scaleType;
  layer.scales.resize(values.size());
  const std::int64_t groups = layer.groups();
  std::size_t rounded = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i);
    const std::int64_t group = transposed ? at % groups : at / layer.n;
    const std::int64_t n = transposed ? at / groups : at % layer.n;
    const std::uint16_t bits = fromFloat(values[i], layer.scaleType);
    if (!isFinite(bits, layer.scaleType))
      tensors.fail(fmt::format("'{}' is {} in group {} of n = {}, which is not "
                               "a finite {}",
                               info.name, values[i], group, n,
                               name(layer.scaleType)));
    rounded += toFloat(bits, layer.scaleType) != values[i];
    layer.scales[group * layer.n + n] = bits;
  }
  if (rounded != 0)
    result.warnings.push_back(fmt::format(
        "'{}': {} of {} scales lost precision from {} to {}", info.name,
        rounded, values.size(), info.dtype, name(layer.scaleType)));
}

void refuseActOrder(const LayerTensors &tensors, std::string_view part,
                    const GptqLayer &layer, std::string advice) {
  const SafetensorsInfo &info = tensors.need(part);
  tensors.expectDtype(info, {"I32"});
  tensors.expectShape(info, {static_cast<std::uint64_t>(layer.k)}, "[K]");
  const auto index = tensors.copy<std::int32_t>(part);
  for (std::int64_t k = 0; k < layer.k; ++k)
    if (index[k] < 0 || index[k] >= layer.groups())
      tensors.fail(fmt::format("'{}' is {} at k = {}, expected 0..{}",
                               info.name, index[k], k, layer.groups() - 1));
  for (std::int64_t k = 0; k < layer.k; ++k)
    if (index[k] != k / layer.group)
      tensors.fail(fmt::format("'{}' is {} at k = {}, expected k / {} = {}: "
                               "act-order is not supported",
                               info.name, index[k], k, layer.group,
                               k / layer.group),
                   ErrorKind::unsupported, {std::move(advice)});
}

std::vector<std::uint32_t>
transposedWords(const std::vector<std::uint32_t> &words, std::size_t rows,
                std::size_t columns) {
  constexpr std::size_t tile = 64; // both sides stay in the first cache
  std::vector<std::uint32_t> result(words.size());
  const std::size_t bands = (rows + tile - 1) / tile;
  parallelFor(static_cast<std::int64_t>(bands), 1,
              [&](std::int64_t first, std::int64_t last) {
                for (std::size_t r = first * tile;
                     r < std::min<std::size_t>(rows, last * tile); r += tile)
                  for (std::size_t c = 0; c < columns; c += tile)
                    for (std::size_t i = r; i < std::min(rows, r + tile); ++i)
                      for (std::size_t j = c; j < std::min(columns, c + tile);
                           ++j)
                        result[j * rows + i] = words[i * columns + j];
              });
  return result;
}

int uniformNibble(const std::vector<std::uint32_t> &words) {
  const std::uint32_t first = words.front();
  const bool uniform =
      first == (first & 15) * 0x11111111u &&
      std::all_of(words.begin(), words.end(),
                  [&](std::uint32_t word) { return word == first; });
  return uniform ? static_cast<int>(first & 15) : -1;
}

void compareWithRule(const LayerTensors &tensors, LayerReadResult &result) {
  const LayerRule &rule = tensors.rule();
  const GptqLayer &layer = result.layer;
  auto compare = [&](std::string_view key, std::optional<std::int64_t> said,
                     std::int64_t found) {
    if (said && *said != found)
      result.warnings.push_back(fmt::format(
          "layer '{}': {} says {} = {}, the tensors have {}; read as the "
          "tensors have it",
          tensors.layer(), rule.where, key, *said, found));
  };
  if (!rule.quantised)
    result.warnings.push_back(
        fmt::format("layer '{}': {} leaves it out, but its weights are "
                    "quantised; read as the tensors have it",
                    tensors.layer(), rule.where));
  compare("bits", rule.bits, layer.format().bits());
  if (rule.group && *rule.group > 0 && layer.groups() > 1)
    compare("group_size", rule.group, layer.group);
}

} // namespace lath
