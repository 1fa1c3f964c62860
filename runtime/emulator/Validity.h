// Which bits of a register were written, for registers that hold more than one
// value. Compilers pack a half that matters with one that does not, move both,
// and unpack the first; that is no fault. Reading what was never written is.
//
// Instructions that only move bits, or whose result bits depend on few of the
// operands' bits, carry the marks along. For all others an operand must be
// written as a whole.
#pragma once

#include <cstdint>

namespace lath::emulator {

class Warp;
struct Instruction;

/// How bits of the result depend on bits of the operands.
enum class Validity : std::uint8_t {
  whole,     ///< every operand must have been written
  copies,    ///< the result is the operand
  packs,     ///< operands of i.mode bits side by side
  unpacks,   ///< the reverse
  selects,   ///< selp
  elements,  ///< of i.type, a pair
  table,     ///< i.immediate is the table of a lop3 in the operands
  shifts,    ///< shl and shr, i.type tells the width and sign
  permutes,  ///< prmt
  inserts,   ///< bfi
  truncates, ///< integer to integer of other width
  itself,    ///< the handler keeps Warp::defined
};

/// Marks the results of an instruction that has lanes with operands that were
/// not wholly written. Call before it executes.
void propagateValidity(Warp &w, const Instruction &i, std::uint32_t mask);

/// Bit n of the table is the result for a, b, c = bits 2, 1, 0 of n.
std::uint64_t lookUp(unsigned table, std::uint64_t a, std::uint64_t b,
                     std::uint64_t c);

} // namespace lath::emulator
