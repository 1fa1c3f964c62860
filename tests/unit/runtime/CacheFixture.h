// A cache in a folder of its own, and what it warned of.
#pragma once

#include "runtime/CubinCache.h"
#include "runtime/cache/FileCalls.h"
#include "tests/unit/TemporaryFolder.h"
#include "tools/stress/Stress.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace lath::test {

struct CacheFixture {
  TemporaryFolder folder;
  std::vector<std::string> warnings;
  CubinCacheOptions options = [this] {
    CubinCacheOptions made =
        stress::fakeOptions((folder / "cache").string(), &warnings);
    made.calls = &stress::quickFileCalls();
    return made;
  }();

  CubinCache open() const { return CubinCache(options); }
  std::filesystem::path file(const std::string &name) const {
    return folder / "cache" / name;
  }
  /// The name of an entry's file.
  static std::string nameOf(const CubinKey &key) {
    std::string print = key.fingerprint();
    return print.substr(0, 16) + "-" + print.substr(16) + ".lath";
  }
  std::filesystem::path fileOf(const CubinKey &key) const {
    return file(nameOf(key));
  }
  /// As if the entry had been used so many seconds ago.
  void use(const CubinKey &key, long secondsAgo) const {
    timespec times[2] = {{time(nullptr) - secondsAgo, 0}, {0, UTIME_OMIT}};
    REQUIRE(utimensat(AT_FDCWD, fileOf(key).c_str(), times, 0) == 0);
  }
};

} // namespace lath::test
