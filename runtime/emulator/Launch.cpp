// Blocks, clusters and the launch: who runs when, and what happens when nobody
// can.
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/Machine.h"
#include "runtime/emulator/Mbarrier.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <thread>

namespace lath::emulator {

std::string Launch::nameOf(const Buffer *buffer) const {
  auto found = names.find(buffer);
  if (found != names.end())
    return found->second;
  return buffer ? fmt::format("buffer {:#x}", buffer->base) : std::string();
}

void Block::start(Cluster &owner, const Launch &what,
                  std::array<unsigned, 3> where, unsigned number) {
  cluster = &owner;
  launch = &what;
  index = where;
  rank = number;
  linear = where[0] + what.grid[0] * (where[1] + what.grid[1] * where[2]);
  const Program &program = *what.program;
  // Fresh contents that are not zero: nobody may rely on them.
  shared.assign(program.dynamicSharedOffset + what.dynamicShared, 0xcd);
  unsigned threads = what.block[0] * what.block[1] * what.block[2];
  warps.resize((threads + warpSize - 1) / warpSize);
  for (unsigned w = 0; w < warps.size(); ++w) {
    unsigned lanes = std::min(warpSize, threads - w * warpSize);
    warps[w].start(*this, w, lanes == warpSize ? allLanes : (1u << lanes) - 1);
  }
  barriers.fill({});
  order = what.globalRaces ? std::make_shared<BlockOrder>() : nullptr;
  mbarriers.clear();
  warpgroups.assign((warps.size() + 3) / 4, {});
  spareRegisters = 0;
  copyBytes = 0;
}

bool Block::finished() const {
  return std::all_of(warps.begin(), warps.end(), [](const Warp &w) {
    return w.state == Warp::State::done;
  });
}

Cluster::Cluster(const Launch &what, ThreadCounters *counting)
    : launch(what), counters(counting),
      blocks(std::size_t{1} * what.cluster[0] * what.cluster[1] *
             what.cluster[2]) {
  if (launch.checks)
    races = std::make_unique<SharedRaces>(*this);
}

Cluster::~Cluster() = default;

void Cluster::run(std::uint64_t number) {
  const auto &c = launch.cluster;
  std::array<std::uint64_t, 3> clusters{
      launch.grid[0] / c[0], launch.grid[1] / c[1], launch.grid[2] / c[2]};
  std::array<std::uint64_t, 3> at{number % clusters[0],
                                  number / clusters[0] % clusters[1],
                                  number / clusters[0] / clusters[1]};
  barrier = {};
  barrierPhase = 0;
  bulk.clear();
  for (unsigned rank = 0; rank < blocks.size(); ++rank) {
    std::array<unsigned, 3> index{
        static_cast<unsigned>(at[0] * c[0]) + rank % c[0],
        static_cast<unsigned>(at[1] * c[1]) + rank / c[0] % c[1],
        static_cast<unsigned>(at[2] * c[2]) + rank / c[0] / c[1]};
    blocks[rank].start(*this, launch, index, rank);
    if (counters)
      counters->block(static_cast<unsigned>(blocks[rank].warps.size()));
  }
  if (races)
    races->start();
  // Rounds in which nobody did more than ask again whether it may go on.
  unsigned idle = 0;
  // Rounds after which warps that still run may be waiting for other blocks.
  constexpr unsigned patience = 4;
  for (unsigned round = 1;; ++round) {
    std::uint64_t before = progress;
    bool ran = false, done = true;
    for (Block &block : blocks)
      for (Warp &warp : block.warps) {
        if (warp.state == Warp::State::ready ||
            warp.state == Warp::State::yielded) {
          warp.run();
          ran = true;
        }
        done &= warp.state == Warp::State::done;
      }
    if (done) {
      for (Block &block : blocks)
        for (unsigned n = 0; n < block.warpgroups.size(); ++n)
          block.warpgroups[n].finish(block, n);
      checkPendingBulk(*this);
      return;
    }
    idle = progress == before ? idle + 1 : 0;
    if (!ran || idle > 16)
      reportDeadlock();
    if (launch.stop->load(std::memory_order_relaxed))
      throw Stop{};
    if (round % patience == 0 && spins() && runAnother)
      runAnother();
  }
}

bool Cluster::spins() const {
  for (const Block &block : blocks)
    for (const Warp &warp : block.warps)
      if (warp.outOfTime)
        return true;
  return false;
}

void Cluster::reportDeadlock() {
  // A barrier that others have left without passing it is the likelier cause,
  // and the better message.
  for (Block &block : blocks)
    for (unsigned id = 0; id < block.barriers.size(); ++id) {
      Barrier &b = block.barriers[id];
      if (b.waiting.empty())
        continue;
      unsigned gone = 0;
      for (const Warp &w : block.warps)
        gone += w.state == Warp::State::done;
      const Warp &w = *b.waiting.front();
      const Instruction &i =
          launch.program->code[static_cast<std::size_t>(w.pc)];
      b.waiting.front()->fatal(
          gone ? Suspicion::divergentBarrier : Suspicion::deadlock, i,
          static_cast<unsigned>(__builtin_ctz(w.alive())),
          fmt::format(
              "{} of {} threads wait at barrier {}; {} of {} warps have "
              "ended, the others wait elsewhere",
              b.arrived, b.expected, id, gone, block.warps.size()));
    }
  for (Block &block : blocks)
    for (Warp &w : block.warps)
      if (w.state != Warp::State::done) {
        const Instruction &i =
            launch.program->code[static_cast<std::size_t>(w.pc)];
        w.fatal(Suspicion::deadlock, i,
                static_cast<unsigned>(__builtin_ctz(w.alive())),
                "waits for what no other warp will do");
      }
  throw Stop{};
}

void release(Warp &last, Barrier &b) {
  for (Warp *warp : b.waiting)
    if (warp->state == Warp::State::blocked)
      warp->state = Warp::State::yielded;
  last.state = Warp::State::ready;
  ++last.block->cluster->progress;
  b = {};
}

void execute(const Launch &launch, unsigned threads,
             std::vector<std::unique_ptr<ThreadCounters>> &counters) {
  const auto &c = launch.cluster;
  std::uint64_t total = std::uint64_t{1} * (launch.grid[0] / c[0]) *
                        (launch.grid[1] / c[1]) * (launch.grid[2] / c[2]);
  threads = static_cast<unsigned>(std::min<std::uint64_t>(threads, total));
  counters.clear();
  for (unsigned t = 0; t < threads; ++t)
    counters.push_back(launch.counts ? std::make_unique<ThreadCounters>(launch)
                                     : nullptr);
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  // One cluster after the other; a nested call takes the next one.
  std::function<bool(Cluster &, unsigned)> runNext = [&](Cluster &cluster,
                                                         unsigned t) {
    std::uint64_t n = next.fetch_add(1);
    if (n >= total)
      return false;
    cluster.runAnother = [&, t] {
      Cluster another(launch, counters[t].get());
      return runNext(another, t);
    };
    cluster.run(n);
    return true;
  };
  auto work = [&](unsigned t) {
    try {
      Cluster cluster(launch, counters[t].get());
      while (runNext(cluster, t))
        ;
    } catch (...) {
      launch.stop->store(true);
      next = total;
      std::lock_guard lock(mutex);
      if (!failure)
        failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned t = 1; t < threads; ++t)
      workers.emplace_back(work, t);
    work(0);
  }
  try {
    if (failure)
      std::rethrow_exception(failure);
  } catch (const Stop &) {
    // the log says why
  }
}

} // namespace lath::emulator
