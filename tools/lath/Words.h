// Options whose values are words of a list, or numbers.
#pragma once

#include "compiler/base/Nearest.h"
#include "tools/lath/CliError.h"

#include <fmt/format.h>

#include <charconv>
#include <span>
#include <string_view>

namespace lath::cli {

/// Index of `value` in `words`. Throws CliError{usage} naming the nearest.
inline std::size_t wordIndex(std::string_view option, std::string_view value,
                             std::span<const std::string_view> words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == value)
      return i;
  throw CliError{usage,
                 fmt::format("unknown {} '{}'; the nearest is '{}'", option,
                             value, nearest(value, words)),
                 {fmt::format("all are {}", fmt::join(words, ", "))}};
}

/// Throws CliError{usage} unless `value` is a whole number that fits `Number`.
template <class Number>
Number wholeNumber(std::string_view option, std::string_view value) {
  Number number{};
  const char *end = value.data() + value.size();
  auto [stop, problem] = std::from_chars(value.data(), end, number);
  if (problem == std::errc::result_out_of_range)
    throw CliError{usage,
                   fmt::format("{} = {} does not fit {} bits", option, value,
                               8 * sizeof(Number)),
                   {}};
  if (problem != std::errc() || stop != end)
    throw CliError{
        usage,
        fmt::format("{} needs a whole number, got '{}'", option, value),
        {}};
  return number;
}

/// --format: whether the user wants JSON.
inline bool wantsJson(const std::optional<std::string> &format) {
  static constexpr std::string_view words[] = {"text", "json"};
  return format && wordIndex("format", *format, words) == 1;
}

} // namespace lath::cli
