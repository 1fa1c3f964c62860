// Tokens one after the other, and messages that quote their line.
#pragma once

#include "compiler/base/Error.h"
#include "runtime/emulator/Lexer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lath::emulator {

class TokenReader {
public:
  /// Of `text`, which must outlive the reader.
  explicit TokenReader(std::string_view text)
      : text_(text), tokens_(tokenize(text)) {}

  const Token &peek(std::size_t ahead = 0) const;
  const Token &next();
  /// The token before this one.
  const Token &last() const { return tokens_[at_ - 1]; }
  /// Takes the next token if it is `text`, and no string.
  bool take(std::string_view text);
  void expect(std::string_view text);
  /// A decimal, hexadecimal, binary or octal integer with its sign.
  std::uint64_t integer();
  /// Passes over the next block of braces.
  void skipBraces();
  /// Throws Error{kind} that quotes the line of the next token.
  [[noreturn]] void fail(const std::string &message,
                         ErrorKind kind = ErrorKind::compile) const;

private:
  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

} // namespace lath::emulator
