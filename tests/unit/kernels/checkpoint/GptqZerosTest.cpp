// Protects the reading of zero points: both conventions, and labels that lie.
#include "tests/unit/kernels/checkpoint/GptqDraft.h"

using namespace lath;
using namespace lath::test;

TEST_CASE("symmetric weights with a true label lose their zero points") {
  for (Zeros zeros : {Zeros::v1, Zeros::v2}) {
    Draft draft(zeros);
    draft.setZeros(zeros == Zeros::v1 ? 0x77777777 : 0x88888888);
    LayerReadResult result = draft.read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == Zeros::symmetric);
    CHECK(result.layer.qzeros.empty());
    CHECK(result.layer.zero(0, 0) == 8);
    // Asked for, they are kept.
    result = draft.read({.zeros = zeros});
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == zeros);
    CHECK(result.layer.zero(0, 0) == 8);
  }
}

TEST_CASE("symmetric weights whose label lies are read as symmetric") {
  Draft v1(Zeros::v1);
  v1.setZeros(0x88888888);
  LayerReadResult result = v1.read();
  CHECK(result.layer.zeros == Zeros::symmetric);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 8 throughout: z = 9 in v1, but z = 8 in v2, as "
        "symmetric weights have it. Taken as symmetric against the "
        "label (the file's metadata, gptq)");

  Draft v2(Zeros::v2);
  v2.setZeros(0x77777777);
  result = v2.read();
  CHECK(result.layer.zeros == Zeros::symmetric);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 7 throughout: z = 7 in v2, but z = 8 in v1, as "
        "symmetric weights have it. Taken as symmetric against the "
        "label (the file's metadata, gptq_v2)");
}

TEST_CASE("a convention that is asked for is obeyed, with a warning") {
  Draft draft(Zeros::v1);
  draft.setZeros(0x88888888);
  LayerReadResult result = draft.read({.zeros = Zeros::v1});
  CHECK(result.layer.zero(0, 0) == 9);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 8 throughout: z = 9 in v1, but z = 8 in v2, as "
        "symmetric weights have it. Read as asked for");
  CHECK(draft.read({.zeros = Zeros::symmetric}).warnings.empty());
  CHECK(draft.read({.zeros = Zeros::symmetric}).layer.zero(0, 0) == 8);

  CHECK(Draft(Zeros::v1).read({.zeros = Zeros::v2}).layer.zeros == Zeros::v2);
  CHECK(Draft(Zeros::v2).error(invalid, {.zeros = Zeros::symmetric}) ==
        "'l.qzeros' does not store 7 (v1) or 8 (v2) throughout: the weights "
        "are not symmetric");
  CHECK(Draft(Zeros::symmetric).error(invalid, {.zeros = Zeros::v1}) ==
        "no tensor 'l.qzeros', though zero points were asked for; without "
        "them z = 8");
}

TEST_CASE("one zero point that differs makes weights asymmetric") {
  Draft draft(Zeros::v1);
  std::vector<std::uint32_t> zeros(groups * n / 8, 0x77777777);
  zeros.back() = 0x67777777;
  draft.set("l.qzeros", "I32", {groups, n / 8}, zeros);
  LayerReadResult result = draft.read();
  CHECK(result.warnings.empty());
  CHECK(result.layer.zeros == Zeros::v1);
  CHECK(result.layer.zero(15, 2) == 7);
  CHECK(result.layer.zero(14, 2) == 8);
}

TEST_CASE("zero points without a label are taken as v1, with a warning") {
  Draft draft(Zeros::v1);
  draft.metadata.clear();
  LayerReadResult result = draft.read();
  CHECK(result.layer.zeros == Zeros::v1);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros': no configuration says how zero points are stored; taken "
        "as v1 (z - 1), as GPTQ checkpoints without a checkpoint_format are");
  CHECK(draft.read({.zeros = Zeros::v1}).warnings.empty());
  // Values of symmetric weights speak for themselves.
  for (std::uint32_t word : {0x77777777u, 0x88888888u}) {
    draft.setZeros(word);
    result = draft.read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == Zeros::symmetric);
  }
  draft.metadata["checkpoint_format"] = "marlin";
  CHECK(draft.error(unsupported) ==
        "checkpoint_format is 'marlin', expected gptq or gptq_v2");
}

namespace {

std::string gptqConfig(const std::string &more) {
  return "{\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4, "
         "\"group_size\": 32" +
         more + "}}";
}

} // namespace

TEST_CASE("the configuration says how zero points are stored") {
  for (Zeros zeros : {Zeros::v1, Zeros::v2}) {
    const GptqLayer expected = Draft::original(zeros);
    Draft draft(zeros);
    draft.metadata.clear(); // no library writes it
    draft.config = gptqConfig(
        zeros == Zeros::v1 ? "" : ", \"checkpoint_format\": \"gptq_v2\"");
    LayerReadResult result = draft.read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == zeros);
    CHECK(result.layer.qzeros == expected.qzeros);
  }
  Draft draft(Zeros::v2); // its metadata says gptq_v2
  draft.config = gptqConfig(", \"checkpoint_format\": \"gptq\"");
  LayerReadResult result = draft.read();
  CHECK(result.layer.zeros == Zeros::v1);
  REQUIRE(!result.warnings.empty());
  CHECK(result.warnings[0] ==
        "config.json: quantization_config says checkpoint_format = gptq, the "
        "file's metadata gptq_v2; the first is believed");
  draft.config = gptqConfig(", \"checkpoint_format\": \"marlin\"");
  CHECK(draft.error(unsupported) ==
        "checkpoint_format is 'marlin', expected gptq or gptq_v2");
}

TEST_CASE("auto-round's packings have either convention") {
  auto read = [](const std::string &packing) {
    Draft draft(Zeros::v2);
    draft.metadata.clear();
    draft.config = "{\"quantization_config\": {\"quant_method\": "
                   "\"auto-round\", \"bits\": 4, \"packing_format\": \"" +
                   packing + "\"}}";
    return draft.read().layer.zeros;
  };
  CHECK(read("auto_round:auto_gptq") == Zeros::v1);
  CHECK(read("auto_round") == Zeros::v2);
  CHECK(read("auto_round:gptqmodel") == Zeros::v2);
}

TEST_CASE("a method that is not GPTQ's does not tell the convention") {
  Draft draft(Zeros::v2);
  draft.metadata.clear();
  draft.config = R"({"quantization_config": {"quant_method": "awq"}})";
  CHECK(draft.error(invalid) ==
        "'l.qzeros' has zero points as GPTQ stores them, but config.json: "
        "quantization_config says awq, which does not tell v1 (z - 1) from v2 "
        "(z)");
  CHECK(draft.read({.zeros = Zeros::v2}).layer.zeros == Zeros::v2);
}

TEST_CASE("a zero point of 0 in v1 is read as its writer meant it") {
  Draft draft(Zeros::v1);
  draft.metadata.clear();
  // z = 3, 0, 5, 8, ...: by nibbles 2, 15, 4, 7; by words 2, 15, 3, 7.
  std::vector<std::uint32_t> zeros(groups * n / 8, 0x77777777);
  zeros[0] = 0x777774f2;
  draft.set("l.qzeros", "I32", {groups, n / 8}, zeros);
  draft.config = gptqConfig("");
  LayerReadResult result = draft.read();
  CHECK(result.layer.zeros == Zeros::v1);
  CHECK(result.layer.zero(1, 0) == 0);
  CHECK(result.layer.zero(2, 0) == 5);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros': 1 of 48 zero points are stored as 15, which some programs "
        "read as z = 0 and others as z = 16; read as 0");
  zeros[0] = 0x777773f2;
  draft.set("l.qzeros", "I32", {groups, n / 8}, zeros);
  draft.config = gptqConfig(", \"meta\": {\"quantizer\": [\"gptqmodel:7.7\"]}");
  result = draft.read();
  CHECK(result.warnings.empty());
  CHECK(result.layer.zeros == Zeros::v2);
  CHECK(result.layer.zero(0, 0) == 3);
  CHECK(result.layer.zero(1, 0) == 0);
  CHECK(result.layer.zero(2, 0) == 5);
  CHECK(result.layer.zero(3, 0) == 8);
}

TEST_CASE("what a configuration gets wrong of a layer is told") {
  Draft draft(Zeros::v2);
  draft.config =
      R"({"quantization_config": {"quant_method": "gptq", "bits": 8, "sym": true,
          "checkpoint_format": "gptq_v2", "group_size": 64,
          "dynamic": {"-:l": {}}}})";
  CHECK(
      draft.read().warnings ==
      std::vector<std::string>{
          "layer 'l': config.json: quantization_config says sym = true, but "
          "zero points differ; read as the tensors have it",
          "layer 'l': config.json: quantization_config leaves it out, but its "
          "weights are quantised; read as the tensors have it",
          "layer 'l': config.json: quantization_config says bits = 8, the "
          "tensors have 4; read as the tensors have it",
          "layer 'l': config.json: quantization_config says group_size = 64, "
          "the tensors have 32; read as the tensors have it"});
}
