// What the configuration of a checkpoint says of the weights of its layers.
//
// It stands in `config.json` under quantization_config, in older repositories
// in quantize_config.json or quant_config.json, of modelopt also in
// hf_quant_config.json. It is a label: tensors are checked against it, and
// where the two contradict each other the reader of the format decides, and
// says so.
#pragma once

#include "kernels/checkpoint/NamePattern.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

class ConfigSection;

/// What is said of one layer. Nothing where nothing is said.
struct LayerRule {
  std::string where = {};  ///< "config.json: quantization_config"; empty: no
                           ///< configuration
  std::string method = {}; ///< quant_method: "gptq", "awq", ...
  /// What tells packings of one method apart: gptq's checkpoint_format,
  /// auto-round's packing_format, awq's version, compressed-tensors' format,
  /// modelopt's quant_algo, in the spelling of the file.
  std::string packing = {};
  std::string quantizer = {}; ///< what wrote it: "gptqmodel:7.7"
  bool quantised = true;      ///< false: the layer is left out by name
  std::optional<std::int64_t> bits = {};
  std::optional<std::int64_t> group = {}; ///< -1: all of K
  std::optional<bool> symmetric = {};
  std::optional<bool> actOrder = {};
};

/// A value; thread safe.
class QuantConfig {
public:
  /// Nothing is said of any layer.
  QuantConfig() = default;
  /// Of the files in `folder`; what they contradict each other in is a warning,
  /// and config.json is believed. Throws Error{invalidInput} for files that
  /// are malformed.
  static QuantConfig read(const std::filesystem::path &folder);

  LayerRule of(std::string_view layer) const;
  const std::string &method() const { return common_.method; }
  const std::vector<std::string> &warnings() const { return warnings_; }

private:
  /// An exception from the rule: by the start of a name, by all of it, or by a
  /// part between dots.
  struct Exception {
    enum class By { pattern, name, part };
    By by;
    std::string text;
    std::optional<NamePattern> pattern;
    LayerRule rule; ///< whose members that say nothing are the common ones
    bool matches(std::string_view layer) const;
  };

  static QuantConfig parse(const ConfigSection &section);
  void except(std::string text, Exception::By by, LayerRule rule);
  void leaveOut(const ConfigSection &section, std::string_view key,
                Exception::By by);
  void readGptq(const ConfigSection &section);
  void readAutoRound(const ConfigSection &section);
  void readCompressedTensors(const ConfigSection &section);
  void readModelopt(const ConfigSection &section);

  LayerRule common_;
  std::vector<Exception> exceptions_; ///< the first that matches counts
  std::vector<std::string> warnings_;
};

} // namespace lath
