// Files whose bytes have changed.

#include "tools/stress/Stress.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace lath::stress {

namespace {

CubinCacheOptions quickOptions(const std::string &folder) {
  CubinCacheOptions options = fakeOptions(folder);
  options.calls = &quickFileCalls();
  return options;
}

/// One entry of a cache, and its file, which this class spoils.
class Victim {
public:
  Victim(const std::string &folder, std::size_t cubinBytes)
      : cache_(quickOptions(folder)),
        entry_(fakeEntry(fakeKey(0), cubinBytes)) {
    cache_.store(entry_);
    path_ = fmt::format("{}/{}", folder, cache_.list().at(0).file);
    std::ifstream file(path_, std::ios::binary);
    bytes_ = {std::istreambuf_iterator<char>(file), {}};
  }
  const std::string &bytes() const { return bytes_; }
  const std::string &path() const { return path_; }

  void writeWhole(const std::string &bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  void writeByte(std::size_t at, char byte) {
    // Opened each time: a replacement is another file.
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at)).put(byte);
  }

  /// Of a file that is damaged: it is a miss that gives a reason; and, if
  /// `rebuild`, it is replaced.
  void check(bool rebuild, Damage &figures) {
    CubinLookup found = cache_.find(entry_.key);
    figures.undetected += bool(found);
    figures.unexplained +=
        found.why.empty() ||
        (found.miss != CubinMiss::damaged && found.miss != CubinMiss::stale);
    if (!rebuild)
      return;
    CubinResult got = cache_.findOrBuild(entry_.key, [&] { return entry_; });
    CubinLookup again = cache_.find(entry_.key);
    figures.notReplaced +=
        got.origin != CubinOrigin::built || !again || *again.entry != entry_;
  }

private:
  CubinCache cache_;
  CubinEntry entry_;
  std::string path_, bytes_;
};

} // namespace

Damage damage(const std::string &folder, std::size_t cubinBytes,
              const std::vector<unsigned char> &masks, std::size_t sample) {
  Victim victim(folder, cubinBytes);
  const std::string &bytes = victim.bytes();
  Damage figures;
  figures.fileBytes = bytes.size();
  std::size_t count = 0;
  auto sampled = [&] { return ++count % sample == 0; };
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (unsigned char mask : masks) {
      victim.writeByte(at, static_cast<char>(bytes[at] ^ mask));
      victim.check(sampled(), figures);
      victim.writeByte(at, bytes[at]);
      ++figures.flips;
    }
  for (std::size_t size = bytes.size(); size-- > 0;) {
    std::filesystem::resize_file(victim.path(), size);
    bool rebuild = sampled();
    victim.check(rebuild, figures);
    ++figures.truncations;
    if (rebuild)
      std::filesystem::resize_file(victim.path(), size);
  }
  for (char byte : {'\0', '\n', 'x', bytes.back()}) {
    victim.writeWhole(bytes + byte);
    victim.check(sampled(), figures);
    ++figures.extensions;
  }
  return figures;
}

HitTime hitTime(const std::string &folder, std::size_t cubinBytes,
                unsigned count) {
  using Clock = std::chrono::steady_clock;
  CubinCache cache(fakeOptions(folder));
  CubinKey key = fakeKey(1);
  cache.store(fakeEntry(key, cubinBytes));
  std::vector<double> times;
  for (unsigned i = 0; i < count; ++i) {
    auto begin = Clock::now();
    CubinLookup found = cache.find(key);
    times.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - begin)
            .count());
    if (!found)
      return {};
  }
  std::sort(times.begin(), times.end());
  return {cubinBytes, times[count / 2], times[count * 99 / 100]};
}

} // namespace lath::stress
