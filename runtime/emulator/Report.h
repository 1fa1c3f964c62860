// What the emulator found wrong with a kernel.
#pragma once

#include "compiler/base/Api.h"

#include <array>
#include <cstdint>
#include <string>

namespace lath {

enum class Suspicion {
  outOfBounds,      ///< an address outside every buffer or array
  misaligned,       ///< an address that is no multiple of the access's size
  uninitialised,    ///< memory or a register that nobody wrote
  sharedRace,       ///< two accesses to shared memory, one a write, unordered
  globalRace,       ///< likewise in global memory
  divergentBarrier, ///< reached by part of the threads
  deadlock,         ///< everybody waits
  inFlight,         ///< an asynchronous copy or wgmma has not been waited for
  proxy,            ///< an async-proxy access of bytes no proxy fence covers
  dependentLaunch, ///< touches another launch's data before griddepcontrol.wait
  unwritten,       ///< output elements that were never written
  notReset,        ///< tickets or an accumulating workspace left dirty
  undefined,       ///< other behaviour that PTX leaves undefined
};

/// "out of bounds", "shared-memory race", ...
LATH_API const char *name(Suspicion suspicion);

/// One finding. Findings of one kind at one PTX line are merged.
struct Report {
  Suspicion kind = Suspicion::undefined;
  std::string kernel;
  unsigned line = 0;     ///< in the PTX text, from 1; 0: no one line
  std::string statement; ///< that line
  std::array<unsigned, 3> block{};
  unsigned thread = 0;       ///< in the block
  std::uint64_t address = 0; ///< global address, or offset in its space
  std::string buffer;      ///< parameter name, "shared", "local"; may be empty
  std::string detail;      ///< a sentence: what happened, and with whom
  std::uint64_t count = 1; ///< how often
};

/// A line for a terminal: kind, kernel, PTX line, block, thread, address, ...
LATH_API std::string print(const Report &report);

} // namespace lath
