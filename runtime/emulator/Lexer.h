// PTX text to tokens.
#pragma once

#include <string_view>
#include <vector>

namespace lath::emulator {

struct Token {
  enum class Kind { name, number, text, punctuation, end };
  Kind kind = Kind::end;
  std::string_view text;
  unsigned line = 0;
  const char *begin() const { return text.data(); }
  const char *end() const { return text.data() + text.size(); }
  bool operator==(std::string_view other) const { return text == other; }
};

/// Tokens of `text`, which must outlive them, closed by one of kind `end`.
/// Names keep their dots (ld.global.v4.f32, .reg, %tid.x); comments go.
std::vector<Token> tokenize(std::string_view text);

} // namespace lath::emulator
