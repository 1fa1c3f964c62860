#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

Buffer *findBuffer(const Launch &launch, std::uint64_t address) {
  const auto &buffers = launch.buffers;
  auto after =
      std::upper_bound(buffers.begin(), buffers.end(), address,
                       [](std::uint64_t a, const std::shared_ptr<Buffer> &b) {
                         return a < b->base;
                       });
  return after == buffers.begin() ? nullptr : std::prev(after)->get();
}

[[noreturn]] void outOfBounds(Warp &w, const Instruction &i, unsigned lane,
                              std::uint64_t address, std::size_t bytes,
                              Buffer *near) {
  std::string where = "it is in no buffer", name;
  if (near && address - near->base < near->bytes + (1ull << 31)) {
    name = w.launch->nameOf(near);
    where = fmt::format("{} has {} bytes, and this is byte {}", name,
                        near->bytes, address - near->base);
  }
  w.fatal(Suspicion::outOfBounds, i, lane,
          fmt::format("{} bytes at {:#x}: {}", bytes, address, where), address,
          name);
}

Buffer &bufferOf(Warp &w, const Instruction &i, unsigned lane,
                 std::uint64_t address, std::size_t bytes) {
  Buffer *&last = w.block->cluster->lastBuffer;
  if (last && last->contains(address, bytes))
    return *last;
  Buffer *buffer = findBuffer(*w.launch, address);
  if (!buffer || !buffer->contains(address, bytes))
    outOfBounds(w, i, lane, address, bytes, buffer);
  last = buffer;
  return *buffer;
}

void checkWritten(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
                  std::uint64_t address, std::size_t bytes) {
  std::uint8_t *written = buffer.written.get() + (address - buffer.base);
  for (std::size_t n = 0; n < bytes; ++n)
    if (!loadAtomic<std::uint8_t>(written + n)) {
      w.report(Suspicion::uninitialised, i, lane,
               fmt::format("reads byte {} of {}, which was never written",
                           address + n - buffer.base,
                           w.launch->nameOf(&buffer)),
               address + n, w.launch->nameOf(&buffer));
      return;
    }
}

void markWritten(Buffer &buffer, std::uint64_t address, std::size_t bytes) {
  std::uint8_t *written = buffer.written.get() + (address - buffer.base);
  for (std::size_t n = 0; n < bytes; ++n)
    storeAtomic<std::uint8_t>(written + n, Buffer::defined);
}

/// Under programmatic dependent launch the launch before may still run.
void checkDependent(Warp &w, const Instruction &i, unsigned lane,
                    Buffer &buffer, std::uint64_t address, bool writes) {
  std::uint64_t before = w.launch->serial - 1;
  bool clash =
      buffer.writtenBy == before || (writes && buffer.readBy == before);
  if (clash)
    w.report(Suspicion::dependentLaunch, i, lane,
             fmt::format("{} {}, which the launch before {}",
                         writes ? "writes" : "reads", w.launch->nameOf(&buffer),
                         buffer.writtenBy == before ? "writes" : "reads"),
             address, w.launch->nameOf(&buffer));
}

void noteBuffer(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
                std::uint64_t address, bool writes) {
  if (w.launch->dependent && !w.gridWaited)
    checkDependent(w, i, lane, buffer, address, writes);
  std::uint64_t serial = w.launch->serial;
  std::atomic<std::uint64_t> &mark = writes ? buffer.writtenBy : buffer.readBy;
  if (mark.load(std::memory_order_relaxed) == serial)
    return;
  // A dependent launch keeps the mark of the launch before until it has
  // waited for it: other blocks still need to see the clash.
  if (!w.launch->dependent || w.gridWaited)
    mark.store(serial, std::memory_order_relaxed);
}

template <bool writes>
void note(Warp &w, const Instruction &i, const Access &a) {
  Cluster &cluster = *w.block->cluster;
  unsigned first = static_cast<unsigned>(__builtin_ctz(a.mask));
  if (cluster.counters &&
      (a.space == Space::global || a.space == Space::shared))
    cluster.counters->access(i);
  if (a.space == Space::global) {
    if (cluster.counters)
      cluster.counters->global(i, a.mask, a.address.data(), a.bytes,
                               a.buffer[first], writes, !w.gridWaited);
    Buffer *noted = nullptr;
    GlobalRaces *races = w.launch->globalRaces;
    eachLane(a.mask & ~a.duplicates, [&](unsigned lane) {
      Buffer &buffer = *a.buffer[lane];
      if (noted != &buffer) {
        noted = &buffer;
        if (w.launch->checks)
          noteBuffer(w, i, lane, buffer, a.address[lane], writes);
      }
      if (writes)
        markWritten(buffer, a.address[lane], a.bytes);
      else if (w.launch->checks)
        checkWritten(w, i, lane, buffer, a.address[lane], a.bytes);
      if (races) {
        if (writes)
          races->write(w, i, lane, buffer, a.address[lane], a.bytes);
        else
          races->read(w, i, lane, buffer, a.address[lane], a.bytes);
      }
    });
  } else if (a.space == Space::shared) {
    if (cluster.counters)
      cluster.counters->shared(i, a.mask, a.address.data(), a.bytes);
    if (SharedRaces *races = cluster.races.get())
      eachLane(a.mask & ~a.duplicates, [&](unsigned lane) {
        auto offset = static_cast<std::uint32_t>(a.address[lane]);
        if (writes)
          races->write(w, i, lane, *a.owner[lane], offset, a.bytes,
                       a.stored ? a.stored + lane * a.bytes : nullptr);
        else
          races->read(w, i, lane, *a.owner[lane], offset, a.bytes);
      });
  }
}

} // namespace

Block &ownerOf(Warp &w, const Instruction &i, unsigned lane,
               std::uint64_t address) {
  unsigned rank = static_cast<unsigned>(address >> 24 & 0xff);
  if (rank == 0)
    return *w.block;
  auto &blocks = w.block->cluster->blocks;
  if (rank > blocks.size())
    w.fatal(Suspicion::outOfBounds, i, lane,
            fmt::format("block {} of a cluster of {}", rank - 1, blocks.size()),
            address, "shared");
  Block &owner = blocks[rank - 1];
  if (owner.finished())
    w.fatal(
        Suspicion::undefined, i, lane,
        fmt::format(
            "block {} of the cluster has ended, and its shared memory with it",
            rank - 1),
        address, "shared");
  // Blocks of a cluster are resident together but do not start together.
  if (&owner != w.block && !w.clusterMet)
    w.report(Suspicion::undefined, i, lane,
             fmt::format("nothing says that block {} of the cluster has "
                         "started: no barrier of the cluster came before",
                         rank - 1),
             address, "shared");
  return owner;
}

std::uint8_t *sharedRange(Warp &w, const Instruction &i, unsigned lane,
                          Block &owner, std::uint64_t offset, std::size_t bytes,
                          unsigned align) {
  if (offset < sharedBase || offset > owner.shared.size() ||
      bytes > owner.shared.size() - offset)
    w.fatal(Suspicion::outOfBounds, i, lane,
            fmt::format("{} bytes at shared {:#x}, of {:#x} to {:#x}", bytes,
                        offset, sharedBase, owner.shared.size()),
            offset, "shared");
  if (offset % align)
    w.fatal(Suspicion::misaligned, i, lane,
            fmt::format("shared {:#x} is no multiple of {}", offset, align),
            offset, "shared");
  return owner.shared.data() + offset;
}

std::uint8_t *globalRange(Warp &w, const Instruction &i, unsigned lane,
                          std::uint64_t address, std::size_t bytes,
                          bool writes) {
  Buffer &buffer = bufferOf(w, i, lane, address, bytes);
  if (w.launch->checks) {
    noteBuffer(w, i, lane, buffer, address, writes);
    if (!writes)
      checkWritten(w, i, lane, buffer, address, bytes);
  }
  if (writes)
    markWritten(buffer, address, bytes);
  if (ThreadCounters *counters = w.block->cluster->counters)
    counters->bulk(&buffer, bytes, writes, !w.gridWaited);
  if (GlobalRaces *races = w.launch->globalRaces) {
    if (writes)
      races->write(w, i, lane, buffer, address, static_cast<unsigned>(bytes));
    else
      races->read(w, i, lane, buffer, address, static_cast<unsigned>(bytes));
  }
  return buffer.at(address);
}

std::uint8_t *globalAtomicRange(Warp &w, const Instruction &i, unsigned lane,
                                std::uint64_t address, std::size_t bytes) {
  Buffer &buffer = bufferOf(w, i, lane, address, bytes);
  noteAtomic(w, i, lane, buffer, address, static_cast<unsigned>(bytes), false);
  if (ThreadCounters *counters = w.block->cluster->counters)
    counters->bulk(&buffer, bytes, true, !w.gridWaited);
  return buffer.at(address);
}

void resolve(Warp &w, const Instruction &i, std::uint32_t mask,
             const std::uint64_t *base, std::int64_t offset, Space space,
             unsigned bytes, Access &access) {
  access.mask = mask;
  access.bytes = bytes;
  auto address = [&](unsigned lane) {
    return base[lane] + static_cast<std::uint64_t>(offset);
  };
  std::uint64_t window = 0;
  if (space == Space::generic) {
    unsigned first = static_cast<unsigned>(__builtin_ctz(mask));
    space = spaceOf(address(first));
    for (std::uint32_t m = mask; m; m &= m - 1) {
      auto lane = static_cast<unsigned>(__builtin_ctz(m));
      if (spaceOf(address(lane)) != space)
        w.fatal(Suspicion::undefined, i, lane,
                "lanes of one generic access go to different spaces",
                address(lane));
    }
    if (space == Space::generic)
      w.fatal(Suspicion::outOfBounds, i, first,
              fmt::format("{} bytes at {:#x}, which is in no space", bytes,
                          address(first)),
              address(first));
    window = space == Space::local    ? localWindow
             : space == Space::shared ? sharedWindow
                                      : 0;
    if (space == Space::shared)
      space = Space::cluster;
  }
  access.space = space == Space::cluster ? Space::shared : space;
  eachLane(mask, [&](unsigned lane) {
    std::uint64_t a = address(lane) - window;
    access.address[lane] = a;
    switch (space) {
    case Space::global: {
      Buffer &buffer = bufferOf(w, i, lane, a, bytes);
      if (a % bytes)
        w.fatal(Suspicion::misaligned, i, lane,
                fmt::format("{:#x} is no multiple of {}", a, bytes), a,
                w.launch->nameOf(&buffer));
      access.buffer[lane] = &buffer;
      access.host[lane] = buffer.at(a);
      return;
    }
    case Space::shared:
    case Space::cluster: {
      // 32-bit arithmetic wraps.
      a &= 0xffffffff;
      Block &owner = ownerOf(w, i, lane, a);
      a &= 0xffffff;
      access.address[lane] = a;
      access.owner[lane] = &owner;
      access.host[lane] = sharedRange(w, i, lane, owner, a, bytes, bytes);
      return;
    }
    case Space::local:
    case Space::param: {
      std::size_t size = space == Space::local ? w.program->module.localBytes
                                               : w.launch->params.size();
      if (a > size || bytes > size - a)
        w.fatal(Suspicion::outOfBounds, i, lane,
                fmt::format("{} bytes at {} byte {} of {}", bytes,
                            space == Space::local ? "local" : "parameter", a,
                            size),
                a, space == Space::local ? "local" : "parameters");
      if (a % bytes)
        w.fatal(Suspicion::misaligned, i, lane,
                fmt::format("{:#x} is no multiple of {}", a, bytes), a,
                "local");
      access.host[lane] =
          space == Space::local
              ? w.local.data() + lane * size + a
              : const_cast<std::uint8_t *>(w.launch->params.data()) + a;
      return;
    }
    default:
      return;
    }
  });
}

void noteRead(Warp &w, const Instruction &i, const Access &access) {
  note<false>(w, i, access);
}
void noteWrite(Warp &w, const Instruction &i, const Access &access) {
  note<true>(w, i, access);
}

void noteAtomic(Warp &w, const Instruction &i, unsigned lane, Buffer &buffer,
                std::uint64_t address, unsigned bytes, bool returns) {
  if (w.launch->checks) {
    noteBuffer(w, i, lane, buffer, address, true);
    checkWritten(w, i, lane, buffer, address, bytes);
  }
  markWritten(buffer, address, bytes);
  if (GlobalRaces *races = w.launch->globalRaces) {
    races->atomic(w, i, lane, buffer, address, bytes, returns);
    races->publish(w, lane, address);
  }
}

} // namespace lath::emulator
