// The forms of prmt.
#pragma once

#include <cstdint>

namespace lath::emulator {

/// Four selectors of four bits: those of the operand in the general form, mode
/// 0; else of .f4e, .b4e, .rc8, .ecl, .ecr and .rc16, modes 1 to 6.
inline unsigned selectorsOf(unsigned mode, std::uint64_t operand) {
  static constexpr unsigned forms[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
      {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
      {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  return mode ? forms[mode - 1][operand & 3]
              : static_cast<unsigned>(operand & 0xffff);
}

} // namespace lath::emulator
