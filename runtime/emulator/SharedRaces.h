// Races and uninitialised reads in shared memory.
//
// Happens-before by vector clocks, with a warp (and the asynchronous engines,
// as one more) as the unit of time. Every access is stamped with its warp and
// the warp's clock; it precedes whatever a warp does that has seen that clock
// through a barrier or mbarrier. Lanes of one warp are ordered by any of its
// own synchronisations (bar.sync, bar.warp.sync, an arrival). Memory is looked
// at in units of two bytes: neighbouring bytes of different threads count as
// one place.
#pragma once

#include "runtime/emulator/MemoryAccess.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace lath::emulator {

class SharedRaces {
public:
  explicit SharedRaces(Cluster &cluster);
  /// Before the first instruction of a cluster's blocks.
  void start();

  // Ordinary accesses of one lane.
  void read(Warp &w, const Instruction &i, unsigned lane, Block &owner,
            std::uint32_t offset, unsigned bytes);
  /// `stored` are the bytes that a plain store is about to write, or null.
  /// Warps that write the same bytes by the same instruction do not race: they
  /// hold copies of one value, and memory holds it in whatever order they come.
  void write(Warp &w, const Instruction &i, unsigned lane, Block &owner,
             std::uint32_t offset, unsigned bytes,
             const std::uint8_t *stored = nullptr);
  void atomic(Warp &w, const Instruction &i, unsigned lane, Block &owner,
              std::uint32_t offset, unsigned bytes);

  /// Use of an mbarrier: its initialisation must have been seen.
  void useMbarrier(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                   std::uint32_t offset);

  /// Use of an mbarrier by an engine on behalf of w: a proxy fence must have
  /// shown it the initialisation.
  void engineUsesMbarrier(Warp &w, const Instruction &i, unsigned lane,
                          Block &owner, std::uint32_t offset);

  // Asynchronous writes: from issue to landing nobody may touch the bytes.
  void issueWrite(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                  std::uint32_t offset, unsigned bytes, Proxy proxy);
  /// `warp` is null where an engine writes (bulk copies).
  void land(Warp *warp, unsigned lane, Block &owner, std::uint32_t offset,
            unsigned bytes, const Instruction &i);
  // Asynchronous reads (bulk stores, wgmma operands): until they end nobody
  // may write the bytes, and their last writers must have been fenced.
  void issueRead(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                 std::uint32_t offset, unsigned bytes);
  void endRead(Block &owner, std::uint32_t offset, unsigned bytes);

  // Synchronisation.
  void barrier(const std::vector<Warp *> &warps);
  void syncWarp(Warp &w);
  void arrive(Warp &w, Block &owner, std::uint32_t mbarrier);
  /// An engine finished what it owed this mbarrier.
  void engineArrive(Block &owner, std::uint32_t mbarrier);
  /// All have arrived: what they published can be acquired.
  void completePhase(Block &owner, std::uint32_t mbarrier);
  /// A wait on the mbarrier succeeded.
  void acquire(Warp &w, Block &owner, std::uint32_t mbarrier);
  /// fence.proxy.async: what this warp has seen is visible to the engines.
  void proxyFence(Warp &w);

private:
  using Clock = std::uint32_t;
  using Clocks = std::vector<Clock>;
  struct Cell {
    std::uint16_t writer = 0; ///< entity + 1; 0: nobody
    std::uint8_t lane = 0;
    std::uint8_t flags = 0;
    Clock clock = 0;
    std::uint32_t statement = 0;
    std::uint16_t readsInFlight = 0;
  };
  static constexpr std::uint8_t inFlight = 1, byEngine = 2, byAtomic = 4;
  static constexpr std::uint32_t laneBits = 6, manyLanes = 63;

  unsigned entity(const Warp &w) const;
  unsigned engine() const { return static_cast<unsigned>(clocks_.size()) - 1; }
  /// Has w seen the access (by, at)? Lanes decide within one warp.
  bool ordered(unsigned me, unsigned lane, unsigned by, Clock at,
               std::uint32_t byLane) const;
  void complain(Warp &w, const Instruction &i, unsigned lane,
                std::uint32_t offset, Suspicion kind, const char *what,
                const Cell &cell);
  void checkOverwrite(Warp &w, const Instruction &i, unsigned lane,
                      Block &owner, std::size_t granule, Cell &cell,
                      bool atomic);
  std::string who(unsigned entity, std::uint32_t lane) const;
  static void join(Clocks &into, const Clocks &from);

  Cluster &cluster_;
  const unsigned granuleShift_;          ///< log2 of a granule's bytes
  unsigned warps_ = 0;                   ///< in a block
  std::vector<std::vector<Cell>> cells_; ///< by block, by granule
  std::vector<std::vector<Clock>>
      reads_; ///< by block, granule * warps + warp: clock and lane
  /// Reads by other blocks of the cluster: by block and granule.
  std::map<std::pair<unsigned, std::size_t>, std::map<unsigned, Clock>>
      remoteReads_;
  std::vector<Clocks> clocks_;  ///< by entity
  std::vector<Clocks> visible_; ///< what the async proxy may read, by entity
  struct Published {
    Clocks clocks, visible;               ///< of completed phases
    Clocks clocksPending, visiblePending; ///< of arrivals
  };
  Published &publishedAt(Block &owner, std::uint32_t mbarrier);
  std::map<std::pair<unsigned, std::uint32_t>, Published>
      published_; ///< by mbarrier
};

} // namespace lath::emulator
