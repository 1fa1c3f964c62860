// Races in global memory, between blocks and within them.
//
// Each write leaves a stamp: block, thread, how many barriers the block had
// passed (its phase), and how many fences the thread had executed. A fence
// takes a snapshot of what its thread knows to have happened: its own
// accesses, everything of its block before the last barrier, and what it
// learned from others. An atomic operation or strong store after a fence
// publishes the snapshot at its address; an atomic or strong load there
// observes it, and a fence after that turns it into knowledge, which the next
// barrier gives to the whole block. An access that does not know of an earlier
// conflicting one, with neither of them atomic, is a race.
#pragma once

#include "runtime/emulator/MemoryAccess.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace lath::emulator {

/// What is known to have happened in each block: all before `phase`, and of
/// single threads what they did before their fence number `second`.
class Knowledge {
public:
  struct OfBlock {
    std::uint32_t phase = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> threads;
  };
  bool covers(std::uint32_t block, std::uint32_t thread, std::uint32_t phase,
              std::uint32_t fences) const;
  void add(std::uint32_t block, std::uint32_t phase, std::uint32_t thread,
           std::uint32_t fences);
  void add(const Knowledge &other);
  bool empty() const { return blocks_.empty(); }

private:
  std::map<std::uint32_t, OfBlock> blocks_;
};

/// Order within one block while it runs.
struct BlockOrder {
  std::uint32_t phase = 1;
  Knowledge known; ///< by all threads
  struct Thread {
    std::uint32_t fences = 0;
    Knowledge known, observed, snapshot;
    bool hasSnapshot = false;
  };
  std::unordered_map<unsigned, Thread>
      threads; ///< those that fenced or observed
};

class GlobalRaces {
public:
  explicit GlobalRaces(const Launch &launch);

  void read(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
            std::uint64_t address, unsigned bytes);
  void write(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
             std::uint64_t address, unsigned bytes);
  void atomic(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
              std::uint64_t address, unsigned bytes, bool returns);

  /// Before an atomic or strong store: hands out the thread's snapshot.
  void publish(Warp &w, unsigned lane, std::uint64_t address);
  /// After an atomic or strong load.
  void observe(Warp &w, unsigned lane, std::uint64_t address);
  void fence(Warp &w, std::uint32_t mask);
  void barrier(Block &block);
  void clusterBarrier(Cluster &cluster);

  /// Bytes of a buffer that were written, for the check of outputs; null if
  /// none was.
  bool wrote(const Buffer &buffer, std::vector<bool> &granules) const;
  /// Has any red or atom touched the buffer?
  bool usedAtomics(const Buffer &buffer) const;

  const unsigned granuleBytes;

private:
  // Stamps: block + 1 (20 bits), thread (10), phase (20), fences (10), flags.
  static constexpr std::uint64_t isAtomic = 1, isReduction = 2, isStrong = 4;
  struct Shadow {
    std::mutex mutex;
    std::atomic<std::uint64_t *> writes{nullptr};
    std::unique_ptr<std::uint64_t[]> writesOwner;
    std::atomic<std::uint64_t *> reads{nullptr};
    std::unique_ptr<std::uint64_t[]> readsOwner;
    /// Of atomic updates the last one by another block than `writes` names.
    std::atomic<std::uint64_t *> others{nullptr};
    std::unique_ptr<std::uint64_t[]> othersOwner;
    std::atomic<bool> atomics{false};
    bool workspace = false;
  };
  Shadow &shadowOf(const Buffer &buffer);
  enum class Cells { writes, reads, others };
  std::uint64_t *cells(Shadow &shadow, const Buffer &buffer, Cells which);
  std::uint64_t stamp(const Warp &w, unsigned lane, std::uint64_t flags) const;
  bool ordered(Warp &w, unsigned lane, std::uint64_t stamp) const;
  bool published(std::uint64_t address);
  void race(Warp &w, const Instruction &i, unsigned lane, const Buffer &buffer,
            std::uint64_t address, const char *what, std::uint64_t other);

  const Launch &launch_;
  std::unordered_map<const Buffer *, std::unique_ptr<Shadow>> shadows_;
  static constexpr std::size_t shardCount = 64;
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Knowledge> released;
  };
  std::array<Shard, shardCount> shards_;
  Shard &shard(std::uint64_t address) {
    return shards_[(address >> 2) % shardCount];
  }
};

/// Checks and marks an atomic operation of one lane, and publishes before it.
void noteAtomic(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
                std::uint64_t address, unsigned bytes, bool returns);

} // namespace lath::emulator
