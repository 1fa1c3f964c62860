// The environment variables that the runtime obeys, read once.
//
// Everything else takes an Environment value, so that a test can say what the
// variables are without touching its own process.
#pragma once

#include "compiler/base/Api.h"

#include <string>
#include <vector>

namespace lath {

/// Plain data. An empty string means that the variable is unset or empty.
struct Environment {
  std::string ptxas;       ///< LATH_PTXAS: path of a ptxas to use
  std::string nvJitLink;   ///< LATH_NVJITLINK: path of a libnvJitLink.so to use
  std::string cudaDriver;  ///< LATH_CUDA_DRIVER: path of a libcuda.so to use
  std::string cacheFolder; ///< LATH_CACHE_DIR: where kernels are kept
  std::string cacheSize;   ///< LATH_CACHE_SIZE: most bytes of it, as "512M"
  std::string userCaches;  ///< XDG_CACHE_HOME: folder of all caches
  std::string tuningDb;    ///< LATH_TUNING_DB: the tuning database to use
  std::string dataFolder;  ///< XDG_DATA_HOME, else HOME/.local/share
  std::string home;        ///< HOME
  std::string runtimeFolder;     ///< XDG_RUNTIME_DIR: local files of the user's
  std::vector<std::string> path; ///< the folders of PATH, in order
  std::string temporaryFolder = "/tmp"; ///< TMPDIR
};

/// What the process was started with, read at the first call. Thread safe,
/// unless another thread calls setenv at that very moment.
LATH_API const Environment &environment();

} // namespace lath
