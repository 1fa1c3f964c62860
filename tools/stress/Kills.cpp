// Processes that are killed while they write.

#include "tools/stress/Processes.h"
#include "tools/stress/Stress.h"

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include <fmt/format.h>

namespace lath::stress {

namespace {

constexpr unsigned keys = 8;

struct Counters {
  std::atomic<unsigned> writing = 0; ///< entries that the child has begun
  std::atomic<bool> midWrite = false;
};

// System calls that kill their process. Of the child, set before it starts.
int callsLeft = -1;      ///< until the kill; negative: none
int writesLeft = -1;     ///< likewise, of calls of write
std::size_t written = 0; ///< bytes, at most, of the write that kills
Counters *counters = nullptr;

bool last() { return callsLeft >= 0 && callsLeft-- == 0; }
void die() { kill(getpid(), SIGKILL); }

/// The call, behind the check of whether it is the last.
template <auto Call> struct Killing;
template <typename R, typename... A, R (*FileCalls::*Call)(A...)>
struct Killing<Call> {
  static R call(A... arguments) {
    if (last())
      die();
    return (systemFileCalls().*Call)(arguments...);
  }
};

FileCalls killingCalls() {
  FileCalls calls = systemFileCalls();
  calls.openat = Killing<&FileCalls::openat>::call;
  calls.close = Killing<&FileCalls::close>::call;
  calls.fstat = Killing<&FileCalls::fstat>::call;
  calls.fstatat = Killing<&FileCalls::fstatat>::call;
  calls.fchmod = Killing<&FileCalls::fchmod>::call;
  calls.fsync = Killing<&FileCalls::fsync>::call;
  calls.renameat = Killing<&FileCalls::renameat>::call;
  calls.unlinkat = Killing<&FileCalls::unlinkat>::call;
  calls.setLock = Killing<&FileCalls::setLock>::call;
  calls.listNames = Killing<&FileCalls::listNames>::call;
  calls.write = [](int file, const void *from, std::size_t bytes) -> ssize_t {
    if (last())
      die();
    if (writesLeft < 0 || writesLeft-- > 0)
      return systemFileCalls().write(file, from, bytes);
    systemFileCalls().write(file, from, std::min(bytes, written));
    counters->midWrite = true;
    die();
    return -1;
  };
  return calls;
}

/// Writes entries until it is killed.
[[noreturn]] void writeForever(const std::string &folder, unsigned first) {
  FileCalls calls = killingCalls();
  CubinCacheOptions options = fakeOptions(folder);
  options.calls = &calls;
  CubinCache cache(options);
  for (unsigned i = first;; ++i) {
    CubinKey key = fakeKey(i % keys);
    ++counters->writing;
    // The whole of a request, lock and all, and the bare write.
    if (i % 2) {
      cache.store(fakeEntry(key));
      continue;
    }
    unlink(fmt::format("{}/{}-{}.lath", folder, key.fingerprint().substr(0, 16),
                       key.fingerprint().substr(16))
               .c_str());
    cache.findOrBuild(key, [&] { return fakeEntry(key); });
  }
}

/// Everything that the folder has is right, and a request is served at once.
void examine(const std::string &folder, unsigned wanted, Kills &figures) {
  std::vector<std::string> warnings;
  CubinCache cache(fakeOptions(folder, &warnings));
  for (unsigned i = 0; i < keys; ++i) {
    CubinLookup found = cache.find(fakeKey(i));
    figures.badLoads += found && *found.entry != fakeEntry(fakeKey(i));
    figures.damagedSeen += !found && found.miss != CubinMiss::absent;
  }
  CubinKey key = fakeKey(wanted % keys);
  auto begin = std::chrono::steady_clock::now();
  CubinResult got = cache.findOrBuild(key, [&] { return fakeEntry(key); });
  double wait = std::chrono::duration<double, std::milli>(
                    std::chrono::steady_clock::now() - begin)
                    .count();
  figures.longestWaitMs = std::max(figures.longestWaitMs, wait);
  figures.notServed +=
      *got.entry != fakeEntry(key) || !cache.find(key) || !warnings.empty();
}

std::int64_t nextDay() {
  return systemFileCalls().time() + 25 * std::int64_t(3600);
}

} // namespace

Kills kills(const std::string &folder, unsigned count, unsigned seed) {
  Kills figures;
  std::mt19937 random(seed);
  for (unsigned i = 0; i < count; ++i) {
    Shared<Counters> shared;
    counters = &*shared;
    bool atCall = i % 4 == 1, atWrite = i % 4 == 3;
    callsLeft = atCall ? int(random() % 120) : -1;
    writesLeft = atWrite ? int(random() % 12) : -1;
    written = random() % 30'000;
    std::chrono::microseconds delay(random() % 3000);
    pid_t child = startProcess([&]() -> int { writeForever(folder, i); });
    if (!atCall && !atWrite) {
      while (shared->writing == 0)
        std::this_thread::yield();
      std::this_thread::sleep_for(delay);
      kill(child, SIGKILL);
    }
    int status = waitForProcess(child);
    figures.kills += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    figures.atCalls += atCall;
    figures.midWrite += shared->midWrite;
    examine(folder, i + shared->writing, figures);
  }
  counters = nullptr;
  figures.leftovers = unsigned(temporaryFiles(folder).size());
  FileCalls tomorrow = systemFileCalls();
  tomorrow.time = nextDay;
  CubinCacheOptions options = fakeOptions(folder);
  options.calls = &tomorrow;
  CubinCache(options).store(fakeEntry(fakeKey(0)));
  figures.leftoversNextDay = unsigned(temporaryFiles(folder).size());
  return figures;
}

} // namespace lath::stress
