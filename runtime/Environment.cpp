// The only file that calls getenv.

#include "runtime/Environment.h"

#include <algorithm>
#include <cstdlib>

namespace lath {

static std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

static Environment readEnvironment() {
  Environment read;
  read.ptxas = variable("LATH_PTXAS");
  read.nvJitLink = variable("LATH_NVJITLINK");
  read.cudaDriver = variable("LATH_CUDA_DRIVER");
  read.cacheFolder = variable("LATH_CACHE_DIR");
  read.cacheSize = variable("LATH_CACHE_SIZE");
  read.userCaches = variable("XDG_CACHE_HOME");
  read.home = variable("HOME");
  read.runtimeFolder = variable("XDG_RUNTIME_DIR");
  read.tuningDb = variable("LATH_TUNING_DB");
  read.dataFolder = variable("XDG_DATA_HOME");
  if (read.dataFolder.empty() && !read.home.empty())
    read.dataFolder = read.home + "/.local/share";
  const std::string path = variable("PATH");
  // An empty entry means the current folder to a shell. Lath leaves it out: a
  // tool must not change with the folder a program is started in.
  for (std::size_t begin = 0; begin <= path.size();) {
    std::size_t end = std::min(path.find(':', begin), path.size());
    if (end > begin)
      read.path.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (std::string folder = variable("TMPDIR"); !folder.empty())
    read.temporaryFolder = folder;
  return read;
}

const Environment &environment() {
  static const Environment read = readEnvironment();
  return read;
}

} // namespace lath
