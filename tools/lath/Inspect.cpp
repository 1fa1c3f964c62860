// `lath inspect`: what a checkpoint's layers are, and which of them run.
#include "compiler/base/Error.h"
#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/checkpoint/QuantConfig.h"
#include "kernels/checkpoint/ReadLayer.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

struct InspectedLayer {
  LayerSummary summary;
  std::string spec; ///< as `lath run` takes it, without m; empty: none does
};

/// A layer that can be read runs where a spec can say it.
InspectedLayer inspected(LayerSummary summary) {
  InspectedLayer layer{std::move(summary), {}};
  LayerSummary &s = layer.summary;
  if (!s.why.empty())
    return layer;
  const WeightFormat &format = *weightFormatNamed(s.weights);
  GemmSpec spec{.m = 1, .n = s.n, .k = s.k, .group = s.group};
  spec.w = format.codes;
  spec.zeros = format.zeros;
  try {
    validate(spec);
    layer.spec = print(spec).substr(2); // without "m1"
  } catch (const Error &error) {
    s.why = error.message();
  }
  return layer;
}

std::string asText(const Checkpoint &checkpoint,
                   const std::vector<InspectedLayer> &layers) {
  std::string text = row("checkpoint", checkpoint.source());
  const std::string &method = checkpoint.config().method();
  text += row("method", method.empty() ? "no configuration" : method);
  const auto running = std::count_if(layers.begin(), layers.end(),
                                     [](auto &l) { return !l.spec.empty(); });
  text += row("layers", fmt::format("{} quantised, {} of them run",
                                    layers.size(), running));
  std::size_t nameWidth = 5, formatWidth = 6, specWidth = 4;
  for (const InspectedLayer &layer : layers) {
    nameWidth = std::max(nameWidth, layer.summary.name.size());
    formatWidth = std::max(formatWidth, layer.summary.format.size());
    specWidth = std::max(specWidth, layer.spec.size());
  }
  if (!layers.empty())
    text += fmt::format("\n{:<{}}  {:<{}}  {}\n", "layer", nameWidth, "format",
                        formatWidth, "spec");
  for (const InspectedLayer &layer : layers)
    text += fmt::format("{:<{}}  {:<{}}  {}\n", layer.summary.name, nameWidth,
                        layer.summary.format, formatWidth,
                        layer.spec.empty() ? "no: " + layer.summary.why
                                           : layer.spec);
  return text;
}

std::string asJson(const Checkpoint &checkpoint,
                   const std::vector<InspectedLayer> &layers) {
  Json json = {{"checkpoint", checkpoint.source()},
               {"method", checkpoint.config().method()},
               {"warnings", checkpoint.warnings()},
               {"layers", Json::array()}};
  for (const auto &[s, spec] : layers) {
    Json layer = {{"name", s.name}, {"format", s.format}};
    if (s.n != 0)
      layer.update({{"n", s.n},
                    {"k", s.k},
                    {"group", s.group},
                    {"bits", s.bits},
                    {"w", s.weights}});
    layer["spec"] = spec.empty() ? Json() : Json(spec);
    layer["why"] = s.why.empty() ? Json() : Json(s.why);
    layer["warnings"] = s.warnings;
    json["layers"].push_back(std::move(layer));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

void inspect(const InspectArguments &arguments) {
  if (!arguments.checkpoint)
    throw CliError{usage,
                   "inspect needs a folder or a safetensors file",
                   {"like lath inspect models/llama-3-8b-gptq"}};
  const bool json = wantsJson(arguments.format);
  const Checkpoint checkpoint{std::filesystem::path(*arguments.checkpoint)};
  std::vector<InspectedLayer> layers;
  for (LayerSummary &summary : summarise(checkpoint))
    layers.push_back(inspected(std::move(summary)));
  if (json)
    return writeResult(asJson(checkpoint, layers));
  writeResult(asText(checkpoint, layers));
  for (const std::string &warning : checkpoint.warnings())
    warn(warning);
  for (const InspectedLayer &layer : layers)
    for (const std::string &warning : layer.summary.warnings)
      warn(warning);
}

} // namespace lath::cli
