// What an assembler, where there is one, says of a kernel.
#pragma once

#include "runtime/Assemble.h"

#include <catch2/catch.hpp>

namespace lath::test {

inline bool haveAssembler() {
  const Toolchain &tools = toolchain();
  bool found = tools.nvJitLink.has_value() || tools.ptxas.found();
  if (!found)
    WARN("skipped: no assembler");
  return found;
}

/// All of it is kept in registers.
inline void checkRegistersOnly(const Ptx &ptx) {
  Cubin cubin = assemble(ptx);
  CHECK(cubin.bytes.size() > 0);
  CHECK(cubin.resources.localBytes == 0);
  CHECK(cubin.resources.spillStores == 0);
  CHECK(cubin.resources.registers <= 255);
}

} // namespace lath::test
