// Opening nvJitLink by its versioned symbols, and one link.

#include "runtime/NvJitLink.h"

#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <type_traits>

namespace lath {

/// nvJitLinkInputType and nvJitLinkResult of nvJitLink.h.
static constexpr int inputPtx = 2;
static constexpr NvJitLink::Result success = 0;
static constexpr NvJitLink::Result unrecognisedOption = 1;

/// The suffixes that symbols may carry, newest first, then none at all.
static std::vector<std::string> symbolVersions() {
  std::vector<std::string> versions;
  for (int major : {13, 12})
    for (int minor = 9; minor >= 0; --minor)
      versions.push_back(fmt::format("_{}_{}", major, minor));
  versions.push_back("");
  return versions;
}

/// The results that come without a log.
static std::string describe(NvJitLink::Result result) {
  switch (result) {
  case unrecognisedOption:
    return "unrecognised option";
  case 16:
    return "unrecognised target";
  case 17:
    return "target no longer supported";
  default:
    return "result " + std::to_string(result) + " of nvJitLink.h";
  }
}

/// Fills in all calls of one version, or says that one is missing.
static bool resolve(void *library, const std::string &version, NvJitLink &out) {
  auto find = [&](auto &function, const char *name) {
    std::string symbol =
        version.empty() ? std::string(name) : "__" + (name + version);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        dlsym(library, symbol.c_str()));
    return function != nullptr;
  };
  return find(out.create, "nvJitLinkCreate") &&
         find(out.destroy, "nvJitLinkDestroy") &&
         find(out.addData, "nvJitLinkAddData") &&
         find(out.complete, "nvJitLinkComplete") &&
         find(out.cubinSize, "nvJitLinkGetLinkedCubinSize") &&
         find(out.cubin, "nvJitLinkGetLinkedCubin") &&
         find(out.errorLogSize, "nvJitLinkGetErrorLogSize") &&
         find(out.errorLog, "nvJitLinkGetErrorLog") &&
         find(out.infoLogSize, "nvJitLinkGetInfoLogSize") &&
         find(out.infoLog, "nvJitLinkGetInfoLog");
}

/// The version and the file; unlike the other calls this one has no suffix.
static void identify(void *library, NvJitLink &out) {
  using Version = NvJitLink::Result (*)(unsigned *, unsigned *);
  unsigned major = 0, minor = 0;
  if (auto version =
          reinterpret_cast<Version>(dlsym(library, "nvJitLinkVersion")))
    if (version(&major, &minor) == success)
      out.version = std::to_string(major) + "." + std::to_string(minor);
  Dl_info found;
  if (dladdr(reinterpret_cast<void *>(out.create), &found) && found.dli_fname)
    out.path = found.dli_fname;
  std::error_code unknown;
  auto bytes = std::filesystem::file_size(out.path, unknown);
  out.fileBytes = unknown ? 0 : bytes;
}

std::optional<NvJitLink> openNvJitLink(const std::string &file,
                                       std::vector<std::string> &problems) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    problems.push_back(dlerror());
    return std::nullopt;
  }
  NvJitLink opened{};
  opened.path = file;
  for (const std::string &version : symbolVersions())
    if (resolve(library, version, opened)) {
      identify(library, opened);
      return opened;
    }
  dlclose(library);
  problems.push_back(file + ": is not an nvJitLink of CUDA 12 or 13");
  return std::nullopt;
}

/// Logs come with a terminating zero, which is not part of the text.
static std::string
readLog(NvJitLink::Handle handle,
        NvJitLink::Result (*size)(NvJitLink::Handle, std::size_t *),
        NvJitLink::Result (*read)(NvJitLink::Handle, char *)) {
  std::size_t bytes = 0;
  if (size(handle, &bytes) != success || bytes == 0)
    return "";
  std::string log(bytes, '\0');
  if (read(handle, log.data()) != success)
    return "";
  return log.c_str();
}

namespace {

/// Destroys a handle. nvJitLink makes one even where it refuses the options.
struct HandleScope {
  const NvJitLink &library;
  NvJitLink::Handle handle = nullptr;
  ~HandleScope() {
    if (handle)
      library.destroy(&handle);
  }
};

} // namespace

LinkResult linkPtx(const NvJitLink &library, const std::string &ptx,
                   const std::vector<std::string> &options) {
  std::vector<const char *> words;
  for (const std::string &option : options)
    words.push_back(option.c_str());

  LinkResult result;
  HandleScope scope{library};
  NvJitLink::Result code = library.create(
      &scope.handle, static_cast<std::uint32_t>(words.size()), words.data());
  if (code != success) {
    result.unknownOption = code == unrecognisedOption;
    result.log = "nvJitLink fatal : " + describe(code) + " in";
    for (const std::string &option : options)
      result.log += " " + option;
    return result;
  }
  NvJitLink::Handle handle = scope.handle;
  // The size counts the terminating zero of the text.
  code = library.addData(handle, inputPtx, ptx.c_str(), ptx.size() + 1,
                         "kernel.ptx");
  if (code == success)
    code = library.complete(handle);
  result.log = readLog(handle, library.errorLogSize, library.errorLog) +
               readLog(handle, library.infoLogSize, library.infoLog);
  std::size_t bytes = 0;
  if (code == success)
    code = library.cubinSize(handle, &bytes);
  if (code == success) {
    result.cubin.resize(bytes);
    code = library.cubin(handle, result.cubin.data());
  }
  if (code != success) {
    result.cubin.clear();
    if (result.log.empty())
      result.log = "nvJitLink fatal : " + describe(code) + "\n";
  }
  return result;
}

} // namespace lath
