#include "kernels/checkpoint/ConfigJson.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <system_error>

namespace lath {

static constexpr std::uintmax_t mostBytes = 256'000'000;
static constexpr int mostDepth = 64;

static std::string readText(const std::filesystem::path &file) {
  auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("{}: {}", file.string(), why));
  };
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    fail(error ? error.message() : "not a regular file");
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error)
    fail(error.message());
  if (bytes > mostBytes)
    fail(fmt::format("{} bytes, expected {} at most", bytes, mostBytes));
  std::string text(bytes, '\0');
  std::ifstream in(file, std::ios::binary);
  if (!in.read(text.data(), std::streamsize(bytes)))
    fail("cannot be read");
  return text;
}

ConfigJson readConfigJson(const std::filesystem::path &file) {
  const std::string text = readText(file);
  auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("{}: {}", file.string(), why));
  };
  if (text.find('\0') != std::string::npos)
    fail("a NUL byte, expected JSON");
  using Event = ConfigJson::parse_event_t;
  std::vector<std::set<std::string>> keys;
  auto watch = [&](int depth, Event event, ConfigJson &value) {
    if (depth > mostDepth)
      fail(fmt::format("nested deeper than {}", mostDepth));
    if (event == Event::object_start)
      keys.emplace_back();
    else if (event == Event::object_end)
      keys.pop_back();
    else if (event == Event::key &&
             !keys.back().insert(value.get<std::string>()).second)
      fail(
          fmt::format("the key '{}' is there twice", value.get<std::string>()));
    return true;
  };
  ConfigJson json;
  try {
    json = ConfigJson::parse(text, watch);
  } catch (const ConfigJson::parse_error &error) {
    fail(fmt::format("no JSON: wrong at byte {}", error.byte));
  } catch (const ConfigJson::exception &) {
    fail("no JSON: a number beyond all ranges");
  }
  if (!json.is_object())
    fail(fmt::format("expected an object, got {}", json.type_name()));
  return json;
}

const ConfigJson *ConfigSection::find(std::string_view key) const {
  auto found = json_->find(std::string(key));
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

bool ConfigSection::has(std::string_view key) const { return find(key); }

void ConfigSection::wrong(std::string_view key,
                          std::string_view expected) const {
  std::string value =
      find(key)->dump(-1, ' ', false, ConfigJson::error_handler_t::replace);
  if (value.size() > 60)
    value = value.substr(0, 57) + "...";
  throw Error(
      ErrorKind::invalidInput,
      fmt::format("{}: '{}' is {}, expected {}", where_, key, value, expected));
}

std::optional<std::string> ConfigSection::text(std::string_view key) const {
  const ConfigJson *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_string())
    wrong(key, "a text");
  return value->get<std::string>();
}

std::optional<std::int64_t> ConfigSection::integer(std::string_view key) const {
  const ConfigJson *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() &&
       value->get<std::uint64_t>() > std::uint64_t(INT64_MAX)))
    wrong(key, "a whole number");
  return value->get<std::int64_t>();
}

std::optional<bool> ConfigSection::boolean(std::string_view key) const {
  const ConfigJson *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_boolean())
    wrong(key, "true or false");
  return value->get<bool>();
}

std::optional<ConfigSection>
ConfigSection::section(std::string_view key) const {
  const ConfigJson *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_object())
    wrong(key, "an object");
  return ConfigSection(*value, fmt::format("{}.{}", where_, key));
}

std::vector<std::string> ConfigSection::texts(std::string_view key) const {
  const ConfigJson *value = find(key);
  std::vector<std::string> result;
  if (!value)
    return result;
  if (!value->is_array())
    wrong(key, "a list of texts");
  for (const ConfigJson &element : *value) {
    if (!element.is_string())
      wrong(key, "a list of texts");
    result.push_back(element.get<std::string>());
  }
  return result;
}

} // namespace lath
