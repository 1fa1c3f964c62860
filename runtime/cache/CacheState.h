// What the parts of CubinCache share.
#pragma once

#include "runtime/CubinCache.h"
#include "runtime/SingleFlight.h"
#include "runtime/cache/CacheFolder.h"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>

namespace lath {

/// Entries that the disk did not take. Thread safe.
class CacheMemory {
public:
  explicit CacheMemory(std::uint64_t maxBytes) : maxBytes_(maxBytes) {}
  std::shared_ptr<const CubinEntry> find(const CubinKey &key) const;
  /// Drops those that came first while there are too many bytes.
  void keep(std::shared_ptr<const CubinEntry> entry);
  void drop(const CubinKey &key);
  void clear();

private:
  const std::uint64_t maxBytes_;
  mutable std::mutex mutex_;
  std::uint64_t bytes_ = 0;
  std::deque<std::shared_ptr<const CubinEntry>> entries_;
};

struct CubinCache::State {
  explicit State(CubinCacheOptions given);

  /// Null: memory only.
  std::shared_ptr<const CacheFolder> folder() const;
  /// The folder; throws Error{invalidInput} where there is none.
  std::shared_ptr<const CacheFolder> requireFolder() const;
  /// Opens the folder once more: somebody has removed it.
  std::shared_ptr<const CacheFolder> reopen();

  /// Once for each topic.
  void warn(const std::string &topic, const std::string &text);

  /// On disk, then in memory. Counts hits.
  CubinLookup lookUp(const CubinKey &key) const;
  CubinLookup lookUpOnDisk(const CubinKey &key) const;
  /// Turns "absent" into "stale" where there is an entry of another build.
  /// Reads the whole folder.
  void explain(const CubinKey &key, CubinLookup &found) const;
  CubinResult lead(const CubinKey &key,
                   const std::function<CubinEntry()> &build);
  std::optional<std::string> store(std::shared_ptr<const CubinEntry> entry);
  /// Returns 0 or the error and `why`.
  int write(const CubinEntry &entry, std::string &why);
  CubinResult build(const CubinKey &key, const std::string &why,
                    const std::function<CubinEntry()> &build);
  void warnOfMiss(const CubinKey &key, const CubinLookup &found);

  /// After a store: removes what the new entry replaces, and now and then all
  /// that is too much.
  void tidy(const CubinKey &stored, std::uint64_t bytes);

  const CubinCacheOptions options;
  const FileCalls &calls;
  CacheMemory memory;
  SingleFlight<CubinKey, CubinResult> flights; ///< builds of this process
  std::string noDisk;                          ///< why there is no folder

  mutable std::mutex mutex; ///< of the members down to `unscannedBytes`
  std::shared_ptr<const CacheFolder> openFolder;
  std::shared_ptr<const CacheFolder> lockFolder;
  std::set<std::string> warned;
  bool scanned = false;
  std::uint64_t unscannedBytes = 0; ///< stored since the last scan

  std::atomic<bool> storeFails = false; ///< the last one did
  mutable std::atomic<std::uint64_t> diskHits = 0, memoryHits = 0;
  std::atomic<std::uint64_t> built = 0, stored = 0, failedStores = 0;
};

/// The name of an entry's file.
std::string entryFile(const CubinKey &key);
/// Whether a file has the name of an entry.
bool isEntryFile(std::string_view name);
constexpr const char *lockFile = "lock";
constexpr std::int64_t secondsOfDay = 24 * 60 * 60;

/// Removes, in this order: files that writers left more than a day ago; files
/// that hold no sound entry, if `verify`; entries older than the options say;
/// then the longest unused until the rest fits.
std::vector<CubinRemoval> pruneFolder(const CacheFolder &folder,
                                      const FileCalls &calls,
                                      const CubinPruneOptions &options,
                                      bool verify);

} // namespace lath
