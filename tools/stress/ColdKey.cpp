// Many threads of many processes ask for one kernel that nobody has compiled.

#include "tools/stress/Processes.h"
#include "tools/stress/Stress.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <pthread.h>

namespace lath::stress {

namespace {

/// Where threads of several processes wait for each other.
class SharedBarrier {
public:
  explicit SharedBarrier(unsigned count) {
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&*barrier_, &attributes, count);
    pthread_barrierattr_destroy(&attributes);
  }
  ~SharedBarrier() { pthread_barrier_destroy(&*barrier_); }
  void wait() { pthread_barrier_wait(&*barrier_); }

private:
  Shared<pthread_barrier_t> barrier_;
};

struct Counters {
  std::atomic<unsigned> compiles = 0, wrong = 0;
};

} // namespace

ColdKey coldKey(const std::string &folder, unsigned processes, unsigned threads,
                unsigned rounds, unsigned compileMs) {
  using Clock = std::chrono::steady_clock;
  ColdKey figures{.processes = processes, .threads = threads, .rounds = rounds};
  std::vector<double> times;
  for (unsigned round = 0; round < rounds; ++round) {
    Shared<Counters> counters;
    // The parent is one of those who wait: it takes the time.
    SharedBarrier start(processes * threads + 1);
    CubinKey key = fakeKey(round);
    CubinEntry expected = fakeEntry(key);
    auto ask = [&](CubinCache &cache) {
      start.wait();
      CubinResult got = cache.findOrBuild(key, [&] {
        ++counters->compiles;
        std::this_thread::sleep_for(std::chrono::milliseconds(compileMs));
        return fakeEntry(key);
      });
      if (*got.entry != expected)
        ++counters->wrong;
    };
    std::vector<pid_t> children;
    for (unsigned i = 0; i < processes; ++i)
      children.push_back(startProcess([&] {
        std::vector<std::string> warnings;
        CubinCache cache(fakeOptions(folder, &warnings));
        std::vector<std::thread> others;
        for (unsigned j = 1; j < threads; ++j)
          others.emplace_back([&] { ask(cache); });
        ask(cache);
        for (std::thread &other : others)
          other.join();
        return warnings.empty() ? 0 : 1;
      }));
    start.wait();
    auto begin = Clock::now();
    for (pid_t child : children)
      figures.failed += waitForProcess(child) != 0;
    times.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - begin)
            .count());
    figures.compiles += counters->compiles;
    figures.roundsNotOne += counters->compiles != 1;
    figures.wrong += counters->wrong;
  }
  std::sort(times.begin(), times.end());
  figures.medianMs = times[times.size() / 2];
  figures.maxMs = times.back();
  return figures;
}

} // namespace lath::stress
