// A kernel as the parser leaves it: names resolved to numbers, instructions
// still as text parts. Decoder.h turns it into something that runs.
#pragma once

#include "runtime/emulator/Type.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lath::emulator {

/// A read-only register that the machine fills, such as %tid.x.
struct SpecialRegister {
  std::string name; ///< with its dimension: "%tid.x"
  int slot;
};

struct Operand {
  enum class Kind {
    slot,      ///< a register
    immediate, ///< integer or bits of a floating-point literal
    symbol,    ///< the address of a variable, or a label
    address,   ///< [base + offset]; the base is elements[0], a slot or symbol
    vector,    ///< {a, b, ...}
    sink,      ///< `_`
    pair,      ///< p|q
  };
  Kind kind = Kind::sink;
  int slot = -1;
  bool negated = false; ///< !p
  bool decimal = false; ///< immediate: a literal such as 1.5, bits of a double
  bool single = false;  ///< immediate: a 0f literal
  std::uint64_t bits = 0;  ///< immediate, sign-extended
  std::int64_t offset = 0; ///< address
  std::string name;        ///< symbol
  std::vector<Operand> elements;
};

struct Statement {
  unsigned line = 0; ///< 1-based, in the PTX text
  int guard = -1;    ///< predicate slot
  bool guardNegated = false;
  std::string text;              ///< as written, one line, for messages
  std::vector<std::string> name; ///< "ld", "global", "v4", "f32"
  std::vector<Operand> operands;
  int scope = 0; ///< where its labels are looked up
};

/// A variable with an address: parameter, global, shared or local array.
struct Variable {
  std::string name;
  std::uint64_t offset = 0; ///< in its space
  std::uint64_t bytes = 0;
  unsigned align = 1;
  Type type = Type::b8;
};

struct Label {
  std::string name;
  int scope;
  std::size_t target; ///< index of the statement it stands before
};

struct Module {
  std::string target, entry;
  std::vector<Type> registers; ///< by slot, special registers included
  std::vector<std::string> registerNames;
  std::vector<SpecialRegister> specials;
  std::vector<Variable> params, shared, local;
  /// Of the module, in device memory from `globalBase` on, once it is placed;
  /// what they hold at the start.
  std::vector<Variable> globals;
  std::vector<std::uint8_t> globalImage;
  std::uint64_t globalBase = 0;
  std::string dynamicShared; ///< name of the extern shared array
  std::uint64_t staticShared = 0, localBytes = 0, paramBytes = 0;
  unsigned requiredThreads[3] = {0, 0, 0}; ///< .reqntid, zeros without one
  unsigned maxThreads[3] = {0, 0, 0};      ///< .maxntid, likewise
  unsigned minBlocksPerSm = 0;             ///< .minnctapersm
  unsigned clusterSize[3] = {1, 1, 1};     ///< .reqnctapercluster
  unsigned maxRegisters = 0;               ///< .maxnreg
  std::vector<Statement> statements;
  std::vector<Label> labels;
  std::vector<int> scopeParent; ///< by scope; scope 0 has parent -1
};

/// Reads the .entry of that name. Throws Error{compile} that quotes the line
/// on text that is not PTX, and Error{unsupported} on directives outside what
/// the emulator knows.
Module parse(std::string_view text, std::string_view entry);

} // namespace lath::emulator
