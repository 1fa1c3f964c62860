// bar and barrier of a block, bar.warp.sync, fences.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/Mbarrier.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

enum class Reduce : std::uint8_t { none, popc, conjunction, disjunction };

/// All threads have arrived: orders them, hands out the reduction, wakes them.
void complete(Warp &last, Barrier &b, std::uint32_t id) {
  Block &block = *last.block;
  if (SharedRaces *races = block.cluster->races.get()) {
    races->barrier(b.waiting);
    if (b.arrivedOnly)
      races->completePhase(block, id);
    for (Warp *warp : b.waiting)
      races->acquire(*warp, block, id); // of those that only arrived
  }
  if (last.launch->globalRaces)
    last.launch->globalRaces->barrier(block);
  // What griddepcontrol.wait makes visible, it makes visible to the grid.
  bool gridWaited = std::any_of(b.waiting.begin(), b.waiting.end(),
                                [](const Warp *w) { return w->gridWaited; });
  for (Warp *warp : b.waiting) {
    warp->gridWaited |= gridWaited;
    const Instruction &i =
        warp->program->code[static_cast<std::size_t>(warp->pc)];
    if (!i.outs)
      continue;
    auto how = static_cast<Reduce>(i.mode);
    std::uint64_t result = how == Reduce::popc ? b.reduction
                           : how == Reduce::conjunction
                               ? b.reduction == b.expected
                               : b.reduction != 0;
    std::uint64_t *d = warp->out(i, 0);
    eachLane(warp->alive(), [&](unsigned lane) { d[lane] = result; });
  }
  release(last, b);
}

/// i.flags: 1 arrives only, 2 has a thread count, 4 negates the predicate.
void barrier(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(mask));
  std::uint64_t id = w.in(i, 0)[lane];
  Block &block = *w.block;
  if (id >= block.barriers.size())
    w.fatal(Suspicion::undefined, i, lane,
            fmt::format("there is no barrier {}", id));
  unsigned all = static_cast<unsigned>(block.warps.size()) * warpSize;
  unsigned expected =
      i.flags & 2 ? static_cast<unsigned>(w.in(i, 1)[lane]) : all;
  if (expected % warpSize || expected > all || !expected)
    w.fatal(
        Suspicion::undefined, i, lane,
        fmt::format("a barrier of {} threads in a block of {}", expected, all));
  Barrier &b = block.barriers[id];
  if (b.arrived && b.expected != expected)
    w.fatal(Suspicion::undefined, i, lane,
            fmt::format("barrier {} is asked for {} threads and for {}", id,
                        b.expected, expected));
  b.expected = expected;
  b.arrived += warpSize;
  if (block.cluster->counters)
    block.cluster->counters->barrier();
  if (i.outs) {
    const std::uint64_t *p = w.in(i, i.ins - 1);
    eachLane(mask, [&](unsigned l) {
      b.reduction += ((p[l] & 1) != 0) != ((i.flags & 4) != 0);
    });
  }
  if (i.flags & 1) {
    b.arrivedOnly = true;
    if (SharedRaces *races = block.cluster->races.get())
      races->arrive(w, block, static_cast<std::uint32_t>(id));
  } else {
    b.waiting.push_back(&w);
    w.state = Warp::State::blocked;
  }
  if (b.arrived == expected) {
    complete(w, b, static_cast<std::uint32_t>(id));
    w.state = Warp::State::ready;
  }
}

void syncWarp(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(mask));
  auto members = static_cast<std::uint32_t>(w.in(i, 0)[lane]);
  if ((members & w.alive()) & ~mask || mask & ~members)
    w.fatal(Suspicion::divergentBarrier, i, lane,
            fmt::format("lanes {:#010x} are to meet, lanes {:#010x} are here",
                        members, mask));
  if (SharedRaces *races = w.block->cluster->races.get())
    races->syncWarp(w);
}

void fence(Warp &w, const Instruction &, std::uint32_t mask) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (w.launch->globalRaces)
    w.launch->globalRaces->fence(w, mask);
}

void proxyFence(Warp &w, const Instruction &, std::uint32_t) {
  if (SharedRaces *races = w.block->cluster->races.get())
    races->proxyFence(w);
}

bool decodeFence(Decoding &d) {
  Instruction &i = d.i;
  i.kind = Kind::fence;
  i.run = fence;
  if (d.is("membar")) {
    if (!d.takeOneOf({"gl", "sys", "cta"}))
      d.unsupported();
    return true;
  }
  if (d.take("proxy")) {
    if (d.take("async") || d.take("async::generic")) {
      i.run = proxyFence;
      d.takeOneOf({"global", "shared::cta", "shared::cluster"});
    } else if (d.takeOneOf({"alias", "tensormap::generic"})) {
      d.takeOrder();
      d.takeHints();
    } else {
      d.unsupported();
    }
    return true;
  }
  if (d.take("mbarrier_init")) {
    d.take("release");
    d.take("cluster");
    i.run = fenceInitialisations;
    return true;
  }
  d.take("sc");
  d.takeOrder();
  bool narrow = d.take("cta");
  if (!narrow && !d.takeOneOf({"cluster", "gpu", "sys"}))
    d.unsupported();
  // A fence of the block's scope orders nothing for other blocks.
  if (narrow)
    i.run = nothing;
  return true;
}

} // namespace

bool decodeBarrier(Decoding &d) {
  if (d.isOneOf({"fence", "membar"}))
    return decodeFence(d);
  if (!d.isOneOf({"bar", "barrier"}) || d.has("cluster"))
    return false;
  Instruction &i = d.i;
  i.kind = Kind::barrier;
  d.take("cta");
  if (d.take("warp")) {
    d.take("sync");
    i.run = syncWarp;
    d.inputs({0});
    return true;
  }
  i.run = barrier;
  i.collective = true;
  d.take("aligned");
  std::size_t n = 0;
  if (d.take("arrive")) {
    i.flags = 1;
  } else if (d.take("red")) {
    auto how = d.takeOneOf({"popc", "and", "or"});
    if (!how)
      d.unsupported();
    i.mode = static_cast<std::uint8_t>(*how + 1);
    d.takeType();
    d.output(d.operand(n++));
  } else if (!d.take("sync")) {
    d.unsupported();
  }
  d.input(d.operand(n++));
  std::size_t counts = d.operandCount() - n - (i.mode ? 1 : 0);
  if (counts) {
    i.flags |= 2;
    d.input(d.operand(n++));
  }
  if (i.mode) {
    Operand p = d.operand(n);
    if (p.negated)
      i.flags |= 4;
    p.negated = false;
    d.input(p);
  }
  return true;
}

} // namespace lath::emulator
