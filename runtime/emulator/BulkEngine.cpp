// A copy that signals an mbarrier completes when somebody asks the mbarrier for
// the second time; one in a bulk group, at the wait for its group.
#include "runtime/emulator/BulkEngine.h"
#include "runtime/emulator/Arithmetic.h"
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
void combineAll(std::uint8_t *to, const std::uint8_t *from, std::uint32_t bytes,
                const Combine &combine) {
  for (std::uint32_t at = 0; at < bytes; at += sizeof(T)) {
    T *cell = reinterpret_cast<T *>(to + at);
    T value, old = __atomic_load_n(cell, __ATOMIC_RELAXED);
    std::memcpy(&value, from + at, sizeof value);
    while (!__atomic_compare_exchange_n(
        cell, &old, static_cast<T>(combine(old, value)), false,
        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      ;
  }
}

/// Adds elements of a type.
void addInto(Type type, std::uint8_t *to, const std::uint8_t *from,
             std::uint32_t bytes) {
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  using U16 = std::uint16_t;
  switch (type) {
  case Type::f32:
    return combineAll<U32>(to, from, bytes, [](U32 x, U32 y) {
      return bitsOf(toF32(x) + toF32(y));
    });
  case Type::f64:
    return combineAll<U64>(to, from, bytes, [](U64 x, U64 y) {
      return bitsOf(toF64(x) + toF64(y));
    });
  case Type::f16:
    return combineAll<U16>(to, from, bytes, [](U16 x, U16 y) {
      return floatToF16(f16ToFloat(x) + f16ToFloat(y));
    });
  case Type::bf16:
    return combineAll<U16>(to, from, bytes, [](U16 x, U16 y) {
      return toBf16(addToOdd(bf16ToFloat(x), bf16ToFloat(y)));
    });
  case Type::u64:
  case Type::s64:
    return combineAll<U64>(to, from, bytes, [](U64 x, U64 y) { return x + y; });
  default:
    return combineAll<U32>(to, from, bytes, [](U32 x, U32 y) { return x + y; });
  }
}

/// Between `global`, or zeros where it is null, and shared memory.
void move(const PendingBulk &b, std::uint32_t shared, std::uint8_t *global,
          std::uint32_t bytes) {
  switch (b.direction) {
  case Direction::globalToShared:
    if (global)
      std::copy_n(global, bytes, b.toOwner->shared.data() + shared);
    else
      std::fill_n(b.toOwner->shared.data() + shared, bytes, 0);
    break;
  case Direction::sharedToGlobal:
    std::copy_n(b.fromOwner->shared.data() + shared, bytes, global);
    break;
  case Direction::reduce:
    addInto(b.instruction->type, global, b.fromOwner->shared.data() + shared,
            bytes);
    break;
  case Direction::sharedToShared:
    std::copy_n(b.fromOwner->shared.data() + b.from, bytes,
                b.toOwner->shared.data() + b.to);
    break;
  case Direction::registers:
    std::copy_n(b.data.data(), bytes, b.toOwner->shared.data() + b.to);
    break;
  }
}

} // namespace

void complete(Cluster &cluster, const PendingBulk &b) {
  if (b.pieces)
    for (const BulkPiece &piece : *b.pieces)
      move(b, piece.shared, piece.global, piece.bytes);
  else
    move(b, static_cast<std::uint32_t>(b.toOwner ? b.to : b.from), b.global,
         b.bytes);
  SharedRaces *races = cluster.races.get();
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

void enqueueToBlocks(Warp &w, const Instruction &i, unsigned lane,
                     PendingBulk b, std::uint64_t chosen,
                     const SharedPlace &target, const SharedPlace &signal,
                     bool multicast) {
  auto &blocks = w.block->cluster->blocks;
  if (!multicast)
    chosen = 1ull << target.owner->rank;
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
    Block &owner = multicast ? blocks[rank] : *signal.owner;
    if (&owner != b.toOwner)
      w.fatal(Suspicion::undefined, i, lane,
              "the mbarrier of a bulk copy lies in another block than its "
              "destination");
    engineUses(w, i, lane, owner, b.mbarrier);
    enqueue(w, i, lane, b);
  }
}

void bindSignal(Decoding &d, std::size_t n, bool multicast) {
  std::int64_t offset = d.i.offset;
  d.address(d.operand(n));
  if (d.i.offset)
    d.unsupported("an offset at the mbarrier");
  d.i.offset = offset;
  if (multicast)
    d.input(d.operand(n + 1), Type::b16);
}

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

} // namespace lath::emulator
