// What is in the folder, and what goes.

#include "compiler/base/Error.h"
#include "runtime/cache/CacheState.h"
#include "runtime/cache/EntryText.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>

namespace lath {

namespace {

/// An entry, or what has the name of one.
CubinListing examine(const CacheFolder &folder, const std::string &file) {
  CubinListing listing;
  listing.file = file;
  if (auto status = folder.status(file)) {
    listing.bytes = static_cast<std::uint64_t>(status->st_size);
    listing.lastUsed = status->st_atim.tv_sec;
  }
  auto read = folder.read(file, maxEntryBytes, false);
  if (read.miss != CubinMiss::none) {
    listing.miss = read.miss;
    listing.problem = read.why;
    return listing;
  }
  DecodedEntry found = decodeEntry(read.bytes);
  listing.miss = found.miss;
  listing.problem = found.why;
  if (found.miss != CubinMiss::none)
    return listing;
  if (std::string proper = entryFile(found.entry.key); proper != file) {
    listing.miss = CubinMiss::foreign;
    listing.problem =
        fmt::format("it holds the entry that belongs into {}", proper);
    return listing;
  }
  listing.key = found.entry.key;
  listing.cubinBytes = found.entry.cubin.size();
  return listing;
}

struct Used {
  std::string file;
  std::uint64_t bytes = 0;
  timespec lastUsed{};
};

bool usedBefore(const Used &a, const Used &b) {
  return std::tie(a.lastUsed.tv_sec, a.lastUsed.tv_nsec, a.file) <
         std::tie(b.lastUsed.tv_sec, b.lastUsed.tv_nsec, b.file);
}

class Pruner {
public:
  Pruner(const CacheFolder &folder, const CubinPruneOptions &options)
      : folder_(folder), options_(options) {}

  void remove(const std::string &file, std::uint64_t bytes, std::string why) {
    CubinRemoval removal{file, bytes, std::move(why), {}};
    if (!options_.dryRun)
      if (int error = folder_.remove(file))
        removal.problem = std::strerror(error);
    removals_.push_back(std::move(removal));
  }
  std::vector<CubinRemoval> take() { return std::move(removals_); }

private:
  const CacheFolder &folder_;
  const CubinPruneOptions &options_;
  std::vector<CubinRemoval> removals_;
};

/// Left by a writer that was killed: no writer takes a day. Nor is a clock a
/// day ahead.
bool isLeftover(std::int64_t since, std::int64_t now) {
  return now - since > secondsOfDay || since - now > secondsOfDay;
}

} // namespace

std::vector<CubinRemoval> pruneFolder(const CacheFolder &folder,
                                      const FileCalls &calls,
                                      const CubinPruneOptions &options,
                                      bool verify) {
  Pruner pruner(folder, options);
  std::vector<Used> entries;
  std::uint64_t total = 0;
  std::int64_t now = calls.time();
  std::string ignored;
  for (const std::string &file : folder.names(ignored)) {
    auto temporary = temporarySince(file);
    if (!temporary && !isEntryFile(file))
      continue;
    auto status = folder.status(file);
    if (!status)
      continue; // gone meanwhile
    auto bytes = static_cast<std::uint64_t>(status->st_size);
    if (temporary) {
      if (isLeftover(*temporary, now))
        pruner.remove(file, bytes, "left by a writer that was killed");
      else
        total += bytes;
      continue;
    }
    if (verify)
      if (CubinListing listing = examine(folder, file);
          listing.miss != CubinMiss::none &&
          listing.miss != CubinMiss::absent) {
        pruner.remove(
            file, bytes,
            fmt::format("{}: {}", name(listing.miss), listing.problem));
        continue;
      }
    if (options.maxAge && now - status->st_atim.tv_sec > *options.maxAge) {
      pruner.remove(file, bytes,
                    fmt::format("not used for {} days",
                                (now - status->st_atim.tv_sec) / secondsOfDay));
      continue;
    }
    entries.push_back({file, bytes, status->st_atim});
    total += bytes;
  }
  std::sort(entries.begin(), entries.end(), usedBefore);
  for (const Used &entry : entries) {
    if (!options.maxBytes || total <= *options.maxBytes)
      break;
    pruner.remove(entry.file, entry.bytes, "used longest ago");
    total -= entry.bytes;
  }
  return pruner.take();
}

void CubinCache::State::tidy(const CubinKey &key, std::uint64_t bytes) {
  auto disk = folder();
  if (!disk)
    return;
  bool due;
  {
    std::lock_guard lock(mutex);
    unscannedBytes += bytes;
    due = !scanned || unscannedBytes > options.maxBytes / 16;
    if (due) {
      scanned = true;
      unscannedBytes = 0;
    }
  }
  // The new entry replaces those of other builds. One that was used within a
  // day stays: two builds that share a folder must not take turns compiling.
  std::string own = entryFile(key), ignored;
  for (const std::string &file : disk->names(ignored))
    if (isEntryFile(file) && file != own && file.starts_with(own.substr(0, 17)))
      if (auto status = disk->status(file);
          status && calls.time() - status->st_atim.tv_sec > secondsOfDay)
        disk->remove(file);
  if (due)
    pruneFolder(*disk, calls, {.maxBytes = options.maxBytes}, false);
}

std::vector<CubinListing> CubinCache::list() const {
  auto folder = state_->requireFolder();
  std::vector<CubinListing> listings;
  std::string why;
  for (const std::string &file : folder->names(why))
    if (isEntryFile(file))
      if (CubinListing listing = examine(*folder, file);
          listing.miss != CubinMiss::absent)
        listings.push_back(std::move(listing));
  if (!why.empty())
    throw Error(
        ErrorKind::invalidInput,
        fmt::format("{} cannot be listed: {}", state_->options.folder, why));
  std::sort(listings.begin(), listings.end(),
            [](const CubinListing &a, const CubinListing &b) {
              return std::tie(b.lastUsed, a.file) <
                     std::tie(a.lastUsed, b.file);
            });
  return listings;
}

CubinCacheStats CubinCache::stats() const {
  const State &state = *state_;
  CubinCacheStats stats;
  stats.maxBytes = state.options.maxBytes;
  stats.diskHits = state.diskHits;
  stats.memoryHits = state.memoryHits;
  stats.built = state.built;
  stats.stored = state.stored;
  stats.failedStores = state.failedStores;
  auto folder = state.folder();
  if (!folder) {
    stats.noDisk = state.noDisk;
    return stats;
  }
  stats.folder = state.options.folder;
  std::string ignored;
  for (const std::string &file : folder->names(ignored)) {
    if (temporarySince(file)) {
      ++stats.temporaryFiles;
      if (auto status = folder->status(file))
        stats.temporaryBytes += static_cast<std::uint64_t>(status->st_size);
    } else if (isEntryFile(file)) {
      CubinListing listing = examine(*folder, file);
      if (listing.miss == CubinMiss::absent)
        continue;
      ++(listing.miss == CubinMiss::none ? stats.entries : stats.problems);
      stats.bytes += listing.bytes;
    }
  }
  return stats;
}

std::vector<CubinRemoval> CubinCache::prune(const CubinPruneOptions &options) {
  auto folder = state_->requireFolder();
  CubinPruneOptions filled = options;
  if (!filled.maxBytes)
    filled.maxBytes = state_->options.maxBytes;
  return pruneFolder(*folder, state_->calls, filled, true);
}

std::vector<CubinRemoval> CubinCache::clear() {
  auto folder = state_->requireFolder();
  CubinPruneOptions all;
  Pruner pruner(*folder, all);
  std::string ignored;
  for (const std::string &file : folder->names(ignored))
    if (isEntryFile(file) || temporarySince(file)) {
      auto status = folder->status(file);
      pruner.remove(file,
                    status ? static_cast<std::uint64_t>(status->st_size) : 0,
                    "cleared");
    }
  state_->memory.clear();
  return pruner.take();
}

} // namespace lath
