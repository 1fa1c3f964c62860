// Protects reading GPTQ layers: shapes checked against each other, act-order
// and other packings refused, scales converted.
#include "compiler/base/Half.h"
#include "tests/unit/kernels/checkpoint/GptqDraft.h"

#include <cmath>

using namespace lath;
using namespace lath::test;

TEST_CASE("a GPTQ layer is read as it was written") {
  for (Zeros zeros : {Zeros::symmetric, Zeros::v1, Zeros::v2}) {
    GptqLayer expected = Draft::original(zeros);
    LayerReadResult result = Draft(zeros).read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.n == n);
    CHECK(result.layer.k == k);
    CHECK(result.layer.group == group);
    CHECK(result.layer.zeros == zeros);
    CHECK(result.layer.qweight == expected.qweight);
    CHECK(result.layer.qzeros == expected.qzeros);
    CHECK(result.layer.scales == expected.scales);
  }
}

TEST_CASE("a layer that is not there is named with the nearest one") {
  Draft draft(Zeros::symmetric);
  CHECK(draft.error(invalid, {}, "ll") ==
        "no layer 'll'; the nearest of 1 is 'l'");
  CHECK(draft.error(invalid, {}, "") == "no layer ''; the nearest of 1 is 'l'");
  draft.tensors.erase("l.scales");
  CHECK(draft.error(invalid) == "no tensor 'l.scales'");
  draft.tensors.erase("l.qweight");
  draft.set("l.weight", "F32", {1}, std::vector<float>{1});
  CHECK(draft.error(unsupported) ==
        "layer 'l' is not quantised: 'l.weight' is F32");
}

TEST_CASE("tensors that do not fit each other are refused") {
  auto bent = [](auto bend) {
    Draft draft(Zeros::v2);
    bend(draft);
    return draft;
  };
  using Words = std::vector<std::uint32_t>;
  using Halves = std::vector<std::uint16_t>;
  CHECK(bent([](Draft &d) {
          d.set("l.scales", "F16", {3, 24}, Halves(72));
        }).error(invalid) == "'l.scales' has shape [3, 24], expected [3, 16] "
                             "([K/group, N], N as in qweight)");
  CHECK(bent([](Draft &d) {
          d.set("l.scales", "F16", {48}, Halves(48));
        }).error(invalid) ==
        "'l.scales' has shape [48], expected [K/group, N]");
  CHECK(bent([](Draft &d) {
          d.set("l.scales", "F16", {0, 16}, Halves());
        }).error(invalid) ==
        "'l.scales' has shape [0, 16], expected [K/group, N]");
  CHECK(bent([](Draft &d) {
          d.set("l.qweight", "I32", {192}, Words(192));
        }).error(invalid) == "'l.qweight' has shape [192], expected [K/8, N]");
  CHECK(bent([](Draft &d) {
          d.set("l.qweight", "U8", {12, 16}, std::vector<std::uint8_t>(192));
        }).error(invalid) == "'l.qweight' is U8, expected I32");
  CHECK(bent([](Draft &d) {
          d.set("l.qzeros", "I32", {3, 16}, Words(48));
        }).error(invalid) == "'l.qzeros' has shape [3, 16], expected [3, 2] "
                             "([K/group, N/8])");
  CHECK(bent([](Draft &d) {
          d.set("l.scales", "F64", {3, 16}, std::vector<double>(48));
        }).error(invalid) == "'l.scales' is F64, expected F16, BF16 or F32");
  CHECK(bent([](Draft &d) {
          d.set("l.scales", "F16", {5, 16}, Halves(80));
        }).error(unsupported) ==
        "K = 96 is not a multiple of the 5 groups of 'l.scales': groups of "
        "unequal size are not supported");
  CHECK(bent([](Draft &d) {
          d.set("l.qweight", "I32", {12, 12}, Words(144));
          d.set("l.scales", "F16", {3, 12}, Halves(36));
        }).error(invalid) ==
        "'l.qweight' has N = 12, expected a multiple of 8");
}

TEST_CASE("g_idx in the order of the groups is read, act-order refused") {
  Draft draft(Zeros::v1);
  std::vector<std::int32_t> index(k);
  for (int i = 0; i < k; ++i)
    index[i] = i / group;
  draft.set("l.g_idx", "I32", {k}, index);
  CHECK(draft.read().layer.qweight == Draft::original(Zeros::v1).qweight);

  auto error = [&](ErrorKind kind) {
    draft.set("l.g_idx", "I32", {k}, index);
    return draft.error(kind);
  };
  std::swap(index[5], index[40]);
  CHECK(error(unsupported) == "'l.g_idx' is 1 at k = 5, expected k / 32 = 0: "
                              "act-order is not supported");
  index[50] = 3;
  CHECK(error(invalid) == "'l.g_idx' is 3 at k = 50, expected 0..2");
  index[50] = -1;
  CHECK(error(invalid) == "'l.g_idx' is -1 at k = 50, expected 0..2");
  index.resize(8);
  draft.set("l.g_idx", "I32", {8}, index);
  CHECK(draft.error(invalid) == "'l.g_idx' has shape [8], expected [96] ([K])");
  draft.set("l.g_idx", "I64", {k}, std::vector<std::int64_t>(k));
  CHECK(draft.error(invalid) == "'l.g_idx' is I64, expected I32");
}

TEST_CASE("scales are converted, and a loss of precision is told") {
  Draft draft(Zeros::symmetric);
  std::vector<float> values(groups * n);
  for (int i = 0; i < groups * n; ++i)
    values[i] = std::ldexp(1.0f, -i % 14);
  values[1] = 1.0f + 0x1p-9f; // exact in f16, not in bf16
  draft.set("l.scales", "F32", {groups, n}, values);
  LayerReadResult result = draft.read();
  CHECK(result.warnings.empty());
  for (int i = 0; i < groups * n; ++i)
    CHECK(halfToFloat(result.layer.scales[i]) == values[i]);
  result = draft.read({.scaleType = Dtype::bf16});
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.scales': 1 of 48 scales lost precision from F32 to bf16");
  CHECK(bfloatToFloat(result.layer.scales[1]) == 1);

  std::vector<std::uint16_t> bits(groups * n, toBfloat(0.25));
  draft.set("l.scales", "BF16", {groups, n}, bits);
  CHECK(draft.read().layer.scales[47] == toHalf(0.25));
  bits[17] = toBfloat(1e6);
  draft.set("l.scales", "BF16", {groups, n}, bits);
  CHECK_THAT(draft.error(invalid),
             Catch::EndsWith("in group 1 of n = 1, which is not a finite f16"));
  CHECK(draft.read({.scaleType = Dtype::bf16}).layer.scales == bits);
  bits[17] = 0x7fc0;
  draft.set("l.scales", "BF16", {groups, n}, bits);
  CHECK(draft.error(invalid) == "'l.scales' is nan in group 1 of n = 1, which "
                                "is not a finite f16");
}
