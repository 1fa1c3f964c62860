// cp.async.bulk, cp.reduce.async.bulk and st.async: the copy engine moves
// bytes between global and shared memory, or between the blocks of a cluster.
//
// A copy that signals an mbarrier completes when somebody asks the mbarrier
// for the second time; one in a bulk group, at the wait for its group. TMA
// tensor copies are not known.
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Mbarrier.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

using Direction = PendingBulk::Direction;

template <typename T, typename Combine>
void combineAll(const PendingBulk &b, const std::uint8_t *from,
                const Combine &combine) {
  for (std::uint32_t at = 0; at < b.bytes; at += sizeof(T)) {
    T *cell = reinterpret_cast<T *>(b.global + at);
    T value, old = __atomic_load_n(cell, __ATOMIC_RELAXED);
    std::memcpy(&value, from + at, sizeof value);
    while (!__atomic_compare_exchange_n(
        cell, &old, static_cast<T>(combine(old, value)), false,
        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      ;
  }
}

/// The additions, and what integers compare by.
void reduceInto(const PendingBulk &b, const std::uint8_t *from) {
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  using U16 = std::uint16_t;
  switch (b.instruction->type) {
  case Type::f32:
    return combineAll<U32>(
        b, from, [](U32 x, U32 y) { return bitsOf(toF32(x) + toF32(y)); });
  case Type::f64:
    return combineAll<U64>(
        b, from, [](U64 x, U64 y) { return bitsOf(toF64(x) + toF64(y)); });
  case Type::f16:
    return combineAll<U16>(b, from, [](U16 x, U16 y) {
      return floatToF16(f16ToFloat(x) + f16ToFloat(y));
    });
  case Type::bf16:
    return combineAll<U16>(b, from, [](U16 x, U16 y) {
      return toBf16(addToOdd(bf16ToFloat(x), bf16ToFloat(y)));
    });
  case Type::u64:
  case Type::s64:
    return combineAll<U64>(b, from, [](U64 x, U64 y) { return x + y; });
  default:
    return combineAll<U32>(b, from, [](U32 x, U32 y) { return x + y; });
  }
}

void complete(Cluster &cluster, const PendingBulk &b) {
  SharedRaces *races = cluster.races.get();
  std::uint8_t *shared = b.toOwner ? b.toOwner->shared.data() + b.to : nullptr;
  const std::uint8_t *source =
      b.fromOwner ? b.fromOwner->shared.data() + b.from : b.global;
  switch (b.direction) {
  case Direction::globalToShared:
  case Direction::sharedToShared:
    std::copy_n(source, b.bytes, shared);
    break;
  case Direction::registers:
    std::copy_n(b.data.data(), b.bytes, shared);
    break;
  case Direction::sharedToGlobal:
    std::copy_n(source, b.bytes, b.global);
    break;
  case Direction::reduce:
    reduceInto(b, source);
    break;
  }
  if (races && b.fromOwner)
    races->endRead(*b.fromOwner, static_cast<std::uint32_t>(b.from), b.bytes);
  if (races && b.toOwner)
    races->land(nullptr, b.lane, *b.toOwner, static_cast<std::uint32_t>(b.to),
                b.bytes, *b.instruction);
  if (b.toOwner)
    b.toOwner->copyBytes -= b.bytes;
  if (b.mbarrier)
    completeTransaction(*b.toOwner, b.mbarrier, b.bytes);
  ++cluster.progress;
}

/// A shared or shared::cluster address of one lane.
struct SharedPlace {
  Block *owner;
  std::uint32_t offset;
};
SharedPlace place(Warp &w, const Instruction &i, unsigned lane,
                  std::uint64_t address, std::size_t bytes, unsigned align) {
  address &= 0xffffffff;
  Block &owner = ownerOf(w, i, lane, address);
  auto offset = static_cast<std::uint32_t>(address & 0xffffff);
  sharedRange(w, i, lane, owner, offset, bytes, align);
  return {&owner, offset};
}

void enqueue(Warp &w, const Instruction &i, unsigned lane, PendingBulk b) {
  Cluster &cluster = *w.block->cluster;
  b.warp = &w;
  b.lane = lane;
  b.instruction = &i;
  b.group = w.bulkGroup[lane];
  SharedRaces *races = cluster.races.get();
  if (races && b.fromOwner)
    races->issueRead(w, i, lane, *b.fromOwner,
                     static_cast<std::uint32_t>(b.from), b.bytes);
  if (races && b.toOwner)
    races->issueWrite(w, i, lane, *b.toOwner, static_cast<std::uint32_t>(b.to),
                      b.bytes, Proxy::async);
  if (b.toOwner)
    b.toOwner->copyBytes += b.bytes;
  if (cluster.counters)
    cluster.counters->inFlight(0, w.block->copyBytes);
  cluster.bulk.push_back(b);
}

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
    auto &blocks = w.block->cluster->blocks;
    std::uint64_t chosen = i.flags & multicast ? w.in(i, 4)[lane] & 0xffff
                                               : 1ull << target.owner->rank;
    for (std::size_t rank = 0; rank < 16; ++rank) {
      if (!(chosen >> rank & 1))
        continue;
      if (rank >= blocks.size())
        w.fatal(Suspicion::outOfBounds, i, lane,
                fmt::format("multicast to block {} of a cluster of {}", rank,
                            blocks.size()));
      b.toOwner = &blocks[rank];
      b.to = target.offset;
      b.mbarrier = signal.offset;
      Block &owner = i.flags & multicast ? blocks[rank] : *signal.owner;
      if (&owner != b.toOwner)
        w.fatal(Suspicion::undefined, i, lane,
                "the mbarrier of a bulk copy lies in another block than its "
                "destination");
      mbarrierAt(w, i, lane, owner, b.mbarrier);
      enqueue(w, i, lane, b);
    }
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
    mbarrierAt(w, i, lane, *signal.owner, signal.offset);
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

void nothing(Warp &, const Instruction &, std::uint32_t) {}

} // namespace

void completeBulk(Cluster &cluster, const Block &owner, std::uint32_t offset) {
  if (cluster.bulk.empty())
    return;
  std::vector<PendingBulk> ready;
  std::erase_if(cluster.bulk, [&](PendingBulk &b) {
    if (b.mbarrier != offset || b.toOwner != &owner)
      return false;
    if (!b.asked) {
      b.asked = true;
      ++cluster.progress;
      return false;
    }
    ready.push_back(b);
    return true;
  });
  for (const PendingBulk &b : ready)
    complete(cluster, b);
}

void checkPendingBulk(Cluster &cluster) {
  for (const PendingBulk &b : cluster.bulk)
    b.warp->report(Suspicion::inFlight, *b.instruction, b.lane,
                   "the block ends before this copy was waited for",
                   b.toOwner ? b.to : b.from, "shared");
}

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
  if (!d.is("cp") || !d.has("bulk"))
    return false;
  bool reduces = d.take("reduce");
  if (!d.take("async") || !d.take("bulk") || d.has("tensor"))
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
    for (const std::string &part : d.statement().name)
      d.take(part);
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
  std::int64_t offset = i.offset;
  d.address(d.operand(3));
  if (i.offset)
    d.unsupported("an offset at the mbarrier");
  i.offset = offset;
  if (cast) {
    i.flags = multicast;
    d.input(d.operand(4), Type::b16);
  }
  return true;
}

} // namespace lath::emulator
