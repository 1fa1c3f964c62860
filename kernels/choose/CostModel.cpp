#include "kernels/choose/CostModel.h"

#include "compiler/base/Occupancy.h"
#include "kernels/gemm/SharedPlan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace lath {

namespace {

double ceilDiv(double a, double b) { return std::ceil(a / b); }

double blocksThatFit(const GemmSpec &spec, const Schedule &s,
                     const Target &target, const DeviceConstants &c) {
  const double computing = 32.0 * s.warps;
  const unsigned all = 32u * static_cast<unsigned>(s.warps + s.producers);
  const double threads = all;
  double sums = double(s.blockM) * s.blockN * s.kWarps / computing;
  // Weights on their way wait in registers too.
  double words = s.weights == WeightPath::registers
                     ? double(s.blockN) * s.blockK /
                           (weightFormat(spec).perWord() * computing)
                     : 0;
  // The assembler keeps within what one block may have.
  double registers =
      std::min({255.0, target.registersPerSm / threads,
                c.registersFixed + c.registersPerSum * sums + 1.1 * words});
  const double fit = std::min<double>(
      occupancy(target, all, /*registers=*/0,
                static_cast<unsigned>(sharedBytes(s, spec)))
          .blocks,
      std::floor(target.registersPerSm / (registers * threads)));
  return std::max(1.0, fit);
}

/// Whether a block takes all of shared memory. No such schedule was measured
/// when the constants were fitted. Four were since, on an H200 with 48 and 64
/// rows: they took 1.03 to 1.19 times as long as the best by the model of those
/// that leave some.
bool fillsShared(const Schedule &s, const GemmSpec &spec,
                 const Target &target) {
  return sharedBytes(s, spec) + 128 > target.maxSharedBytes;
}
constexpr double fullShared = 1.2;

/// By what was found to spill among 1600 kernels assembled for sm_90a: a
/// thread's partial sums, the words on their way to it, its rows of x and zero
/// points, over its share of the registers.
bool probablySpills(const GemmSpec &spec, const Schedule &s,
                    const Target &target) {
  const double threads = 32.0 * s.warps;
  const double sums = double(s.blockM) * s.blockN * s.kWarps / threads;
  const double words = s.weights == WeightPath::registers
                           ? double(s.blockN) * s.blockK /
                                 (weightFormat(spec).perWord() * threads)
                           : 0;
  const double loop =
      (s.scales == ScalePlacement::sums ? 0.7 : 0.42) * sums + words +
      24 * (std::bit_width(static_cast<unsigned>(s.blockM)) - 4) +
      (weightFormat(spec).storesZeros() ? 12 : 0);
  // The last block of an ordered split reads the sums of several at once.
  const double end =
      s.reduce == Reduce::ordered ? 0.4 * sums * std::min(s.split, 8) : 0;
  return std::max(loop, end) >
         15 + 0.39 * std::min(255.0, target.registersPerSm / threads);
}

/// Of what overlapping launches gain at best, when the next one starts then.
double chainShare(Dependent when, const DeviceConstants &c) {
  switch (when) {
  case Dependent::none:
    return 0;
  case Dependent::early:
    return c.chainEarly;
  case Dependent::half:
    return c.chainHalf;
  case Dependent::late:
    return 1;
  case Dependent::end:
    return c.chainEnd;
  }
  return 0;
}

/// No more than the p-norm of the parts for any p that the model takes: the
/// 8-norm, which needs no logarithm, or their maximum.
class LeastNorm {
public:
  explicit LeastNorm(const DeviceConstants &c)
      : eighth_(c.overlap + c.overlapBlocks * 5 <= 8) {} // 32 blocks an SM
  void add(double part) {
    if (eighth_) {
      double square = part * part, fourth = square * square;
      sum_ += fourth * fourth;
    } else {
      sum_ = std::max(sum_, part);
    }
  }
  double value() const {
    return eighth_ ? std::sqrt(std::sqrt(std::sqrt(sum_))) : sum_;
  }

private:
  bool eighth_;
  double sum_ = 0;
};

} // namespace

unsigned clusterSms(unsigned sms, unsigned blocks) {
  if (blocks <= 1 || sms < 2 * blocks)
    return sms;
  // GPCs of eight or nine pairs of SMs, one short of a pair: as an H200's 132
  // have to be, where 31 clusters of 4 fit but not 32.
  const unsigned pairs = sms / 2;
  const unsigned gpcs = std::max(1u, (2 * sms + 16) / 33);
  const unsigned own = pairs / gpcs, longer = pairs % gpcs;
  const bool uneven = gpcs > 2 && longer + 1 < gpcs && own > 0;
  // A cluster has pairs of its own, a power of two of them: of three blocks as
  // few fit as of four, of six as of eight.
  auto of = [&](unsigned its) {
    return its / ((std::bit_ceil(blocks) + 1) / 2) * blocks;
  };
  const unsigned filled =
      uneven ? (longer + 1) * of(own + 1) + (gpcs - longer - 2) * of(own) +
                   of(own - 1)
             : longer * of(own + 1) + (gpcs - longer) * of(own);
  return std::max(filled, blocks);
}

Cost estimate(const GemmSpec &spec, const Schedule &s, const Target &target,
              const DeviceConstants &c, unsigned blocksPerSm, double enough) {
  const double sms = c.sms;
  const double tiles =
      ceilDiv(double(spec.n), s.blockN) * ceilDiv(double(spec.m), s.blockM);
  const double blocks = tiles * s.split;
  const double fit =
      blocksPerSm ? blocksPerSm : blocksThatFit(spec, s, target, c);
  // The busiest SM has this many blocks, of which so many at once.
  const double perSm =
      ceilDiv(blocks, s.reduce == Reduce::cluster
                          ? clusterSms(c.sms, static_cast<unsigned>(s.split))
                          : sms);
  const double together = std::min(perSm, fit);
  const double rounds = perSm / together;
  const double steps =
      ceilDiv(ceilDiv(double(spec.k), s.blockK), s.split); // of one block
  const double ahead = std::min<double>(s.stages - 1, steps);
  const bool streams = s.weights == WeightPath::registers;

  const WeightFormat &format = weightFormat(spec);
  const double perWeight =
      format.codeBytes() + format.groupBytes() / double(spec.group);
  const double stepBytes = double(s.blockK) * s.blockN * perWeight;
  const double weights = double(spec.n) * double(spec.k) * perWeight;
  const double rows = double(std::min<std::int64_t>(spec.m, s.blockM));

  Cost cost;
  // Bytes over TB/s, in us.
  const double fromDram = weights / (c.dram * 1e6);
  const double intoSm = perSm * steps * stepBytes * sms / (c.smRate * 1e6);
  cost.memory = std::max(fromDram, intoSm);
  cost.l2 = perSm * sms * steps *
            (stepBytes + c.rowBytes * 2 * rows * s.blockK) / (c.l2 * 1e6);

  // Clocks that a warp issues in a K step.
  const double columns = s.blockM / 8.0;
  const double warpColumns = double(s.blockN) * s.kWarps / s.warps;
  double unpacking = c.fragment * (spec.layout == WeightLayout::packed
                                       ? c.packed
                                       : 1 + (warpColumns < 32 ? c.narrow : 0));
  if (streams)
    unpacking *= c.streamed;
  // wgmma runs beside what unpacks the next fragment, and reads x itself.
  const bool warpgroups = s.mma == MatrixUnit::warpgroup;
  const double products =
      warpgroups ? c.groupColumns * columns
                 : c.columns * (streams ? c.streamedColumns : 1) * columns +
                       c.rowReads * columns * 16 / std::min(warpColumns, 64.0);
  const double perFragment =
      unpacking * (warpgroups ? c.groupFragment : 1) + products +
      (s.scales == ScalePlacement::sums
           ? c.scaleSums * columns * 128 / double(spec.group)
           : c.scaleWeights);
  const double fragments = s.blockK / 16.0 * (s.blockN / 16.0) / s.warps;
  // Who starts a step's copies.
  const bool bulk = s.weights == WeightPath::bulk;
  const double stepClocks =
      fragments * perFragment + c.step * (s.producers ? c.producerStep
                                          : bulk      ? c.bulkStep
                                                      : 1);
  const double stepWait = c.stepWait * (s.producers ? c.producerWait : 1);
  const double clocks = c.clock * 1e3; // a us
  cost.issue = perSm * steps * stepClocks * s.warps / 4 / clocks;
  const double stepAlone =
      (stepClocks * c.alone + stepWait + c.stepWarp * s.warps) / clocks;
  cost.alone = rounds * steps * stepAlone;

  // A ring of copies asks for a step when one `ahead` before it begins, so the
  // steps come in batches, each a trip and, as it comes alone, a transfer. A
  // stream through registers asks word by word, one step ahead.
  const double transfer = stepBytes * together * sms / (c.dram * 1e6);
  const double trips = streams ? steps - 1 : std::floor((steps - 1) / ahead);
  cost.latency = rounds * trips * (c.latency + (streams ? 0 : transfer));

  cost.fixed = c.launch + c.warpStart * (s.warps + s.producers) * together / 16;
  // The next launch's blocks start beside all of this one's, or, where there is
  // no room for all, several on the SMs that end first.
  double crowd = 1;
  if (s.dependent != Dependent::none && spec.launches == Launches::chained) {
    const bool room = fit >= 2 * perSm;
    cost.fixed += c.chainCost - c.chainGain * chainShare(s.dependent, c) *
                                    (room                       ? 1.0
                                     : fit / together - 1 > 0.5 ? 0.5
                                                                : 0.0);
    if (!room && s.dependent != Dependent::end)
      crowd += c.chainCrowd;
  }
  const double sumBytes = 4.0 * s.blockM * s.blockN;
  if (s.kWarps > 1)
    cost.reduction +=
        c.kWarp * (s.kWarps - 1) +
        c.kWarpTile * std::log2(s.kWarps) * sumBytes / (2048.0 * s.warps);
  if (s.reduce == Reduce::cluster)
    cost.reduction += c.cluster + c.clusterDepth * std::log2(s.split) +
                      c.clusterBytes * together * sumBytes * s.kWarps / 1e5;
  else if (s.split > 1)
    cost.reduction += c.split + c.splitBytes * sumBytes * s.split / 1e5;
  cost.waves = (ceilDiv(perSm, fit) - 1) *
               (c.wave + c.waveBlock * (steps * stepAlone + trips * c.latency));

  const double apart = cost.fixed + cost.reduction + cost.waves;
  const std::pair<double, std::string_view> parts[] = {
      {cost.memory, "memory"},      {cost.l2, "L2"},
      {cost.issue, "instructions"}, {cost.alone, "warps alone"},
      {cost.latency, "waiting"},    {cost.fixed, "fixed costs"},
      {cost.waves, "waves"},        {cost.reduction, "reduction"}};
  cost.bound = std::max_element(std::begin(parts), std::end(parts))->second;
  cost.spills = probablySpills(spec, s, target);
  const double factor = (cost.spills ? 4 : 1) *
                        (fillsShared(s, spec, target) ? fullShared : 1) * crowd;
  LeastNorm least(c);
  for (double part :
       {fromDram, intoSm, cost.l2, cost.issue, cost.alone, cost.latency})
    least.add(part);
  if (factor * (apart + least.value()) > enough) {
    cost.total = std::numeric_limits<double>::infinity();
    return cost;
  }

  // Memory, arithmetic and waiting overlap, the better the more blocks take
  // turns; but nothing overlaps the first step's data and the last step's work.
  const double p = c.overlap + c.overlapBlocks * std::log2(together);
  auto power = [&](double part) { return std::pow(part, p); };
  const double moved = power(fromDram) + power(intoSm) + power(cost.l2);
  const double worked = power(cost.issue) + power(cost.alone);
  const double overlapped =
      std::pow(moved + worked + power(cost.latency), 1 / p);
  const double oneByOne =
      std::pow(moved, 1 / p) + std::pow(worked, 1 / p) + cost.latency;
  const double share = std::min(1.0, c.fill / (steps * rounds));
  cost.total = factor * (apart + overlapped * (1 - share) + oneByOne * share);
  return cost;
}

double leastCost(const GemmSpec &spec, const Schedule &s,
                 const DeviceConstants &c) {
  const double tiles =
      ceilDiv(double(spec.n), s.blockN) * ceilDiv(double(spec.m), s.blockM);
  const double allSteps = ceilDiv(double(spec.k), s.blockK);
  // K steps of a block, and of the busiest SM.
  double steps = 1, smSteps = tiles * allSteps / c.sms, trips = 0;
  if (s.split) {
    steps = ceilDiv(allSteps, s.split);
    smSteps = ceilDiv(tiles * s.split, c.sms) * steps;
    trips = std::floor((steps - 1) / std::min<double>(s.stages - 1, steps));
  }
  // The cheapest of all paths; scales cost nothing.
  const bool packed = spec.layout == WeightLayout::packed;
  const double columns = s.blockM / 8.0;
  const double unpacking = c.fragment * (packed ? c.packed : 1);
  double perFragment = unpacking + c.columns * columns, step = c.step,
         stepWait = c.stepWait;
  if (packed) {
    perFragment = std::min(
        {perFragment,
         unpacking * c.streamed + c.columns * c.streamedColumns * columns,
         unpacking * std::min(1.0, c.streamed) * c.groupFragment +
             c.groupColumns * columns});
    step *= std::min(1.0, c.bulkStep);
  }
  // Any path may have a producer: tensor copies are dense.
  step *=
      std::min(1.0, c.producerStep / std::min(1.0, packed ? c.bulkStep : 1));
  stepWait *= std::min(1.0, c.producerWait);
  const double stepClocks =
      s.blockK / 16.0 * (s.blockN / 16.0) / s.warps * perFragment + step;
  const double clocks = c.clock * 1e3;
  const double codeBytes = weightFormat(spec).codeBytes();
  const double stepBytes = s.blockK * codeBytes * s.blockN;
  const double rows = double(std::min<std::int64_t>(spec.m, s.blockM));
  const double loaded = smSteps * c.sms / 1e6; // steps, over TB/s
  LeastNorm least(c);
  for (double part :
       {double(spec.n) * double(spec.k) * codeBytes / (c.dram * 1e6),
        loaded * stepBytes / c.smRate,
        loaded * (stepBytes + c.rowBytes * 2 * rows * s.blockK) / c.l2,
        smSteps * stepClocks * s.warps / 4 / clocks,
        steps * (stepClocks * c.alone + stepWait + c.stepWarp * s.warps) /
            clocks,
        trips * c.latency})
    least.add(part);
  double reduction = 0;
  if (s.split > 1)
    reduction =
        std::min(c.split, c.cluster + c.clusterDepth * std::log2(s.split));
  const double chained =
      spec.launches == Launches::chained
          ? std::min(0.0, c.chainCost -
                              c.chainGain * std::max({1.0, c.chainEarly,
                                                      c.chainHalf, c.chainEnd}))
          : 0;
  return c.launch + c.warpStart * s.warps / 16 + chained + reduction +
         least.value();
}

} // namespace lath
