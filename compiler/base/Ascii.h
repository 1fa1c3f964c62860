// Kinds of characters in texts that a grammar defines: the same in every
// locale, as those of <cctype> are not.
#pragma once

namespace lath {

constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

} // namespace lath
