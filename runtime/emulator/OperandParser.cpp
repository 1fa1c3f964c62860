#include "runtime/emulator/OperandParser.h"

#include <charconv>
#include <cstring>
#include <fmt/format.h>

namespace lath::emulator {

Operand OperandParser::number(bool negative) {
  Operand operand;
  operand.kind = Operand::Kind::immediate;
  std::string_view digits = tokens_.peek().text;
  auto hex = [&] {
    std::uint64_t value = 0;
    std::from_chars(digits.data() + 2, digits.data() + digits.size(), value,
                    16);
    return value;
  };
  bool single = digits.starts_with("0f") || digits.starts_with("0F");
  bool wide = digits.starts_with("0d") || digits.starts_with("0D");
  if (single || wide) {
    operand.bits = hex();
    operand.single = single;
    if (negative)
      operand.bits ^= single ? 0x80000000ull : 1ull << 63;
    tokens_.next();
  } else if (digits.find('.') != std::string_view::npos) {
    double value = 0;
    const char *end = digits.data() + digits.size();
    auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end)
      tokens_.fail(fmt::format("'{}' is no number of 64 bits", digits));
    if (negative)
      value = -value;
    std::memcpy(&operand.bits, &value, sizeof value);
    operand.decimal = true;
    tokens_.next();
  } else {
    operand.bits = tokens_.integer();
    if (negative)
      operand.bits = 0 - operand.bits;
  }
  return operand;
}

Operand OperandParser::primary() {
  Operand operand;
  if (tokens_.take("!")) {
    operand = primary();
    operand.negated = true;
    return operand;
  }
  if (tokens_.take("-"))
    return number(true);
  if (tokens_.take("+"))
    return number(false);
  if (tokens_.peek().kind == Token::Kind::number)
    return number(false);
  if (tokens_.peek().kind != Token::Kind::name)
    tokens_.fail(fmt::format("unexpected '{}'", tokens_.peek().text));
  std::string_view name = tokens_.next().text;
  if (name == "_")
    return operand;
  if (name == "WARP_SZ") {
    operand.kind = Operand::Kind::immediate;
    operand.bits = 32;
    return operand;
  }
  int slot = names_.find(name);
  if (slot < 0 && name.starts_with("%"))
    slot = names_.special(name);
  if (slot >= 0) {
    operand.kind = Operand::Kind::slot;
    operand.slot = slot;
  } else {
    operand.kind = Operand::Kind::symbol;
    operand.name = name;
  }
  return operand;
}

Operand OperandParser::sum() {
  Operand operand = primary();
  while (tokens_.peek() == "+" || tokens_.peek() == "-") {
    bool negative = tokens_.peek() == "-";
    tokens_.next();
    std::int64_t offset = static_cast<std::int64_t>(tokens_.integer());
    operand.offset += negative ? -offset : offset;
  }
  return operand;
}

Operand OperandParser::operand() {
  Operand result;
  if (tokens_.take("{")) {
    result.kind = Operand::Kind::vector;
    do
      result.elements.push_back(operand());
    while (tokens_.take(","));
    tokens_.expect("}");
    return result;
  }
  if (tokens_.take("[")) {
    result.kind = Operand::Kind::address;
    do
      result.elements.push_back(tokens_.peek() == "{" ? operand() : sum());
    while (tokens_.take(","));
    result.offset = result.elements[0].offset;
    tokens_.expect("]");
    return result;
  }
  result = sum();
  if (tokens_.take("|")) {
    Operand pair;
    pair.kind = Operand::Kind::pair;
    pair.elements = {result, primary()};
    return pair;
  }
  return result;
}

} // namespace lath::emulator
