// Reading what ptxas, or ptxas inside nvJitLink, prints with -v:
//
//   ptxas info    : Compiling entry function 'add' for 'sm_90a'
//   ptxas info    : Function properties for add
//       64 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
//   ptxas info    : Used 10 registers, used 0 barriers, 512 bytes smem
//
// and what it prints when it rejects a text:
//
//   ptxas kernel.ptx, line 22; error   : Unknown modifier '.bogus'
#pragma once

#include "runtime/Device.h"

#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// The resources of one kernel; zeros where the log does not say.
/// maxThreads is never in the log.
KernelResources parseResources(std::string_view log, std::string_view entry);

/// The lines that mean much slower code although the assembler goes on:
///
///   ptxas info    : (C7515) Potential Performance Loss: wgmma.mma_async …
///
/// All that carry these words are about setmaxnreg being ignored (C7504, C7508
/// and others) or wgmma being serialised (C7510 to C7520); the words cover the
/// numbers that a later release adds.
std::vector<std::string> fatalWarnings(std::string_view log);

struct AssemblerComplaint {
  unsigned line = 0; ///< of the PTX text, from 1; 0: it names none
  std::string text;  ///< "Unknown modifier '.bogus'"; empty: found none
};

/// The first error in a log.
AssemblerComplaint firstComplaint(std::string_view log);

/// Line `number`, from 1, of a text, without blanks around it.
std::string lineOf(std::string_view text, unsigned number);

} // namespace lath
