#include "kernels/Heuristic.h"
#include "kernels/DequantGemm.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace lath {

ScheduleChoice chooseSchedule(const GemmSpec &spec, const Target &target,
                              unsigned smCount) {
  validate(spec);
  if (!smCount)
    smCount = target.smCount;
  ScheduleChoice choice;
  Schedule &s = choice.schedule;
  auto because = [&](std::string reason) {
    choice.reasons.push_back(std::move(reason));
  };

  s.blockM = std::clamp<int>(
      std::bit_ceil((unsigned)std::min<std::int64_t>(spec.m, 64)), 8, 64);
  because(fmt::format(
      "bm{}: the smallest power of two that holds m = {}, from 8 (the "
      "narrow side of the tensor core) to 64",
      s.blockM, spec.m));
  s.scales = s.blockM <= 32 && spec.group >= 64 ? ScalePlacement::sums
                                                : ScalePlacement::weights;
  because(s.scales == ScalePlacement::sums
              ? "scales on sums: a lane has fewer sums than weights in a group"
              : "scales on weights: the sums of a group are as many as its "
                "weights");

  // At many rows instructions count, and those of the way through shared
  // memory can be saved; at few rows, or with many steps, a ring of copies is
  // further ahead.
  const bool straight =
      spec.layout == WeightLayout::packed && s.scales == ScalePlacement::sums &&
      (s.blockM > 16 ||
       (s.blockM == 16 && (spec.n + 31) / 32 <= std::int64_t(smCount)));
  if (straight) {
    s.weights = WeightPath::registers;
    because("weights=registers: at this many rows instructions count");
  }

  // Columns: 32 a warp, so that a lane reads 16 bytes of qweight at once. Two
  // such strips share a block's activations once there are blocks enough.
  const auto sms = static_cast<std::int64_t>(smCount);
  const std::int64_t rowTiles = (spec.m + s.blockM - 1) / s.blockM;
  // A split that the spec asks for multiplies the blocks.
  const std::int64_t asked = std::max(spec.split, 1);
  const std::int64_t strips = (spec.n + 31) / 32 * rowTiles * asked;
  s.blockN = strips > 3 * sms || s.blockM > 16 ? 64 : 32;
  const std::int64_t tiles = (spec.n + s.blockN - 1) / s.blockN * rowTiles;
  because(fmt::format(
      "bn{}: strips of 32 columns, so that a lane reads 16 bytes of qweight "
      "at once; {} tiles on {} SMs",
      s.blockN, tiles, smCount));

  // K is split over warps before it is split over blocks, which costs a trip
  // through memory; over blocks only where the tiles leave SMs idle in the
  // last wave and there is enough to read.
  const std::int64_t waves = (tiles + sms - 1) / sms;
  const double idle = double(waves * sms) / double(tiles);
  const bool large = spec.n * spec.k >= 16 << 20;
  if (spec.split) {
    s.split = spec.split;
    because(fmt::format("s{}: as the spec asks", s.split));
  } else if (s.blockM > 16) {
    // With warps along K a block fills an SM by itself.
    const std::int64_t wanted = straight ? sms * 9 / 10 : 2 * sms;
    s.split = 1;
    while (s.split < 8 && tiles * s.split < wanted && spec.k >= 512 * s.split)
      s.split *= 2;
    because(fmt::format("s{}: {} an SM", s.split,
                        straight ? "a block" : "two blocks"));
  } else {
    // Clusters of two find room everywhere; larger ones leave SMs idle.
    const bool clusters =
        target.hasClusters() && spec.reduce == Reduce::ordered;
    s.split = large && idle > 1.3 && waves < 4              ? (clusters ? 2 : 4)
              : large && waves == 1 && spec.k >= 2 * spec.n ? 2
                                                            : 1;
    because(fmt::format(
        "s{}: {:.0f} % of the device idle in {} wave{} without a split",
        s.split, 100 * (1 - 1 / idle), waves, waves == 1 ? "" : "s"));
  }
  s.reduce = s.split == 1                  ? Reduce::none
             : spec.reduce == Reduce::none ? Reduce::ordered
                                           : spec.reduce;
  if (s.reduce == Reduce::ordered && target.hasClusters() &&
      std::has_single_bit((unsigned)s.split) && s.split <= 8) {
    s.reduce = Reduce::cluster;
    because("reduce=cluster: the blocks of a tile add through each other's "
            "shared memory, not through L2");
  }
  s.order = KOrder::contiguous;

  // About eight warps an SM, each with at least 64 of K a step.
  s.kWarps = 1;
  if (straight && s.blockM > 16)
    while (s.kWarps < 4 && spec.k / s.split >= 128 * (2 * s.kWarps))
      s.kWarps *= 2;
  if (s.blockM <= 16)
    while (s.kWarps < 8 && 2 * s.kWarps * strips <= 9 * sms &&
           spec.k / s.split >= 128 * (2 * s.kWarps))
      s.kWarps *= 2;
  const std::int64_t blocksPerSm =
      std::min<std::int64_t>((tiles * s.split + sms - 1) / sms, 8);
  std::int64_t own = 0; // K steps of a block
  auto straddles = [&] {
    return spec.groups() > 1 && s.blockK % spec.group && spec.group % s.blockK;
  };
  // All blocks at once where that is possible: a second wave would start when
  // the first is done.
  const std::int64_t reserved = 1024; // bytes of each block, for the system
  auto fits = [&](std::int64_t blocks) {
    return sharedBytes(s, spec) <= target.maxSharedBytes &&
           blocks * (sharedBytes(s, spec) + reserved) <=
               target.sharedBytesPerSm;
  };
  const int leastK = spec.layout == WeightLayout::packed ? 64 : 32;
  // Where weights go another way, stages hold activations alone.
  const std::int64_t mostStages = straight ? 3 : 5;
  for (;; s.kWarps /= 2) {
    s.warps = s.blockN / 32 * s.kWarps;
    s.blockK =
        (s.blockM == 16 && s.kWarps == 8 && !straight ? 64 : 128) * s.kWarps;
    while (s.blockK > leastK * s.kWarps &&
           (straddles() || s.blockK / 2 >= spec.k))
      s.blockK /= 2;
    // Enough copies in flight to cover the latency of memory, 48 KB an SM; of
    // long steps not so many that most of K is only prologue.
    const std::int64_t steps = (spec.k + s.blockK - 1) / s.blockK;
    own = (steps + s.split - 1) / s.split;
    s.stages = 2;
    const std::int64_t most =
        s.blockK < 1024 ? own + 1
                        : std::max(own - 1, std::min<std::int64_t>(own + 1, 3));
    while (s.stages < std::min<std::int64_t>(most, mostStages) &&
           (s.stages - 1) * blocksPerSm * s.blockK * s.blockN / 2 < 48 << 10)
      ++s.stages;
    while (s.stages > 2 && !fits(blocksPerSm))
      --s.stages;
    bool together = fits(blocksPerSm) || (s.split == 1 && fits(1));
    if (s.kWarps == 1 || (together && !straddles()))
      break;
  }
  because(fmt::format(
      "w{}, kw{}, bk{}: about eight warps an SM, each with {} of a K step",
      s.warps, s.kWarps, s.blockK, s.blockK / s.kWarps));
  because(fmt::format(
      "st{}: {} KB of weights in flight an SM, {} K steps a block", s.stages,
      (s.stages - 1) * blocksPerSm * s.blockK * s.blockN / 2 >> 10, own));
  validate(s, spec, target);
  return choice;
}

} // namespace lath
