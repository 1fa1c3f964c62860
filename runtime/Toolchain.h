// Which assemblers and disassemblers this machine has, and where they are.
//
// Order of search for each: the LATH_ variable, else PATH (programs) or the
// loader's own search (libraries), else the neighbourhood of ptxas as a CUDA
// toolkit or the Python wheels lay it out, else /usr/local/cuda.
#pragma once

#include "compiler/base/Api.h"
#include "runtime/Environment.h"
#include "runtime/NvJitLink.h"

#include <optional>
#include <string>
#include <vector>

namespace lath {

/// Where one tool was looked for, and what came of it.
struct ToolSearch {
  std::string path; ///< empty: not found
  std::vector<std::string>
      looked; ///< every place tried, with the reason where known
  /// A LATH_ variable names something unusable. That is an error for whoever
  /// needs an assembler, even if another one is there: what was asked for is
  /// not what would run.
  std::string problem;

  bool found() const { return !path.empty(); }
};

/// Plain data, copyable.
struct LATH_API Toolchain {
  std::optional<NvJitLink> nvJitLink;
  ToolSearch nvJitLinkSearch;
  ToolSearch ptxas;
  ToolSearch cuobjdump;                 ///< prints SASS
  ToolSearch nvdisasm;                  ///< prints SASS too
  std::string temporaryFolder = "/tmp"; ///< where tools exchange files

  /// The assemblers that `automatic` chooses from: what a cache key should
  /// carry, as "nvJitLink 13.0 98806736, ptxas 41180200" (the files' bytes tell
  /// patch releases apart). Empty: none, the driver assembles.
  std::string identity() const;
};

/// Looks for all of them. Opens nvJitLink (about 0.1 s from a cold disk) and
/// starts no process. Never throws: problems are in the result.
LATH_API Toolchain findToolchain(const Environment &environment);

/// That of this process, found at the first call. Thread safe.
LATH_API const Toolchain &toolchain();

/// One line of `lath doctor`.
struct ToolReport {
  std::string name;    ///< "ptxas"
  std::string path;    ///< empty: not found
  std::string version; ///< "13.0.88"; for the driver "13.0, 2 devices"
  std::string problem; ///< why it is not there or not usable; empty: fine
};

struct ToolchainReport {
  std::vector<ToolReport>
      tools; ///< nvJitLink, ptxas, cuobjdump, nvdisasm, driver
};

/// Asks every tool for its version: starts processes and the driver. Never
/// throws for a tool that is missing or broken: that is what it reports.
LATH_API ToolchainReport inspectToolchain(const Environment &environment);

} // namespace lath
