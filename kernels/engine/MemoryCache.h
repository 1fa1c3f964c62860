// Kernels of this process by what was asked for, bounded in bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lath {

/// From keys to shared values. Thread safe.
///
/// Read for every kernel that is asked for: a shard is chosen by the key's hash
/// and read under a shared lock, so that readers of it do not wait for each
/// other. When the values exceed the bound, those go first that were used
/// longest ago, counted in insertions: between two insertions nothing can go,
/// so nothing is recorded but that a value was used since the last one. A value
/// that somebody else holds is pinned and stays.
template <class Key, class Value, class Hash = std::hash<Key>>
class MemoryCache {
public:
  using Pointer = std::shared_ptr<const Value>;

  explicit MemoryCache(std::size_t maxBytes) : maxBytes_(maxBytes) {}

  /// Null where there is none.
  Pointer find(const Key &key) const {
    const Shard &shard = shardOf(key);
    std::shared_lock lock(shard.mutex);
    auto found = shard.entries.find(key);
    if (found == shard.entries.end())
      return nullptr;
    std::uint64_t now = insertions_.load(std::memory_order_relaxed);
    // Most finds leave the line as it is: other readers keep their copy.
    if (found->second.used.load(std::memory_order_relaxed) != now)
      found->second.used.store(now, std::memory_order_relaxed);
    return found->second.value;
  }

  /// Keeps `value`, or returns the one that is there already. May drop others.
  Pointer insert(const Key &key, Pointer value, std::size_t bytes) {
    Shard &shard = shardOf(key);
    {
      std::unique_lock lock(shard.mutex);
      auto [at, added] = shard.entries.try_emplace(key);
      if (!added)
        return at->second.value;
      at->second.value = value;
      at->second.bytes = bytes;
      at->second.used = ++insertions_;
      bytes_ += bytes;
      ++size_;
    }
    while (bytes_ > maxBytes_ && dropOne())
      ;
    return value;
  }

  /// Drops every value for whose key leaves(key) is true, pinned or not: who
  /// holds one keeps it.
  template <class Leaves> void eraseIf(const Leaves &leaves) {
    std::vector<Pointer> values; // unload their code when no lock is held
    std::lock_guard one(dropping_);
    for (Shard &shard : shards_) {
      std::unique_lock lock(shard.mutex);
      for (auto at = shard.entries.begin(); at != shard.entries.end();) {
        if (!leaves(at->first)) {
          ++at;
          continue;
        }
        values.push_back(std::move(at->second.value));
        bytes_ -= at->second.bytes;
        --size_;
        at = shard.entries.erase(at);
      }
    }
  }

  /// Calls body(key, value) for each; it must not call the cache.
  template <class Body> void forEach(const Body &body) const {
    for (const Shard &shard : shards_) {
      std::shared_lock lock(shard.mutex);
      for (const auto &[key, entry] : shard.entries)
        body(key, entry.value);
    }
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t dropped() const { return dropped_; }

private:
  struct Entry {
    Pointer value;
    std::size_t bytes = 0;
    mutable std::atomic<std::uint64_t> used = 0;
  };
  struct alignas(64) Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<Key, Entry, Hash> entries;
  };

  const Shard &shardOf(const Key &key) const {
    std::uint64_t hash = Hash()(key) * 0x9e3779b97f4a7c15u;
    return shards_[hash >> 60];
  }
  Shard &shardOf(const Key &key) {
    return const_cast<Shard &>(std::as_const(*this).shardOf(key));
  }

  /// Drops the value that was used longest ago, of those not pinned. False
  /// where all are.
  bool dropOne() {
    std::lock_guard one(dropping_);
    Shard *where = nullptr;
    Key oldest{};
    std::uint64_t least = ~std::uint64_t(0);
    for (Shard &shard : shards_) {
      std::shared_lock lock(shard.mutex);
      for (const auto &[key, entry] : shard.entries)
        if (entry.value.use_count() == 1 && entry.used < least) {
          least = entry.used;
          oldest = key;
          where = &shard;
        }
    }
    if (!where)
      return false;
    Pointer value; // unloads its code when no lock is held
    {
      std::unique_lock lock(where->mutex);
      auto found = where->entries.find(oldest);
      // Asked for meanwhile: look again. Under this lock the count can only
      // fall, because it is this map that hands out the first copy.
      if (found == where->entries.end() || found->second.value.use_count() > 1)
        return true;
      value = std::move(found->second.value);
      bytes_ -= found->second.bytes;
      --size_;
      ++dropped_;
      where->entries.erase(found);
    }
    return true;
  }

  const std::size_t maxBytes_;
  std::array<Shard, 16> shards_;
  std::atomic<std::uint64_t> insertions_ = 0;
  std::atomic<std::size_t> bytes_ = 0, size_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::mutex dropping_;
};

} // namespace lath
