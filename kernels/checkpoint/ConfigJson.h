// JSON files beside the weights, read with distrust: the nesting is limited,
// no key stands twice, and values have the types that are asked for.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace lath {

/// In the order of the file: of patterns the first that matches counts.
using ConfigJson = nlohmann::ordered_json;

/// Throws Error{invalidInput} that names the file: one that cannot be read, of
/// more than 256 MB, no JSON object, with a key twice in an object, or nested
/// deeper than 64.
ConfigJson readConfigJson(const std::filesystem::path &file);

/// A part of a configuration that knows where it stands, for messages.
class ConfigSection {
public:
  ConfigSection(const ConfigJson &json, std::string where)
      : json_(&json), where_(std::move(where)) {}

  const ConfigJson &json() const { return *json_; }
  /// "config.json: quantization_config"
  const std::string &where() const { return where_; }
  bool has(std::string_view key) const;

  // Of a key that is missing or null: nothing. Of another type:
  // Error{invalidInput} with the type that is expected.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<ConfigSection> section(std::string_view key) const;
  /// A list of texts; of a missing key an empty one.
  std::vector<std::string> texts(std::string_view key) const;

private:
  const ConfigJson *find(std::string_view key) const;
  [[noreturn]] void wrong(std::string_view key,
                          std::string_view expected) const;

  const ConfigJson *json_;
  std::string where_;
};

} // namespace lath
