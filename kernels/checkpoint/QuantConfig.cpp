#include "kernels/checkpoint/QuantConfig.h"

#include "compiler/base/Error.h"
#include "kernels/checkpoint/ConfigJson.h"

#include <fmt/format.h>

#include <array>

namespace lath {

static void take(LayerRule &rule, const LayerRule &more) {
  auto text = [](std::string &to, const std::string &from) {
    if (!from.empty())
      to = from;
  };
  auto value = [](auto &to, const auto &from) {
    if (from)
      to = from;
  };
  text(rule.packing, more.packing);
  value(rule.bits, more.bits);
  value(rule.group, more.group);
  value(rule.symmetric, more.symmetric);
  value(rule.actOrder, more.actOrder);
  rule.quantised = rule.quantised && more.quantised;
}

bool QuantConfig::Exception::matches(std::string_view layer) const {
  switch (by) {
  case By::pattern:
    return pattern->matchesStart(layer);
  case By::name:
    return layer == text;
  case By::part: // "lm_head" leaves out "model.lm_head", not "lm_header"
    for (std::size_t at = layer.find(text); at != std::string_view::npos;
         at = layer.find(text, at + 1)) {
      const std::size_t end = at + text.size();
      if ((at == 0 || layer[at - 1] == '.') &&
          (end == layer.size() || layer[end] == '.'))
        return true;
    }
    return false;
  }
  return false;
}

LayerRule QuantConfig::of(std::string_view layer) const {
  LayerRule rule = common_;
  for (const Exception &exception : exceptions_)
    if (exception.matches(layer)) {
      take(rule, exception.rule);
      break;
    }
  return rule;
}

void QuantConfig::except(std::string text, Exception::By by, LayerRule rule) {
  Exception exception{by, std::move(text), {}, std::move(rule)};
  if (by == Exception::By::pattern)
    exception.pattern.emplace(exception.text, common_.where);
  exceptions_.push_back(std::move(exception));
}

void QuantConfig::leaveOut(const ConfigSection &section, std::string_view key,
                           Exception::By by) {
  for (std::string &text : section.texts(key)) {
    const bool pattern = text.starts_with("re:");
    except(pattern ? text.substr(3) : std::move(text),
           pattern ? Exception::By::pattern : by, {.quantised = false});
  }
}

/// Of GPTQ, and what overrides it: names and types are the same.
static LayerRule numbersOf(const ConfigSection &section) {
  return {.bits = section.integer("bits"),
          .group = section.integer("group_size"),
          .symmetric = section.boolean("sym"),
          .actOrder = section.boolean("desc_act")};
}

/// A list, or a text: gptqmodel has written both.
static std::string quantizerOf(const ConfigSection &section) {
  auto meta = section.section("meta");
  if (!meta || !meta->has("quantizer"))
    return {};
  if (meta->json().at("quantizer").is_string())
    return *meta->text("quantizer");
  const auto all = meta->texts("quantizer");
  return all.empty() ? std::string() : all.front();
}

void QuantConfig::readGptq(const ConfigSection &section) {
  take(common_, numbersOf(section));
  common_.packing = section.text("checkpoint_format")
                        .value_or(section.text("format").value_or(""));
  common_.quantizer = quantizerOf(section);
  auto dynamic = section.section("dynamic");
  if (!dynamic)
    return;
  for (const auto &[pattern, values] : dynamic->json().items()) {
    if (pattern.starts_with("-:")) {
      except(pattern.substr(2), Exception::By::pattern, {.quantised = false});
      continue;
    }
    if (!values.is_object())
      throw Error(ErrorKind::invalidInput,
                  fmt::format("{}: '{}' is {}, expected an object",
                              dynamic->where(), pattern, values.type_name()));
    except(
        pattern.starts_with("+:") ? pattern.substr(2) : pattern,
        Exception::By::pattern,
        numbersOf({values, fmt::format("{}.{}", dynamic->where(), pattern)}));
  }
}

void QuantConfig::readAutoRound(const ConfigSection &section) {
  take(common_, numbersOf(section));
  common_.packing = section.text("packing_format")
                        .value_or(section.text("backend").value_or(""));
  auto extra = section.section("extra_config");
  if (!extra)
    return;
  for (const auto &[name, values] : extra->json().items()) {
    if (!values.is_object())
      continue;
    LayerRule rule =
        numbersOf({values, fmt::format("{}.{}", extra->where(), name)});
    rule.quantised = rule.bits.value_or(4) < 16;
    // A name is a pattern where it holds more than names do.
    const bool pattern =
        name.find_first_of("*+?[]()|\\^$") != std::string::npos;
    except(name, pattern ? Exception::By::pattern : Exception::By::name,
           std::move(rule));
  }
}

void QuantConfig::readCompressedTensors(const ConfigSection &section) {
  common_.packing = section.text("format").value_or("");
  leaveOut(section, "ignore", Exception::By::name);
  auto groups = section.section("config_groups");
  if (!groups)
    return;
  for (const auto &[name, value] : groups->json().items()) {
    auto group = groups->section(name);
    if (!group)
      continue;
    LayerRule rule;
    if (auto weights = group->section("weights")) {
      rule.bits = weights->integer("num_bits");
      rule.group = weights->integer("group_size");
      rule.symmetric = weights->boolean("symmetric");
      if (weights->text("strategy") == "channel")
        rule.group = -1;
    } else {
      rule.quantised = false;
    }
    rule.packing = group->text("format").value_or("");
    for (const std::string &target : group->texts("targets"))
      if (target.starts_with("re:"))
        except(target.substr(3), Exception::By::pattern, rule);
      else if (target == "Linear")
        take(common_, rule); // a type of module: every layer
      else
        except(target, Exception::By::name, rule);
  }
}

void QuantConfig::readModelopt(const ConfigSection &section) {
  common_.packing = section.text("quant_algo").value_or("");
  common_.group = section.integer("group_size");
  leaveOut(section, "ignore", Exception::By::part);
  leaveOut(section, "exclude_modules", Exception::By::part);
  auto layers = section.section("quantized_layers");
  if (!layers)
    return;
  for (const auto &[name, value] : layers->json().items())
    if (auto layer = layers->section(name))
      except(name, Exception::By::name,
             {.packing = layer->text("quant_algo").value_or(""),
              .group = layer->integer("group_size")});
}

QuantConfig QuantConfig::parse(const ConfigSection &section) {
  QuantConfig config;
  LayerRule &common = config.common_;
  common.where = section.where();
  common.method = section.text("quant_method").value_or("");
  // Before quant_method there was, each method had names of its own.
  if (common.method.empty()) {
    if (section.has("w_bit"))
      common.method = "awq";
    else if (section.has("quant_algo"))
      common.method = "modelopt";
    else if (section.has("bits"))
      common.method = "gptq";
  }
  if (common.method == "gptq") {
    config.readGptq(section);
  } else if (common.method == "auto-round" ||
             common.method == "intel/auto-round") {
    common.method = "auto-round";
    config.readAutoRound(section);
  } else if (common.method == "awq") {
    auto either = [&](std::string_view one, std::string_view other) {
      auto value = section.integer(one);
      return value ? value : section.integer(other);
    };
    common.bits = either("bits", "w_bit");
    common.group = either("group_size", "q_group_size");
    if (auto zeros = section.boolean("zero_point"))
      common.symmetric = !*zeros;
    common.packing = section.text("version").value_or("gemm");
    for (char &c : common.packing) // "GEMM" in older files
      if (c >= 'A' && c <= 'Z')
        c = static_cast<char>(c - 'A' + 'a');
    config.leaveOut(section, "modules_to_not_convert", Exception::By::part);
  } else if (common.method == "compressed-tensors") {
    config.readCompressedTensors(section);
  } else if (common.method.starts_with("modelopt")) {
    config.readModelopt(section);
  } else {
    config.leaveOut(section, "modules_to_not_convert", Exception::By::part);
  }
  return config;
}

QuantConfig QuantConfig::read(const std::filesystem::path &folder) {
  struct Place {
    const char *file, *key; ///< key: null, the file itself
  };
  static constexpr std::array<Place, 5> places = {
      {{"config.json", "quantization_config"},
       {"config.json", "compression_config"},
       {"hf_quant_config.json", "quantization"},
       {"quantize_config.json", nullptr},
       {"quant_config.json", nullptr}}};
  std::optional<QuantConfig> first;
  std::vector<std::string> warnings;
  for (const Place &place : places) {
    std::error_code ignored;
    const auto file = folder / place.file;
    if (!std::filesystem::exists(file, ignored))
      continue;
    const ConfigJson json = readConfigJson(file);
    std::optional<ConfigSection> section(std::in_place, json, place.file);
    if (place.key) {
      section = ConfigSection(json, place.file).section(place.key);
      if (section)
        section.emplace(section->json(),
                        fmt::format("{}: {}", place.file, place.key));
    }
    if (!section)
      continue;
    QuantConfig config = parse(*section);
    if (!first) {
      first = std::move(config);
      continue;
    }
    auto compare = [&](std::string_view key, const auto &one,
                       const auto &other) {
      if (one && other && *one != *other)
        warnings.push_back(fmt::format(
            "{} says {} = {}, {} says {}: the first is believed",
            first->common_.where, key, *one, config.common_.where, *other));
    };
    auto said = [](const std::string &text) {
      return text.empty() ? std::nullopt : std::optional(text);
    };
    compare("bits", first->common_.bits, config.common_.bits);
    compare("group_size", first->common_.group, config.common_.group);
    compare("sym", first->common_.symmetric, config.common_.symmetric);
    compare("desc_act", first->common_.actOrder, config.common_.actOrder);
    if (first->common_.method == config.common_.method)
      compare("its packing", said(first->common_.packing),
              said(config.common_.packing));
  }
  QuantConfig result = first ? std::move(*first) : QuantConfig();
  result.warnings_ = std::move(warnings);
  return result;
}

} // namespace lath
