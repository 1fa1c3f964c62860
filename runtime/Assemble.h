// PTX → cubin, by the first of: nvJitLink in this process, ptxas as a child
// process. Where neither is there, the driver's own assembler remains:
// CudaDevice then loads the PTX text itself.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Ptx.h"
#include "runtime/Device.h"
#include "runtime/Toolchain.h"

#include <optional>
#include <string>
#include <vector>

namespace lath {

enum class AssemblerChoice {
  /// nvJitLink, else ptxas. A kernel with setmaxnreg takes ptxas at once:
  /// nvJitLink compiles for linking, and drops it.
  automatic,
  nvJitLink,
  ptxas,
};

/// Machine code for one kernel. Plain data.
struct Cubin {
  std::vector<char> bytes;
  std::string assembler;     ///< "nvJitLink 13.0.88"
  KernelResources resources; ///< from its log; maxThreads is 0
  double milliseconds = 0;   ///< it took, wall clock
  std::string log;           ///< all it printed
};

/// Assembles for `ptx.target` with -O3. Thread safe, keeps no file behind.
///
/// Throws Error{unsupported} where ptx.target is not the name of a GPU target.
/// Throws Error{compile} where the assembler rejects the text, or accepts it
/// with a warning that means slow code (fatalWarnings in AssemblerLog.h); the
/// notes hold the PTX line, the log and a command that reproduces it.
/// Throws Error{toolchain} where the assembler is not there, with the places
/// that were searched, or where a LATH_ variable names something unusable.
LATH_API Cubin assemble(const Ptx &ptx,
                        AssemblerChoice choice = AssemblerChoice::automatic);
LATH_API Cubin assemble(const Ptx &ptx, const Toolchain &tools,
                        AssemblerChoice choice = AssemblerChoice::automatic);

/// As assemble, but nothing where no assembler that serves this kernel is
/// installed: the caller has the driver to fall back on.
LATH_API std::optional<Cubin> assembleIfPossible(const Ptx &ptx,
                                                 const Toolchain &tools);

/// The SASS of a cubin, by cuobjdump or nvdisasm. Throws Error{toolchain} where
/// neither is there or the one that is fails.
LATH_API std::string disassemble(const Cubin &cubin);
LATH_API std::string disassemble(const Cubin &cubin, const Toolchain &tools);

} // namespace lath
