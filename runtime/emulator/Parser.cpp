// PTX text to Module: a recursive-descent reader of the part of PTX that a
// compiler prints. Registers become slots, `{ }` opens a scope of names.
#include "compiler/base/Ascii.h"
#include "runtime/emulator/Module.h"
#include "runtime/emulator/OperandParser.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

class Parser : TokenReader {
public:
  Parser(std::string_view text, std::string_view entry)
      : TokenReader(text), wanted_(entry) {}

  Module run() {
    while (peek().kind != Token::Kind::end)
      topLevel();
    if (module_.entry.empty())
      throw Error(ErrorKind::compile,
                  fmt::format("the PTX has no .entry {}", wanted_));
    return std::move(module_);
  }

private:
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
      variable(module_.shared, module_.staticShared);
    } else if (peek() == ".global") {
      global();
    } else if (take(".func")) {
      declaration();
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

  /// .global .align 4 .b32 name[2] = {1, 0f3F800000}; zeros without values.
  void global() {
    std::uint64_t bytes = module_.globalImage.size();
    std::vector<Operand> values;
    variable(module_.globals, bytes, &values);
    module_.globalImage.resize(bytes);
    if (module_.globals.empty() || values.empty())
      return;
    const Variable &v = module_.globals.back();
    const unsigned size = sizeOf(v.type);
    if (values.size() * size > v.bytes)
      fail(fmt::format("{} has {} bytes, and {} values of {}", v.name, v.bytes,
                       values.size(), size));
    for (std::size_t n = 0; n < values.size(); ++n) {
      if (values[n].kind != Operand::Kind::immediate || values[n].decimal)
        fail("values that are no constants of known bits are outside what the "
             "emulator knows",
             ErrorKind::unsupported);
      for (unsigned byte = 0; byte < size; ++byte)
        module_.globalImage[v.offset + n * size + byte] =
            static_cast<std::uint8_t>(values[n].bits >> 8 * byte);
    }
  }

  /// .shared .align 128 .b8 name[64]; and the same for .local. `values`: what
  /// it is initialised with, where it may be.
  void variable(std::vector<Variable> &into, std::uint64_t &bytes,
                std::vector<Operand> *values = nullptr) {
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
    if (peek() == "=" && !values)
      fail("initialised variables are outside what the emulator knows",
           ErrorKind::unsupported);
    if (take("=")) {
      Operand value = operands_.operand();
      *values = value.kind == Operand::Kind::vector ? value.elements
                                                    : std::vector{value};
    }
    expect(";");
    if (values && (dynamic || v.bytes == 0))
      fail("global variables without a size are outside what the emulator "
           "knows",
           ErrorKind::unsupported);
    if (dynamic || v.bytes == 0) {
      module_.dynamicShared = v.name;
      return;
    }
    v.offset = (bytes + v.align - 1) / v.align * v.align;
    bytes = v.offset + v.bytes;
    into.push_back(v);
  }

  /// A function that kernels call: its text says nothing that is needed.
  void declaration() {
    while (peek() != ";") {
      if (peek() == "{" || peek().kind == Token::Kind::end)
        fail("functions are outside what the emulator knows",
             ErrorKind::unsupported);
      next();
    }
    expect(";");
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
      if (take(".reqntid"))
        triple(module_.requiredThreads);
      else if (take(".maxntid"))
        triple(module_.maxThreads);
      else if (take(".minnctapersm"))
        module_.minBlocksPerSm = static_cast<unsigned>(integer());
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
        names_.close();
      } else if (peek() == ".reg" || peek() == ".param") {
        registers(); // what a call takes is a register here
      } else if (peek() == ".shared") {
        variable(module_.shared, module_.staticShared);
      } else if (peek() == ".local") {
        variable(module_.local, module_.localBytes);
      } else if (take(".loc") || take(".pragma")) {
        unsigned line = last().line;
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
    names_.open();
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
      std::string_view name = next().text;
      std::optional<std::uint64_t> count;
      if (take("<")) {
        count = integer();
        expect(">");
      }
      if (!names_.declare(type, name, count))
        fail(fmt::format("more than {} registers", RegisterNames::most),
             ErrorKind::unsupported);
    } while (take(","));
    expect(";");
  }

  void statement() {
    Statement s;
    s.line = peek().line;
    s.scope = scopes_.back();
    const char *begin = peek().begin();
    if (take("@")) {
      s.guardNegated = take("!");
      s.guard = names_.find(peek().text);
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
    if (s.name[0] == "brx")
      fail("'brx' is outside what the emulator knows", ErrorKind::unsupported);
    if (s.name[0] == "call")
      callOperands(s);
    else if (peek() != ";")
      do
        s.operands.push_back(operands_.operand());
      while (take(","));
    const char *end = peek().begin();
    expect(";");
    bool space = false;
    for (const char *c = begin; c < end; ++c) {
      bool blank = isSpace(*c);
      if (!blank) {
        if (space)
          s.text += ' ';
        s.text += *c;
      }
      space = blank;
    }
    module_.statements.push_back(std::move(s));
  }

  /// (result), name, (parameters): in this order, without the brackets.
  void callOperands(Statement &s) {
    do {
      const bool list = take("(");
      do
        s.operands.push_back(operands_.operand());
      while (list && take(","));
      if (list)
        expect(")");
    } while (take(","));
  }

  std::string wanted_;
  Module module_;
  std::vector<int> scopes_;
  RegisterNames names_{module_};
  OperandParser operands_{*this, names_};
};

} // namespace

Module parse(std::string_view text, std::string_view entry) {
  return Parser(text, entry).run();
}

} // namespace lath::emulator
