// cp.async: 4 to 16 bytes from global to shared memory, in groups.
//
// The bytes are read when the copy is issued and land at the wait that covers
// it, as late as PTX allows.
#include "runtime/emulator/AsyncCopy.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>

namespace lath::emulator {

namespace {

using Group = std::vector<PendingCopy>;

void land(Warp &w, unsigned lane, Group &group) {
  Block &block = *w.block;
  SharedRaces *races = block.cluster->races.get();
  for (const PendingCopy &copy : group) {
    std::copy_n(copy.data.begin(), copy.bytes,
                block.shared.data() + copy.destination);
    if (races)
      races->land(&w, lane, block, copy.destination, copy.bytes,
                  *copy.instruction);
    block.copyBytes -= copy.bytes;
  }
  group.clear();
}

/// Lands the oldest groups until at most `pending` committed ones are left.
void landUntil(Warp &w, unsigned lane, std::size_t pending) {
  auto &groups = w.copies[lane];
  while (groups.size() > pending + 1) {
    land(w, lane, groups.front());
    groups.pop_front();
  }
}

/// i.mode: bytes copied. Inputs: destination, source, and with i.flags & 1
/// how many bytes to read, the rest being zeros.
void copy(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned bytes = i.mode;
  Access to;
  resolve(w, i, mask, w.in(i, 0), static_cast<std::int64_t>(i.immediate),
          Space::shared, bytes, to);
  Lanes counts;
  std::uint32_t reading = 0;
  eachLane(mask, [&](unsigned lane) {
    counts.v[lane] = i.flags & 1 ? w.in(i, 2)[lane] & 0xffffffff : bytes;
    if (counts.v[lane] > bytes)
      w.fatal(Suspicion::undefined, i, lane,
              "the source is larger than the copy");
    reading |= std::uint32_t{counts.v[lane] != 0} << lane;
  });
  Access from;
  if (reading) {
    resolve(w, i, reading, w.in(i, 1), i.offset, Space::global, bytes, from);
    noteRead(w, i, from);
    if (ThreadCounters *counters = w.block->cluster->counters)
      counters->copied(i, reading, from.address.data(), to.address.data(),
                       bytes);
  }
  Cluster &cluster = *w.block->cluster;
  eachLane(mask, [&](unsigned lane) {
    PendingCopy pending{};
    pending.destination = static_cast<std::uint32_t>(to.address[lane]);
    pending.bytes = bytes;
    pending.lane = lane;
    pending.instruction = &i;
    if (reading >> lane & 1)
      std::memcpy(pending.data.data(), from.host[lane], counts.v[lane]);
    auto &groups = w.copies[lane];
    if (groups.empty())
      groups.emplace_back();
    groups.back().push_back(pending);
    w.block->copyBytes += bytes;
    if (SharedRaces *races = cluster.races.get())
      races->issueWrite(w, i, lane, *w.block, pending.destination, bytes,
                        Proxy::generic);
  });
  if (cluster.counters) {
    if (!reading)
      cluster.counters->access(i); // else it counts as a read
    cluster.counters->shared(i, mask, to.address.data(), bytes);
    unsigned lane = static_cast<unsigned>(__builtin_ctz(mask)), groups = 0;
    for (const Group &group : w.copies[lane])
      groups += !group.empty();
    cluster.counters->inFlight(groups, w.block->copyBytes);
  }
}

void commit(Warp &w, const Instruction &, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    auto &groups = w.copies[lane];
    if (groups.empty())
      groups.emplace_back();
    groups.emplace_back();
  });
}

void waitGroup(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) { landUntil(w, lane, i.immediate); });
}

void waitAll(Warp &w, const Instruction &, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) { landCopies(w, lane); });
}

} // namespace

void landCopies(Warp &w, unsigned lane) {
  landUntil(w, lane, 0);
  auto &groups = w.copies[lane];
  if (!groups.empty())
    land(w, lane, groups.back());
}

bool decodeAsyncCopy(Decoding &d) {
  if (!d.is("cp") || d.has("bulk") || d.has("reduce") || d.has("mbarrier"))
    return false;
  if (!d.take("async"))
    d.unsupported();
  Instruction &i = d.i;
  if (d.take("commit_group")) {
    i.kind = Kind::asyncWait;
    i.run = commit;
    return true;
  }
  if (d.take("wait_all")) {
    i.kind = Kind::asyncWait;
    i.run = waitAll;
    return true;
  }
  if (d.take("wait_group")) {
    i.kind = Kind::asyncWait;
    i.run = waitGroup;
    i.immediate = d.immediate(d.operand(0));
    return true;
  }
  bool all = d.take("cg");
  if (!all && !d.take("ca"))
    d.unsupported();
  if (!d.take("shared") && !d.take("shared::cta"))
    d.unsupported();
  d.take("global");
  bool policy = d.has("L2::cache_hint");
  d.takeHints();
  i.kind = Kind::asyncCopy;
  i.run = copy;
  i.mode = static_cast<std::uint8_t>(d.immediate(d.operand(2)));
  if (i.mode != 16 && (all || (i.mode != 4 && i.mode != 8)))
    d.malformed("cp.async copies 16 bytes, or 4, 8 or 16 with .ca");
  d.address(d.operand(0));
  i.immediate = static_cast<std::uint64_t>(i.offset);
  d.address(d.operand(1));
  if (d.operandCount() - policy > 3) {
    i.flags = 1;
    d.input(d.operand(3));
  }
  return true;
}

} // namespace lath::emulator
