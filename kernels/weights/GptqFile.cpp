// A GPTQ layer out of a safetensors file.
//
// Checkpoints of several packings share these tensor names, and labels lie, so
// that nothing here is taken on trust: shapes are checked against each other,
// the order of K against g_idx, and the convention of zero points against their
// values.
#include "kernels/weights/Gptq.h"

#include "compiler/base/Error.h"
#include "compiler/base/Half.h"
#include "compiler/base/Nearest.h"
#include "kernels/weights/Safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace lath {

namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are copied as they lie in the file");

using Shape = std::vector<std::uint64_t>;

/// The tensors of one layer of one file, with errors that name them.
class LayerReader {
public:
  LayerReader(const Safetensors &file, std::string_view name)
      : file_(file), name_(name) {}

  std::string full(std::string_view part) const {
    return fmt::format("{}.{}", name_, part);
  }
  const SafetensorsInfo *find(std::string_view part) const {
    return file_.find(full(part));
  }
  const SafetensorsInfo &need(std::string_view part) const {
    if (const SafetensorsInfo *tensor = find(part))
      return *tensor;
    fail(fmt::format("no tensor '{}'", full(part)));
  }

  void expectDtype(const SafetensorsInfo &tensor,
                   std::string_view dtype) const {
    if (tensor.dtype != dtype)
      fail(fmt::format("'{}' is {}, expected {}", tensor.name, tensor.dtype,
                       dtype));
  }
  void expectShape(const SafetensorsInfo &tensor, const Shape &shape,
                   std::string_view meaning) const {
    if (tensor.shape != shape)
      fail(fmt::format("'{}' has shape {}, expected {} ({})", tensor.name,
                       printShape(tensor.shape), printShape(shape), meaning));
  }
  void expectRank2(const SafetensorsInfo &tensor,
                   std::string_view meaning) const {
    if (tensor.shape.size() != 2 || tensor.shape[0] == 0 ||
        tensor.shape[1] == 0)
      fail(fmt::format("'{}' has shape {}, expected {}", tensor.name,
                       printShape(tensor.shape), meaning));
  }

  template <typename T>
  std::vector<T> copy(const SafetensorsInfo &tensor) const {
    std::span<const std::byte> bytes = file_.bytes(tensor);
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!result.empty()) // memcpy may not see the null of an empty vector
      std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }

  [[noreturn]] void fail(std::string message,
                         ErrorKind kind = ErrorKind::invalidInput,
                         std::vector<std::string> notes = {}) const {
    throw Error(kind, fmt::format("{}: {}", file_.source(), message),
                std::move(notes));
  }

  /// Throws: there is no qweight. Says what there is instead.
  [[noreturn]] void failNoLayer() const {
    if (find("weight_packed"))
      fail(fmt::format("layer '{}' is packed as compressed-tensors does; only "
                       "GPTQ is read",
                       name_),
           ErrorKind::unsupported);
    constexpr std::string_view suffix = ".qweight";
    std::vector<std::string_view> layers;
    for (const SafetensorsInfo &tensor : file_.tensors())
      if (std::string_view(tensor.name).ends_with(suffix))
        layers.push_back(std::string_view(tensor.name)
                             .substr(0, tensor.name.size() - suffix.size()));
    if (layers.empty())
      fail(fmt::format("no layer '{}', nor any other with a qweight", name_));
    fail(fmt::format("no layer '{}'; the nearest of {} is '{}'", name_,
                     layers.size(), nearest(name_, layers)));
  }

private:
  const Safetensors &file_;
  std::string_view name_;
};

/// N, K and the group size, from shapes that fit each other.
void readExtents(const LayerReader &reader, const SafetensorsInfo &qweight,
                 const SafetensorsInfo &scales, GptqLayer &layer) {
  reader.expectDtype(qweight, "I32");
  reader.expectRank2(qweight, "[K/8, N]");
  reader.expectRank2(scales, "[K/group, N]");
  std::uint64_t rows = qweight.shape[0], n = qweight.shape[1];
  std::uint64_t groups = scales.shape[0];
  if (scales.shape[1] == 8 * n)
    reader.fail(fmt::format("'{}' has shape {}, and '{}' {}: packed along N, "
                            "as AWQ does; only GPTQ is read",
                            qweight.name, printShape(qweight.shape),
                            scales.name, printShape(scales.shape)),
                ErrorKind::unsupported);
  reader.expectShape(scales, {groups, n}, "[K/group, N], N as in qweight");
  if (n % 8 != 0)
    reader.fail(fmt::format("'{}' has N = {}, expected a multiple of 8",
                            qweight.name, n));
  std::uint64_t k = 8 * rows; // no overflow: the file has 4 bytes a row
  if (k % groups != 0)
    reader.fail(fmt::format("K = {} is not a multiple of the {} groups of "
                            "'{}': groups of unequal size are not supported",
                            k, groups, scales.name),
                ErrorKind::unsupported);
  layer.n = static_cast<std::int64_t>(n);
  layer.k = static_cast<std::int64_t>(k);
  layer.group = static_cast<std::int64_t>(k / groups);
}

/// Refuses act-order: K must lie in the order of its groups.
void checkGroupIndex(const LayerReader &reader, const GptqLayer &layer) {
  const SafetensorsInfo *info = reader.find("g_idx");
  if (!info)
    return;
  reader.expectDtype(*info, "I32");
  reader.expectShape(*info, {static_cast<std::uint64_t>(layer.k)}, "[K]");
  auto index = reader.copy<std::int32_t>(*info);
  for (std::int64_t k = 0; k < layer.k; ++k)
    if (index[k] < 0 || index[k] >= layer.groups())
      reader.fail(fmt::format("'{}' is {} at k = {}, expected 0..{}",
                              info->name, index[k], k, layer.groups() - 1));
  for (std::int64_t k = 0; k < layer.k; ++k)
    if (index[k] != k / layer.group)
      reader.fail(
          fmt::format("'{}' is {} at k = {}, expected k / {} = {}: act-order "
                      "is not supported",
                      info->name, index[k], k, layer.group, k / layer.group),
          ErrorKind::unsupported,
          {"quantise with desc_act = false, or sort K by group beforehand and "
           "reorder the activations to match"});
}

void readScales(const LayerReader &reader, const SafetensorsInfo &info,
                GptqReadResult &result) {
  GptqLayer &layer = result.layer;
  std::vector<float> values;
  if (info.dtype == "F32") {
    values = reader.copy<float>(info);
  } else if (info.dtype == "F16" || info.dtype == "BF16") {
    Dtype type = info.dtype == "F16" ? Dtype::f16 : Dtype::bf16;
    for (std::uint16_t bits : reader.copy<std::uint16_t>(info))
      values.push_back(toFloat(bits, type));
  } else {
    reader.fail(fmt::format("'{}' is {}, expected F16, BF16 or F32", info.name,
                            info.dtype));
  }
  std::size_t rounded = 0;
  layer.scales.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = fromFloat(values[i], layer.scaleType);
    if (!isFinite(bits, layer.scaleType))
      reader.fail(fmt::format("'{}' is {} in group {} of n = {}, which is not "
                              "a finite {}",
                              info.name, values[i], i / layer.n, i % layer.n,
                              name(layer.scaleType)));
    rounded += toFloat(bits, layer.scaleType) != values[i];
    layer.scales.push_back(bits);
  }
  if (rounded != 0)
    result.warnings.push_back(fmt::format(
        "'{}': {} of {} scales lost precision from {} to {}", info.name,
        rounded, values.size(), info.dtype, name(layer.scaleType)));
}

/// The word that all of `words` equal, if it is eight times one nibble: that
/// nibble, else -1.
int uniformNibble(const std::vector<std::uint32_t> &words) {
  std::uint32_t first = words.front();
  bool uniform = first == (first & 15) * 0x11111111u &&
                 std::all_of(words.begin(), words.end(),
                             [&](std::uint32_t word) { return word == first; });
  return uniform ? static_cast<int>(first & 15) : -1;
}

/// The file's own word on the convention of zero points.
std::optional<Zeros> labelled(const Safetensors &file,
                              const LayerReader &reader) {
  auto found = file.metadata().find("checkpoint_format");
  if (found == file.metadata().end())
    return std::nullopt;
  if (found->second == "gptq")
    return Zeros::v1;
  if (found->second == "gptq_v2")
    return Zeros::v2;
  reader.fail(fmt::format("checkpoint_format is '{}', expected gptq or gptq_v2",
                          found->second),
              ErrorKind::unsupported);
}

/// Reads qzeros, decides the convention and drops them where z = 8 throughout.
void readZeros(const Safetensors &file, const LayerReader &reader,
               std::optional<Zeros> asked, GptqReadResult &result) {
  GptqLayer &layer = result.layer;
  std::optional<Zeros> label = labelled(file, reader);
  const SafetensorsInfo *info = reader.find("qzeros");
  layer.zeros = Zeros::symmetric;
  if (!info) {
    if (asked.value_or(Zeros::symmetric) != Zeros::symmetric)
      reader.fail(fmt::format("no tensor '{}', though zero points were asked "
                              "for; without them z = 8",
                              reader.full("qzeros")));
    return;
  }
  reader.expectDtype(*info, "I32");
  reader.expectShape(*info,
                     {static_cast<std::uint64_t>(layer.groups()),
                      static_cast<std::uint64_t>(layer.n / 8)},
                     "[K/group, N/8]");
  layer.qzeros = reader.copy<std::uint32_t>(*info);

  // Symmetric weights store 7 throughout in v1, 8 in v2; no asymmetric layer
  // has one zero point throughout.
  int everywhere = uniformNibble(layer.qzeros);
  bool symmetric = everywhere == 7 || everywhere == 8;
  if (asked == Zeros::symmetric && !symmetric)
    reader.fail(fmt::format("'{}' does not store 7 (v1) or 8 (v2) throughout: "
                            "the weights are not symmetric",
                            info->name));
  Zeros convention = asked.value_or(label.value_or(Zeros::v1));
  bool isV1 = convention == Zeros::v1;
  bool lies = symmetric && everywhere != (isV1 ? 7 : 8);
  if (lies && (asked || label) && asked != Zeros::symmetric)
    result.warnings.push_back(fmt::format(
        "'{}' stores {} throughout: z = {} in {}, but z = 8 in {}, as "
        "symmetric "
        "weights have it. {}",
        info->name, everywhere, isV1 ? everywhere + 1 : everywhere,
        isV1 ? "v1" : "v2", isV1 ? "v2" : "v1",
        asked ? "Read as asked for"
              : "Taken as symmetric against the checkpoint_format"));
  if (!asked && !label && !symmetric)
    result.warnings.push_back(fmt::format(
        "'{}': the file does not say how zero points are stored; taken as v1 "
        "(z - 1), as GPTQ checkpoints without a checkpoint_format are",
        info->name));

  if (asked == Zeros::symmetric || (!asked && symmetric))
    layer.qzeros.clear();
  else
    layer.zeros = convention;
}

} // namespace

GptqReadResult fromSafetensors(const Safetensors &file, std::string_view name,
                               const GptqReadOptions &options) {
  LayerReader reader(file, name);
  if (options.scaleType != Dtype::f16 && options.scaleType != Dtype::bf16)
    reader.fail(fmt::format("scales are f16 or bf16, not {}",
                            lath::name(options.scaleType)));
  const SafetensorsInfo *qweight = reader.find("qweight");
  if (!qweight)
    reader.failNoLayer();
  const SafetensorsInfo &scales = reader.need("scales");

  GptqReadResult result;
  result.layer.scaleType = options.scaleType;
  readExtents(reader, *qweight, scales, result.layer);
  checkGroupIndex(reader, result.layer);
  readScales(reader, scales, result);
  readZeros(file, reader, options.zeros, result);
  result.layer.qweight = reader.copy<std::uint32_t>(*qweight);
  return result;
}

} // namespace lath
