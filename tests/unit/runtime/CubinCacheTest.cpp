// Storing, finding and building entries, one process at a time. What many
// processes, kills and broken disks do is in CubinCacheStressTest.cpp.

#include "runtime/CubinCache.h"
#include "../ErrorOf.h"
#include "CacheFixture.h"
#include "tools/stress/Processes.h"

#include <atomic>
#include <fstream>
#include <latch>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lath;
using lath::test::errorOf;
using lath::test::messageOf;
using stress::fakeEntry;
using stress::fakeKey;
namespace fs = std::filesystem;

namespace {

using Fixture = lath::test::CacheFixture;

CubinEntry never() {
  FAIL("built what is there");
  return {};
}

mode_t modeOf(const fs::path &path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

} // namespace

TEST_CASE("an entry comes back as it was stored", "[cache]") {
  Fixture f;
  CubinEntry entry = fakeEntry(fakeKey(0));
  SECTION("of 30 kB") {}
  SECTION("without a cubin") { entry.cubin.clear(); }
  SECTION("with any bytes in its texts") {
    entry.facts = std::string("a\n\nb\\n\\\0c\n", 10);
    entry.entry = "\n";
    entry.key.spec = "line\ncubin 12\n\n";
    entry.key.program = "\\";
    entry.key.build = "";
  }
  CHECK_FALSE(f.open().store(entry));
  CubinLookup found = f.open().find(entry.key);
  REQUIRE(found);
  CHECK(*found.entry == entry);
  CHECK(found.miss == CubinMiss::none);
  CHECK(f.warnings.empty());
}

TEST_CASE("the head of an entry's file says what it is", "[cache]") {
  Fixture f;
  f.open().store(fakeEntry(fakeKey(0)));
  std::ifstream file(f.fileOf(fakeKey(0)), std::ios::binary);
  std::vector<std::string> lines(14);
  for (std::string &line : lines)
    std::getline(file, line);
  CHECK(lines[0] == "lath cubin 1");
  CHECK(lines[1].substr(0, 9) == "checksum ");
  CHECK(lines[2] == "cubin 30000");
  CHECK(lines[3] == "spec m16n64k4096g128");
  CHECK(lines[5] ==
        "schedule bm16bn32bk512w8kw8st5s1,order=contiguous,scales=sums");
  CHECK(lines[6] == "target sm_90a");
  CHECK(lines[7] == "ptx 8.1");
  CHECK(lines[8] == "llvm 22.1.8");
  CHECK(lines[9] == "assembler fake 1.0");
  CHECK(lines[10] == "build 0123456789abcdef");
  CHECK(lines[11] == "entry gemm");
  CHECK(lines[12] == "facts threads 256\\nshared 140544\\n");
  CHECK(lines[13].empty());
}

TEST_CASE("fingerprints differ in each field, by its half", "[cache]") {
  CubinKey key = fakeKey(0);
  std::string print = key.fingerprint();
  CHECK(print.size() == 32);
  std::string CubinKey::*what[] = {&CubinKey::spec, &CubinKey::program,
                                   &CubinKey::schedule, &CubinKey::target};
  std::string CubinKey::*how[] = {&CubinKey::ptx, &CubinKey::llvm,
                                  &CubinKey::assembler, &CubinKey::build};
  for (auto field : what) {
    CubinKey other = key;
    other.*field += "x";
    CHECK(other.fingerprint().substr(0, 16) != print.substr(0, 16));
    CHECK(other.fingerprint().substr(16) == print.substr(16));
  }
  for (auto field : how) {
    CubinKey other = key;
    other.*field += "x";
    CHECK(other.fingerprint().substr(0, 16) == print.substr(0, 16));
    CHECK(other.fingerprint().substr(16) != print.substr(16));
  }
  // Texts that run together are told apart.
  CubinKey one = key, other = key;
  one.spec = "a", one.program = "b";
  other.spec = "ab", other.program = "";
  CHECK(one.fingerprint() != other.fingerprint());
}

TEST_CASE("findOrBuild builds once, then reads", "[cache]") {
  Fixture f;
  CubinKey key = fakeKey(0);
  CubinCache cache = f.open();
  CubinResult first = cache.findOrBuild(key, [&] { return fakeEntry(key); });
  CHECK(first.origin == CubinOrigin::built);
  CHECK(first.why == "it was never stored, or pruned");
  CubinResult second = cache.findOrBuild(key, never);
  CHECK(second.origin == CubinOrigin::disk);
  CHECK(*second.entry == *first.entry);
  CHECK(f.open().findOrBuild(key, never).origin == CubinOrigin::disk);
  CubinCacheStats stats = cache.stats();
  CHECK(stats.built == 1);
  CHECK(stats.stored == 1);
  CHECK(stats.diskHits == 1);
  CHECK(stats.entries == 1);
}

TEST_CASE("threads that ask at once share one build", "[cache][threads]") {
  Fixture f;
  SECTION("with the lock of a folder") {}
  SECTION("without any") { f.options.folder.clear(); }
  CubinCache cache = f.open();
  CubinKey key = fakeKey(0);
  constexpr int count = 8;
  std::latch asking(count);
  std::atomic<int> builds = 0, right = 0;
  auto ask = [&] {
    asking.count_down();
    CubinResult got = cache.findOrBuild(key, [&] {
      asking.wait();
      ++builds;
      return fakeEntry(key);
    });
    right += *got.entry == fakeEntry(key);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back(ask);
  for (std::thread &thread : threads)
    thread.join();
  CHECK(builds == 1);
  CHECK(right == count);
}

TEST_CASE("a build that throws leaves nothing behind", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  CubinKey key = fakeKey(0);
  CHECK(messageOf([&] {
          cache.findOrBuild(key, []() -> CubinEntry {
            throw Error(ErrorKind::compile, "rejected");
          });
        }) == "rejected");
  CHECK(cache.find(key).miss == CubinMiss::absent);
  CHECK(cache.findOrBuild(key, [&] { return fakeEntry(key); }).origin ==
        CubinOrigin::built);
}

TEST_CASE("a build of another key is an internal error", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  Error error = errorOf([&] {
    cache.findOrBuild(fakeKey(0), [] { return fakeEntry(fakeKey(1)); });
  });
  CHECK(error.kind() == ErrorKind::internal);
  CHECK(error.message() ==
        "the entry that was built has another key: spec 'm16n128k4096g128', "
        "expected 'm16n64k4096g128'");
  CHECK(cache.find(fakeKey(1)).miss == CubinMiss::absent);
}

TEST_CASE("an entry of another build is stale, and replaced", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  CubinKey old = fakeKey(0), key = old;
  old.llvm = "22.1.7";
  old.build = "fedcba9876543210";
  cache.store(fakeEntry(old));
  CubinLookup found = cache.find(key);
  CHECK_FALSE(found);
  CHECK(found.miss == CubinMiss::stale);
  CHECK(found.why == "llvm '22.1.7', expected '22.1.8'; build "
                     "'fedcba9876543210', expected '0123456789abcdef'");
  SECTION("at once, where nobody has used it for a day") {
    f.use(old, 25 * 3600);
    CubinResult got = cache.findOrBuild(key, [&] { return fakeEntry(key); });
    CHECK(got.why == found.why);
    CHECK_FALSE(cache.find(old));
  }
  SECTION("later, where another build still uses it") {
    f.use(old, 23 * 3600);
    cache.findOrBuild(key, [&] { return fakeEntry(key); });
    CHECK(cache.find(old));
  }
  CHECK(*cache.find(key).entry == fakeEntry(key));
  CHECK(f.warnings.empty());
}

TEST_CASE("an entry under another's name is foreign, and replaced", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  cache.store(fakeEntry(fakeKey(1)));
  fs::copy_file(f.fileOf(fakeKey(1)), f.fileOf(fakeKey(0)));
  CubinLookup found = cache.find(fakeKey(0));
  CHECK(found.miss == CubinMiss::foreign);
  CHECK(found.why == "spec 'm16n128k4096g128', expected 'm16n64k4096g128'");
  CHECK(cache.list().size() == 2);
  CHECK(cache.stats().problems == 1);
  cache.findOrBuild(fakeKey(0), [] { return fakeEntry(fakeKey(0)); });
  CHECK(*cache.find(fakeKey(0)).entry == fakeEntry(fakeKey(0)));
  REQUIRE(f.warnings.size() == 1);
  CHECK(f.warnings[0].find("is foreign and will be replaced") !=
        std::string::npos);
}

TEST_CASE("an entry in another format is stale", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  cache.store(fakeEntry(fakeKey(0)));
  std::fstream file(f.fileOf(fakeKey(0)),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(11).put('7').flush();
  CubinLookup found = cache.find(fakeKey(0));
  CHECK(found.miss == CubinMiss::stale);
  CHECK(found.why == "the file has format 7; expected 1");
}

TEST_CASE("folders have mode 0700 and files 0600, whatever the umask",
          "[cache]") {
  Fixture f;
  f.options.folder = (f.folder / "a").string() + "/b/cache///";
  mode_t before = umask(0);
  CubinCache cache = f.open();
  umask(GENERATE(0000, 0077, 0277));
  cache.findOrBuild(fakeKey(0), [] { return fakeEntry(fakeKey(0)); });
  umask(before);
  CHECK(modeOf(f.folder / "a") == 0700);
  CHECK(modeOf(f.folder / "a" / "b" / "cache") == 0700);
  bool any = false;
  for (const auto &file :
       fs::directory_iterator(f.folder / "a" / "b" / "cache")) {
    // The lock may lack the right to write it: there is then no lock.
    CHECK((modeOf(file) & 0177) == 0);
    if (file.path().extension() == ".lath")
      CHECK(modeOf(file) == 0600);
    any = true;
  }
  CHECK(any);
}

TEST_CASE("a folder that is removed comes back", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  CubinKey key = fakeKey(0);
  cache.store(fakeEntry(key));
  fs::remove_all(f.folder / "cache");
  CHECK_FALSE(cache.find(key));
  CHECK(cache.findOrBuild(key, [&] { return fakeEntry(key); }).origin ==
        CubinOrigin::built);
  CHECK(f.open().find(key));
  CHECK(f.warnings.empty());
}

TEST_CASE("where there is no disk, entries stay in memory", "[cache]") {
  Fixture f;
  std::string expected;
  SECTION("a folder that cannot be made") {
    std::ofstream(f.folder / "file") << "in the way";
    f.options.folder = (f.folder / "file").string() + "/cache";
    expected = "kernels are not kept on disk: " + f.options.folder +
               " cannot be opened: Not a directory";
  }
  SECTION("no folder is known") {
    f.options.folder.clear();
    f.options.noFolder = "HOME is not set";
    expected = "kernels are not kept on disk: HOME is not set";
  }
  SECTION("by choice") { f.options.folder.clear(); }
  SECTION("a size of 0") { f.options.maxBytes = 0; }
  CubinCache cache = f.open();
  CHECK_FALSE(cache.onDisk());
  for (unsigned i = 0; i < 3; ++i)
    cache.findOrBuild(fakeKey(i), [&] { return fakeEntry(fakeKey(i)); });
  for (unsigned i = 0; i < 3; ++i)
    CHECK(cache.findOrBuild(fakeKey(i), never).origin == CubinOrigin::memory);
  CHECK(f.warnings == (expected.empty() ? std::vector<std::string>{}
                                        : std::vector<std::string>{expected}));
  CHECK_FALSE(fs::exists(f.folder / "cache"));
  CHECK(errorOf([&] { cache.list(); }).kind() == ErrorKind::invalidInput);
}

TEST_CASE("the memory in place of a disk has a bound", "[cache]") {
  Fixture f;
  f.options.folder.clear();
  f.options.maxMemoryBytes = 100'000;
  CubinCache cache = f.open();
  for (unsigned i = 0; i < 10; ++i)
    cache.store(fakeEntry(fakeKey(i)));
  unsigned kept = 0;
  for (unsigned i = 0; i < 10; ++i)
    kept += bool(cache.find(fakeKey(i)));
  CHECK(kept == 3);
  CHECK(cache.find(fakeKey(9)));
}

TEST_CASE("a read-only disk is read", "[cache]") {
  Fixture f;
  f.open().store(fakeEntry(fakeKey(0)));
  FileCalls calls = systemFileCalls();
  calls.openat = [](int folder, const char *path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) == O_RDONLY)
      return systemFileCalls().openat(folder, path, flags, mode);
    errno = EROFS;
    return -1;
  };
  calls.futimens = [](int) {
    errno = EROFS;
    return -1;
  };
  f.options.calls = &calls;
  CubinCache cache = f.open();
  CHECK(cache.findOrBuild(fakeKey(0), never).origin == CubinOrigin::disk);
  for (unsigned i : {1, 2})
    cache.findOrBuild(fakeKey(i), [&] { return fakeEntry(fakeKey(i)); });
  CHECK(cache.findOrBuild(fakeKey(1), never).origin == CubinOrigin::memory);
  CHECK(f.warnings ==
        std::vector<std::string>{"kernels are not kept on disk in " +
                                 f.options.folder +
                                 ": it cannot be made: Read-only file system"});
}

TEST_CASE("an entry larger than the cache stays in memory", "[cache]") {
  Fixture f;
  f.options.maxBytes = 10'000;
  CubinCache cache = f.open();
  auto why = cache.store(fakeEntry(fakeKey(0)));
  REQUIRE(why);
  CHECK(why->find("and the cache takes 10000") != std::string::npos);
  CHECK(cache.find(fakeKey(0)).origin == CubinOrigin::memory);
}

TEST_CASE("a holder of the lock that dies is no obstacle", "[cache]") {
  Fixture f;
  CubinKey key = fakeKey(0);
  pid_t child = stress::startProcess([&] {
    f.open().findOrBuild(key, [&]() -> CubinEntry {
      kill(getpid(), SIGKILL);
      return {};
    });
    return 0;
  });
  CHECK(WTERMSIG(stress::waitForProcess(child)) == SIGKILL);
  CHECK(f.open().findOrBuild(key, [&] { return fakeEntry(key); }).origin ==
        CubinOrigin::built);
}

TEST_CASE("who waits for the lock gets what its holder builds", "[cache]") {
  Fixture f;
  CubinKey key = fakeKey(0);
  int building[2], goOn[2];
  REQUIRE(pipe(building) == 0);
  REQUIRE(pipe(goOn) == 0);
  char byte = 0;
  pid_t child = stress::startProcess([&] {
    f.open().findOrBuild(key, [&] {
      if (write(building[1], "x", 1) != 1 || read(goOn[0], &byte, 1) != 1)
        _exit(1);
      return fakeEntry(key);
    });
    return 0;
  });
  REQUIRE(read(building[0], &byte, 1) == 1);
  SECTION("reading does not wait for it") {
    CHECK(f.open().find(key).miss == CubinMiss::absent);
    REQUIRE(write(goOn[1], "x", 1) == 1);
  }
  SECTION("patience has an end") {
    f.options.patience = 1;
    CHECK(f.open().findOrBuild(key, [&] { return fakeEntry(key); }).origin ==
          CubinOrigin::built);
    REQUIRE(write(goOn[1], "x", 1) == 1);
  }
  SECTION("nobody waits where nothing can be stored") {
    FileCalls calls = systemFileCalls();
    calls.fsync = [](int) {
      errno = ENOSPC;
      return -1;
    };
    f.options.calls = &calls;
    f.options.patience = 3'600'000;
    CubinCache cache = f.open();
    cache.findOrBuild(fakeKey(1), [] { return fakeEntry(fakeKey(1)); });
    CHECK(cache.findOrBuild(key, [&] { return fakeEntry(key); }).origin ==
          CubinOrigin::built);
    REQUIRE(write(goOn[1], "x", 1) == 1);
  }
  SECTION("it is read") {
    REQUIRE(write(goOn[1], "x", 1) == 1);
    CHECK(f.open().findOrBuild(key, never).origin == CubinOrigin::disk);
  }
  CHECK(stress::waitForProcess(child) == 0);
  for (int file : {building[0], building[1], goOn[0], goOn[1]})
    close(file);
}

TEST_CASE("on a network file system the lock is a local file", "[cache]") {
  Fixture f;
  FileCalls calls = stress::quickFileCalls();
  calls.fstatfs = [](int, std::int64_t *type) {
    *type = 0x6969; // NFS
    return 0;
  };
  f.options.calls = &calls;
  f.options.localFolders = {(f.folder / "missing" / "\1").string() +
                                std::string(300, 'x'),
                            (f.folder / "local").string()};
  f.open().findOrBuild(fakeKey(0), [] { return fakeEntry(fakeKey(0)); });
  CHECK_FALSE(fs::exists(f.folder / "cache" / "lock"));
  CHECK(fs::exists(f.folder / "local" / ("lath-" + std::to_string(geteuid())) /
                   "lock"));
  CHECK(f.warnings.empty());
}
