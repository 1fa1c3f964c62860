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

  s.blockM = std::clamp<int>(std::bit_ceil((unsigned)std::min<std::int64_t>(spec.m, 64)),
                             8, 64);
  because(fmt::format("bm{}: the smallest power of two that holds m = {}, from 8 (the "
                      "narrow side of the tensor core) to 64",
                      s.blockM, spec.m));
  s.blockK = 128;
  if (spec.groups() > 1)
    while (s.blockK % spec.group && spec.group % s.blockK)
      s.blockK /= 2;
  while (s.blockK > 32 && s.blockK / 2 >= spec.k)
    s.blockK /= 2;
  because(fmt::format("bk{}: four 32-deep words a lane, groups of {} do not straddle it",
                      s.blockK, spec.group));

  std::int64_t steps = (spec.k + s.blockK - 1) / s.blockK;
  // Small blocks, many to an SM: while some wait for memory others compute.
  s.blockN = 64;
  s.warps = 2;
  because(fmt::format("bn{}, {} warps: 32 columns a warp, so that a lane reads 16 bytes of "
                      "qweight at once",
                      s.blockN, s.warps));
  std::int64_t tiles = (spec.n + s.blockN - 1) / s.blockN *
                       ((spec.m + s.blockM - 1) / s.blockM);
  if (spec.split) {
    s.split = spec.split;
    because(fmt::format("s{}: as the spec asks", s.split));
  } else {
    // Three and a half blocks an SM, at least one K step each; beyond 8 the
    // partial sums cost more than the parallelism brings.
    s.split = 1;
    while (s.split < 8 && 2 * tiles * s.split < 7 * (std::int64_t)smCount &&
           steps >= 2 * s.split)
      s.split *= 2;
    because(fmt::format("s{}: {} tiles on {} SMs, {} K steps", s.split, tiles, smCount,
                        steps));
  }
  s.reduce = s.split == 1 ? Reduce::none
             : spec.reduce == Reduce::none ? Reduce::ordered
                                           : spec.reduce;
  s.order = KOrder::interleaved;

  std::int64_t own = (steps + s.split - 1) / s.split;
  s.stages = (int)std::clamp<std::int64_t>(own + 1, 2, 5);
  while (s.stages > 2 && sharedBytes(s, spec) > std::min(target.maxSharedBytes, target.sharedBytesPerSm / 2))
    --s.stages;
  because(fmt::format("st{}: {} bytes in flight a block, {} K steps a block", s.stages,
                      sharedBytes(s, spec) / s.stages * (s.stages - 1), own));
  validate(s, spec, target);
  return choice;
}

} // namespace lath
