#include "runtime/emulator/SharedRaces.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

SharedRaces::SharedRaces(Cluster &cluster)
    : cluster_(cluster),
      granuleShift_(cluster.launch.program->granuleBytes - 1) {}

void SharedRaces::start() {
  const auto &blocks = cluster_.blocks;
  warps_ = static_cast<unsigned>(blocks[0].warps.size());
  std::size_t entities = blocks.size() * warps_ + 1;
  std::size_t granules = (blocks[0].shared.size() + 1) >> granuleShift_;
  if (clocks_.empty()) {
    clocks_.assign(entities, Clocks(entities, 0));
    reads_.assign(blocks.size(), std::vector<Clock>(granules * warps_, 0));
  }
  // Clocks go on from run to run, so that old reads need no clearing: everybody
  // has seen everything that came before.
  Clocks all(entities, 0);
  for (const Clocks &c : clocks_)
    join(all, c);
  for (std::size_t e = 0; e < entities; ++e) {
    clocks_[e] = all;
    ++clocks_[e][e];
  }
  visible_.assign(entities, all);
  cells_.assign(blocks.size(), std::vector<Cell>(granules));
  remoteReads_.clear();
  published_.clear();
}

unsigned SharedRaces::entity(const Warp &w) const {
  return w.block->rank * warps_ + w.index;
}

void SharedRaces::join(Clocks &into, const Clocks &from) {
  for (std::size_t e = 0; e < into.size(); ++e)
    into[e] = std::max(into[e], from[e]);
}

bool SharedRaces::ordered(unsigned me, unsigned lane, unsigned by, Clock at,
                          std::uint32_t byLane) const {
  Clock seen = clocks_[me][by];
  return me == by ? at < seen || byLane == lane : seen >= at;
}

std::string SharedRaces::who(unsigned by, std::uint32_t lane) const {
  if (by == engine())
    return "the copy engine";
  std::string text =
      lane == manyLanes
          ? fmt::format("warp {}", by % warps_)
          : fmt::format("thread {}", by % warps_ * warpSize + lane);
  if (cluster_.blocks.size() > 1)
    text += fmt::format(" of block {} of the cluster", by / warps_);
  return text;
}

void SharedRaces::complain(Warp &w, const Instruction &i, unsigned lane,
                           std::uint32_t offset, Suspicion kind,
                           const char *what, const Cell &cell) {
  const Statement &s =
      cluster_.launch.program->module.statements[cell.statement];
  w.report(
      kind, i, lane,
      fmt::format(
          "{} what {} writes in PTX line {} (`{}`), and nothing orders them",
          what, who(cell.writer - 1u, cell.lane), s.line, s.text),
      offset, "shared");
}

void SharedRaces::read(Warp &w, const Instruction &i, unsigned lane,
                       Block &owner, std::uint32_t offset, unsigned bytes) {
  unsigned me = entity(w);
  Clock now = clocks_[me][me];
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  auto &cells = cells_[owner.rank];
  bool own = owner.rank == w.block->rank;
  for (std::size_t g = first; g <= last; ++g) {
    const Cell &cell = cells[g];
    auto at = static_cast<std::uint32_t>(g << granuleShift_);
    if (!cell.writer) {
      w.report(
          Suspicion::uninitialised, i, lane,
          fmt::format("reads shared byte {:#x}, which was never written", at),
          at, "shared");
      return;
    }
    if (cell.flags & inFlight) {
      complain(w, i, lane, at, Suspicion::inFlight,
               "reads, before it has landed,", cell);
      return;
    }
    if (!ordered(me, lane, cell.writer - 1u, cell.clock, cell.lane) &&
        !(cell.flags & byAtomic && i.kind == Kind::atomic)) {
      complain(w, i, lane, at, Suspicion::sharedRace, "reads", cell);
      return;
    }
    if (own) {
      Clock &entry = reads_[owner.rank][g * warps_ + w.index];
      bool same = entry >> laneBits == now && (entry & manyLanes) != lane;
      entry = now << laneBits | (same ? manyLanes : lane);
    } else {
      remoteReads_[{owner.rank, g}][me] = now;
    }
  }
}

void SharedRaces::checkOverwrite(Warp &w, const Instruction &i, unsigned lane,
                                 Block &owner, std::size_t g, Cell &cell,
                                 bool atomic) {
  unsigned me = entity(w);
  auto at = static_cast<std::uint32_t>(g << granuleShift_);
  if (cell.readsInFlight) {
    w.report(Suspicion::inFlight, i, lane,
             "overwrites what an asynchronous operation still reads", at,
             "shared");
    return;
  }
  if (cell.writer) {
    if (cell.flags & inFlight) {
      complain(w, i, lane, at, Suspicion::inFlight,
               "overwrites, before it has landed,", cell);
      return;
    }
    if (!(atomic && cell.flags & byAtomic) &&
        !ordered(me, lane, cell.writer - 1u, cell.clock, cell.lane)) {
      complain(w, i, lane, at, Suspicion::sharedRace, "overwrites", cell);
      return;
    }
  }
  auto raced = [&](unsigned by, std::uint32_t byLane) {
    w.report(Suspicion::sharedRace, i, lane,
             fmt::format("overwrites what {} reads, and nothing orders them",
                         who(by, byLane)),
             at, "shared");
  };
  const Clock *reads = &reads_[owner.rank][g * warps_];
  for (unsigned warp = 0; warp < warps_; ++warp)
    if (reads[warp] && !atomic &&
        !ordered(me, lane, owner.rank * warps_ + warp, reads[warp] >> laneBits,
                 reads[warp] & manyLanes)) {
      raced(owner.rank * warps_ + warp, reads[warp] & manyLanes);
      return;
    }
  if (!remoteReads_.empty())
    if (auto found = remoteReads_.find({owner.rank, g});
        found != remoteReads_.end())
      for (auto [by, clock] : found->second)
        if (!ordered(me, lane, by, clock, manyLanes)) {
          raced(by, manyLanes);
          return;
        }
}

void SharedRaces::write(Warp &w, const Instruction &i, unsigned lane,
                        Block &owner, std::uint32_t offset, unsigned bytes,
                        const std::uint8_t *stored) {
  unsigned me = entity(w);
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  for (std::size_t g = first; g <= last; ++g) {
    Cell &cell = cells_[owner.rank][g];
    if (stored && cell.writer && !cell.flags && cell.statement == i.statement) {
      auto from = std::max<std::size_t>(g << granuleShift_, offset),
           to = std::min<std::size_t>((g + 1) << granuleShift_, offset + bytes);
      if (std::equal(stored + (from - offset), stored + (to - offset),
                     owner.shared.data() + from) &&
          !ordered(me, lane, cell.writer - 1u, cell.clock, cell.lane))
        continue;
    }
    checkOverwrite(w, i, lane, owner, g, cell, false);
    cell = {static_cast<std::uint16_t>(me + 1),
            static_cast<std::uint8_t>(lane),
            0,
            clocks_[me][me],
            i.statement,
            cell.readsInFlight};
  }
}

void SharedRaces::atomic(Warp &w, const Instruction &i, unsigned lane,
                         Block &owner, std::uint32_t offset, unsigned bytes) {
  unsigned me = entity(w);
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  for (std::size_t g = first; g <= last; ++g) {
    Cell &cell = cells_[owner.rank][g];
    if (!cell.writer) {
      w.report(Suspicion::uninitialised, i, lane,
               "an atomic operation on shared memory that was never written",
               offset, "shared");
      return;
    }
    checkOverwrite(w, i, lane, owner, g, cell, true);
    cell = {static_cast<std::uint16_t>(me + 1),
            static_cast<std::uint8_t>(lane),
            byAtomic,
            clocks_[me][me],
            i.statement,
            cell.readsInFlight};
  }
}

void SharedRaces::useMbarrier(Warp &w, const Instruction &i, unsigned lane,
                              Block &owner, std::uint32_t offset) {
  const Cell &cell = cells_[owner.rank][offset >> granuleShift_];
  if (cell.writer &&
      !ordered(entity(w), lane, cell.writer - 1u, cell.clock, cell.lane))
    complain(w, i, lane, offset, Suspicion::sharedRace, "uses an mbarrier,",
             cell);
}

void SharedRaces::engineUsesMbarrier(Warp &w, const Instruction &i,
                                     unsigned lane, Block &owner,
                                     std::uint32_t offset) {
  const Cell &cell = cells_[owner.rank][offset >> granuleShift_];
  if (!cell.writer || visible_[entity(w)][cell.writer - 1u] >= cell.clock)
    return;
  const Statement &s =
      cluster_.launch.program->module.statements[cell.statement];
  w.report(Suspicion::proxy, i, lane,
           fmt::format("the copy engine signals the mbarrier that {} "
                       "initialises in PTX line {} (`{}`) with neither "
                       "fence.mbarrier_init nor fence.proxy.async between",
                       who(cell.writer - 1u, cell.lane), s.line, s.text),
           offset, "shared");
}

void SharedRaces::issueWrite(Warp &w, const Instruction &i, unsigned lane,
                             Block &owner, std::uint32_t offset, unsigned bytes,
                             Proxy proxy) {
  unsigned me = entity(w);
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  for (std::size_t g = first; g <= last; ++g) {
    Cell &cell = cells_[owner.rank][g];
    checkOverwrite(w, i, lane, owner, g, cell, false);
    std::uint8_t flags = inFlight;
    if (proxy == Proxy::async)
      flags |= byEngine;
    cell = {
        static_cast<std::uint16_t>((proxy == Proxy::async ? engine() : me) + 1),
        static_cast<std::uint8_t>(lane),
        flags,
        clocks_[me][me],
        i.statement,
        cell.readsInFlight};
  }
}

void SharedRaces::land(Warp *warp, unsigned lane, Block &owner,
                       std::uint32_t offset, unsigned bytes,
                       const Instruction &i) {
  unsigned by = warp ? entity(*warp) : engine();
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  for (std::size_t g = first; g <= last; ++g) {
    Cell &cell = cells_[owner.rank][g];
    cell = {static_cast<std::uint16_t>(by + 1),
            static_cast<std::uint8_t>(lane),
            static_cast<std::uint8_t>(warp ? 0 : byEngine),
            clocks_[by][by],
            i.statement,
            cell.readsInFlight};
  }
}

void SharedRaces::issueRead(Warp &w, const Instruction &i, unsigned lane,
                            Block &owner, std::uint32_t offset,
                            unsigned bytes) {
  unsigned me = entity(w);
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  bool told = false;
  for (std::size_t g = first; g <= last; ++g) {
    Cell &cell = cells_[owner.rank][g];
    auto at = static_cast<std::uint32_t>(g << granuleShift_);
    ++cell.readsInFlight;
    if (told)
      continue;
    if (!cell.writer) {
      told = true;
      w.report(
          Suspicion::uninitialised, i, lane,
          fmt::format("reads shared byte {:#x}, which was never written", at),
          at, "shared");
    } else if (cell.flags & inFlight) {
      told = true;
      complain(w, i, lane, at, Suspicion::inFlight,
               "reads, before it has landed,", cell);
    } else if (!ordered(me, lane, cell.writer - 1u, cell.clock, cell.lane)) {
      told = true;
      complain(w, i, lane, at, Suspicion::sharedRace, "reads", cell);
    } else if (!(cell.flags & byEngine) &&
               visible_[me][cell.writer - 1u] < cell.clock) {
      told = true;
      const Statement &s =
          cluster_.launch.program->module.statements[cell.statement];
      w.report(Suspicion::proxy, i, lane,
               fmt::format(
                   "the async proxy reads what {} stores in PTX line {} (`{}`) "
                   "with no fence.proxy.async between",
                   who(cell.writer - 1u, cell.lane), s.line, s.text),
               at, "shared");
    }
  }
}

void SharedRaces::endRead(Block &owner, std::uint32_t offset, unsigned bytes) {
  std::size_t first = offset >> granuleShift_,
              last = (offset + bytes - 1) >> granuleShift_;
  for (std::size_t g = first; g <= last; ++g)
    --cells_[owner.rank][g].readsInFlight;
}

void SharedRaces::barrier(const std::vector<Warp *> &warps) {
  Clocks all(clocks_[0].size(), 0), seen = all;
  for (const Warp *w : warps) {
    join(all, clocks_[entity(*w)]);
    join(seen, visible_[entity(*w)]);
  }
  for (const Warp *w : warps) {
    unsigned e = entity(*w);
    clocks_[e] = all;
    ++clocks_[e][e];
    visible_[e] = seen;
  }
}

void SharedRaces::syncWarp(Warp &w) {
  unsigned e = entity(w);
  ++clocks_[e][e];
}

SharedRaces::Published &SharedRaces::publishedAt(Block &owner,
                                                 std::uint32_t mbarrier) {
  Published &p = published_[{owner.rank, mbarrier}];
  for (Clocks *clocks :
       {&p.clocks, &p.visible, &p.clocksPending, &p.visiblePending})
    clocks->resize(clocks_.size());
  return p;
}

void SharedRaces::arrive(Warp &w, Block &owner, std::uint32_t mbarrier) {
  unsigned e = entity(w);
  Published &p = publishedAt(owner, mbarrier);
  join(p.clocksPending, clocks_[e]);
  join(p.visiblePending, visible_[e]);
  ++clocks_[e][e];
}

void SharedRaces::engineArrive(Block &owner, std::uint32_t mbarrier) {
  unsigned e = engine();
  Published &p = publishedAt(owner, mbarrier);
  p.clocksPending[e] = std::max(p.clocksPending[e], clocks_[e][e]);
  ++clocks_[e][e];
}

void SharedRaces::completePhase(Block &owner, std::uint32_t mbarrier) {
  Published &p = publishedAt(owner, mbarrier);
  join(p.clocks, p.clocksPending);
  join(p.visible, p.visiblePending);
}

void SharedRaces::acquire(Warp &w, Block &owner, std::uint32_t mbarrier) {
  auto found = published_.find({owner.rank, mbarrier});
  if (found == published_.end())
    return;
  unsigned e = entity(w);
  join(clocks_[e], found->second.clocks);
  join(visible_[e], found->second.visible);
}

void SharedRaces::proxyFence(Warp &w) {
  unsigned e = entity(w);
  join(visible_[e], clocks_[e]);
  ++clocks_[e][e];
}

} // namespace lath::emulator
