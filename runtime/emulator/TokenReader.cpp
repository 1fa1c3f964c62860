#include "runtime/emulator/TokenReader.h"

#include "compiler/base/Ascii.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

std::string lineOf(std::string_view text, unsigned line) {
  std::size_t begin = 0;
  for (unsigned i = 1; i < line && begin != std::string_view::npos; ++i)
    begin = text.find('\n', begin) + 1;
  std::size_t end = std::min(text.find('\n', begin), text.size());
  std::string_view result = text.substr(begin, end - begin);
  while (!result.empty() && isSpace(result[0]))
    result.remove_prefix(1);
  return std::string(result);
}

} // namespace

const Token &TokenReader::peek(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

const Token &TokenReader::next() {
  const Token &token = peek();
  if (at_ < tokens_.size() - 1)
    ++at_;
  return token;
}

bool TokenReader::take(std::string_view text) {
  if (peek() == text && peek().kind != Token::Kind::text) {
    next();
    return true;
  }
  return false;
}

void TokenReader::expect(std::string_view text) {
  if (!take(text))
    fail(fmt::format("expected '{}', got '{}'", text, peek().text));
}

std::uint64_t TokenReader::integer() {
  bool negative = take("-");
  std::string_view digits = peek().text;
  if (peek().kind != Token::Kind::number)
    fail(fmt::format("expected a number, got '{}'", digits));
  if (!digits.empty() && (digits.back() == 'U' || digits.back() == 'u'))
    digits.remove_suffix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X"))
    base = 16, digits.remove_prefix(2);
  else if (digits.starts_with("0b"))
    base = 2, digits.remove_prefix(2);
  else if (digits.size() > 1 && digits[0] == '0')
    base = 8, digits.remove_prefix(1);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(
      digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    fail(fmt::format("'{}' is no integer", peek().text));
  next();
  return negative ? 0 - value : value;
}

void TokenReader::skipBraces() {
  while (peek() != "{" && peek().kind != Token::Kind::end)
    next();
  int depth = 0;
  do {
    if (peek() == "{")
      ++depth;
    else if (peek() == "}")
      --depth;
    next();
  } while (depth > 0 && peek().kind != Token::Kind::end);
}

void TokenReader::fail(const std::string &message, ErrorKind kind) const {
  throw Error(kind, fmt::format("PTX line {}: {}: {}", peek().line, message,
                                lineOf(text_, peek().line)));
}

} // namespace lath::emulator
