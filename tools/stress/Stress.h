// What is asked of the cache of kernels on disk, as functions that count.
//
// lath-stress runs them at full size and writes docs/results/cache.md; the unit
// tests run them small. A fake compiler makes the entries: bytes that depend on
// the key alone, so that every result can be checked.
#pragma once

#include "runtime/CubinCache.h"
#include "runtime/cache/FileCalls.h"

#include <string>
#include <vector>

namespace lath::stress {

/// A key that differs from those of other numbers in its spec.
CubinKey fakeKey(unsigned number);
/// What compiling it gives: about `bytes` of machine code.
CubinEntry fakeEntry(const CubinKey &key, std::size_t bytes = 30'000);
/// A cache in `folder` whose warnings go to `warnings`, where there are any.
CubinCacheOptions fakeOptions(const std::string &folder,
                              std::vector<std::string> *warnings = nullptr);

/// The calls of the system, but that nothing waits for the disk: where what
/// survives a crash of the machine is not the question.
const FileCalls &quickFileCalls();

/// Names of the temporary files in a folder.
std::vector<std::string> temporaryFiles(const std::string &folder);

struct ColdKey {
  unsigned processes = 0, threads = 0, rounds = 0;
  unsigned compiles = 0;     ///< in all rounds together
  unsigned roundsNotOne = 0; ///< with no compile or with several
  unsigned wrong = 0;        ///< results that were not the entry
  unsigned failed = 0; ///< processes that ended otherwise than they should
  double medianMs = 0, maxMs = 0; ///< a round, from the start of all
};
/// Every thread of every process asks for the same key, which is new in each
/// round; one compile takes `compileMs`.
ColdKey coldKey(const std::string &folder, unsigned processes, unsigned threads,
                unsigned rounds, unsigned compileMs);

struct Kills {
  unsigned kills = 0;       ///< processes ended by SIGKILL
  unsigned atCalls = 0;     ///< of them, at a system call chosen at random
  unsigned midWrite = 0;    ///< of them, with part of an entry written
  unsigned badLoads = 0;    ///< entries that were there and were not right
  unsigned damagedSeen = 0; ///< files under an entry's name that were damaged
  unsigned notServed = 0;   ///< requests behind a kill that did not succeed
  unsigned leftovers = 0;   ///< temporary files behind all kills
  unsigned leftoversNextDay = 0; ///< of them, behind a store a day later
  double longestWaitMs = 0;      ///< of the first request behind a kill
};
/// Kills processes that write entries: half of them at a random moment, a
/// quarter at a random system call, a quarter behind a random number of bytes
/// written.
Kills kills(const std::string &folder, unsigned count, unsigned seed);

struct Damage {
  std::size_t fileBytes = 0;
  std::size_t flips = 0, truncations = 0, extensions = 0; ///< tried
  std::size_t undetected = 0;                             ///< that were loaded
  std::size_t unexplained = 0; ///< misses that gave no reason
  std::size_t notReplaced = 0; ///< of the samples that were asked for again
};
/// Changes each byte of an entry's file by each of `masks`, cuts the file at
/// every length, and adds bytes. Every `sample`-th is built again.
Damage damage(const std::string &folder, std::size_t cubinBytes,
              const std::vector<unsigned char> &masks, std::size_t sample);

struct Faults {
  struct Call {
    std::string name;
    unsigned times = 0;    ///< it is called on the write path
    unsigned injected = 0; ///< faults
  };
  std::vector<Call> calls; ///< in the order of their first use
  unsigned injected = 0;
  unsigned notServed = 0; ///< requests that failed or gave wrong bytes
  unsigned badLoads = 0;  ///< later reads that gave wrong bytes
  unsigned noisy = 0;     ///< runs with more than one warning
  unsigned silent = 0;    ///< runs that did not store and did not warn
  unsigned lost = 0;      ///< interruptions or short writes that lost an entry
  unsigned leftovers = 0; ///< temporary files, but for removals that failed
};
/// Lets each system call of opening, asking and storing fail: once, and from
/// then on, with each error.
Faults faults(const std::string &folder);

struct Attack {
  std::string name;
  std::string said;    ///< the warning
  std::string problem; ///< empty: refused, with a message, and served
};
/// What somebody may put in place of the folder, an entry or the lock.
std::vector<Attack> attacks(const std::string &folder);

struct HitTime {
  std::size_t bytes = 0;
  double medianUs = 0, p99Us = 0;
};
/// How long a hit takes, from the page cache.
HitTime hitTime(const std::string &folder, std::size_t cubinBytes,
                unsigned count);

} // namespace lath::stress
