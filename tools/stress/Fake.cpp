// The fake compiler and its cache.

#include "tools/stress/Stress.h"

#include "runtime/cache/CacheFolder.h"

#include <filesystem>
#include <random>

#include <fmt/format.h>

namespace lath::stress {

CubinKey fakeKey(unsigned number) {
  return {.spec = fmt::format("m16n{}k4096g128", 64 * (number + 1)),
          .program = "",
          .schedule = "bm16bn32bk512w8kw8st5s1,order=contiguous,scales=sums",
          .target = "sm_90a",
          .ptx = "8.1",
          .llvm = "22.1.8",
          .assembler = "fake 1.0",
          .build = "0123456789abcdef"};
}

CubinEntry fakeEntry(const CubinKey &key, std::size_t bytes) {
  CubinEntry entry;
  entry.key = key;
  entry.entry = "gemm";
  entry.facts = "threads 256\nshared 140544\n";
  std::minstd_rand random(
      static_cast<unsigned>(std::hash<std::string>()(key.fingerprint())));
  entry.cubin.resize(bytes);
  for (char &byte : entry.cubin)
    byte = static_cast<char>(random() >> 8);
  return entry;
}

CubinCacheOptions fakeOptions(const std::string &folder,
                              std::vector<std::string> *warnings) {
  CubinCacheOptions options;
  options.folder = folder;
  options.warn = [warnings](const std::string &text) {
    if (warnings)
      warnings->push_back(text);
  };
  return options;
}

const FileCalls &quickFileCalls() {
  static const FileCalls calls = [] {
    FileCalls quick = systemFileCalls();
    quick.fsync = [](int) { return 0; };
    return quick;
  }();
  return calls;
}

std::vector<std::string> temporaryFiles(const std::string &folder) {
  std::vector<std::string> found;
  std::error_code missing;
  for (const auto &file : std::filesystem::directory_iterator(folder, missing))
    if (std::string name = file.path().filename(); temporarySince(name))
      found.push_back(name);
  return found;
}

} // namespace lath::stress
