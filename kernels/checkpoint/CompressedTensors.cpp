// compressed-tensors, format pack-quantized: weight_packed i32 [N, K/p], a
// stream of bits along K of the signed code plus 2^(bits - 1);
// weight_scale [N, K/g], of a channel [N, 1]; weight_zero_point i32 [N/p, K/g],
// stored likewise, along N, which is missing where weights are symmetric;
// weight_shape i64 [2] has N and K. act-order by `group` has weight_g_idx.
#include "kernels/checkpoint/Formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lath {

namespace {

/// N and K as weight_shape says, or by the configuration's bits.
void readExtents(const LayerTensors &tensors, GptqLayer &layer) {
  const SafetensorsInfo &packed = tensors.need("weight_packed");
  tensors.expectDtype(packed, {"I32"});
  tensors.expectMatrix(packed, "[N, K/8]");
  std::uint64_t n = packed.shape[0], k = 0;
  if (const SafetensorsInfo *shape = tensors.find("weight_shape")) {
    tensors.expectDtype(*shape, {"I64", "I32"});
    tensors.expectShape(*shape, {2}, "N and K");
    std::vector<std::int64_t> said;
    if (shape->dtype == "I64")
      said = tensors.copy<std::int64_t>("weight_shape");
    else
      for (std::int32_t extent : tensors.copy<std::int32_t>("weight_shape"))
        said.push_back(extent);
    if (said[0] != static_cast<std::int64_t>(n) || said[1] < 1 ||
        said[1] > std::numeric_limits<std::int32_t>::max())
      tensors.fail(fmt::format("'{}' is [{}, {}], expected [{}, K]",
                               shape->name, said[0], said[1], n));
    k = static_cast<std::uint64_t>(said[1]);
  }
  std::int64_t bits = tensors.rule().bits.value_or(4);
  if (k != 0) {
    // ceil(K bits / 32) words
    bits = static_cast<std::int64_t>(32 * packed.shape[1] / k);
    if (bits < 1 ||
        (k * static_cast<std::uint64_t>(bits) + 31) / 32 != packed.shape[1])
      tensors.fail(fmt::format("'{}' has shape {}, which no number of bits "
                               "fits with K = {}",
                               packed.name, printShape(packed.shape), k));
  }
  if (bits != 4 && bits != 8)
    tensors.fail(fmt::format("layer '{}' has pack-quantized codes of {} bits; "
                             "4 and 8 are read",
                             tensors.layer(), bits),
                 ErrorKind::unsupported, {"quantise the model to 4 bits"});
  const std::uint64_t perWord = 32 / static_cast<std::uint64_t>(bits);
  if (k == 0)
    k = perWord * packed.shape[1];
  const SafetensorsInfo &scale = tensors.need("weight_scale");
  tensors.expectMatrix(scale, "[N, K/group]");
  const std::uint64_t groups = scale.shape[1];
  tensors.expectShape(scale, {n, groups},
                      "[N, K/group], N as in weight_packed");
  if (n % 8 != 0 || k % 8 != 0)
    tensors.fail(
        fmt::format("N = {} and K = {}, expected multiples of 8", n, k),
        ErrorKind::unsupported);
  if (k % groups != 0)
    tensors.fail(fmt::format("K = {} is not a multiple of the {} groups of "
                             "'{}': groups of unequal size are not supported",
                             k, groups, scale.name),
                 ErrorKind::unsupported);
  layer.w = bits == 4 ? Dtype::u4 : Dtype::s8;
  layer.n = static_cast<std::int64_t>(n);
  layer.k = static_cast<std::int64_t>(k);
  layer.group = static_cast<std::int64_t>(k / groups);
}

} // namespace

bool isPackQuantized(const LayerTensors &tensors) {
  return tensors.find("weight_packed")->dtype != "U8";
}

LayerReadResult readPackQuantized(const LayerTensors &tensors,
                                  const LayerReadOptions &options) {
  LayerReadResult result;
  GptqLayer &layer = result.layer;
  readExtents(tensors, layer);
  if (const SafetensorsInfo *order = tensors.find("weight_g_idx")) {
    tensors.expectDtype(*order, {"I32"});
    // All -1: nothing was reordered.
    const auto index = tensors.copy<std::int32_t>("weight_g_idx");
    if (std::any_of(index.begin(), index.end(), [](auto i) { return i != -1; }))
      refuseActOrder(tensors, "weight_g_idx", layer,
                     "quantise with actorder = weight, which needs no order");
  }
  takeScales(tensors, "weight_scale", options, true, result);
  const bool bytes = layer.w == Dtype::s8;
  if (const SafetensorsInfo *zeros = tensors.find("weight_zero_point")) {
    tensors.expectDtype(*zeros, {"I32"});
    tensors.expectShape(*zeros,
                        {static_cast<std::uint64_t>(layer.n / (bytes ? 4 : 8)),
                         static_cast<std::uint64_t>(layer.groups())},
                        "[N/8, K/group]");
    if (bytes)
      tensors.fail(fmt::format("'{}': codes of 8 bits with zero points are not "
                               "supported, only symmetric ones",
                               zeros->name),
                   ErrorKind::unsupported);
    layer.zeros = Zeros::v2;
    layer.qzeros =
        transposedWords(tensors.copy<std::uint32_t>("weight_zero_point"),
                        layer.n / 8, layer.groups());
  }
  if (options.zeros && *options.zeros != layer.zeros)
    tensors.fail(fmt::format(
        "layer '{}' {} zero points; other ones were asked for", tensors.layer(),
        layer.zeros == Zeros::v2 ? "stores its (w=u4z)" : "has no"));
  compareWithRule(tensors, result);
  if (options.codes) {
    const std::size_t words = layer.k / (bytes ? 4 : 8);
    layer.qweight = transposedWords(
        tensors.copy<std::uint32_t>("weight_packed"), layer.n, words);
    if (bytes)
      for (std::uint32_t &word : layer.qweight)
        word ^= 0x80808080u;
  }
  return result;
}

} // namespace lath
