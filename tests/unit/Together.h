// Many threads that do something at once.
#pragma once

#include <exception>
#include <latch>
#include <thread>
#include <vector>

namespace lath::test {

/// Calls body(0), ..., body(count - 1), each on a thread of its own; all begin
/// when the last has started. Catch2 takes no assertions on other threads: let
/// the body throw, or count. What the first of them threw is thrown again.
template <class Body> void together(int count, const Body &body) {
  std::latch started(count);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(count));
  {
    std::vector<std::jthread> threads; // joined at the end of the scope
    for (int t = 0; t < count; ++t)
      threads.emplace_back([&, t] {
        started.arrive_and_wait();
        try {
          body(t);
        } catch (...) {
          failures[static_cast<std::size_t>(t)] = std::current_exception();
        }
      });
  }
  for (const std::exception_ptr &failure : failures)
    if (failure)
      std::rethrow_exception(failure);
}

} // namespace lath::test
