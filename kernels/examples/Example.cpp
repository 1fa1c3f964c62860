#include "kernels/examples/Example.h"
#include "compiler/base/Error.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <fmt/format.h>

namespace lath {

std::int64_t ExampleSizes::operator[](std::string_view name) const {
  for (auto &[key, value] : sizes_)
    if (key == name)
      return value;
  throw Error(
      ErrorKind::invalidSpec,
      fmt::format("expected one of the sizes {}, got {}", print(*this), name));
}

std::string print(const ExampleSizes &sizes) {
  std::string text;
  for (auto &[name, value] : sizes.entries())
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text;
}

ExampleSizes parseSizes(std::string_view text, const ExampleSizes &defaults) {
  std::vector<ExampleSizes::Entry> sizes = defaults.entries();
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    auto entry = std::find_if(sizes.begin(), sizes.end(),
                              [&](auto &each) { return each.first == name; });
    if (entry == sizes.end())
      throw Error(ErrorKind::invalidSpec,
                  fmt::format("expected sizes like {}, got '{}'",
                              print(defaults), word));
    const std::string_view digits =
        equals == word.npos ? "" : word.substr(equals + 1);
    auto [end, error] = std::from_chars(
        digits.data(), digits.data() + digits.size(), entry->second);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        entry->second < 1 || entry->second > INT32_MAX)
      throw Error(ErrorKind::invalidSpec,
                  fmt::format("expected {} from 1 to {}, got '{}'", name,
                              INT32_MAX, digits));
  }
  return ExampleSizes(std::move(sizes));
}

TunableProgram Example::problem(const ExampleSizes &of, Dtype dtype) const {
  TunableProgram program = make(of, dtype);
  program.name = name;
  program.problem = fmt::format("{},dtype={}", print(of), lath::name(dtype));
  return program;
}

bool elementsFit(std::int64_t elements, const ProgramChoice &choice) {
  const std::int64_t threads = 32 * choice.schedule.warps;
  return elements <= 128 * threads && (elements >= threads || threads == 32);
}

unsigned tilesOf(std::int64_t extent, std::int64_t tile) {
  return static_cast<unsigned>((extent + tile - 1) / tile);
}

std::int64_t tileExtent(std::int64_t extent, std::int64_t least) {
  return std::max(least, static_cast<std::int64_t>(std::bit_ceil(
                             static_cast<std::uint64_t>(extent))));
}

std::int64_t promised(std::int64_t extent) {
  return std::min<std::int64_t>(16, extent & -extent);
}

} // namespace lath
