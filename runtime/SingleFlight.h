// Work that several threads want done, done by the first of them.
#pragma once

#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace lath {

/// Thread safe.
template <class Key, class Value> class SingleFlight {
public:
  /// What `make` returns, and whether this call made it. Threads that ask for
  /// one key while one of them is in `make` wait and get its result, or what it
  /// throws. Nothing is kept behind that: `kept`, called under a lock, may
  /// return a value of earlier; `keep`, called under the same lock, sees each
  /// new one before anyone else can start to make it again.
  /// `make` must not ask for its own key.
  template <class Kept, class Make, class Keep>
  std::pair<Value, bool> run(const Key &key, const Kept &kept, const Make &make,
                             const Keep &keep) {
    std::promise<Value> promise;
    {
      std::unique_lock lock(mutex_);
      if (auto value = kept())
        return {*value, false};
      auto [at, mine] = flights_.try_emplace(key);
      if (!mine) {
        std::shared_future<Value> other = at->second;
        lock.unlock();
        return {other.get(), false};
      }
      at->second = promise.get_future().share();
    }
    try {
      Value value = make();
      {
        std::lock_guard lock(mutex_);
        keep(value);
        flights_.erase(key);
      }
      promise.set_value(value);
      return {std::move(value), true};
    } catch (...) {
      {
        std::lock_guard lock(mutex_);
        flights_.erase(key); // the next request tries again
      }
      promise.set_exception(std::current_exception());
      throw;
    }
  }

  /// The same where nothing is kept.
  template <class Make>
  std::pair<Value, bool> run(const Key &key, const Make &make) {
    return run(
        key, [] { return std::optional<Value>(); }, make, [](const Value &) {});
  }

private:
  std::mutex mutex_;
  std::map<Key, std::shared_future<Value>> flights_;
};

} // namespace lath
