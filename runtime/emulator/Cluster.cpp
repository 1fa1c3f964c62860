// Thread-block clusters: mapa, getctarank, barrier.cluster.
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <fmt/format.h>

namespace lath::emulator {

namespace {

/// i.space: cluster for 32-bit shared addresses, generic for generic ones.
void mapAddress(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *rank = w.in(i, 1);
  eachLane(mask, [&](unsigned lane) {
    if (rank[lane] >= w.block->cluster->blocks.size())
      w.fatal(Suspicion::outOfBounds, i, lane,
              fmt::format("block {} of a cluster of {}", rank[lane],
                          w.block->cluster->blocks.size()));
    std::uint64_t window = i.space == Space::generic ? sharedWindow : 0;
    d[lane] = window + clusterAddress(static_cast<std::uint32_t>(
                                          a[lane] - window +
                                          static_cast<std::uint64_t>(i.offset)),
                                      static_cast<unsigned>(rank[lane]));
  });
}

void rankOf(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned lane) {
    std::uint64_t rank = a[lane] >> 24 & 0xff;
    d[lane] = rank ? rank - 1 : w.block->rank;
  });
}

/// The key under which the barrier's clocks are published: no mbarrier lies
/// there, as shared memory starts higher.
constexpr std::uint32_t clocksKey = 64;

void arrive(Warp &w, const Instruction &i, std::uint32_t mask) {
  Cluster &cluster = *w.block->cluster;
  if (w.clusterPhase > cluster.barrierPhase)
    w.fatal(Suspicion::undefined, i, static_cast<unsigned>(__builtin_ctz(mask)),
            "arrives at the cluster's barrier twice");
  w.clusterPhase = cluster.barrierPhase + 1;
  // Whatever the order of the arrival: that is what the fence is for.
  for (auto &[offset, mbarrier] : w.block->mbarriers)
    if (mbarrier.fenced && mbarrier.initialiser / warpSize == w.index &&
        !mbarrier.shownAfter)
      mbarrier.shownAfter = w.clusterPhase;
  ++cluster.barrier.arrived;
  cluster.barrier.released |= i.order != Order::relaxed;
  if (cluster.races && i.order != Order::relaxed)
    cluster.races->arrive(w, cluster.blocks[0], clocksKey);
  if (cluster.counters)
    cluster.counters->barrier();
  finishClusterBarrier(cluster);
}

void wait(Warp &w, const Instruction &i, std::uint32_t mask) {
  Cluster &cluster = *w.block->cluster;
  if (w.clusterPhase == 0 || w.clusterPhase < cluster.barrierPhase)
    w.fatal(Suspicion::undefined, i, static_cast<unsigned>(__builtin_ctz(mask)),
            "waits at the cluster's barrier without having arrived");
  if (cluster.barrierPhase < w.clusterPhase) {
    w.retry();
    cluster.barrier.waiting.push_back(&w);
    return;
  }
  w.clusterMet = w.clusterPhase;
  if (cluster.races)
    cluster.races->acquire(w, cluster.blocks[0], clocksKey);
}

} // namespace

void finishClusterBarrier(Cluster &cluster) {
  Barrier &b = cluster.barrier;
  if (!b.arrived)
    return;
  // All that have not left, whether or not others arrived before they left.
  for (const Block &block : cluster.blocks)
    for (const Warp &warp : block.warps)
      if (warp.state != Warp::State::done &&
          warp.clusterPhase <= cluster.barrierPhase)
        return;
  ++cluster.barrierPhase;
  ++cluster.progress;
  if (cluster.races)
    cluster.races->completePhase(cluster.blocks[0], clocksKey);
  // By the block, not the warp: one arrival that releases does it for all.
  if (cluster.launch.globalRaces && b.released)
    cluster.launch.globalRaces->clusterBarrier(cluster);
  for (Warp *warp : b.waiting)
    warp->state = Warp::State::yielded;
  b = {};
}

bool decodeCluster(Decoding &d) {
  Instruction &i = d.i;
  if (d.is("mapa")) {
    i.space = d.takeSpace();
    d.takeType();
    i.kind = Kind::integer;
    i.run = mapAddress;
    d.outputs({0});
    Operand a = d.operand(1);
    i.offset = 0;
    d.input(a);
    d.inputs({2}, Type::b32);
    return true;
  }
  if (d.is("getctarank")) {
    d.takeSpace();
    d.takeType();
    i.kind = Kind::integer;
    i.run = rankOf;
    d.outputs({0});
    d.inputs({1});
    return true;
  }
  if (!d.is("barrier") || !d.take("cluster"))
    return false;
  i.kind = Kind::barrier;
  i.collective = true;
  bool arrives = d.take("arrive");
  if (!arrives && !d.take("wait"))
    d.unsupported();
  i.order = d.takeOrder();
  d.take("aligned");
  i.run = arrives ? arrive : wait;
  return true;
}

} // namespace lath::emulator
