#include "kernels/checkpoint/NamePattern.h"

#include "compiler/base/Error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

namespace lath {

NamePattern::NamePattern(std::string_view pattern, std::string_view source) {
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code *code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                    pattern.size(), PCRE2_ANCHORED, &error, &at, nullptr);
  if (!code) {
    unsigned char text[256] = {};
    pcre2_get_error_message(error, text, sizeof text);
    throw Error(ErrorKind::invalidInput,
                fmt::format("{}: the pattern '{}' is wrong at character {}: {}",
                            source, pattern, at,
                            reinterpret_cast<const char *>(text)));
  }
  code_ = std::shared_ptr<const void>(code, [](const void *p) {
    pcre2_code_free(static_cast<pcre2_code *>(const_cast<void *>(p)));
  });
}

bool NamePattern::matchesStart(std::string_view name) const {
  const auto *code = static_cast<const pcre2_code *>(code_.get());
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code, nullptr),
      pcre2_match_data_free);
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)>
      limits(pcre2_match_context_create(nullptr), pcre2_match_context_free);
  if (!data || !limits)
    throw std::bad_alloc();
  pcre2_set_match_limit(limits.get(), 1'000'000);
  return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data()),
                     name.size(), 0, 0, data.get(), limits.get()) >= 0;
}

} // namespace lath
