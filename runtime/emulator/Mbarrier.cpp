// mbarrier objects: phases of a number of arrivals and a number of bytes.
//
// A phase completes when no arrivals and no bytes are pending. Copies complete
// when somebody asks for the second time whether they have: as late as can be,
// and never for those who ask once and go on.
#include "runtime/emulator/Mbarrier.h"
#include "runtime/emulator/AsyncCopy.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"

#include <fmt/format.h>

namespace lath::emulator {

namespace {

struct Target {
  Block *owner;
  std::uint32_t offset;
};

Target targetOf(Warp &w, const Instruction &i, unsigned lane, unsigned input) {
  Access access;
  resolve(w, i, 1u << lane, w.in(i, input), i.offset, i.space, 8, access);
  if (access.space != Space::shared)
    w.fatal(Suspicion::undefined, i, lane,
            "an mbarrier that is not in shared memory");
  return {access.owner[lane], static_cast<std::uint32_t>(access.address[lane])};
}

/// Whether the warp has seen the initialisation by the cluster's barrier.
bool shownTo(const Warp &w, const Mbarrier &m) {
  return m.shownAfter && w.clusterMet >= m.shownAfter;
}

Mbarrier &use(Warp &w, const Instruction &i, unsigned lane, const Target &t) {
  return threadUses(w, i, lane, *t.owner, t.offset);
}

void finishPhase(Block &owner, std::uint32_t offset, Mbarrier &m) {
  if (m.pending != 0 || m.transactions != 0)
    return;
  ++m.phase;
  m.pending = m.count;
  ++owner.cluster->progress;
  if (owner.cluster->races)
    owner.cluster->races->completePhase(owner, offset);
}

void init(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    Target t = targetOf(w, i, lane, 0);
    auto count = static_cast<std::uint32_t>(w.in(i, 1)[lane]);
    if (count == 0 || count >= 1u << 20)
      w.fatal(Suspicion::undefined, i, lane,
              fmt::format("an mbarrier of {} arrivals", count), t.offset,
              "shared");
    if (SharedRaces *races = w.block->cluster->races.get())
      races->write(w, i, lane, *t.owner, t.offset, 8);
    t.owner->mbarriers[t.offset] = {.count = count,
                                    .pending = count,
                                    .initialiser = w.index * warpSize + lane};
  });
}

void invalidate(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    Target t = targetOf(w, i, lane, 0);
    use(w, i, lane, t);
    t.owner->mbarriers.erase(t.offset);
  });
}

// i.mode
enum class Arrive : std::uint8_t {
  arrive,
  expect,
  expectOnly,
  completeOnly,
  drop
};

/// Inputs: address, then a count or bytes where i.flags & 1.
void arrive(Warp &w, const Instruction &i, std::uint32_t mask) {
  auto how = static_cast<Arrive>(i.mode);
  eachLane(mask, [&](unsigned lane) {
    Target t = targetOf(w, i, lane, 0);
    Mbarrier &m = use(w, i, lane, t);
    std::int64_t number =
        i.flags & 1 ? static_cast<std::int64_t>(w.in(i, 1)[lane] & 0xffffffff)
                    : 1;
    std::uint64_t state = m.phase;
    if (i.outs)
      w.out(i, 0)[lane] = state;
    if (how == Arrive::expectOnly || how == Arrive::expect)
      m.transactions += number;
    if (how == Arrive::completeOnly)
      m.transactions -= number;
    if (how == Arrive::arrive || how == Arrive::expect || how == Arrive::drop) {
      std::int64_t arrivals = how == Arrive::expect ? 1 : number;
      if (arrivals > m.pending)
        w.fatal(Suspicion::undefined, i, lane,
                fmt::format("{} arrivals at an mbarrier that waits for {}",
                            arrivals, m.pending),
                t.offset, "shared");
      if (SharedRaces *races = w.block->cluster->races.get())
        races->arrive(w, *t.owner, t.offset);
      m.pending -= arrivals;
      if (how == Arrive::drop)
        m.count -= static_cast<std::uint32_t>(arrivals);
    }
    finishPhase(*t.owner, t.offset, m);
  });
  ++w.block->cluster->progress;
}

/// test_wait and try_wait. i.flags: 1 parity, 2 try.
void wait(Warp &w, const Instruction &i, std::uint32_t mask) {
  bool any = false;
  std::uint32_t asked = 0; // lanes mostly ask for the same
  eachLane(mask, [&](unsigned lane) {
    Target t = targetOf(w, i, lane, 0);
    if (t.offset != asked)
      completeBulk(*w.block->cluster, *t.owner, t.offset);
    asked = t.offset;
    Mbarrier &m = use(w, i, lane, t);
    std::uint64_t operand = w.in(i, 1)[lane];
    bool done =
        i.flags & 1 ? (m.phase & 1) != (operand & 1) : m.phase > operand;
    w.out(i, 0)[lane] = done;
    if (done) {
      SharedRaces *races = w.block->cluster->races.get();
      if (races && i.order != Order::relaxed)
        races->acquire(w, *t.owner, t.offset);
    } else {
      any = true;
    }
  });
  if (any) // the others get a turn before this warp asks again
    w.state = Warp::State::yielded;
}

/// cp.async.mbarrier.arrive: arrives once this thread's copies have landed,
/// which is now. Without .noinc the arrival is one more than was expected.
void arriveOnCopies(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    Target t = targetOf(w, i, lane, 0);
    Mbarrier &m = use(w, i, lane, t);
    landCopies(w, lane);
    if (i.flags & 1 && m.pending == 0)
      w.fatal(Suspicion::undefined, i, lane,
              "more arrivals than the mbarrier expects", t.offset, "shared");
    if (i.flags & 1)
      --m.pending;
    if (SharedRaces *races = w.block->cluster->races.get())
      races->arrive(w, *t.owner, t.offset);
    finishPhase(*t.owner, t.offset, m);
  });
  ++w.block->cluster->progress;
}

void pendingCount(Warp &w, const Instruction &i, std::uint32_t) {
  w.fatal(Suspicion::undefined, i, 0,
          "mbarrier.pending_count reads an opaque state");
}

} // namespace

Mbarrier &mbarrierAt(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                     std::uint32_t offset) {
  auto found = owner.mbarriers.find(offset);
  if (found == owner.mbarriers.end())
    w.fatal(Suspicion::uninitialised, i, lane,
            fmt::format("there is no mbarrier at shared {:#x}", offset), offset,
            "shared");
  return found->second;
}

void fenceInitialisations(Warp &w, const Instruction &, std::uint32_t mask) {
  for (auto &[offset, mbarrier] : w.block->mbarriers)
    if (mbarrier.initialiser / warpSize == w.index &&
        mask >> mbarrier.initialiser % warpSize & 1)
      mbarrier.fenced = true;
}

Mbarrier &threadUses(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                     std::uint32_t offset) {
  Mbarrier &m = mbarrierAt(w, i, lane, owner, offset);
  SharedRaces *races = w.block->cluster->races.get();
  if (races && !shownTo(w, m))
    races->useMbarrier(w, i, lane, owner, offset);
  return m;
}

void engineUses(Warp &w, const Instruction &i, unsigned lane, Block &owner,
                std::uint32_t offset) {
  const Mbarrier &m = threadUses(w, i, lane, owner, offset);
  SharedRaces *races = w.block->cluster->races.get();
  if (races && !m.fenced)
    races->engineUsesMbarrier(w, i, lane, owner, offset);
}

void completeTransaction(Block &owner, std::uint32_t offset,
                         std::int64_t bytes) {
  auto found = owner.mbarriers.find(offset);
  if (found == owner.mbarriers.end())
    return;
  if (owner.cluster->races)
    owner.cluster->races->engineArrive(owner, offset);
  found->second.transactions -= bytes;
  finishPhase(owner, offset, found->second);
}

bool decodeMbarrier(Decoding &d) {
  Instruction &i = d.i;
  if (d.is("cp") && d.has("mbarrier")) {
    d.take("async");
    d.take("mbarrier");
    if (!d.take("arrive"))
      d.unsupported();
    i.kind = Kind::mbarrier;
    i.flags = d.take("noinc");
    i.space = d.takeSpace();
    d.takeType();
    i.run = arriveOnCopies;
    d.address(d.operand(0));
    return true;
  }
  if (!d.is("mbarrier"))
    return false;
  i.kind = Kind::mbarrier;
  i.order = d.takeOrder();
  i.space = d.takeSpace();
  if (!d.take("cta"))
    d.take("cluster");
  d.takeType();
  std::size_t n = 0;
  if (d.take("init")) {
    i.run = init;
    d.address(d.operand(0));
    d.inputs({1}, Type::b32);
    return true;
  }
  if (d.take("inval")) {
    i.run = invalidate;
    d.address(d.operand(0));
    return true;
  }
  bool test = d.take("test_wait");
  if (test || d.take("try_wait")) {
    i.run = wait;
    i.flags = static_cast<std::uint8_t>(d.take("parity") | (test ? 0 : 2));
    d.outputs({0});
    d.address(d.operand(1));
    d.inputs({2});
    return true; // a time limit that follows is a hint
  }
  if (d.take("pending_count")) {
    i.run = pendingCount;
    d.outputs({0});
    d.inputs({1});
    return true;
  }
  Arrive how;
  if (d.take("arrive_drop"))
    how = d.take("expect_tx") ? Arrive::expect : Arrive::drop;
  else if (d.take("arrive"))
    how = d.take("expect_tx") ? Arrive::expect : Arrive::arrive;
  else if (d.take("expect_tx"))
    how = Arrive::expectOnly;
  else if (d.take("complete_tx"))
    how = Arrive::completeOnly;
  else
    d.unsupported();
  d.take("noComplete");
  i.mode = static_cast<std::uint8_t>(how);
  i.run = arrive;
  if (d.operand(0).kind != Operand::Kind::address)
    d.output(d.operand(n++));
  d.address(d.operand(n++));
  if (n < d.operandCount()) {
    i.flags = 1;
    d.input(d.operand(n), Type::b32);
  }
  return true;
}

} // namespace lath::emulator
