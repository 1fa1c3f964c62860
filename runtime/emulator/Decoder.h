// What a family of instructions needs to decode one of its own.
#pragma once

#include "compiler/base/Error.h"
#include "runtime/emulator/Program.h"

#include <initializer_list>
#include <map>
#include <optional>
#include <string_view>

namespace lath::emulator {

/// Executes an instruction without an effect that is modelled.
void nothing(Warp &, const Instruction &, std::uint32_t);

/// One instruction while it is decoded. A family looks at the name, takes the
/// modifiers it understands and binds operands; modifiers that nobody took
/// make the instruction unsupported.
class Decoding {
public:
  Decoding(Program &program, const Statement &statement,
           std::map<std::uint64_t, int> &constants);

  const Statement &statement() const { return statement_; }
  Instruction i;

  /// The first part of the name: "ld".
  const std::string &base() const { return statement_.name[0]; }
  bool is(std::string_view name) const { return base() == name; }
  bool isOneOf(std::initializer_list<std::string_view> names) const;
  /// Takes a modifier wherever it stands; false if it is not there.
  bool take(std::string_view modifier);
  bool has(std::string_view modifier) const;
  /// Takes the first modifier of the list that is there.
  std::optional<std::size_t>
  takeOneOf(std::initializer_list<std::string_view> names);
  /// Takes the first modifier that is a type. Type::none without one.
  Type takeType();
  /// Takes all that is left: the instruction changes no result, whatever it
  /// says.
  void takeAll();
  /// Takes modifiers that change no result: cache and eviction hints, scopes.
  void takeHints();
  /// Takes .relaxed, .acquire, ..., .volatile.
  Order takeOrder();
  Space takeSpace(Space without = Space::generic);

  std::size_t operandCount() const { return statement_.operands.size(); }
  const Operand &operand(std::size_t n) const;
  /// Binds an operand: registers, or a vector of them.
  void output(const Operand &operand);
  void input(const Operand &operand, Type type = Type::none);
  void outputs(std::initializer_list<std::size_t> operands);
  void inputs(std::initializer_list<std::size_t> operands,
              Type type = Type::none);
  /// Binds the base of [base + offset] as the next input, sets i.offset.
  void address(const Operand &operand);
  /// Binds a constant as the next input.
  void constant(std::uint64_t bits);
  /// All ones in the width of a register (of a vector, the first).
  std::uint64_t widthMask(const Operand &operand) const;
  /// The value of an integer immediate.
  std::uint64_t immediate(const Operand &operand) const;

  /// Called when the family is done: fixes operands, checks modifiers.
  Instruction finish();

  [[noreturn]] void unsupported(std::string_view why = {}) const;
  [[noreturn]] void malformed(std::string_view why) const;

private:
  int constantSlot(std::uint64_t bits);
  std::uint64_t symbolAddress(const Operand &operand) const;

  Program &program_;
  const Statement &statement_;
  std::map<std::uint64_t, int> &constants_;
  std::vector<bool> taken_;
  std::vector<std::int32_t> outs_, ins_;
};

// The families: true if the instruction is theirs.
bool decodeControl(Decoding &d);
bool decodeMove(Decoding &d);
bool decodeInteger(Decoding &d);
bool decodeBitField(Decoding &d);
bool decodeLogic(Decoding &d);
bool decodeCompare(Decoding &d);
bool decodeFloat(Decoding &d);
bool decodeConvert(Decoding &d);
bool decodeCall(Decoding &d);
bool decodeMemory(Decoding &d);
bool decodeAtomic(Decoding &d);
bool decodeAsyncCopy(Decoding &d);
bool decodeBulkCopy(Decoding &d);
bool decodeTensorCopy(Decoding &d);
bool decodeBarrier(Decoding &d);
bool decodeMbarrier(Decoding &d);
bool decodeWarpWide(Decoding &d);
bool decodeMatrixMemory(Decoding &d);
bool decodeByteMma(Decoding &d);
bool decodeMma(Decoding &d);
bool decodeWgmma(Decoding &d);
bool decodeCluster(Decoding &d);

} // namespace lath::emulator
