// cp.async.bulk, cp.reduce.async.bulk and st.async: the copy engine moves
// bytes between global and shared memory, or between the blocks of a cluster.
#include "runtime/emulator/BulkEngine.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Mbarrier.h"
#include "runtime/emulator/MemoryAccess.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

using Direction = PendingBulk::Direction;

void checkSize(Warp &w, const Instruction &i, unsigned lane,
               std::uint64_t bytes) {
  if (bytes == 0 || bytes % 16)
    w.fatal(Suspicion::misaligned, i, lane,
            fmt::format("a bulk copy of {} bytes; expected a multiple of 16",
                        bytes));
}

// i.flags of the copies
constexpr std::uint8_t multicast = 1;

/// Inputs: destination, source, bytes, mbarrier, and a mask of blocks for
/// multicast. i.immediate is the destination's offset, i.offset the source's.
void toShared(Warp &w, const Instruction &i, std::uint32_t mask) {
  auto direction = static_cast<Direction>(i.mode);
  eachLane(mask, [&](unsigned lane) {
    std::uint64_t bytes = w.in(i, 2)[lane] & 0xffffffff;
    checkSize(w, i, lane, bytes);
    std::uint64_t to = w.in(i, 0)[lane] + i.immediate;
    std::uint64_t from =
        w.in(i, 1)[lane] + static_cast<std::uint64_t>(i.offset);
    std::uint64_t mbarrier = w.in(i, 3)[lane];
    PendingBulk b;
    b.direction = direction;
    b.bytes = static_cast<std::uint32_t>(bytes);
    if (direction == Direction::globalToShared) {
      if (from % 16)
        w.fatal(Suspicion::misaligned, i, lane,
                fmt::format("{:#x} is no multiple of 16", from), from);
      b.global = globalRange(w, i, lane, from, bytes, false);
    } else {
      SharedPlace source = place(w, i, lane, from, bytes, 16);
      b.fromOwner = source.owner;
      b.from = source.offset;
    }
    SharedPlace target = place(w, i, lane, to, bytes, 16);
    SharedPlace signal = place(w, i, lane, mbarrier, 8, 8);
    bool cast = i.flags & multicast;
    enqueueToBlocks(w, i, lane, b, cast ? w.in(i, 4)[lane] & 0xffff : 0, target,
                    signal, cast);
  });
}

/// Inputs: destination, source, bytes.
void toGlobal(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    std::uint64_t bytes = w.in(i, 2)[lane] & 0xffffffff;
    checkSize(w, i, lane, bytes);
    std::uint64_t to = w.in(i, 0)[lane] + i.immediate;
    if (to % 16)
      w.fatal(Suspicion::misaligned, i, lane,
              fmt::format("{:#x} is no multiple of 16", to), to);
    PendingBulk b;
    b.direction = static_cast<Direction>(i.mode);
    b.bytes = static_cast<std::uint32_t>(bytes);
    SharedPlace source = place(
        w, i, lane, w.in(i, 1)[lane] + static_cast<std::uint64_t>(i.offset),
        bytes, 16);
    b.fromOwner = source.owner;
    b.from = source.offset;
    b.global = b.direction == Direction::reduce
                   ? globalAtomicRange(w, i, lane, to, bytes)
                   : globalRange(w, i, lane, to, bytes, true);
    enqueue(w, i, lane, b);
  });
}

/// st.async [to], value, [mbarrier].
void storeAsync(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned size = sizeOf(i.type), bytes = size * i.width;
  eachLane(mask, [&](unsigned lane) {
    SharedPlace target = place(
        w, i, lane, w.in(i, 0)[lane] + static_cast<std::uint64_t>(i.immediate),
        bytes, bytes);
    SharedPlace signal = place(w, i, lane, w.in(i, 1 + i.width)[lane], 8, 8);
    if (signal.owner != target.owner)
      w.fatal(Suspicion::undefined, i, lane,
              "the mbarrier of st.async lies in another block than its "
              "destination");
    threadUses(w, i, lane, *signal.owner, signal.offset);
    PendingBulk b;
    b.direction = Direction::registers;
    b.bytes = bytes;
    b.toOwner = target.owner;
    b.to = target.offset;
    b.mbarrier = signal.offset;
    for (unsigned n = 0; n < i.width; ++n)
      std::memcpy(b.data.data() + n * size, &w.in(i, 1 + n)[lane], size);
    enqueue(w, i, lane, b);
  });
}

void commit(Warp &w, const Instruction &, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) { ++w.bulkGroup[lane]; });
}

void waitGroup(Warp &w, const Instruction &i, std::uint32_t mask) {
  auto &queue = w.block->cluster->bulk;
  eachLane(mask, [&](unsigned lane) {
    std::vector<PendingBulk> ready;
    std::erase_if(queue, [&](const PendingBulk &b) {
      bool covered = b.warp == &w && b.lane == lane && !b.mbarrier &&
                     b.group + i.immediate < w.bulkGroup[lane];
      if (covered)
        ready.push_back(b);
      return covered;
    });
    for (const PendingBulk &b : ready)
      complete(*w.block->cluster, b);
  });
}

} // namespace

bool decodeBulkCopy(Decoding &d) {
  Instruction &i = d.i;
  if (d.is("st") && d.has("async")) {
    d.take("async");
    d.take("weak");
    if (d.takeSpace() != Space::cluster ||
        !d.take("mbarrier::complete_tx::bytes"))
      d.unsupported();
    if (auto width = d.takeOneOf({"v2", "v4"}))
      i.width = static_cast<std::uint8_t>(2 << *width);
    i.type = d.takeType();
    i.kind = Kind::bulkCopy;
    i.run = storeAsync;
    d.address(d.operand(0));
    i.immediate = static_cast<std::uint64_t>(i.offset);
    d.inputs({1}, i.type);
    d.address(d.operand(2));
    if (i.offset)
      d.unsupported("an offset at the mbarrier");
    return true;
  }
  if (!d.is("cp") || !d.has("bulk") || d.has("tensor"))
    return false;
  bool reduces = d.take("reduce");
  if (!d.take("async") || !d.take("bulk"))
    d.unsupported();
  i.kind = Kind::bulkCopy;
  if (d.take("commit_group")) {
    i.kind = Kind::asyncWait;
    i.run = commit;
    return true;
  }
  if (d.take("wait_group")) {
    d.take("read");
    i.kind = Kind::asyncWait;
    i.run = waitGroup;
    i.immediate = d.immediate(d.operand(0));
    return true;
  }
  if (d.take("prefetch")) {
    d.takeAll();
    i.run = nothing;
    return true;
  }
  bool cast = d.take("multicast::cluster");
  d.takeHints();
  d.address(d.operand(0));
  i.immediate = static_cast<std::uint64_t>(i.offset);
  d.address(d.operand(1));
  d.input(d.operand(2), Type::b32);
  if (d.take("bulk_group")) {
    if (!d.take("global") || d.takeSpace() != Space::shared)
      d.unsupported();
    i.run = toGlobal;
    i.mode = static_cast<std::uint8_t>(reduces ? Direction::reduce
                                               : Direction::sharedToGlobal);
    if (reduces) {
      d.take("noftz");
      i.type = d.takeType();
      if (!d.take("add") || i.type == Type::none)
        d.unsupported("only additions");
    }
    return true;
  }
  if (reduces || !d.take("mbarrier::complete_tx::bytes"))
    d.unsupported();
  // The destination is named first, but takeSpace looks for global first.
  bool global = d.take("global");
  if (!d.take("shared::cluster") && !d.take("shared::cta"))
    d.unsupported();
  if (!global && !d.take("shared::cta"))
    d.unsupported();
  i.run = toShared;
  i.mode = static_cast<std::uint8_t>(global ? Direction::globalToShared
                                            : Direction::sharedToShared);
  i.flags = cast ? multicast : 0;
  bindSignal(d, 3, cast);
  return true;
}

} // namespace lath::emulator
