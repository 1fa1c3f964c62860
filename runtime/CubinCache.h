// Machine code on disk, so that no process compiles what another has compiled.
//
//   CubinCache cache(cubinCacheOptions(environment()));
//   CubinResult got = cache.findOrBuild(key, [&] { return compileIt(); });
//   device->loadAssembled(ptxFrom(got.entry->facts), got.entry->cubin);
//
// One file holds one entry; its head is text that says what it is. A file is
// written under another name, synchronised and renamed, so a reader sees a
// whole entry or none; a checksum covers every byte, for the disks that break
// this promise. Nothing is decided by a time of modification.
//
// No failure of the disk reaches the caller: an entry that is damaged, stale,
// foreign or not ours is a miss that says why, and is replaced by the next
// findOrBuild; a disk that takes no entry costs one warning.
#pragma once

#include "compiler/base/Api.h"
#include "runtime/Environment.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

struct FileCalls; // runtime/cache/FileCalls.h: the system calls, for tests

/// What makes machine code what it is. Each field is a text in its canonical
/// form, of at most 64 KiB. Plain data.
struct LATH_API CubinKey {
  std::string spec;      ///< "m16n4096k4096g128s8"
  std::string program;   ///< fingerprint of the program, where the spec and the
                         ///< build do not determine it; else empty
  std::string schedule;  ///< "bm16bn32bk512w8kw8st5s1,..."
  std::string target;    ///< "sm_90a"
  std::string ptx;       ///< PTX version: "8.1"
  std::string llvm;      ///< "22.1.8"
  std::string assembler; ///< Toolchain::identity()
  std::string build;     ///< lath::build::id

  /// 32 hexadecimal digits: 16 for what is computed (spec, program, schedule,
  /// target), 16 for what it was compiled with (the other fields).
  std::string fingerprint() const;

  auto operator<=>(const CubinKey &) const = default;
};

/// One kernel, assembled. Plain data.
struct CubinEntry {
  CubinKey key;
  std::string entry; ///< name of the .entry in the cubin
  std::string facts; ///< what a launch has to know, as the engine writes it;
                     ///< any bytes, at most 1 MiB
  std::vector<char> cubin; ///< at most 256 MiB

  bool operator==(const CubinEntry &) const = default;
};

/// Why there is no entry.
enum class CubinMiss {
  none,       ///< there is one
  absent,     ///< never stored, or pruned
  stale,      ///< there is one of another build, compiler or assembler, or in
              ///< an older format
  damaged,    ///< truncated, or bytes changed
  foreign,    ///< the file holds an entry of another key
  refused,    ///< not a plain file of this user's that only the user can write
  unreadable, ///< the disk reports an error
};
LATH_API std::string_view name(CubinMiss miss);

enum class CubinOrigin {
  disk,   ///< read from a file
  memory, ///< kept in memory, because the disk did not take it
  built,  ///< by this call
  shared, ///< built by another thread while this one waited
};
LATH_API std::string_view name(CubinOrigin origin);

struct CubinLookup {
  std::shared_ptr<const CubinEntry> entry; ///< null: a miss
  CubinOrigin origin = CubinOrigin::disk;  ///< of a hit: disk or memory
  CubinMiss miss = CubinMiss::none;
  std::string why; ///< of a miss, a sentence without a full stop
  explicit operator bool() const { return entry != nullptr; }
};

struct CubinResult {
  std::shared_ptr<const CubinEntry> entry; ///< never null
  CubinOrigin origin = CubinOrigin::disk;
  std::string why; ///< of a build: what was wrong with the entry on disk
};

struct CubinCacheOptions {
  /// Made with mode 0700 where it is missing. Empty: memory only, by choice.
  std::string folder;
  /// Where `folder` is empty against the user's wish: why. Costs one warning.
  std::string noFolder;
  /// Of all files together; when they exceed it, those that were used longest
  /// ago go. A soft bound: each process may exceed it by a sixteenth. 0: store
  /// nothing.
  std::uint64_t maxBytes = std::uint64_t(1) << 30;
  /// Of the entries kept in memory because the disk did not take them.
  std::uint64_t maxMemoryBytes = std::uint64_t(64) << 20;
  /// Make the folder where it is missing.
  bool create = true;
  /// Folders for the lock file where `folder` is on a network file system,
  /// whose locks may hang; the first that serves.
  std::vector<std::string> localFolders;
  /// How long to wait for another process that compiles the same kernel before
  /// compiling it here, in milliseconds. One that has died is not waited for.
  unsigned patience = 30'000;
  /// Gets each warning once; "lath: warning: ..." on standard error where
  /// empty. Called from any thread.
  std::function<void(const std::string &)> warn;
  /// Null: those of the system. Must outlive the cache.
  const FileCalls *calls = nullptr;
};

/// The folder is LATH_CACHE_DIR, else XDG_CACHE_HOME/lath, else
/// HOME/.cache/lath; the bound LATH_CACHE_SIZE, as "512M".
/// Throws Error{invalidInput} where LATH_CACHE_SIZE is not a size.
LATH_API CubinCacheOptions cubinCacheOptions(const Environment &environment);

/// "4096", "64K", "512M", "2G" (powers of 1024) as bytes; nothing where it is
/// none of them.
LATH_API std::optional<std::uint64_t> parseSize(std::string_view text);

/// One file of the cache.
struct CubinListing {
  std::string file; ///< its name in the folder
  CubinKey key;     ///< empty where the file has a problem
  std::uint64_t bytes = 0;
  std::uint64_t cubinBytes = 0;
  std::int64_t lastUsed = 0; ///< seconds since 1970
  CubinMiss miss = CubinMiss::none;
  std::string problem; ///< empty: a sound entry
};

struct CubinCacheStats {
  std::string folder; ///< empty: memory only
  std::string noDisk; ///< why it is memory only; empty: it is not
  std::uint64_t entries = 0, bytes = 0, maxBytes = 0;
  std::uint64_t problems = 0;       ///< files that are no sound entries
  std::uint64_t temporaryFiles = 0; ///< of writers at work, or killed
  std::uint64_t temporaryBytes = 0;
  // Of this object, since it was made.
  std::uint64_t diskHits = 0, memoryHits = 0, built = 0, stored = 0,
                failedStores = 0;
};

struct CubinPruneOptions {
  std::optional<std::uint64_t> maxBytes{}; ///< keep at most so much
  std::optional<std::int64_t> maxAge{};    ///< seconds since the last use
  bool dryRun = false;                     ///< only say what would go
};

struct CubinRemoval {
  std::string file;
  std::uint64_t bytes = 0;
  std::string why;     ///< "damaged: ...", "used longest ago", ...
  std::string problem; ///< why it could not be removed; empty: it is gone
};

struct CubinImport {
  std::string file; ///< its name in the folder
  CubinKey key;
  enum class Outcome { stored, present, failed } outcome = Outcome::stored;
  std::string why; ///< where it failed
};

/// A folder of entries. A cheap handle; copies share all. Thread safe, and
/// safe against other processes on the same folder.
class LATH_API CubinCache {
public:
  /// Opens the folder. Never throws for a disk: what cannot be opened, made or
  /// trusted costs one warning, and entries are then kept in memory only.
  explicit CubinCache(CubinCacheOptions options);

  /// Reads one entry, or says why not. Does not wait, write or warn, except
  /// that it notes the use of the entry. About 30 us for 30 kB.
  CubinLookup find(const CubinKey &key) const;

  /// The entry of `key`; built by `build` where there is none, by one thread
  /// of one process, while all that ask for it wait. `build` must return an
  /// entry of this key and must not call the cache; what it throws reaches
  /// every caller that waited in this process. Throws Error{internal} where the
  /// key of what it built is another.
  CubinResult findOrBuild(const CubinKey &key,
                          const std::function<CubinEntry()> &build);

  /// Writes an entry, replacing what is there. Nothing: done. Else why not,
  /// and the entry is kept in memory.
  std::optional<std::string> store(const CubinEntry &entry);

  /// Whether there is a folder to read from; if not, why.
  bool onDisk() const;
  const std::string &noDisk() const;
  const CubinCacheOptions &options() const;

  // What `lath cache` does. Each throws Error{invalidInput} where there is no
  // folder, with the reason.

  /// All entries, the latest used first. Reads every byte of them.
  std::vector<CubinListing> list() const;
  CubinCacheStats stats() const;
  /// Removes what writers left behind, what is damaged, then by age, then by
  /// size.
  std::vector<CubinRemoval> prune(const CubinPruneOptions &options);
  /// Removes all entries, and no file of another name.
  std::vector<CubinRemoval> clear();

  /// All sound entries as the bytes of one file.
  std::string exportAll() const;
  /// Stores the entries of such a file; one that is there already stays.
  /// Throws Error{invalidInput} where the file is damaged; nothing is stored
  /// then.
  std::vector<CubinImport> importAll(std::string_view bytes);

private:
  struct LATH_HIDDEN State;
  std::shared_ptr<State> state_;
};

} // namespace lath
