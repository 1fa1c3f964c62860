#include "runtime/emulator/Lexer.h"

#include "compiler/base/Ascii.h"

#include <algorithm>

namespace lath::emulator {

namespace {

bool startsName(char c) {
  return isLetter(c) || c == '_' || c == '$' || c == '%' || c == '.';
}
bool continuesName(char c) {
  return isLetter(c) || isDigit(c) || c == '_' || c == '$' || c == '.';
}

} // namespace

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  unsigned line = 1;
  std::size_t i = 0, n = text.size();
  auto add = [&](Token::Kind kind, std::size_t begin, std::size_t end) {
    tokens.push_back({kind, text.substr(begin, end - begin), line});
    i = end;
  };
  while (i < n && text[i] != '\0') {
    char c = text[i];
    if (c == '\n') {
      ++line, ++i;
    } else if (isSpace(c)) {
      ++i;
    } else if (text.substr(i, 2) == "//") {
      while (i < n && text[i] != '\n')
        ++i;
    } else if (text.substr(i, 2) == "/*") {
      std::size_t end = std::min(text.find("*/", i + 2), n);
      line += static_cast<unsigned>(
          std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                     text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = std::min(end + 2, n);
    } else if (c == '"') {
      std::size_t end = std::min(text.find('"', i + 1), n - 1);
      add(Token::Kind::text, i, end + 1);
    } else if (startsName(c)) {
      std::size_t end = i + 1;
      // L2::cache_hint and shared::cta hold two colons; a label ends in one.
      while (end < n && (continuesName(text[end]) ||
                         (text.substr(end, 2) == "::" && end + 2 < n &&
                          continuesName(text[end + 2]))))
        end += text[end] == ':' ? 2 : 1;
      add(Token::Kind::name, i, end);
    } else if (isDigit(c)) {
      std::size_t end = i + 1;
      while (end < n &&
             (continuesName(text[end]) ||
              ((text[end] == '+' || text[end] == '-') &&
               (text[end - 1] == 'e' || text[end - 1] == 'E') &&
               text.substr(i, 2) != "0x" && text.substr(i, 2) != "0f" &&
               text.substr(i, 2) != "0d")))
        ++end;
      add(Token::Kind::number, i, end);
    } else {
      add(Token::Kind::punctuation, i, i + 1);
    }
  }
  tokens.push_back({Token::Kind::end, text.substr(std::min(i, n), 0), line});
  return tokens;
}

} // namespace lath::emulator
