// Protects what configurations say of a layer, in each spelling.
#include "kernels/checkpoint/QuantConfig.h"
#include "tests/unit/TemporaryFolder.h"

#include <catch2/catch.hpp>

#include <fstream>

using namespace lath;
using namespace lath::test;

namespace {

QuantConfig configOf(const std::string &quantization,
                     const std::string &file = "config.json") {
  TemporaryFolder folder;
  std::ofstream(folder / file)
      << (file == "config.json"
              ? "{\"model_type\": \"llama\", \"quantization_config\": " +
                    quantization + "}"
              : quantization);
  return QuantConfig::read(folder.path());
}

} // namespace

TEST_CASE("gptq: its label, who wrote it, and what is dynamic") {
  QuantConfig config = configOf(R"({
    "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": false,
    "desc_act": false, "checkpoint_format": "gptq_v2",
    "meta": {"quantizer": ["gptqmodel:7.7.0"]},
    "dynamic": {"-:.*lm_head": {},
                "+:.*\\.(?:0|1)\\.mlp\\.up_proj": {"bits": 8, "group_size": 64},
                ".*\\.mlp\\.": {"group_size": 32}}})");
  CHECK(config.method() == "gptq");
  LayerRule rule = config.of("model.layers.0.self_attn.q_proj");
  CHECK(rule.where == "config.json: quantization_config");
  CHECK(rule.packing == "gptq_v2");
  CHECK(rule.quantizer == "gptqmodel:7.7.0");
  CHECK(rule.bits == 4);
  CHECK(rule.group == 128);
  CHECK(rule.symmetric == false);
  CHECK(rule.quantised);
  CHECK_FALSE(config.of("lm_head").quantised);
  CHECK(config.of("model.layers.1.mlp.up_proj").bits == 8);
  CHECK(config.of("model.layers.1.mlp.up_proj").group == 64);
  // The first that matches counts, from the start of the name.
  CHECK(config.of("model.layers.1.mlp.down_proj").group == 32);
  CHECK(config.of("model.layers.1.mlp.down_proj").bits == 4);
  CHECK(config.of("model.layers.12.mlp.up_proj").bits == 4);
}

TEST_CASE("older files, and newer keys of gptq") {
  LayerRule rule = configOf(R"({"bits": 4, "group_size": -1, "sym": true,
    "format": "gptq", "meta": {"quantizer": "optimum:1.2"}})",
                            "quantize_config.json")
                       .of("a");
  CHECK(rule.method == "gptq");
  CHECK(rule.packing == "gptq");
  CHECK(rule.group == -1);
  CHECK(rule.quantizer == "optimum:1.2");
  CHECK(rule.where == "quantize_config.json");
  rule = configOf(R"({"zero_point": true, "q_group_size": 64, "w_bit": 4,
                      "version": "GEMM"})",
                  "quant_config.json")
             .of("a");
  CHECK(rule.method == "awq");
  CHECK(rule.packing == "gemm");
  CHECK(rule.group == 64);
  CHECK(rule.symmetric == false);
}

TEST_CASE("auto-round, awq, compressed-tensors, modelopt") {
  QuantConfig rounded = configOf(R"({"quant_method": "auto-round", "bits": 4,
    "group_size": 128, "sym": true, "packing_format": "auto_round:auto_gptq",
    "extra_config": {"lm_head": {"bits": 16}, ".*k_proj": {"bits": 8}}})");
  CHECK(rounded.of("a").packing == "auto_round:auto_gptq");
  CHECK_FALSE(rounded.of("lm_head").quantised);
  CHECK(rounded.of("x.k_proj").bits == 8);

  QuantConfig awq = configOf(R"({"quant_method": "awq", "bits": 4,
    "version": "gemm", "modules_to_not_convert": ["visual", "lm_head"]})");
  CHECK_FALSE(awq.of("model.visual.blocks.0.qkv").quantised);
  CHECK(awq.of("model.visuals.qkv").quantised);

  QuantConfig compressed = configOf(R"({"quant_method": "compressed-tensors",
    "format": "pack-quantized", "ignore": ["lm_head", "re:.*gate$"],
    "config_groups": {
      "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4,
        "group_size": 128, "symmetric": true, "strategy": "group"}},
      "group_1": {"targets": ["re:.*down_proj"], "format": "float-quantized",
        "weights": {"num_bits": 8, "symmetric": true,
                    "strategy": "channel"}}}})");
  CHECK(compressed.of("a.up_proj").bits == 4);
  CHECK(compressed.of("a.up_proj").packing == "pack-quantized");
  CHECK(compressed.of("a.down_proj").bits == 8);
  CHECK(compressed.of("a.down_proj").group == -1);
  CHECK(compressed.of("a.down_proj").packing == "float-quantized");
  CHECK_FALSE(compressed.of("lm_head").quantised);
  CHECK_FALSE(compressed.of("a.mlp.gate").quantised);
  CHECK(compressed.of("a.mlp.gate_proj").quantised);

  QuantConfig modelopt = configOf(R"({"quant_method": "modelopt",
    "quant_algo": "MIXED_PRECISION", "quantized_layers":
      {"a": {"quant_algo": "NVFP4", "group_size": 16}}})");
  CHECK(modelopt.of("a").packing == "NVFP4");
  CHECK(modelopt.of("a").group == 16);
}

TEST_CASE("files that contradict each other: the first is believed") {
  TemporaryFolder folder;
  std::ofstream(folder / "config.json") << R"({"quantization_config":
    {"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"}})";
  std::ofstream(folder / "quantize_config.json")
      << R"({"bits": 8, "checkpoint_format": "gptq"})";
  QuantConfig config = QuantConfig::read(folder.path());
  CHECK(config.of("a").bits == 4);
  CHECK(config.of("a").packing == "gptq_v2");
  CHECK(config.warnings() ==
        std::vector<std::string>{
            "config.json: quantization_config says bits = 4, "
            "quantize_config.json says 8: the first is believed",
            "config.json: quantization_config says its packing = gptq_v2, "
            "quantize_config.json says gptq: the first is believed"});
}

TEST_CASE("a pattern that takes forever matches nothing") {
  QuantConfig config = configOf(R"({"quant_method": "gptq", "bits": 4,
    "dynamic": {"-:(a*)*(a*)*(a*)*b$": {}}})");
  CHECK(config.of(std::string(4000, 'a')).quantised);
  CHECK_FALSE(config.of("aab").quantised);
}
