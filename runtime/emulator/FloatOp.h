// The operations that all float formats have in common.
#pragma once

#include "runtime/emulator/Program.h"

#include <cstddef>
#include <cstdint>

namespace lath::emulator {

namespace floats {

/// What an instruction computes.
enum class Op : std::uint8_t {
  add,
  sub,
  mul,
  fma,
  div,
  min,
  max,
  abs,
  neg,
  sqrt,
  rsqrt,
  rcp,
  ex2,
  lg2,
  sin,
  cos,
  tanh,
  copysign,
};
constexpr std::size_t opCount = static_cast<std::size_t>(Op::copysign) + 1;

// Instruction::flags of the float instructions.
constexpr std::uint8_t saturate = 1, flush = 2, relu = 4, nanWins = 8;

constexpr unsigned arity(Op op) {
  switch (op) {
  case Op::fma:
    return 3;
  case Op::add:
  case Op::sub:
  case Op::mul:
  case Op::div:
  case Op::min:
  case Op::max:
  case Op::copysign:
    return 2;
  default:
    return 1;
  }
}

/// In double, rounded to odd where that is not exact, for operands of at most
/// 24 significant bits.
double widely(Op op, double a, double b, double c, bool nan);

} // namespace floats

/// The handler of an operation on f16, bf16 or pairs of them; null for other
/// types.
Handler halfHandler(floats::Op op, Type type);

} // namespace lath::emulator
