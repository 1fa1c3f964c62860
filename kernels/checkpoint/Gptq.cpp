// GPTQ: qweight i32 [K/p, N], p codes a word along K; scales [K/g, N]; qzeros
// i32 [K/g, N/p], which may be missing (symmetric), along N; g_idx i32 [K], the
// group of each k, which may be missing (k / g).
//
// Zero points are stored as z - 1 (v1) or as z (v2), and the tensors do not
// tell which: the configuration does. gptqmodel subtracts 1 from all codes of a
// word with one subtraction, so that a z of 0 borrows from its neighbour, and
// adds it again in the same way; others store 15 for it, which half of the
// readers take for 0 and the other half for 16.
#include "kernels/checkpoint/Formats.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

namespace {

using Words = std::vector<std::uint32_t>;

/// Bits of a code: what the tensors say, or else the configuration.
std::int64_t bitsOf(const LayerTensors &tensors) {
  const auto &qweight = tensors.need("qweight").shape;
  const SafetensorsInfo *zeros = tensors.find("qzeros");
  if (zeros && zeros->shape.size() == 2)
    for (std::uint64_t bits : {2, 3, 4, 5, 6, 7, 8})
      if (32 * zeros->shape[1] == bits * qweight[1])
        return static_cast<std::int64_t>(bits);
  const SafetensorsInfo *index = tensors.find("g_idx");
  if (index && index->shape.size() == 1 && index->shape[0] != 0 &&
      32 * qweight[0] % index->shape[0] == 0)
    return static_cast<std::int64_t>(32 * qweight[0] / index->shape[0]);
  return tensors.rule().bits.value_or(4);
}

void readExtents(const LayerTensors &tensors, GptqLayer &layer) {
  const SafetensorsInfo &qweight = tensors.need("qweight"),
                        &scales = tensors.need("scales");
  tensors.expectDtype(qweight, {"I32"});
  tensors.expectMatrix(qweight, "[K/8, N]");
  tensors.expectMatrix(scales, "[K/group, N]");
  const std::uint64_t rows = qweight.shape[0], n = qweight.shape[1];
  const std::uint64_t groups = scales.shape[0];
  tensors.expectShape(scales, {groups, n}, "[K/group, N], N as in qweight");
  const std::int64_t bits = bitsOf(tensors);
  if (bits != 4 && bits != 8)
    tensors.fail(fmt::format("layer '{}' has GPTQ codes of {} bits; 4 and 8 "
                             "are read",
                             tensors.layer(), bits),
                 ErrorKind::unsupported, {"quantise the model to 4 bits"});
  if (n % 8 != 0)
    tensors.fail(fmt::format("'{}' has N = {}, expected a multiple of 8",
                             qweight.name, n));
  layer.w = bits == 4 ? Dtype::u4 : Dtype::s8;
  // No overflow: the file has 4 bytes a row.
  const std::uint64_t k = 32 / static_cast<std::uint64_t>(bits) * rows;
  if (k % groups != 0)
    tensors.fail(fmt::format("K = {} is not a multiple of the {} groups of "
                             "'{}': groups of unequal size are not supported",
                             k, groups, scales.name),
                 ErrorKind::unsupported);
  layer.n = static_cast<std::int64_t>(n);
  layer.k = static_cast<std::int64_t>(k);
  layer.group = static_cast<std::int64_t>(k / groups);
}

/// What the configuration, or else __metadata__, calls the convention.
struct Label {
  std::optional<Zeros> zeros;
  std::string where; ///< "config.json: quantization_config says gptq_v2"
};

Label labelOf(const LayerTensors &tensors, std::vector<std::string> &warnings) {
  const LayerRule &rule = tensors.rule();
  const std::string written =
      tensors.checkpoint().metadata("checkpoint_format");
  auto named = [&](const std::string &text) -> std::optional<Zeros> {
    if (text == "gptq")
      return Zeros::v1;
    if (text == "gptq_v2")
      return Zeros::v2;
    tensors.fail(fmt::format("checkpoint_format is '{}', expected gptq or "
                             "gptq_v2",
                             text),
                 ErrorKind::unsupported);
  };
  std::optional<Zeros> ofFile;
  if (!written.empty())
    ofFile = named(written);
  if (rule.method == "gptq") {
    const std::string text = rule.packing.empty() ? "gptq" : rule.packing;
    const std::optional<Zeros> zeros = named(text);
    if (ofFile && ofFile != zeros)
      warnings.push_back(fmt::format(
          "{} says checkpoint_format = {}, the file's metadata {}; the first "
          "is believed",
          rule.where, text, written));
    return {zeros, fmt::format("{}, {}", rule.where, text)};
  }
  if (rule.method == "auto-round") {
    const std::string &packing = rule.packing;
    if (packing.find("auto_gptq") != std::string::npos)
      return {Zeros::v1, fmt::format("{}, {}", rule.where, packing)};
    if (packing.empty() || packing == "auto_round" ||
        packing.find("gptqmodel") != std::string::npos ||
        packing.find("exllamav2") != std::string::npos)
      return {Zeros::v2, fmt::format("{}, {}", rule.where, packing)};
    tensors.fail(fmt::format("{}: packing_format is '{}', whose zero points "
                             "are not known",
                             rule.where, packing),
                 ErrorKind::unsupported);
  }
  if (ofFile)
    return {ofFile, "the file's metadata, " + written};
  if (!rule.method.empty())
    return {std::nullopt, fmt::format("{} says {}", rule.where, rule.method)};
  return {};
}

/// Of 8 bits only z = 128 runs, as signed codes.
void readZerosOfBytes(const LayerTensors &tensors) {
  if (!tensors.find("qzeros"))
    return;
  const Words zeros = tensors.copy<std::uint32_t>("qzeros");
  const std::uint32_t first = zeros.front();
  const bool symmetric =
      (first == 0x7f7f7f7fu || first == 0x80808080u) &&
      std::all_of(zeros.begin(), zeros.end(),
                  [&](std::uint32_t word) { return word == first; });
  if (!symmetric)
    tensors.fail(fmt::format("'{}': GPTQ codes of 8 bits with zero points are "
                             "not supported, only symmetric ones",
                             tensors.full("qzeros")),
                 ErrorKind::unsupported);
}

/// Reads qzeros of 4 bits, decides the convention and drops them where z = 8
/// throughout.
void readZeros(const LayerTensors &tensors, std::optional<Zeros> asked,
               LayerReadResult &result) {
  GptqLayer &layer = result.layer;
  auto &warnings = result.warnings;
  const SafetensorsInfo &info = tensors.need("qzeros");
  layer.qzeros = tensors.copy<std::uint32_t>("qzeros");
  const Label label = labelOf(tensors, warnings);

  // Symmetric weights store 7 throughout in v1, 8 in v2; no asymmetric layer
  // has one zero point throughout.
  const int everywhere = uniformNibble(layer.qzeros);
  const bool symmetric = everywhere == 7 || everywhere == 8;
  if (asked == Zeros::symmetric && !symmetric)
    tensors.fail(fmt::format("'{}' does not store 7 (v1) or 8 (v2) throughout: "
                             "the weights are not symmetric",
                             info.name));
  if (!asked && !symmetric && !label.zeros && !label.where.empty())
    tensors.fail(fmt::format("'{}' has zero points as GPTQ stores them, but "
                             "{}, which does not tell v1 (z - 1) from v2 (z)",
                             info.name, label.where),
                 ErrorKind::invalidInput,
                 {"say which with w=u4z1 (v1) or w=u4z (v2)"});
  const Zeros convention = asked.value_or(label.zeros.value_or(Zeros::v1));
  const bool isV1 = convention == Zeros::v1;
  const bool lies = symmetric && everywhere != (isV1 ? 7 : 8);
  if (lies && (asked || label.zeros) && asked != Zeros::symmetric)
    warnings.push_back(fmt::format(
        "'{}' stores {} throughout: z = {} in {}, but z = 8 in {}, as "
        "symmetric weights have it. {}",
        info.name, everywhere, isV1 ? everywhere + 1 : everywhere,
        isV1 ? "v1" : "v2", isV1 ? "v2" : "v1",
        asked ? std::string("Read as asked for")
              : fmt::format("Taken as symmetric against the label ({})",
                            label.where)));
  if (asked == Zeros::symmetric || (!asked && symmetric)) {
    layer.qzeros.clear();
    return;
  }
  layer.zeros = convention;
  if (!asked && !label.zeros)
    warnings.push_back(fmt::format(
        "'{}': no configuration says how zero points are stored; taken as v1 "
        "(z - 1), as GPTQ checkpoints without a checkpoint_format are",
        info.name));
  if (tensors.rule().symmetric == true)
    warnings.push_back(fmt::format(
        "layer '{}': {} says sym = true, but zero points differ; read as the "
        "tensors have it",
        tensors.layer(), tensors.rule().where));
  if (!isV1)
    return;

  // z = 0 in v1.
  std::int64_t fifteens = 0;
  for (std::uint32_t word : layer.qzeros)
    for (int i = 0; i < 8; ++i)
      fifteens += (word >> 4 * i & 15) == 15;
  if (fifteens == 0)
    return;
  if (tensors.rule().quantizer.starts_with("gptqmodel")) {
    for (std::uint32_t &word : layer.qzeros)
      word += 0x11111111u;
    layer.zeros = Zeros::v2;
    return;
  }
  warnings.push_back(fmt::format(
      "'{}': {} of {} zero points are stored as 15, which some programs read "
      "as z = 0 and others as z = 16; read as 0",
      info.name, fifteens, 8 * layer.qzeros.size()));
}

} // namespace

bool isGptq(const LayerTensors &tensors) {
  const SafetensorsInfo *codes = tensors.find("qweight"),
                        *scales = tensors.find("scales");
  // Those that no other format claims are measured against GPTQ's shapes.
  return codes->dtype != "I16" && !isAwqGemm(tensors) && !isAwqGemv(tensors) &&
         (!scales || scales->dtype != "I16");
}

LayerReadResult readGptq(const LayerTensors &tensors,
                         const LayerReadOptions &options) {
  LayerReadResult result;
  GptqLayer &layer = result.layer;
  readExtents(tensors, layer);
  if (tensors.find("g_idx"))
    refuseActOrder(tensors, "g_idx", layer,
                   "quantise with desc_act = false, or sort K by group "
                   "beforehand and reorder the activations to match");
  takeScales(tensors, "scales", options, false, result);
  const bool bytes = layer.w == Dtype::s8;
  if (const SafetensorsInfo *zeros = tensors.find("qzeros")) {
    tensors.expectDtype(*zeros, {"I32"});
    tensors.expectShape(*zeros,
                        {static_cast<std::uint64_t>(layer.groups()),
                         static_cast<std::uint64_t>(layer.n / (bytes ? 4 : 8))},
                        "[K/group, N/8]");
    if (!bytes)
      readZeros(tensors, options.zeros, result);
  } else if (options.zeros.value_or(Zeros::symmetric) != Zeros::symmetric) {
    tensors.fail(fmt::format("no tensor '{}', though zero points were asked "
                             "for; without them z = 8",
                             tensors.full("qzeros")));
  }
  if (bytes)
    readZerosOfBytes(tensors);
  compareWithRule(tensors, result);
  if (options.codes) {
    layer.qweight = tensors.copy<std::uint32_t>("qweight");
    if (bytes)
      for (std::uint32_t &word : layer.qweight)
        word ^= 0x80808080u;
  }
  return result;
}

} // namespace lath
