// The folder as a whole: its bound, pruning, export and import; and which
// folder it is.

#include "../ErrorOf.h"
#include "CacheFixture.h"

#include <fstream>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lath;
using lath::test::errorOf;
using stress::fakeEntry;
using stress::fakeKey;
namespace fs = std::filesystem;

namespace {

using Fixture = lath::test::CacheFixture;

std::uint64_t bytesIn(const fs::path &folder) {
  std::uint64_t bytes = 0;
  for (const auto &file : fs::directory_iterator(folder))
    bytes += fs::file_size(file);
  return bytes;
}

std::string temporary(std::int64_t since) {
  char name[64];
  std::snprintf(name, sizeof name, "tmp-%016llx-0123456789abcdef",
                static_cast<unsigned long long>(since));
  return name;
}

} // namespace

TEST_CASE("the cache keeps its bound, and what was used last", "[cache]") {
  Fixture f;
  f.options.maxBytes = 320'000;
  CubinCache cache = f.open();
  for (unsigned i = 0; i < 10; ++i) {
    cache.store(fakeEntry(fakeKey(i)));
    f.use(fakeKey(i), 1000 - i);
  }
  CHECK(cache.find(fakeKey(0))); // used now
  for (unsigned i = 10; i < 18; ++i) {
    cache.store(fakeEntry(fakeKey(i)));
    // A sixteenth of the bound is less than an entry: it is kept at once.
    CHECK(bytesIn(f.folder / "cache") <= f.options.maxBytes);
  }
  CHECK(cache.find(fakeKey(0)));
  for (unsigned i = 1; i < 9; ++i)
    CHECK_FALSE(cache.find(fakeKey(i)));
  for (unsigned i = 9; i < 18; ++i)
    CHECK(cache.find(fakeKey(i)));
}

TEST_CASE("times of modification decide nothing", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  for (unsigned i = 0; i < 2; ++i)
    cache.store(fakeEntry(fakeKey(i)));
  // The one with the older use has the younger modification.
  timespec first[2] = {{1000, 0}, {time(nullptr) + 1000, 0}};
  timespec second[2] = {{2000, 0}, {1, 0}};
  utimensat(AT_FDCWD, f.fileOf(fakeKey(0)).c_str(), first, 0);
  utimensat(AT_FDCWD, f.fileOf(fakeKey(1)).c_str(), second, 0);
  cache.prune({.maxBytes = 40'000});
  CHECK_FALSE(cache.find(fakeKey(0)));
  CHECK(cache.find(fakeKey(1)));
}

TEST_CASE("looking at the cache is no use of its entries", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  cache.store(fakeEntry(fakeKey(0)));
  f.use(fakeKey(0), 5000);
  std::int64_t before = cache.list().at(0).lastUsed;
  cache.stats();
  cache.exportAll();
  CHECK(cache.list().at(0).lastUsed == before);
  cache.find(fakeKey(0));
  CHECK(cache.list().at(0).lastUsed >= before + 5000);
}

TEST_CASE("prune removes leftovers, damage, age and excess, in this order",
          "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  for (unsigned i = 0; i < 5; ++i) {
    cache.store(fakeEntry(fakeKey(i)));
    f.use(fakeKey(i), 1000 * (5 - long(i)));
  }
  std::int64_t now = time(nullptr), hour = 3600;
  std::ofstream(f.file(temporary(now - 25 * hour))) << "half an ent";
  std::ofstream(f.file(temporary(now - 23 * hour))) << "half an ent";
  std::ofstream(f.file(temporary(now + 25 * hour))) << "half an ent";
  std::ofstream(f.file("notes.txt")) << "mine";
  fs::resize_file(f.fileOf(fakeKey(4)), 100);
  CubinPruneOptions options{.maxBytes = 70'000, .maxAge = 4500};
  CubinPruneOptions dry = options;
  dry.dryRun = true;
  auto would = cache.prune(dry);
  CHECK(cache.stats().entries == 4);
  auto removed = cache.prune(options);
  auto whys = [](const std::vector<CubinRemoval> &removals) {
    std::map<std::string, std::string> result;
    for (const CubinRemoval &removal : removals)
      result[removal.file] =
          removal.why.substr(0, removal.why.find(" checksum")) +
          removal.problem;
    return result;
  };
  CHECK(whys(would) == whys(removed));
  CHECK(whys(removed) ==
        std::map<std::string, std::string>{
            {temporary(now - 25 * hour), "left by a writer that was killed"},
            {temporary(now + 25 * hour), "left by a writer that was killed"},
            {Fixture::nameOf(fakeKey(4)), "damaged: its bytes have the"},
            {Fixture::nameOf(fakeKey(0)), "not used for 0 days"},
            {Fixture::nameOf(fakeKey(1)), "used longest ago"}});
}

TEST_CASE("a store removes what writers left behind a day ago", "[cache]") {
  Fixture f;
  f.open();
  std::int64_t now = time(nullptr);
  std::ofstream(f.file(temporary(now - 90'000))) << "half";
  std::ofstream(f.file(temporary(now - 80'000))) << "half";
  f.open().store(fakeEntry(fakeKey(0)));
  CHECK_FALSE(fs::exists(f.file(temporary(now - 90'000))));
  CHECK(fs::exists(f.file(temporary(now - 80'000))));
}

TEST_CASE("clear leaves files of other names", "[cache]") {
  Fixture f;
  CubinCache cache = f.open();
  cache.store(fakeEntry(fakeKey(0)));
  std::ofstream(f.file(temporary(time(nullptr)))) << "half";
  for (const char *name : {"notes.txt", "0123456789abcdef.lath", "tmp-1"})
    std::ofstream(f.file(name)) << "mine";
  CHECK(cache.clear().size() == 2);
  CHECK_FALSE(cache.find(fakeKey(0)));
  for (const char *name : {"notes.txt", "0123456789abcdef.lath", "tmp-1"})
    CHECK(fs::exists(f.file(name)));
}

TEST_CASE("an export is imported elsewhere", "[cache]") {
  Fixture from, to;
  for (unsigned i = 0; i < 3; ++i)
    from.open().store(fakeEntry(fakeKey(i), 1000));
  fs::resize_file(from.fileOf(fakeKey(2)), 500);
  std::string exported = from.open().exportAll();
  to.open().store(fakeEntry(fakeKey(1), 1000));
  auto imports = to.open().importAll(exported);
  REQUIRE(imports.size() == 2); // the damaged one was not exported
  for (const CubinImport &import : imports)
    CHECK(import.outcome == (import.key == fakeKey(1)
                                 ? CubinImport::Outcome::present
                                 : CubinImport::Outcome::stored));
  for (unsigned i = 0; i < 2; ++i)
    CHECK(*to.open().find(fakeKey(i)).entry == fakeEntry(fakeKey(i), 1000));
  CHECK(to.open().stats().entries == 2);
}

TEST_CASE("a damaged export is refused whole", "[cache]") {
  Fixture from, to;
  from.open().store(fakeEntry(fakeKey(0), 300));
  from.open().store(fakeEntry(fakeKey(1), 300));
  const std::string sound = from.open().exportAll();
  CubinCache cache = to.open();
  for (std::size_t at = 0; at < sound.size(); ++at) {
    std::string flipped = sound;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x20);
    REQUIRE_THROWS_AS(cache.importAll(flipped), Error);
    REQUIRE_THROWS_AS(cache.importAll(sound.substr(0, at)), Error);
  }
  CHECK_THROWS_AS(cache.importAll(sound + "x"), Error);
  CHECK(errorOf([&] { cache.importAll("PK"); }).message() ==
        "the file is no export of a cache, or damaged: it does not begin with "
        "'lath cubins 1' and a checksum");
  CHECK(cache.stats().entries == 0);
  CHECK(cache.importAll(sound).size() == 2);
}

TEST_CASE("where the cache lies", "[cache]") {
  Environment e;
  CHECK(cubinCacheOptions(e).folder.empty());
  CHECK(cubinCacheOptions(e).noFolder ==
        "none of LATH_CACHE_DIR, XDG_CACHE_HOME and HOME is set");
  e.home = "/home/somebody";
  CHECK(cubinCacheOptions(e).folder == "/home/somebody/.cache/lath");
  e.userCaches = "relative";
  CHECK(cubinCacheOptions(e).folder == "/home/somebody/.cache/lath");
  e.userCaches = "/caches";
  CHECK(cubinCacheOptions(e).folder == "/caches/lath");
  e.cacheFolder = "here";
  CHECK(cubinCacheOptions(e).folder == "here");
  e.runtimeFolder = "/run/user/1";
  e.temporaryFolder = "/var/tmp";
  CHECK(cubinCacheOptions(e).localFolders ==
        std::vector<std::string>{"/run/user/1", "/var/tmp"});
}

TEST_CASE("how large the cache may become", "[cache]") {
  Environment e;
  CHECK(cubinCacheOptions(e).maxBytes == std::uint64_t(1) << 30);
  std::pair<const char *, std::uint64_t> sizes[] = {{"0", 0},
                                                    {"4096", 4096},
                                                    {"64K", 65536},
                                                    {"3M", 3u << 20},
                                                    {"2G", 2ull << 30}};
  for (auto [text, bytes] : sizes) {
    e.cacheSize = text;
    CHECK(cubinCacheOptions(e).maxBytes == bytes);
  }
  for (const char *text : {"", "M", "-1", "1.5G", "4k", "4 M", "1T",
                           "99999999999999999999", "99999999999G"})
    CHECK_FALSE(parseSize(text));
  e.cacheSize = "plenty";
  Error error = errorOf([&] { cubinCacheOptions(e); });
  CHECK(error.kind() == ErrorKind::invalidInput);
  CHECK(error.message() == "LATH_CACHE_SIZE is 'plenty'; expected a number of "
                           "bytes, with K, M or G behind it for powers of "
                           "1024");
}
