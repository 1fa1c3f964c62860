// The machine: a launch of clusters of blocks of warps, and what they share.
// Blocks of a cluster run on one host thread, their warps in turns; clusters
// run in parallel.
#pragma once

#include "compiler/base/Error.h"
#include "runtime/emulator/Counters.h"
#include "runtime/emulator/GlobalMemory.h"
#include "runtime/emulator/Program.h"
#include "runtime/emulator/ReportLog.h"
#include "runtime/emulator/Warpgroup.h"

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace lath::emulator {

class Block;
class Cluster;
class SharedRaces;
class GlobalRaces;
struct BlockOrder;
class ThreadCounters;

/// One launch, read by all its host threads.
struct Launch {
  std::shared_ptr<const Program> program;
  std::array<unsigned, 3> grid{1, 1, 1}, block{1, 1, 1}, cluster{1, 1, 1};
  unsigned dynamicShared = 0;
  std::vector<std::uint8_t> params;
  std::vector<std::shared_ptr<Buffer>> buffers; ///< by address
  std::map<const Buffer *, std::string> names;  ///< of those that are arguments
  std::vector<const Buffer *> workspaces; ///< hold nothing of earlier launches
  std::uint64_t serial = 0;
  bool dependent = false; ///< overlaps with the launch before
  bool checks = true, counts = true;
  std::uint64_t maxInstructions = 0; ///< of a warp
  ReportLog *log = nullptr;
  GlobalRaces *globalRaces = nullptr; ///< null: not checked
  std::atomic<bool> *stop = nullptr;  ///< set when another thread gave up

  std::string nameOf(const Buffer *buffer) const;
};

/// Lanes that go together, and where they meet the others.
struct StackEntry {
  std::int32_t pc, join;
  std::uint32_t lanes;
};

/// A cp.async that has been issued and has not landed.
struct PendingCopy {
  std::uint32_t destination; ///< shared address
  unsigned bytes;
  unsigned lane;
  const Instruction *instruction;
  std::array<std::uint8_t, 16> data;
};

/// wgmma operations between two commits, computed when they are waited for.
struct PendingMatrix;

class Warp {
public:
  enum class State { ready, blocked, yielded, done };

  void start(Block &block, unsigned index, std::uint32_t lanes);
  /// Executes until the warp blocks, yields or ends.
  void run();

  // Operands: pointers to 32 values.
  std::uint64_t *out(const Instruction &i, unsigned n) {
    std::int32_t slot = program->slots[i.operands + n];
    return slot < 0 ? sink.v : registers[static_cast<std::size_t>(slot)].v;
  }
  const std::uint64_t *in(const Instruction &i, unsigned n) const {
    return value(program->slots[i.operands + i.outs + n]);
  }
  std::int32_t inSlot(const Instruction &i, unsigned n) const {
    return program->slots[i.operands + i.outs + n];
  }
  std::int32_t outSlot(const Instruction &i, unsigned n) const {
    return program->slots[i.operands + n];
  }
  const std::uint64_t *value(std::int32_t slot) const {
    auto s = static_cast<std::size_t>(slot);
    return s < registers.size() ? registers[s].v
                                : program->constants[s - registers.size()].v;
  }

  /// Lanes whose value in a slot was written; all for constants.
  std::uint32_t definedLanes(std::int32_t slot) const {
    auto s = static_cast<std::size_t>(slot);
    return s < defined.size() ? defined[s] : allLanes;
  }

  /// Bits of a lane's register that were written; all for constants.
  std::uint64_t validBits(std::int32_t slot, unsigned lane) const;
  void setValidBits(std::int32_t slot, unsigned lane, std::uint64_t bits);

  /// Lanes that have not exited.
  std::uint32_t alive() const { return initial & ~exited; }
  unsigned thread(unsigned lane) const { return index * warpSize + lane; }

  /// Blocks the warp; once woken it executes the same instruction again.
  void retry();

  /// Files a report about a lane of the instruction that runs now.
  void report(Suspicion kind, const Instruction &i, unsigned lane,
              std::string detail, std::uint64_t address = 0,
              std::string buffer = {});
  /// The same, and ends the launch.
  [[noreturn]] void fatal(Suspicion kind, const Instruction &i, unsigned lane,
                          std::string detail, std::uint64_t address = 0,
                          std::string buffer = {});

  const Program *program = nullptr;
  const Launch *launch = nullptr;
  Block *block = nullptr;
  unsigned index = 0; ///< in the block
  std::uint32_t initial = 0, exited = 0;
  State state = State::ready;
  std::vector<Lanes> registers;
  std::vector<std::uint32_t>
      defined; ///< by slot: lanes whose value was written
  /// Written bits of registers of which a part was, by slot; of lanes that are
  /// not in `defined`.
  std::unordered_map<std::int32_t, Lanes> partly;
  std::vector<StackEntry> stack;
  std::int32_t pc = 0; ///< of the instruction that runs
  std::uint64_t executed = 0;
  std::uint64_t clusterPhase = 0; ///< of the cluster's barrier: arrivals
  std::uint64_t clusterMet = 0;   ///< of them, waited for
  std::array<std::uint64_t, warpSize> bulkGroup{}; ///< open bulk group, by lane
  std::vector<std::uint64_t>
      writtenAt;                 ///< by slot; only kept for kernels with wgmma
  std::uint64_t matrixFence = 0; ///< `executed` at the last wgmma.fence
  std::vector<std::uint8_t> local; ///< localBytes for each lane
  Lanes sink;

  // Asynchronous copies, by lane: groups of copies, oldest first. The last
  // group is the one that is still open.
  std::array<std::deque<std::vector<PendingCopy>>, warpSize> copies;
  std::shared_ptr<PendingMatrix> matrices;
  std::vector<std::uint8_t>
      inFlight; ///< by slot: registers that wgmma will write or reads
  unsigned inFlightCount = 0;
  unsigned registerCount = 0; ///< a thread, that setmaxnreg changes
  bool outOfTime = false;     ///< ended its last turn by its length
  bool gridWaited = false;    ///< has executed griddepcontrol.wait
  std::string lastPrinted;    ///< by vprintf

private:
  void fillSpecials(const Block &owner);
  void checkRegisters(const Instruction &i, std::uint32_t mask);
  void branch(const Instruction &i, std::uint32_t active, std::uint32_t taken);
  void exit(std::uint32_t lanes);
};

/// A hardware barrier (bar.sync and its kin), or one of the cluster.
struct Barrier {
  unsigned arrived = 0; ///< threads
  unsigned expected = 0;
  bool arrivedOnly = false; ///< somebody arrived without waiting
  bool released = false;    ///< of a cluster: not all arrivals were relaxed
  std::vector<Warp *> waiting;
  std::uint32_t reduction = 0;
};

/// An mbarrier object, kept beside the memory that holds it.
struct Mbarrier {
  std::uint32_t count = 0;       ///< expected arrivals a phase
  std::int64_t pending = 0;      ///< arrivals left
  std::int64_t transactions = 0; ///< bytes left
  std::uint32_t phase = 0;       ///< completed phases
  unsigned initialiser = 0;      ///< thread of the block
  bool fenced = false;           ///< by it, with fence.mbarrier_init
  /// Phases of the cluster's barrier after which it is initialised for all that
  /// waited there; 0: the initialiser has not arrived since its fence.
  std::uint64_t shownAfter = 0;
};

/// Part of a tensor copy.
struct BulkPiece {
  std::uint32_t shared; ///< address in the block's shared memory
  std::uint32_t bytes;
  std::uint8_t *global; ///< on the host; null: outside the tensor, zeros
};

/// A bulk copy that has been issued and has not completed.
struct PendingBulk {
  enum class Direction {
    globalToShared,
    sharedToShared,
    sharedToGlobal,
    reduce,
    registers
  };
  Direction direction;
  Block *fromOwner = nullptr, *toOwner = nullptr; ///< of shared addresses
  std::uint64_t from = 0, to = 0;
  std::uint32_t bytes = 0;
  std::uint32_t mbarrier = 0; ///< in toOwner's memory; 0: a bulk group instead
  Warp *warp = nullptr;
  unsigned lane = 0;
  const Instruction *instruction = nullptr;
  std::uint64_t group = 0;
  bool asked = false;                  ///< its mbarrier was asked for once
  std::uint8_t *global = nullptr;      ///< host address of the global side
  std::array<std::uint8_t, 16> data{}; ///< of st.async
  std::shared_ptr<const std::vector<BulkPiece>> pieces; ///< of a tensor copy
};

class Block {
public:
  void start(Cluster &cluster, const Launch &launch,
             std::array<unsigned, 3> index, unsigned rank);

  Cluster *cluster = nullptr;
  const Launch *launch = nullptr;
  std::array<unsigned, 3> index{};
  unsigned linear = 0, rank = 0;
  std::vector<std::uint8_t> shared; ///< by shared address, from 0
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers;
  std::unordered_map<std::uint32_t, Mbarrier> mbarriers; ///< by shared address
  std::vector<Warpgroup> warpgroups;
  std::uint64_t copyBytes = 0;       ///< of cp.async in flight
  unsigned spareRegisters = 0;       ///< a thread, that warps have given up
  std::shared_ptr<BlockOrder> order; ///< null: global races are not checked
  bool finished() const;
};

class Cluster {
public:
  /// `host` numbers the host thread that runs it.
  Cluster(const Launch &launch, ThreadCounters *counters);
  ~Cluster();
  /// Runs the blocks of cluster `number` to their end. Throws Stop.
  void run(std::uint64_t number);
  /// Runs another cluster of the launch to its end on this host thread; false
  /// if none is left. For those that spin on what a later block will write.
  std::function<bool()> runAnother;

  const Launch &launch;
  ThreadCounters *counters; ///< null: not counted
  std::vector<Block> blocks;
  std::unique_ptr<SharedRaces> races; ///< null: not checked
  Barrier barrier;                    ///< arrivals are warps
  std::uint64_t barrierPhase = 0;     ///< completed
  std::vector<PendingBulk> bulk;      ///< oldest first
  std::uint64_t progress = 0; ///< grows with whatever could wake a waiting warp
  Buffer *lastBuffer = nullptr;

private:
  void reportDeadlock();
  bool spins() const;
};

/// The barrier of a block, cluster or part of them has all its threads.
void release(Warp &last, Barrier &barrier);

/// Completes the cluster's barrier if all warps that are alive have arrived.
void finishClusterBarrier(Cluster &cluster);

/// Runs body(lane) for the lanes of the mask.
template <typename Body>
inline void eachLane(std::uint32_t mask, const Body &body) {
  if (mask == allLanes) {
    for (unsigned lane = 0; lane < warpSize; ++lane)
      body(lane);
  } else {
    for (; mask; mask &= mask - 1)
      body(static_cast<unsigned>(__builtin_ctz(mask)));
  }
}

/// Runs all clusters of a launch on `threads` host threads.
void execute(const Launch &launch, unsigned threads,
             std::vector<std::unique_ptr<ThreadCounters>> &counters);

} // namespace lath::emulator
