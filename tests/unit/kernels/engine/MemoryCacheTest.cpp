// The bounded map that an engine keeps its kernels in.
#include "kernels/engine/MemoryCache.h"

#include <catch2/catch.hpp>

#include <string>
#include <thread>
#include <vector>

using namespace lath;

namespace {
using Cache = MemoryCache<int, std::string>;
Cache::Pointer text(int n) {
  return std::make_shared<const std::string>(std::to_string(n));
}
} // namespace

TEST_CASE("what was used longest ago goes first") {
  Cache cache(100);
  for (int n = 0; n < 10; ++n)
    cache.insert(n, text(n), 10);
  CHECK(cache.size() == 10);
  CHECK(cache.bytes() == 100);
  CHECK(cache.dropped() == 0);
  REQUIRE(cache.find(0)); // used since the last insertion: 1 is the oldest
  cache.insert(10, text(10), 10);
  CHECK(cache.bytes() == 100);
  CHECK(!cache.find(1));
  REQUIRE(cache.find(0));
  CHECK(*cache.find(0) == "0");
  cache.insert(11, text(11), 25);
  CHECK(cache.bytes() <= 100);
  CHECK(!cache.find(2));
  CHECK(!cache.find(3));
  CHECK(cache.find(0));
  CHECK(cache.find(11));
}

TEST_CASE("what is held stays, beyond the bound") {
  Cache cache(10);
  Cache::Pointer held = cache.insert(1, text(1), 10);
  cache.insert(2, text(2), 10);
  cache.insert(3, text(3), 10);
  CHECK(cache.find(1) == held);
  CHECK(!cache.find(2));
  CHECK(cache.find(3));
  held.reset();
  cache.insert(4, text(4), 10);
  CHECK(cache.size() == 1);
  CHECK(cache.find(4));
}

TEST_CASE("values leave by what their key says, and stay with who holds them") {
  Cache cache(100);
  Cache::Pointer held = cache.insert(1, text(1), 10);
  for (int n = 2; n < 6; ++n)
    cache.insert(n, text(n), 10);
  cache.eraseIf([](int key) { return key % 2 == 1; });
  CHECK(!cache.find(1));
  CHECK(!cache.find(3));
  CHECK(!cache.find(5));
  CHECK(cache.find(2));
  CHECK(cache.find(4));
  CHECK(cache.size() == 2);
  CHECK(cache.bytes() == 20);
  CHECK(cache.dropped() == 0); // not for want of room
  CHECK(*held == "1");
  CHECK(*cache.insert(1, text(7), 10) == "7");
}

TEST_CASE("the first value of a key stays") {
  Cache cache(100);
  Cache::Pointer first = cache.insert(1, text(1), 10);
  CHECK(cache.insert(1, text(2), 10) == first);
  CHECK(cache.bytes() == 10);
  int seen = 0;
  cache.forEach([&](int key, const Cache::Pointer &value) {
    CHECK(key == 1);
    CHECK(value == first);
    ++seen;
  });
  CHECK(seen == 1);
}

TEST_CASE("readers and writers at once", "[threads]") {
  Cache cache(50 * 10); // of 200 keys
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 3000; ++i) {
          int key = (i * 31 + t * 17) % 200;
          Cache::Pointer value = cache.find(key);
          if (!value)
            value = cache.insert(key, text(key), 10);
          wrong += *value != std::to_string(key);
        }
      });
  }
  CHECK(wrong == 0);
  CHECK(cache.bytes() <= 50 * 10);
  CHECK(cache.bytes() == 10 * cache.size());
  CHECK(cache.dropped() > 0);
}
