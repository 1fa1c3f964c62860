// Where the cache lies and how large it may become.

#include "compiler/base/Error.h"
#include "runtime/CubinCache.h"

#include <charconv>
#include <fmt/format.h>

namespace lath {

std::optional<std::uint64_t> parseSize(std::string_view text) {
  unsigned shift = 0;
  if (text.ends_with('K'))
    shift = 10;
  else if (text.ends_with('M'))
    shift = 20;
  else if (text.ends_with('G'))
    shift = 30;
  if (shift)
    text.remove_suffix(1);
  std::uint64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      value > UINT64_MAX >> shift)
    return std::nullopt;
  return value << shift;
}

CubinCacheOptions cubinCacheOptions(const Environment &environment) {
  CubinCacheOptions options;
  // The XDG specification: a relative path is to be ignored.
  bool xdg = environment.userCaches.starts_with('/');
  if (!environment.cacheFolder.empty())
    options.folder = environment.cacheFolder;
  else if (xdg)
    options.folder = environment.userCaches + "/lath";
  else if (!environment.home.empty())
    options.folder = environment.home + "/.cache/lath";
  else
    options.noFolder = "none of LATH_CACHE_DIR, XDG_CACHE_HOME and HOME is set";
  if (!environment.cacheSize.empty()) {
    auto size = parseSize(environment.cacheSize);
    if (!size)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("LATH_CACHE_SIZE is '{}'; expected a number of "
                              "bytes, with K, M or G behind it for powers of "
                              "1024",
                              environment.cacheSize));
    options.maxBytes = *size;
  }
  if (environment.runtimeFolder.starts_with('/'))
    options.localFolders.push_back(environment.runtimeFolder);
  options.localFolders.push_back(environment.temporaryFolder);
  return options;
}

} // namespace lath
