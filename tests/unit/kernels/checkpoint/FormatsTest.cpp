// Protects the formats other than GPTQ's: every weight as its own layout has
// it, and those that are not read refused by name.
#include "tests/unit/kernels/checkpoint/GptqDraft.h"

#include <array>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::uint32_t>;
constexpr std::array<int, 8> awqOrder = {0, 2, 4, 6, 1, 3, 5, 7};

/// Nibble `at` of a row of words.
void putNibble(Words &words, std::int64_t at, int value) {
  words[at / 8] |= static_cast<std::uint32_t>(value) << 4 * (at % 8);
}

/// An empty draft: no tensors.
Draft emptyDraft() {
  Draft draft(Zeros::symmetric);
  draft.tensors.clear();
  return draft;
}

template <typename T>
std::vector<T> transposed(const std::vector<T> &values, int rows, int columns) {
  std::vector<T> result(values.size());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      result[c * rows + r] = values[r * columns + c];
  return result;
}

void checkEqual(const GptqLayer &read, const GptqLayer &expected) {
  REQUIRE(read.n == expected.n);
  REQUIRE(read.k == expected.k);
  REQUIRE(read.group == expected.group);
  int wrong = 0;
  for (std::int64_t row = 0; row < read.n; ++row)
    for (std::int64_t column = 0; column < read.k; ++column)
      wrong += weight(read, row, column) != weight(expected, row, column);
  CHECK(wrong == 0);
}

Draft awqGemm(const GptqLayer &layer, int zeroOfSymmetric = 8) {
  Draft draft = emptyDraft();
  Words codes(k * n / 8), zeros(groups * n / 8);
  for (int row = 0; row < k; ++row)
    for (int column = 0; column < n; ++column) {
      const int place = column % 8;
      int nibble = 0;
      while (awqOrder[nibble] != place)
        ++nibble;
      putNibble(codes, std::int64_t{8} * (row * n / 8 + column / 8) + nibble,
                layer.quantised(column, row));
      if (row < groups)
        putNibble(zeros, std::int64_t{8} * (row * n / 8 + column / 8) + nibble,
                  layer.zeros == Zeros::symmetric ? zeroOfSymmetric
                                                  : layer.zero(column, row));
    }
  draft.set("l.qweight", "I32", {k, n / 8}, codes);
  draft.set("l.qzeros", "I32", {groups, n / 8}, zeros);
  draft.set("l.scales", "F16", {groups, n}, layer.scales);
  return draft;
}

Draft packQuantized(const GptqLayer &layer) {
  Draft draft = emptyDraft();
  const int perWord = layer.format().perWord();
  Words codes = layer.qweight;
  if (perWord == 4)
    for (std::uint32_t &word : codes) // signed + 128
      word ^= 0x80808080u;
  draft.set("l.weight_packed", "I32",
            {n, static_cast<std::uint64_t>(k / perWord)},
            transposed(codes, k / perWord, n));
  draft.set("l.weight_scale", "F16", {n, groups},
            transposed(layer.scales, groups, n));
  draft.set("l.weight_shape", "I64", {2}, std::vector<std::int64_t>{n, k});
  if (layer.zeros == Zeros::v2)
    draft.set("l.weight_zero_point", "I32", {n / 8, groups},
              transposed(layer.qzeros, groups, n / 8));
  return draft;
}

} // namespace

TEST_CASE("AWQ's gemm packing is read") {
  for (Zeros zeros : {Zeros::symmetric, Zeros::v2}) {
    const GptqLayer expected = Draft::original(zeros);
    LayerReadResult result = awqGemm(expected).read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == zeros);
    checkEqual(result.layer, expected);
  }
  CHECK(awqGemm(Draft::original(Zeros::v2))
            .error(invalid, {.zeros = Zeros::v1}) ==
        "layer 'l' has AWQ's zero points, stored as they are (w=u4z), other "
        "ones were asked for");
}

TEST_CASE("AWQ's gemv packing is read") {
  const GptqLayer expected = Draft::original(Zeros::v2);
  constexpr int words = 4; // of places for groups: 3 groups, 32 places
  Draft draft = emptyDraft();
  draft.set("l.qweight", "I32", {n, k / 8},
            transposed(expected.qweight, k / 8, n));
  Words zeros(n * words);
  std::vector<std::uint16_t> scales(n * 8 * words);
  for (int column = 0; column < n; ++column)
    for (int g = 0; g < groups; ++g) {
      putNibble(zeros, std::int64_t{8} * words * column + g,
                expected.zero(column, g));
      scales[8 * words * column + g] = expected.scales[g * n + column];
    }
  draft.set("l.qzeros", "I32", {n, words}, zeros);
  draft.set("l.scales", "F16", {n, 8 * words}, scales);
  checkEqual(draft.read().layer, expected);
}

TEST_CASE("compressed-tensors' pack-quantized is read, 4 and 8 bits") {
  for (Zeros zeros : {Zeros::symmetric, Zeros::v2}) {
    const GptqLayer expected = Draft::original(zeros);
    LayerReadResult result = packQuantized(expected).read();
    CHECK(result.warnings.empty());
    checkEqual(result.layer, expected);
  }
  const GptqLayer bytes =
      randomLayer({.m = 1, .n = n, .k = k, .group = group, .w = Dtype::s8}, 42);
  checkEqual(packQuantized(bytes).read().layer, bytes);

  Draft draft = packQuantized(Draft::original(Zeros::symmetric));
  draft.set("l.weight_shape", "I64", {2}, std::vector<std::int64_t>{n, k + 1});
  CHECK(draft.error(invalid) ==
        "'l.weight_packed' has shape [16, 12], which no number of bits fits "
        "with K = 97");
  draft.set("l.weight_shape", "I64", {2}, std::vector<std::int64_t>{8, k});
  CHECK(draft.error(invalid) ==
        "'l.weight_shape' is [8, 96], expected [16, K]");
  draft = packQuantized(Draft::original(Zeros::symmetric));
  std::vector<std::int32_t> order(k, -1);
  draft.set("l.weight_g_idx", "I32", {k}, order);
  CHECK(draft.read().warnings.empty()); // nothing was reordered
  order[0] = 1;
  draft.set("l.weight_g_idx", "I32", {k}, order);
  CHECK(draft.error(invalid) ==
        "'l.weight_g_idx' is -1 at k = 1, expected 0..2");
  for (int i = 0; i < k; ++i)
    order[i] = i / group;
  std::swap(order[0], order[40]);
  draft.set("l.weight_g_idx", "I32", {k}, order);
  CHECK(draft.error(unsupported) ==
        "'l.weight_g_idx' is 1 at k = 0, expected k / 32 = 0: act-order is not "
        "supported");
}

TEST_CASE("GPTQ of 8 bits is read as signed bytes where it is symmetric") {
  const GptqLayer expected =
      randomLayer({.m = 1, .n = n, .k = k, .group = group, .w = Dtype::s8}, 42);
  Words codes = expected.qweight;
  for (std::uint32_t &word : codes)
    word ^= 0x80808080u;
  Draft draft = emptyDraft();
  draft.set("l.qweight", "I32", {k / 4, n}, codes);
  draft.set("l.scales", "F16", {groups, n}, expected.scales);
  draft.set("l.qzeros", "I32", {groups, n / 4},
            Words(groups * n / 4, 0x7f7f7f7f));
  LayerReadResult result = draft.read();
  CHECK(result.layer.w == Dtype::s8);
  checkEqual(result.layer, expected);
  draft.set("l.qzeros", "I32", {groups, n / 4},
            Words(groups * n / 4, 0x7f7f7f80));
  CHECK(draft.error(unsupported) ==
        "'l.qzeros': GPTQ codes of 8 bits with zero points are not supported, "
        "only symmetric ones");
  draft.set("l.qzeros", "I32", {groups, n / 16}, Words(groups * n / 16));
  CHECK(draft.error(unsupported) ==
        "layer 'l' has GPTQ codes of 2 bits; 4 and 8 are read");
}

TEST_CASE("formats that are not read are refused by name") {
  struct Case {
    const char *tensor, *dtype, *name;
  };
  for (const Case &c : std::initializer_list<Case>{
           {"l.weight.absmax", "F32", "bitsandbytes 4 bit"},
           {"l.W_q", "U8", "HQQ"},
           {"l._weight_qdata", "U8", "torchao"},
           {"l_blocks", "U8", "MXFP4 of gpt-oss"},
           {"l.weight", "F8_E4M3", "fp8"},
           {"l.weight", "I8", "int8"},
           {"l.weight_packed", "U8", "compressed-tensors fp4"},
           {"l.q_weight", "I32", "ExLlamaV2"},
           {"l.qweight", "I16", "AWQ gemv_fast"}}) {
    Draft draft = emptyDraft();
    draft.set(c.tensor, c.dtype, {8},
              std::vector<std::uint8_t>(
                  8 * (c.dtype[0] == 'F' && c.dtype[1] == '3' ? 4
                       : c.dtype == std::string("I32")        ? 4
                       : c.dtype == std::string("I16")        ? 2
                                                              : 1)));
    CHECK(draft.error(unsupported) == "layer 'l' has the format " +
                                          std::string(c.name) +
                                          ", which is not read");
  }
}

TEST_CASE("a checkpoint's layers are summarised without their codes") {
  TemporaryFolder folder;
  Draft draft = awqGemm(Draft::original(Zeros::v2));
  draft.set("m.W_q", "U8", {1}, std::vector<std::uint8_t>(1));
  draft.set("plain.weight", "F16", {1, 1}, std::vector<std::uint16_t>(1));
  std::vector<SafetensorsTensor> list;
  for (const auto &[key, tensor] : draft.tensors)
    list.push_back({key, tensor.dtype, tensor.shape,
                    std::as_bytes(std::span(tensor.bytes))});
  writeSafetensors(folder / "model.safetensors", list);
  const auto layers = summarise(Checkpoint(folder.path()));
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].name == "l");
  CHECK(layers[0].format == "AWQ gemm");
  CHECK(layers[0].n == n);
  CHECK(layers[0].k == k);
  CHECK(layers[0].group == group);
  CHECK(layers[0].bits == 4);
  CHECK(layers[0].weights == "u4z");
  CHECK(layers[0].why.empty());
  CHECK(layers[1].name == "m");
  CHECK(layers[1].why == "layer 'm' has the format HQQ, which is not read");
}
