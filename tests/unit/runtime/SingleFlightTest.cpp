// Work that several threads want done.
#include "runtime/SingleFlight.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <latch>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace lath;

TEST_CASE("threads that ask at once share one result", "[threads]") {
  SingleFlight<int, int> flight;
  std::optional<int> kept;
  std::atomic<int> made = 0, wrong = 0, makers = 0;
  constexpr int count = 8;
  std::latch all(count);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < count; ++t)
      threads.emplace_back([&] {
        all.arrive_and_wait();
        auto [value, mine] = flight.run(
            7, [&] { return kept; },
            [&] {
              ++made;
              return 42;
            },
            [&](int value) { kept = value; });
        wrong += value != 42;
        makers += mine;
      });
  }
  CHECK(made == 1);
  CHECK(makers == 1);
  CHECK(wrong == 0);
}

TEST_CASE("different keys are made at the same time", "[threads]") {
  SingleFlight<int, int> flight;
  std::latch both(2);
  auto ask = [&](int key) {
    flight.run(key, [&] {
      both.arrive_and_wait(); // each waits until the other is at work too
      return key;
    });
  };
  {
    std::jthread first(ask, 1), second(ask, 2);
  }
  CHECK(both.try_wait());
}

TEST_CASE("a failure reaches all that waited, and the next try is a new one",
          "[threads]") {
  SingleFlight<int, int> flight;
  std::atomic<int> tries = 0, failures = 0;
  auto ask = [&](bool fails) {
    try {
      flight.run(1, [&]() -> int {
        ++tries;
        if (fails)
          throw std::runtime_error("no");
        return 5;
      });
    } catch (const std::runtime_error &) {
      ++failures;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] { ask(true); });
  }
  CHECK(failures == 8);
  int before = tries;
  CHECK(before >= 1);
  ask(false);
  CHECK(failures == 8);
  CHECK(tries == before + 1);
}
