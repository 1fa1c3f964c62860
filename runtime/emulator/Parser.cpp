// PTX text to Module: a recursive-descent reader of the part of PTX that a
// compiler prints. Registers become slots, `{ }` opens a scope of names.
#include "compiler/Error.h"
#include "runtime/emulator/Lexer.h"
#include "runtime/emulator/Module.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace lath::emulator {

Type typeNamed(std::string_view name) {
  static constexpr std::pair<std::string_view, Type> types[] = {
      {"pred", Type::pred},     {"b8", Type::b8},     {"u8", Type::u8},
      {"s8", Type::s8},         {"b16", Type::b16},   {"u16", Type::u16},
      {"s16", Type::s16},       {"f16", Type::f16},   {"bf16", Type::bf16},
      {"b32", Type::b32},       {"u32", Type::u32},   {"s32", Type::s32},
      {"f32", Type::f32},       {"tf32", Type::tf32}, {"f16x2", Type::f16x2},
      {"bf16x2", Type::bf16x2}, {"b64", Type::b64},   {"u64", Type::u64},
      {"s64", Type::s64},       {"f64", Type::f64},   {"b128", Type::b128}};
  for (auto [known, type] : types)
    if (known == name)
      return type;
  return Type::none;
}

namespace {

/// Slots beyond this are refused: `.reg .b32 %r<2147483648>` is 17 GB.
constexpr std::size_t maxRegisters = 1u << 18;

class Parser {
public:
  Parser(std::string_view text, std::string_view entry)
      : text_(text), tokens_(tokenize(text)), wanted_(entry) {}

  Module run() {
    while (peek().kind != Token::Kind::end)
      topLevel();
    if (module_.entry.empty())
      throw Error(ErrorKind::compile,
                  fmt::format("the PTX has no .entry {}", wanted_));
    return std::move(module_);
  }

private:
  const Token &peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token &next() {
    const Token &token = peek();
    if (at_ < tokens_.size() - 1)
      ++at_;
    return token;
  }
  bool take(std::string_view text) {
    if (peek() == text && peek().kind != Token::Kind::text) {
      next();
      return true;
    }
    return false;
  }
  void expect(std::string_view text) {
    if (!take(text))
      fail(fmt::format("expected '{}', got '{}'", text, peek().text));
  }
  std::string lineText(unsigned line) const {
    std::size_t begin = 0;
    for (unsigned i = 1; i < line && begin != std::string_view::npos; ++i)
      begin = text_.find('\n', begin) + 1;
    std::size_t end = std::min(text_.find('\n', begin), text_.size());
    std::string_view result = text_.substr(begin, end - begin);
    while (!result.empty() &&
           std::isspace(static_cast<unsigned char>(result[0])))
      result.remove_prefix(1);
    return std::string(result);
  }
  [[noreturn]] void fail(std::string message,
                         ErrorKind kind = ErrorKind::compile) const {
    throw Error(kind, fmt::format("PTX line {}: {}: {}", peek().line, message,
                                  lineText(peek().line)));
  }

  std::uint64_t integer() {
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

  // --- module level ---------------------------------------------------------

  void topLevel() {
    if (take(".version")) {
      next();
    } else if (take(".target")) {
      module_.target = next().text;
      while (take(","))
        next();
    } else if (take(".address_size")) {
      if (integer() != 64)
        fail("expected .address_size 64");
    } else if (take(".visible") || take(".extern") || take(".weak")) {
      // linkage: nothing here is linked
    } else if (peek() == ".shared") {
      variable(module_.shared, module_.staticShared, Scope::module);
    } else if (take(".entry")) {
      entry();
    } else if (take(".file")) {
      while (peek().kind == Token::Kind::number ||
             peek().kind == Token::Kind::text)
        next();
    } else if (take(".pragma")) {
      next();
      expect(";");
    } else if (take(".section")) {
      skipBraces();
    } else {
      fail(fmt::format("'{}' is outside what the emulator knows", peek().text),
           ErrorKind::unsupported);
    }
  }

  void skipBraces() {
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

  enum class Scope { module, function };

  /// .shared .align 128 .b8 name[64]; and the same for .local.
  void variable(std::vector<Variable> &into, std::uint64_t &bytes, Scope) {
    next();
    Variable v;
    bool dynamic = false;
    while (peek().text.starts_with(".")) {
      if (take(".align")) {
        v.align = static_cast<unsigned>(integer());
      } else {
        Type type = typeNamed(peek().text.substr(1));
        if (type == Type::none)
          fail(fmt::format("unknown variable attribute '{}'", peek().text));
        v.type = type;
        next();
      }
    }
    v.align = std::max(v.align, sizeOf(v.type));
    v.name = next().text;
    v.bytes = sizeOf(v.type);
    while (take("[")) {
      if (peek() == "]")
        dynamic = true;
      else
        v.bytes *= integer();
      expect("]");
    }
    if (peek() == "=")
      fail("initialised variables are outside what the emulator knows",
           ErrorKind::unsupported);
    expect(";");
    if (dynamic || v.bytes == 0) {
      module_.dynamicShared = v.name;
      return;
    }
    v.offset = (bytes + v.align - 1) / v.align * v.align;
    bytes = v.offset + v.bytes;
    into.push_back(v);
  }

  void parameters() {
    while (!take(")")) {
      expect(".param");
      Variable v;
      while (peek().text.starts_with(".")) {
        if (take(".align")) {
          v.align = static_cast<unsigned>(integer());
        } else if (take(".ptr")) {
          while (peek() == ".global" || peek() == ".shared" ||
                 peek() == ".local" || peek() == ".const" ||
                 peek() == ".generic")
            next();
          if (take(".align")) // of what it points to
            integer();
        } else {
          Type type = typeNamed(peek().text.substr(1));
          if (type == Type::none)
            fail(fmt::format("unknown parameter attribute '{}'", peek().text));
          v.type = type;
          next();
        }
      }
      v.align = std::max(v.align, sizeOf(v.type));
      v.name = next().text;
      v.bytes = sizeOf(v.type);
      if (take("[")) {
        v.bytes *= integer();
        expect("]");
      }
      v.offset = (module_.paramBytes + v.align - 1) / v.align * v.align;
      module_.paramBytes = v.offset + v.bytes;
      module_.params.push_back(v);
      take(",");
    }
  }

  void triple(unsigned (&values)[3]) {
    values[0] = values[1] = values[2] = 1;
    int i = 0;
    do
      values[i++] = static_cast<unsigned>(integer());
    while (i < 3 && take(","));
  }

  void entry() {
    std::string name(next().text);
    if (name != wanted_) {
      skipBraces();
      return;
    }
    module_.entry = name;
    if (take("("))
      parameters();
    while (peek() != "{") {
      unsigned ignored[3];
      if (take(".reqntid"))
        triple(module_.requiredThreads);
      else if (take(".maxntid"))
        triple(ignored);
      else if (take(".minnctapersm"))
        integer();
      else if (take(".maxnreg"))
        module_.maxRegisters = static_cast<unsigned>(integer());
      else if (take(".reqnctapercluster"))
        triple(module_.clusterSize);
      else if (take(".explicitcluster"))
        ;
      else if (take(".maxclusterrank"))
        integer();
      else
        fail(
            fmt::format("'{}' is outside what the emulator knows", peek().text),
            ErrorKind::unsupported);
    }
    body();
  }

  // --- function body ---------------------------------------------------------

  struct Names {
    std::map<std::string, int, std::less<>> single;
    struct Range {
      int first;
      unsigned count;
    };
    std::map<std::string, Range, std::less<>> ranges; ///< by prefix
  };

  void body() {
    expect("{");
    openScope(-1);
    while (!scopes_.empty()) {
      if (peek().kind == Token::Kind::end)
        fail("the kernel's body does not end");
      if (take("{")) {
        openScope(scopes_.back());
      } else if (take("}")) {
        scopes_.pop_back();
        names_.pop_back();
      } else if (peek() == ".reg") {
        registers();
      } else if (peek() == ".shared") {
        variable(module_.shared, module_.staticShared, Scope::function);
      } else if (peek() == ".local") {
        variable(module_.local, module_.localBytes, Scope::function);
      } else if (take(".loc") || take(".pragma")) {
        unsigned line = tokens_[at_ - 1].line;
        while (peek().line == line && peek() != ";")
          next();
        take(";");
      } else if (peek().kind == Token::Kind::name && peek(1) == ":") {
        module_.labels.push_back({std::string(next().text), scopes_.back(),
                                  module_.statements.size()});
        next();
      } else if (!take(";")) {
        statement();
      }
    }
  }

  void openScope(int parent) {
    scopes_.push_back(static_cast<int>(module_.scopeParent.size()));
    module_.scopeParent.push_back(parent);
    names_.emplace_back();
  }

  int newRegister(Type type, std::string name) {
    if (module_.registers.size() >= maxRegisters)
      fail(fmt::format("more than {} registers", maxRegisters),
           ErrorKind::unsupported);
    module_.registers.push_back(type);
    module_.registerNames.push_back(std::move(name));
    return static_cast<int>(module_.registers.size() - 1);
  }

  void registers() {
    next();
    if (peek().text.starts_with(".v"))
      fail("vector registers are outside what the emulator knows",
           ErrorKind::unsupported);
    Type type = peek().text.starts_with(".") ? typeNamed(peek().text.substr(1))
                                             : Type::none;
    if (type == Type::none)
      fail(fmt::format("'{}' is no register type", peek().text));
    next();
    do {
      std::string name(next().text);
      if (take("<")) {
        std::uint64_t count = integer();
        expect(">");
        if (count + module_.registers.size() > maxRegisters)
          fail(fmt::format("more than {} registers", maxRegisters),
               ErrorKind::unsupported);
        names_.back().ranges[name] = {
            static_cast<int>(module_.registers.size()),
            static_cast<unsigned>(count)};
        for (std::uint64_t i = 0; i < count; ++i)
          newRegister(type, fmt::format("{}{}", name, i));
      } else {
        names_.back().single[name] = newRegister(type, name);
      }
    } while (take(","));
    expect(";");
  }

  int findRegister(std::string_view name) const {
    for (auto scope = names_.rbegin(); scope != names_.rend(); ++scope) {
      if (auto found = scope->single.find(name); found != scope->single.end())
        return found->second;
      std::size_t digits = name.size();
      while (digits > 0 &&
             std::isdigit(static_cast<unsigned char>(name[digits - 1])))
        --digits;
      if (digits == name.size())
        continue;
      auto range = scope->ranges.find(name.substr(0, digits));
      unsigned index = 0;
      std::from_chars(name.data() + digits, name.data() + name.size(), index);
      if (range != scope->ranges.end() && index < range->second.count)
        return range->second.first + static_cast<int>(index);
    }
    return -1;
  }

  /// A machine register such as %tid.x gets a slot at its first use.
  int special(std::string_view name) {
    static constexpr std::string_view wide[] = {"%clock64", "%globaltimer",
                                                "%gridid", "%lanemask_",
                                                "%current_graph_exec"};
    for (const SpecialRegister &known : module_.specials)
      if (known.name == name)
        return known.slot;
    Type type = Type::u32;
    for (std::string_view prefix : {wide[0], wide[1], wide[2], wide[4]})
      if (name.starts_with(prefix))
        type = Type::u64;
    if (name.starts_with("%is_explicit_cluster"))
      type = Type::pred;
    int slot = newRegister(type, std::string(name));
    module_.specials.push_back({std::string(name), slot});
    return slot;
  }

  Operand number(bool negative) {
    Operand operand;
    operand.kind = Operand::Kind::immediate;
    std::string_view digits = peek().text;
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
      next();
    } else if (digits.find('.') != std::string_view::npos) {
      double value = std::strtod(std::string(digits).c_str(), nullptr);
      if (negative)
        value = -value;
      std::memcpy(&operand.bits, &value, sizeof value);
      operand.decimal = true;
      next();
    } else {
      operand.bits = integer();
      if (negative)
        operand.bits = 0 - operand.bits;
    }
    return operand;
  }

  Operand primary() {
    Operand operand;
    if (take("!")) {
      operand = primary();
      operand.negated = true;
      return operand;
    }
    if (take("-"))
      return number(true);
    if (take("+"))
      return number(false);
    if (peek().kind == Token::Kind::number)
      return number(false);
    if (peek().kind != Token::Kind::name)
      fail(fmt::format("unexpected '{}'", peek().text));
    std::string_view name = next().text;
    if (name == "_")
      return operand;
    if (name == "WARP_SZ") {
      operand.kind = Operand::Kind::immediate;
      operand.bits = 32;
      return operand;
    }
    int slot = findRegister(name);
    if (slot < 0 && name.starts_with("%"))
      slot = special(name);
    if (slot >= 0) {
      operand.kind = Operand::Kind::slot;
      operand.slot = slot;
    } else {
      operand.kind = Operand::Kind::symbol;
      operand.name = name;
    }
    return operand;
  }

  /// primary, or primary + constant: an address without brackets (mov).
  Operand sum() {
    Operand operand = primary();
    while (peek() == "+" || peek() == "-") {
      bool negative = peek() == "-";
      next();
      std::int64_t offset = static_cast<std::int64_t>(integer());
      operand.offset += negative ? -offset : offset;
    }
    return operand;
  }

  Operand operand() {
    Operand result;
    if (take("{")) {
      result.kind = Operand::Kind::vector;
      do
        result.elements.push_back(operand());
      while (take(","));
      expect("}");
      return result;
    }
    if (take("[")) {
      result.kind = Operand::Kind::address;
      do
        result.elements.push_back(peek() == "{" ? operand() : sum());
      while (take(","));
      result.offset = result.elements[0].offset;
      expect("]");
      return result;
    }
    result = sum();
    if (take("|")) {
      Operand pair;
      pair.kind = Operand::Kind::pair;
      pair.elements = {result, primary()};
      return pair;
    }
    return result;
  }

  void statement() {
    Statement s;
    s.line = peek().line;
    s.scope = scopes_.back();
    const char *begin = peek().begin();
    if (take("@")) {
      s.guardNegated = take("!");
      s.guard = findRegister(peek().text);
      if (s.guard < 0)
        fail(fmt::format("'{}' is no predicate", peek().text));
      next();
    }
    if (peek().kind != Token::Kind::name || peek().text.starts_with("."))
      fail(fmt::format("'{}' is outside what the emulator knows", peek().text),
           ErrorKind::unsupported);
    std::string_view name = next().text;
    for (std::size_t start = 0; start <= name.size();) {
      std::size_t dot = std::min(name.find('.', start), name.size());
      s.name.emplace_back(name.substr(start, dot - start));
      start = dot + 1;
    }
    if (s.name[0] == "call" || s.name[0] == "brx")
      fail("calls are outside what the emulator knows", ErrorKind::unsupported);
    if (peek() != ";")
      do
        s.operands.push_back(operand());
      while (take(","));
    const char *end = peek().begin();
    expect(";");
    bool space = false;
    for (const char *c = begin; c < end; ++c) {
      bool blank = std::isspace(static_cast<unsigned char>(*c));
      if (!blank) {
        if (space)
          s.text += ' ';
        s.text += *c;
      }
      space = blank;
    }
    module_.statements.push_back(std::move(s));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::string wanted_;
  std::size_t at_ = 0;
  Module module_;
  std::vector<int> scopes_;
  std::vector<Names> names_;
};

} // namespace

Module parse(std::string_view text, std::string_view entry) {
  return Parser(text, entry).run();
}

} // namespace lath::emulator
