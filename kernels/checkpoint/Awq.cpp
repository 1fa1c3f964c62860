// AWQ, w = (q - z) * s, 4 bits, z as it is.
//
// gemm: qweight i32 [K, N/8], qzeros i32 [K/g, N/8], scales [K/g, N]; along N,
// nibble i of a word has column 8 c + order[i].
// gemv: qweight i32 [N, K/8], eight along K, the lowest nibble first; qzeros
// i32 [N, P] and scales [N, 8 P], likewise along the groups, of which there are
// 8 P with those that only fill words.
#include "kernels/checkpoint/Formats.h"

#include "compiler/base/Parallel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lath {

namespace {

using Words = std::vector<std::uint32_t>;
constexpr std::array<int, 8> order = {0, 2, 4, 6, 1, 3, 5, 7};

/// Nibbles of a word in the order of their columns.
std::uint32_t inOrder(std::uint32_t word) {
  std::uint32_t result = 0;
  for (int i = 0; i < 8; ++i)
    result |= (word >> 4 * i & 15) << 4 * order[i];
  return result;
}

/// Exchanges rows and columns of the 8 x 8 nibbles of eight words.
void transposeNibbles(std::array<std::uint32_t, 8> &words) {
  auto exchange = [&](int distance, std::uint32_t mask) {
    for (int i = 0; i < 8; ++i)
      if (!(i & distance)) {
        std::uint32_t &a = words[i], &b = words[i + distance];
        const std::uint32_t moved = (a >> 4 * distance ^ b) & mask;
        b ^= moved;
        a ^= moved << 4 * distance;
      }
  };
  exchange(1, 0x0f0f0f0f);
  exchange(2, 0x00ff00ff);
  exchange(4, 0x0000ffff);
}

/// [K, N/8] along N, in AWQ's order, to [K/8, N] along K.
Words alongK(const Words &words, std::int64_t n, std::int64_t k) {
  Words result(words.size());
  const std::int64_t across = n / 8;
  parallelFor(k / 8, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row)
      for (std::int64_t column = 0; column < across; ++column) {
        std::array<std::uint32_t, 8> block;
        for (int i = 0; i < 8; ++i)
          block[i] = inOrder(words[(8 * row + i) * across + column]);
        transposeNibbles(block);
        std::copy(block.begin(), block.end(), &result[row * n + 8 * column]);
      }
  });
  return result;
}

/// Zero points of z = 8 throughout are those of symmetric weights.
void dropSymmetric(GptqLayer &layer) {
  layer.zeros = Zeros::v2;
  if (uniformNibble(layer.qzeros) == 8) {
    layer.zeros = Zeros::symmetric;
    layer.qzeros.clear();
  }
}

void refuseOtherZeros(const LayerTensors &tensors,
                      const LayerReadOptions &options, const GptqLayer &layer) {
  if (options.zeros && *options.zeros != layer.zeros &&
      !(*options.zeros == Zeros::v2 && layer.zeros == Zeros::symmetric))
    tensors.fail(fmt::format(
        "layer '{}' has AWQ's zero points, {}, other ones were asked for",
        tensors.layer(),
        layer.zeros == Zeros::v2 ? "stored as they are (w=u4z)"
                                 : "8 throughout (w=u4)"));
}

} // namespace

bool isAwqGemm(const LayerTensors &tensors) {
  const SafetensorsInfo *codes = tensors.find("qweight"),
                        *scales = tensors.find("scales");
  return codes && scales && codes->dtype == "I32" && codes->shape.size() == 2 &&
         scales->shape.size() == 2 && scales->shape[1] == 8 * codes->shape[1];
}

LayerReadResult readAwqGemm(const LayerTensors &tensors,
                            const LayerReadOptions &options) {
  LayerReadResult result;
  GptqLayer &layer = result.layer;
  const SafetensorsInfo &qweight = tensors.need("qweight"),
                        &scales = tensors.need("scales"),
                        &zeros = tensors.need("qzeros");
  tensors.expectMatrix(qweight, "[K, N/8]");
  tensors.expectMatrix(scales, "[K/group, N]");
  const std::uint64_t k = qweight.shape[0], groups = scales.shape[0];
  tensors.expectDtype(zeros, {"I32"});
  tensors.expectShape(zeros, {groups, qweight.shape[1]}, "[K/group, N/8]");
  if (k % 8 != 0 || k % groups != 0)
    tensors.fail(fmt::format("K = {} of '{}' is not a multiple of 8 and of the "
                             "{} groups of '{}'",
                             k, qweight.name, groups, scales.name),
                 ErrorKind::unsupported);
  layer.n = static_cast<std::int64_t>(scales.shape[1]);
  layer.k = static_cast<std::int64_t>(k);
  layer.group = static_cast<std::int64_t>(k / groups);
  takeScales(tensors, "scales", options, false, result);
  layer.qzeros = tensors.copy<std::uint32_t>("qzeros");
  std::transform(layer.qzeros.begin(), layer.qzeros.end(), layer.qzeros.begin(),
                 inOrder);
  dropSymmetric(layer);
  refuseOtherZeros(tensors, options, layer);
  compareWithRule(tensors, result);
  if (options.codes)
    layer.qweight =
        alongK(tensors.copy<std::uint32_t>("qweight"), layer.n, layer.k);
  return result;
}

bool isAwqGemv(const LayerTensors &tensors) {
  const SafetensorsInfo *codes = tensors.find("qweight"),
                        *scales = tensors.find("scales"),
                        *zeros = tensors.find("qzeros");
  return codes && scales && zeros && codes->dtype == "I32" &&
         codes->shape.size() == 2 && scales->shape.size() == 2 &&
         zeros->shape.size() == 2 && scales->shape[0] == codes->shape[0] &&
         zeros->shape[0] == codes->shape[0] &&
         scales->shape[1] == 8 * zeros->shape[1];
}

LayerReadResult readAwqGemv(const LayerTensors &tensors,
                            const LayerReadOptions &options) {
  LayerReadResult result;
  GptqLayer &layer = result.layer;
  const SafetensorsInfo &qweight = tensors.need("qweight"),
                        &scales = tensors.need("scales"),
                        &zeros = tensors.need("qzeros");
  tensors.expectMatrix(qweight, "[N, K/8]");
  tensors.expectMatrix(scales, "[N, 8 P]");
  tensors.expectDtype(zeros, {"I32"});
  const std::uint64_t n = qweight.shape[0], k = 8 * qweight.shape[1],
                      places = scales.shape[1];
  if (n % 8 != 0)
    tensors.fail(fmt::format("'{}' has N = {}, expected a multiple of 8",
                             qweight.name, n));
  // Places are rounded up to whole words, and those to 2 or 4: of several
  // groups with as many the configuration says which.
  auto placesOf = [&](std::int64_t group) -> std::uint64_t {
    if (group < 1 || k % static_cast<std::uint64_t>(group) != 0)
      return 0;
    const std::uint64_t words = (k / static_cast<std::uint64_t>(group) + 7) / 8;
    const std::uint64_t step = group >= 128 ? 1 : group == 64 ? 2 : 4;
    return 8 * ((words + step - 1) / step * step);
  };
  for (std::int64_t group :
       {tensors.rule().group.value_or(128), std::int64_t{128}, std::int64_t{64},
        std::int64_t{32}})
    if (layer.group == 0 && placesOf(group) == places)
      layer.group = group;
  if (layer.group == 0)
    tensors.fail(fmt::format("'{}' has {} places for groups, which fit K = {} "
                             "with none of 128, 64 and 32 to a group",
                             scales.name, places, k));
  layer.n = static_cast<std::int64_t>(n);
  layer.k = static_cast<std::int64_t>(k);
  const std::int64_t groups = layer.groups();

  // With the places that are no groups, then without.
  LayerReadResult padded;
  padded.layer.n = layer.n;
  padded.layer.k = static_cast<std::int64_t>(places);
  padded.layer.group = 1;
  takeScales(tensors, "scales", options, true, padded);
  layer.scaleType = padded.layer.scaleType;
  layer.scales.assign(padded.layer.scales.begin(),
                      padded.layer.scales.begin() + groups * layer.n);
  result.warnings = std::move(padded.warnings);

  const Words stored = tensors.copy<std::uint32_t>("qzeros"); // [N, P]
  const std::int64_t words = static_cast<std::int64_t>(places) / 8;
  layer.qzeros.assign(groups * (layer.n / 8), 0);
  for (std::int64_t g = 0; g < groups; ++g)
    for (std::int64_t c = 0; c < layer.n; ++c)
      layer.qzeros[g * (layer.n / 8) + c / 8] |=
          (stored[c * words + g / 8] >> 4 * (g % 8) & 15) << 4 * (c % 8);
  dropSymmetric(layer);
  refuseOtherZeros(tensors, options, layer);
  compareWithRule(tensors, result);
  if (options.codes)
    layer.qweight =
        transposedWords(tensors.copy<std::uint32_t>("qweight"), n, k / 8);
  return result;
}

/// qweight i16 [N/4, K], with zero points times scales in fp16.
bool isAwqGemvFast(const LayerTensors &tensors) {
  const SafetensorsInfo *codes = tensors.find("qweight");
  return codes && codes->dtype == "I16";
}

} // namespace lath
