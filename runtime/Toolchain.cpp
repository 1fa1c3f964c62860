// Searching for assemblers and disassemblers.

#include "runtime/Toolchain.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace lath {

namespace fs = std::filesystem;

static bool isProgram(const std::string &path) {
  std::error_code unknown;
  return fs::is_regular_file(path, unknown) && !access(path.c_str(), X_OK);
}

/// `file` in `folder`, with the links of the folder resolved, so that
/// /usr/bin/ptxas leads to the toolkit it belongs to.
static std::string beside(const std::string &program, const fs::path &file) {
  if (program.empty())
    return "";
  std::error_code unknown;
  fs::path real = fs::canonical(program, unknown);
  if (unknown)
    real = program;
  return (real.parent_path() / file).lexically_normal().string();
}

static ToolSearch findProgram(const std::vector<std::string> &places) {
  ToolSearch search;
  for (const std::string &place : places) {
    if (isProgram(place)) {
      search.path = place;
      return search;
    }
    search.looked.push_back(place);
  }
  return search;
}

static std::vector<std::string> places(const std::string &name,
                                       const Environment &environment,
                                       const std::string &ptxas) {
  std::vector<std::string> all;
  for (const std::string &folder : environment.path)
    all.push_back(folder + "/" + name);
  if (!ptxas.empty())
    all.push_back(beside(ptxas, name));
  all.push_back("/usr/local/cuda/bin/" + name);
  return all;
}

static ToolSearch findPtxas(const Environment &environment) {
  if (environment.ptxas.empty())
    return findProgram(places("ptxas", environment, ""));
  ToolSearch search = findProgram({environment.ptxas});
  if (!search.found())
    search.problem =
        "LATH_PTXAS=" + environment.ptxas + " is not a program that can be run";
  return search;
}

static std::vector<std::string> libraryPlaces(const std::string &ptxas) {
  std::vector<std::string> all{"libnvJitLink.so.13", "libnvJitLink.so.12"};
  for (const char *version : {"13", "12"}) {
    std::string name = std::string("libnvJitLink.so.") + version;
    if (!ptxas.empty()) {
      all.push_back(beside(ptxas, "../lib64/" + name)); // toolkit
      all.push_back(beside(ptxas, "../lib/" + name));   // wheels of CUDA 13
      // wheels of CUDA 12: nvidia/cuda_nvcc/bin and nvidia/nvjitlink/lib
      all.push_back(beside(ptxas, "../../nvjitlink/lib/" + name));
    }
    all.push_back("/usr/local/cuda/lib64/" + name);
  }
  return all;
}

static void findNvJitLink(const Environment &environment, Toolchain &tools) {
  ToolSearch &search = tools.nvJitLinkSearch;
  if (!environment.nvJitLink.empty()) {
    tools.nvJitLink = openNvJitLink(environment.nvJitLink, search.looked);
    if (!tools.nvJitLink)
      search.problem = "LATH_NVJITLINK=" + environment.nvJitLink +
                       " cannot be used: " + search.looked.front();
  } else {
    for (const std::string &place : libraryPlaces(tools.ptxas.path))
      if ((tools.nvJitLink = openNvJitLink(place, search.looked)))
        break;
  }
  if (tools.nvJitLink)
    search.path = tools.nvJitLink->path;
}

Toolchain findToolchain(const Environment &environment) {
  Toolchain tools;
  tools.temporaryFolder = environment.temporaryFolder;
  tools.ptxas = findPtxas(environment);
  findNvJitLink(environment, tools);
  tools.cuobjdump =
      findProgram(places("cuobjdump", environment, tools.ptxas.path));
  tools.nvdisasm =
      findProgram(places("nvdisasm", environment, tools.ptxas.path));
  return tools;
}

const Toolchain &toolchain() {
  static const Toolchain tools = findToolchain(environment());
  return tools;
}

static std::string fileBytes(const std::string &path) {
  std::error_code unknown;
  auto bytes = fs::file_size(path, unknown);
  return unknown ? "?" : std::to_string(bytes);
}

std::string Toolchain::identity() const {
  std::string text;
  if (nvJitLink)
    text = "nvJitLink " + nvJitLink->version + " " +
           std::to_string(nvJitLink->fileBytes);
  if (ptxas.found())
    text += (text.empty() ? "" : ", ") + ("ptxas " + fileBytes(ptxas.path));
  return text;
}

} // namespace lath
