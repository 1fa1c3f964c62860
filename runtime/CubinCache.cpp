// Finding, building and storing entries. What `lath cache` does to the folder
// as a whole is in cache/.

#include "runtime/CubinCache.h"

#include "compiler/base/Error.h"
#include "runtime/cache/CacheLock.h"
#include "runtime/cache/CacheState.h"
#include "runtime/cache/Checksum.h"
#include "runtime/cache/EntryText.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

namespace lath {

std::string_view name(CubinMiss miss) {
  switch (miss) {
  case CubinMiss::none:
    return "none";
  case CubinMiss::absent:
    return "absent";
  case CubinMiss::stale:
    return "stale";
  case CubinMiss::damaged:
    return "damaged";
  case CubinMiss::foreign:
    return "foreign";
  case CubinMiss::refused:
    return "refused";
  case CubinMiss::unreadable:
    return "unreadable";
  }
  return "unknown";
}

std::string_view name(CubinOrigin origin) {
  switch (origin) {
  case CubinOrigin::disk:
    return "disk";
  case CubinOrigin::memory:
    return "memory";
  case CubinOrigin::built:
    return "built";
  case CubinOrigin::shared:
    return "shared";
  }
  return "unknown";
}

std::string entryFile(const CubinKey &key) {
  std::string print = key.fingerprint();
  return fmt::format("{}-{}.lath", print.substr(0, 16), print.substr(16));
}

bool isEntryFile(std::string_view name) {
  if (name.size() != 38 || !name.ends_with(".lath") || name[16] != '-')
    return false;
  auto isDigit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  return std::all_of(name.begin(), name.begin() + 16, isDigit) &&
         std::all_of(name.begin() + 17, name.begin() + 33, isDigit);
}

// --- Memory ----------------------------------------------------------------

std::shared_ptr<const CubinEntry> CacheMemory::find(const CubinKey &key) const {
  std::lock_guard lock(mutex_);
  for (const auto &entry : entries_)
    if (entry->key == key)
      return entry;
  return nullptr;
}

void CacheMemory::keep(std::shared_ptr<const CubinEntry> entry) {
  drop(entry->key);
  std::lock_guard lock(mutex_);
  bytes_ += entry->cubin.size();
  entries_.push_back(std::move(entry));
  for (; bytes_ > maxBytes_; entries_.pop_front())
    bytes_ -= entries_.front()->cubin.size();
}

void CacheMemory::drop(const CubinKey &key) {
  std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto &entry) {
    bool same = entry->key == key;
    bytes_ -= same ? entry->cubin.size() : 0;
    return same;
  });
}

void CacheMemory::clear() {
  std::lock_guard lock(mutex_);
  entries_.clear();
  bytes_ = 0;
}

// --- The folder ------------------------------------------------------------

CubinCache::State::State(CubinCacheOptions given)
    : options(std::move(given)),
      calls(options.calls ? *options.calls : systemFileCalls()),
      memory(options.maxMemoryBytes) {
  if (options.maxBytes == 0)
    noDisk = "its size is set to 0";
  else if (!options.folder.empty())
    openFolder =
        CacheFolder::open(calls, options.folder, options.create, noDisk);
  else
    noDisk = options.noFolder.empty() ? "no folder is set" : options.noFolder;
  if (openFolder) {
    lockFolder = openFolder;
    if (openFolder->onNetwork()) {
      lockFolder = nullptr;
      std::string ignored;
      for (const std::string &parent : options.localFolders)
        if (!lockFolder)
          lockFolder = CacheFolder::open(
              calls, fmt::format("{}/lath-{}", parent, calls.geteuid()), true,
              ignored);
    }
  } else if (options.maxBytes != 0 && options.create &&
             !(options.folder.empty() && options.noFolder.empty())) {
    warn("folder", fmt::format("kernels are not kept on disk: {}", noDisk));
  }
}

std::shared_ptr<const CacheFolder> CubinCache::State::folder() const {
  std::lock_guard lock(mutex);
  return openFolder;
}

std::shared_ptr<const CacheFolder> CubinCache::State::requireFolder() const {
  if (auto open = folder())
    return open;
  throw Error(ErrorKind::invalidInput,
              fmt::format("there is no cache on disk: {}", noDisk));
}

std::shared_ptr<const CacheFolder> CubinCache::State::reopen() {
  std::string why;
  auto again = CacheFolder::open(calls, options.folder, options.create, why);
  std::lock_guard lock(mutex);
  if (again) {
    if (lockFolder == openFolder)
      lockFolder = again;
    openFolder = again;
  }
  return again;
}

void CubinCache::State::warn(const std::string &topic,
                             const std::string &text) {
  // A folder full of damage is one trouble, not a thousand.
  constexpr std::size_t mostWarnings = 16;
  {
    std::lock_guard lock(mutex);
    if (warned.size() >= mostWarnings && isEntryFile(topic))
      return;
    if (!warned.insert(topic).second)
      return;
  }
  if (options.warn)
    options.warn(text);
  else
    std::fputs(fmt::format("lath: warning: {}\n", text).c_str(), stderr);
}

// --- Finding ---------------------------------------------------------------

static CubinLookup missed(CubinMiss miss, std::string why) {
  return {nullptr, CubinOrigin::disk, miss, std::move(why)};
}

/// Of an entry of another build for what `key` computes: in what it differs.
static std::optional<std::string> staleSibling(const CacheFolder &folder,
                                               const CubinKey &key) {
  std::string own = entryFile(key), unreadable;
  for (const std::string &file : folder.names(unreadable)) {
    if (!isEntryFile(file) || file == own ||
        !file.starts_with(own.substr(0, 17)))
      continue;
    auto read = folder.read(file, maxEntryBytes, false);
    if (read.miss != CubinMiss::none)
      continue;
    DecodedEntry found = decodeEntry(read.bytes);
    if (found.miss == CubinMiss::none)
      return difference(found.entry.key, key);
  }
  return std::nullopt;
}

CubinLookup CubinCache::State::lookUpOnDisk(const CubinKey &key) const {
  auto disk = folder();
  if (!disk)
    return missed(CubinMiss::absent, noDisk);
  auto read = disk->read(entryFile(key), maxEntryBytes, true);
  if (read.miss == CubinMiss::absent)
    return missed(CubinMiss::absent, "it was never stored, or pruned");
  if (read.miss != CubinMiss::none)
    return missed(read.miss, read.why);
  DecodedEntry found = decodeEntry(read.bytes);
  if (found.miss != CubinMiss::none)
    return missed(found.miss, found.why);
  if (found.entry.key != key)
    return missed(CubinMiss::foreign, difference(found.entry.key, key));
  CubinLookup hit;
  hit.entry = std::make_shared<const CubinEntry>(std::move(found.entry));
  return hit;
}

void CubinCache::State::explain(const CubinKey &key, CubinLookup &found) const {
  auto disk = folder();
  if (found.miss != CubinMiss::absent || !disk)
    return;
  if (auto differs = staleSibling(*disk, key))
    found = missed(CubinMiss::stale, *differs);
}

CubinLookup CubinCache::State::lookUp(const CubinKey &key) const {
  CubinLookup found = lookUpOnDisk(key);
  if (found) {
    ++diskHits;
  } else if (auto kept = memory.find(key)) {
    ++memoryHits;
    found = {std::move(kept), CubinOrigin::memory, CubinMiss::none, {}};
  }
  return found;
}

// --- Building --------------------------------------------------------------

void CubinCache::State::warnOfMiss(const CubinKey &key,
                                   const CubinLookup &found) {
  if (found.miss == CubinMiss::absent || found.miss == CubinMiss::stale)
    return;
  std::string file = entryFile(key);
  // A disk that neither reads nor writes is one trouble.
  warn(found.miss == CubinMiss::unreadable ? "disk" : file,
       fmt::format("{} in {} is {} and will be replaced: {}", file,
                   options.folder, name(found.miss), found.why));
}

CubinResult CubinCache::State::build(const CubinKey &key,
                                     const std::string &why,
                                     const std::function<CubinEntry()> &build) {
  auto entry = std::make_shared<const CubinEntry>(build());
  if (entry->key != key)
    throw Error(ErrorKind::internal,
                fmt::format("the entry that was built has another key: {}",
                            difference(entry->key, key)));
  ++built;
  store(entry);
  return {std::move(entry), CubinOrigin::built, why};
}

CubinResult
CubinCache::State::lead(const CubinKey &key,
                        const std::function<CubinEntry()> &buildEntry) {
  using namespace std::chrono;
  auto deadline = steady_clock::now() + milliseconds(options.patience);
  auto pause = microseconds(500);
  std::optional<CacheLock> lock;
  for (bool last = false;;) {
    CubinLookup found = lookUp(key);
    if (found)
      return {found.entry, found.origin, {}};
    if (last) {
      explain(key, found);
      warnOfMiss(key, found);
      return build(key, found.why, buildEntry);
    }
    if (!lock) {
      auto disk = folder();
      std::shared_ptr<const CacheFolder> locks;
      // Where nothing is stored, waiting for another is in vain.
      if (!storeFails) {
        std::lock_guard guard(mutex);
        locks = lockFolder;
      }
      std::string why;
      Descriptor file = disk && locks ? locks->openLock(lockFile, why)
                                      : Descriptor(calls, -1);
      if (!why.empty())
        warn("lock", fmt::format("processes that share the cache may compile "
                                 "the same kernel: {}",
                                 why));
      lock.emplace(calls, std::move(file),
                   disk ? checksum64(disk->identity() + key.fingerprint()) : 0);
    }
    // Whoever gets the lock looks once more: the last holder may have stored
    // what is wanted.
    last = lock->tryToHold() != CacheLock::Outcome::busy ||
           steady_clock::now() >= deadline;
    if (!last) {
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 3 / 2, microseconds(20'000));
    }
  }
}

std::optional<std::string>
CubinCache::State::store(std::shared_ptr<const CubinEntry> entry) {
  std::string why;
  int error = write(*entry, why);
  storeFails = error != 0;
  if (!error) {
    ++stored;
    memory.drop(entry->key);
    return std::nullopt;
  }
  memory.keep(std::move(entry));
  if (folder()) {
    ++failedStores;
    warn("disk", fmt::format("kernels are not kept on disk in {}: {}",
                             options.folder, why));
  }
  return why;
}

int CubinCache::State::write(const CubinEntry &entry, std::string &why) {
  auto disk = folder();
  if (!disk) {
    why = noDisk;
    return ENOENT;
  }
  if (auto large = oversize(entry)) {
    why = *large;
    return EFBIG;
  }
  std::string head = entryHead(entry), file = entryFile(entry.key);
  std::string_view cubin(entry.cubin.data(), entry.cubin.size());
  std::uint64_t bytes = head.size() + cubin.size();
  if (bytes > options.maxBytes) {
    why = fmt::format("it has {} bytes, and the cache takes {}", bytes,
                      options.maxBytes);
    return EFBIG;
  }
  int error = disk->write(file, {head, cubin}, why);
  if (error == ENOENT)
    if (auto again = reopen())
      error = again->write(file, {head, cubin}, why);
  if (!error)
    tidy(entry.key, bytes);
  return error;
}

// --- The class -------------------------------------------------------------

CubinCache::CubinCache(CubinCacheOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}

bool CubinCache::onDisk() const { return state_->folder() != nullptr; }

const std::string &CubinCache::noDisk() const { return state_->noDisk; }

const CubinCacheOptions &CubinCache::options() const { return state_->options; }

CubinLookup CubinCache::find(const CubinKey &key) const {
  CubinLookup found = state_->lookUp(key);
  state_->explain(key, found);
  return found;
}

std::optional<std::string> CubinCache::store(const CubinEntry &entry) {
  return state_->store(std::make_shared<const CubinEntry>(entry));
}

CubinResult CubinCache::findOrBuild(const CubinKey &key,
                                    const std::function<CubinEntry()> &build) {
  auto [result, mine] =
      state_->flights.run(key, [&] { return state_->lead(key, build); });
  if (!mine && result.origin == CubinOrigin::built)
    result.origin = CubinOrigin::shared;
  return result;
}

} // namespace lath
