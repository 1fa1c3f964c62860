// A loop over all cores, for host-side work on whole tensors.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lath {

/// Calls body(begin, end) on disjoint pieces of at most `grain` that cover
/// 0..count-1, on `threads` threads (0: as many as the machine has cores), or
/// as many as there are pieces, the caller's among them. Returns when all are
/// done; the first exception that a piece throws is thrown again here, after
/// the others have stopped taking new pieces.
template <typename Body>
void parallelFor(std::int64_t count, std::int64_t grain, const Body &body,
                 unsigned threads = 0) {
  const std::int64_t pieces = (count + grain - 1) / grain;
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  auto work = [&] {
    for (;;) {
      std::int64_t piece = next.fetch_add(1);
      if (piece >= pieces)
        return;
      try {
        body(piece * grain, std::min(count, (piece + 1) * grain));
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!failure)
          failure = std::current_exception();
        next = pieces;
      }
    }
  };
  const std::int64_t most = std::max<std::int64_t>(
      1, threads ? threads : std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> others; // joined at the end of the scope
    for (std::int64_t i = 1; i < std::min(most, pieces); ++i)
      others.emplace_back(work);
    work();
  }
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace lath
