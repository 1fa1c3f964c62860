// Operands of an instruction: registers, constants, addresses, vectors.
#pragma once

#include "runtime/emulator/RegisterNames.h"
#include "runtime/emulator/TokenReader.h"

namespace lath::emulator {

class OperandParser {
public:
  OperandParser(TokenReader &tokens, RegisterNames &names)
      : tokens_(tokens), names_(names) {}

  Operand operand();

private:
  Operand number(bool negative);
  Operand primary();
  /// primary, or primary + constant: an address without brackets (mov).
  Operand sum();

  TokenReader &tokens_;
  RegisterNames &names_;
};

} // namespace lath::emulator
