#include "runtime/emulator/GlobalRaces.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

constexpr std::uint64_t many = ~0ull; ///< a read stamp: by several blocks

std::uint32_t blockOf(std::uint64_t stamp) {
  return static_cast<std::uint32_t>(stamp >> 44) - 1;
}
std::uint32_t threadOf(std::uint64_t stamp) { return stamp >> 34 & 0x3ff; }
std::uint32_t phaseOf(std::uint64_t stamp) { return stamp >> 14 & 0xfffff; }
std::uint32_t fencesOf(std::uint64_t stamp) { return stamp >> 4 & 0x3ff; }

} // namespace

bool Knowledge::covers(std::uint32_t block, std::uint32_t thread,
                       std::uint32_t phase, std::uint32_t fences) const {
  auto found = blocks_.find(block);
  if (found == blocks_.end())
    return false;
  if (phase < found->second.phase)
    return true;
  for (auto [t, f] : found->second.threads)
    if (t == thread && fences < f)
      return true;
  return false;
}

void Knowledge::add(std::uint32_t block, std::uint32_t phase,
                    std::uint32_t thread, std::uint32_t fences) {
  OfBlock &entry = blocks_[block];
  entry.phase = std::max(entry.phase, phase);
  for (auto &[t, f] : entry.threads)
    if (t == thread) {
      f = std::max(f, fences);
      return;
    }
  entry.threads.push_back({thread, fences});
}

void Knowledge::add(const Knowledge &other) {
  for (const auto &[block, from] : other.blocks_) {
    OfBlock &entry = blocks_[block];
    entry.phase = std::max(entry.phase, from.phase);
    for (auto [thread, fences] : from.threads)
      add(block, from.phase, thread, fences);
  }
}

GlobalRaces::GlobalRaces(const Launch &launch)
    : granuleBytes(launch.program->granuleBytes), launch_(launch) {
  for (const auto &buffer : launch.buffers)
    shadows_.emplace(buffer.get(), std::make_unique<Shadow>());
  for (const Buffer *buffer : launch.workspaces)
    if (auto found = shadows_.find(buffer); found != shadows_.end())
      found->second->workspace = true;
}

GlobalRaces::Shadow &GlobalRaces::shadowOf(const Buffer &buffer) {
  return *shadows_.at(&buffer);
}

std::uint64_t *GlobalRaces::cells(Shadow &shadow, const Buffer &buffer,
                                  Cells which) {
  auto &pointer = which == Cells::writes  ? shadow.writes
                  : which == Cells::reads ? shadow.reads
                                          : shadow.others;
  if (std::uint64_t *there = pointer.load(std::memory_order_acquire))
    return there;
  std::lock_guard lock(shadow.mutex);
  auto &owner = which == Cells::writes  ? shadow.writesOwner
                : which == Cells::reads ? shadow.readsOwner
                                        : shadow.othersOwner;
  if (!owner) {
    owner = std::make_unique<std::uint64_t[]>(
        (buffer.bytes + granuleBytes - 1) / granuleBytes);
    pointer.store(owner.get(), std::memory_order_release);
  }
  return owner.get();
}

std::uint64_t GlobalRaces::stamp(const Warp &w, unsigned lane,
                                 std::uint64_t flags) const {
  const BlockOrder &order = *w.block->order;
  unsigned thread = w.thread(lane);
  std::uint64_t fences = 0;
  if (!order.threads.empty())
    if (auto found = order.threads.find(thread); found != order.threads.end())
      fences = std::min(found->second.fences, 0x3ffu);
  return (std::uint64_t{w.block->linear} + 1) << 44 |
         std::uint64_t{thread & 0x3ff} << 34 |
         std::uint64_t{std::min(order.phase, 0xfffffu)} << 14 | fences << 4 |
         flags;
}

bool GlobalRaces::ordered(Warp &w, unsigned lane, std::uint64_t other) const {
  const BlockOrder &order = *w.block->order;
  unsigned thread = w.thread(lane);
  if (blockOf(other) == w.block->linear)
    return threadOf(other) == thread || phaseOf(other) < order.phase ||
           phaseOf(other) == 0xfffff;
  auto covers = [&](const Knowledge &k) {
    return k.covers(blockOf(other), threadOf(other), phaseOf(other),
                    fencesOf(other));
  };
  if (covers(order.known))
    return true;
  auto found = order.threads.find(thread);
  return found != order.threads.end() && covers(found->second.known);
}

bool GlobalRaces::published(std::uint64_t address) {
  Shard &s = shard(address);
  std::lock_guard lock(s.mutex);
  return s.released.contains(address);
}

void GlobalRaces::race(Warp &w, const Instruction &i, unsigned lane,
                       const Buffer &buffer, std::uint64_t address,
                       const char *what, std::uint64_t other) {
  const auto &grid = launch_.grid;
  std::string who = "several blocks";
  if (other != many) {
    unsigned b = blockOf(other);
    who =
        fmt::format("thread {} of block ({}, {}, {})", threadOf(other),
                    b % grid[0], b / grid[0] % grid[1], b / grid[0] / grid[1]);
  }
  w.report(Suspicion::globalRace, i, lane,
           fmt::format("{} {}, and nothing orders them (byte {} of {})", what,
                       who, address - buffer.base, launch_.nameOf(&buffer)),
           address, launch_.nameOf(&buffer));
}

void GlobalRaces::read(Warp &w, const Instruction &i, unsigned lane,
                       Buffer &buffer, std::uint64_t address, unsigned bytes) {
  Shadow &shadow = shadowOf(buffer);
  std::size_t first = (address - buffer.base) / granuleBytes,
              last = (address - buffer.base + bytes - 1) / granuleBytes;
  bool strong = i.order != Order::weak;
  std::uint64_t *reads = cells(shadow, buffer, Cells::reads);
  std::uint64_t mine = stamp(w, lane, strong ? isStrong : 0);
  for (std::size_t g = first; g <= last; ++g) {
    std::uint64_t seen = __atomic_load_n(&reads[g], __ATOMIC_RELAXED);
    if (seen != mine && seen != many)
      __atomic_store_n(&reads[g],
                       seen == 0 || blockOf(seen) == w.block->linear ? mine
                                                                     : many,
                       __ATOMIC_SEQ_CST);
  }
  std::uint64_t *writes = shadow.workspace
                              ? cells(shadow, buffer, Cells::writes)
                              : shadow.writes.load(std::memory_order_seq_cst);
  if (!writes)
    return;
  if (shadow.workspace)
    for (std::size_t g = first; g <= last; ++g)
      if (!__atomic_load_n(&writes[g], __ATOMIC_SEQ_CST)) {
        w.report(Suspicion::uninitialised, i, lane,
                 fmt::format(
                     "reads byte {} of {}, which this launch has not written",
                     g * granuleBytes, launch_.nameOf(&buffer)),
                 buffer.base + g * granuleBytes, launch_.nameOf(&buffer));
        return;
      }
  std::uint64_t *others = shadow.others.load(std::memory_order_seq_cst);
  for (std::size_t g = first; g <= last; ++g)
    for (std::uint64_t *stamps : {writes, others}) {
      std::uint64_t by =
          stamps ? __atomic_load_n(&stamps[g], __ATOMIC_SEQ_CST) : 0;
      if (!by || ordered(w, lane, by))
        continue;
      // Strong accesses do not race; but to read a sum while others add to it,
      // with no release at this address, is no flag either.
      if (strong && by & isAtomic &&
          (!(by & isReduction) || published(address)))
        continue;
      race(w, i, lane, buffer, buffer.base + g * granuleBytes,
           "reads what is written by", by);
      return;
    }
}

void GlobalRaces::write(Warp &w, const Instruction &i, unsigned lane,
                        Buffer &buffer, std::uint64_t address, unsigned bytes) {
  Shadow &shadow = shadowOf(buffer);
  std::size_t first = (address - buffer.base) / granuleBytes,
              last = (address - buffer.base + bytes - 1) / granuleBytes;
  bool strong = i.order != Order::weak;
  std::uint64_t *writes = cells(shadow, buffer, Cells::writes);
  std::uint64_t *reads = shadow.reads.load(std::memory_order_seq_cst);
  std::uint64_t mine = stamp(w, lane, strong ? isAtomic | isStrong : 0);
  for (std::size_t g = first; g <= last; ++g) {
    std::uint64_t by = __atomic_exchange_n(&writes[g], mine, __ATOMIC_SEQ_CST);
    if (by && !ordered(w, lane, by) && !(strong && by & isAtomic)) {
      race(w, i, lane, buffer, buffer.base + g * granuleBytes,
           "overwrites what is written by", by);
      return;
    }
    if (!reads)
      continue;
    std::uint64_t seen = __atomic_load_n(&reads[g], __ATOMIC_SEQ_CST);
    if (!seen || (strong && seen != many && seen & isStrong))
      continue;
    if (seen == many ? !w.block->order->known.empty() || strong
                     : ordered(w, lane, seen))
      continue;
    race(w, i, lane, buffer, buffer.base + g * granuleBytes,
         "overwrites what is read by", seen);
    return;
  }
}

void GlobalRaces::atomic(Warp &w, const Instruction &i, unsigned lane,
                         Buffer &buffer, std::uint64_t address, unsigned bytes,
                         bool returns) {
  Shadow &shadow = shadowOf(buffer);
  shadow.atomics.store(true, std::memory_order_relaxed);
  std::size_t first = (address - buffer.base) / granuleBytes,
              last = (address - buffer.base + bytes - 1) / granuleBytes;
  std::uint64_t *writes = cells(shadow, buffer, Cells::writes);
  std::uint64_t *others = cells(shadow, buffer, Cells::others);
  std::uint64_t mine =
      stamp(w, lane, isAtomic | isStrong | (returns ? 0 : isReduction));
  for (std::size_t g = first; g <= last; ++g) {
    std::uint64_t by = __atomic_exchange_n(&writes[g], mine, __ATOMIC_SEQ_CST);
    if (by && blockOf(by) != w.block->linear)
      __atomic_store_n(&others[g], by, __ATOMIC_SEQ_CST);
    if (by && !(by & isAtomic) && !ordered(w, lane, by)) {
      race(w, i, lane, buffer, buffer.base + g * granuleBytes,
           "updates atomically what is written by", by);
      return;
    }
  }
}

void GlobalRaces::publish(Warp &w, unsigned lane, std::uint64_t address) {
  BlockOrder &order = *w.block->order;
  auto found = order.threads.find(w.thread(lane));
  if (found == order.threads.end() || !found->second.hasSnapshot)
    return;
  Shard &s = shard(address);
  std::lock_guard lock(s.mutex);
  s.released[address].add(found->second.snapshot);
}

void GlobalRaces::observe(Warp &w, unsigned lane, std::uint64_t address) {
  Shard &s = shard(address);
  std::lock_guard lock(s.mutex);
  auto found = s.released.find(address);
  if (found != s.released.end())
    w.block->order->threads[w.thread(lane)].observed.add(found->second);
}

void GlobalRaces::fence(Warp &w, std::uint32_t mask) {
  BlockOrder &order = *w.block->order;
  for (; mask; mask &= mask - 1) {
    unsigned thread = w.thread(static_cast<unsigned>(__builtin_ctz(mask)));
    BlockOrder::Thread &t = order.threads[thread];
    ++t.fences;
    t.known.add(t.observed);
    t.snapshot.add(order.known);
    t.snapshot.add(t.known);
    t.snapshot.add(w.block->linear, order.phase, thread, t.fences);
    t.hasSnapshot = true;
  }
}

void GlobalRaces::barrier(Block &block) {
  BlockOrder &order = *block.order;
  ++order.phase;
  for (auto &[thread, t] : order.threads)
    order.known.add(t.known);
}

void GlobalRaces::clusterBarrier(Cluster &cluster) {
  Knowledge all;
  for (Block &block : cluster.blocks) {
    barrier(block);
    all.add(block.order->known);
    all.add(block.linear, block.order->phase, 0, 0);
  }
  for (Block &block : cluster.blocks)
    block.order->known.add(all);
}

bool GlobalRaces::wrote(const Buffer &buffer,
                        std::vector<bool> &granules) const {
  auto found = shadows_.find(&buffer);
  if (found == shadows_.end())
    return false;
  const std::uint64_t *writes = found->second->writes.load();
  if (!writes)
    return false;
  granules.assign((buffer.bytes + granuleBytes - 1) / granuleBytes, false);
  for (std::size_t g = 0; g < granules.size(); ++g)
    granules[g] = writes[g] != 0;
  return true;
}

bool GlobalRaces::usedAtomics(const Buffer &buffer) const {
  auto found = shadows_.find(&buffer);
  return found != shadows_.end() && found->second->atomics.load();
}

} // namespace lath::emulator
