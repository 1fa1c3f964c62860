#include "kernels/gemm/DequantGemm.h"

#include "compiler/ir/DotLayouts.h"
#include "kernels/gemm/SharedPlan.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

static View weightsView(Program &p, const GemmSpec &spec) {
  if (spec.layout == WeightLayout::gptq)
    return p.constantView("qweight", Dtype::u4, {spec.k, spec.n},
                          /*packedDim=*/0);
  Layout atom = weightAtom();
  auto whole = [&](std::int64_t extent, unsigned d) {
    std::int64_t step = atom.shape()[d];
    return (extent + step - 1) / step * step;
  };
  return p.constantView("qweight", whole(spec.k, 0), whole(spec.n, 1), atom);
}

std::unique_ptr<Program> dequantGemm(const GemmSpec &spec,
                                     const Schedule &schedule) {
  auto program = std::make_unique<Program>("dequant_gemm");
  Program &p = *program;
  const std::int64_t groups = spec.groups();

  Index m = p.scalar("m");
  View x = p.view("x", spec.x, {m, spec.k});
  View q = weightsView(p, spec);
  View scales = p.constantView("scales", spec.x, {groups, spec.n});
  View zeros;
  if (spec.zeros != Zeros::symmetric)
    zeros =
        p.constantView("qzeros", Dtype::u4, {groups, spec.n}, /*packedDim=*/1);
  View out = p.view("out", spec.x, {m, spec.n});

  Range row = p.range(p.programId(1), schedule.blockM);
  Range col = p.range(p.programId(0), schedule.blockN);

  Tile zero = p.splat(0, Dtype::f32, {schedule.blockM, schedule.blockN});
  Tile acc =
      p.loop(p.kRange(spec.k, schedule.blockK), zero, [&](Range k, Tile sum) {
        Range group = groups == 1 ? Range{p.constant(0), 1} : k / spec.group;
        Tile s = scales.load({group, col});
        Tile w;
        if (spec.zeros == Zeros::symmetric) {
          w = p.dequant(q.load({k, col}), s);
        } else {
          Tile z = zeros.load({group, col});
          w = p.dequant(q.load({k, col}), s, &z,
                        spec.zeros == Zeros::v1 ? 1 : 0);
        }
        return p.dot(x.load({row, k}), w, sum);
      });
  out.store({row, col}, p.cast(p.reduceSplits(acc), spec.x));
  return program;
}

CompileOptions compileOptions(const Schedule &schedule, const Target &target) {
  CompileOptions options;
  options.target = &target;
  options.warps = schedule.warps;
  options.kWarps = schedule.kWarps;
  options.scaleSums = schedule.scales == ScalePlacement::sums;
  options.streamRegisters = schedule.weights == WeightPath::registers;
  options.warpgroups = schedule.mma == MatrixUnit::warpgroup;
  options.bulkWeights = schedule.weights == WeightPath::bulk;
  options.producers = schedule.producers;
  options.stages = schedule.stages;
  options.split = schedule.split;
  options.dependent =
      static_cast<CompileOptions::DependentLaunch>(schedule.dependent);
  options.contiguousSplit = schedule.order == KOrder::contiguous;
  switch (schedule.reduce) {
  case Reduce::none:
    options.reduce = CompileOptions::SplitReduce::none;
    break;
  case Reduce::atomic:
    options.reduce = CompileOptions::SplitReduce::atomic;
    break;
  case Reduce::atomicOut:
    options.reduce = CompileOptions::SplitReduce::atomicOut;
    break;
  case Reduce::ordered:
    options.reduce = CompileOptions::SplitReduce::ordered;
    break;
  case Reduce::cluster:
    options.reduce = CompileOptions::SplitReduce::cluster;
    break;
  }
  return options;
}

void validate(const Schedule &s, const GemmSpec &spec, const Target &target) {
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::invalidSpec,
                fmt::format("schedule {} cannot compute {}: {}", print(s),
                            print(spec), why));
  };
  if (spec.split && s.split != spec.split)
    fail(fmt::format("it splits K by {}, the spec asks for {}", s.split,
                     spec.split));
  if ((s.split == 1) != (s.reduce == Reduce::none))
    fail(s.split == 1 ? "a split of 1 has nothing to reduce"
                      : "a split needs a reduction policy");
  if (s.split > 1 && servedBy(s.reduce) != spec.reduce &&
      spec.reduce != Reduce::none)
    fail(fmt::format("it reduces '{}', the spec asks for '{}'", name(s.reduce),
                     name(spec.reduce)));
  if (spec.groups() > 1 && s.blockK % spec.group && spec.group % s.blockK)
    fail(fmt::format("a K step of {} straddles groups of {}", s.blockK,
                     spec.group));
  if (s.warps / s.kWarps * 16 > s.blockN * (s.blockM / 8))
    fail(fmt::format("{} warps are too many for a tile of {} x {}",
                     s.warps / s.kWarps, s.blockM, s.blockN));
  const int leastK = spec.layout == WeightLayout::packed ? 64 : 32;
  if (s.blockK / s.kWarps < leastK)
    fail(fmt::format("{} warps along a K step of {} have less than {} each",
                     s.kWarps, s.blockK, leastK));
  if (s.weights == WeightPath::registers) {
    if (spec.layout != WeightLayout::packed)
      fail("weights=registers needs packed weights (layout=packed)");
    // Words of one lane; with the accumulators they share 255 registers.
    const int words = s.blockN * s.blockK / (8 * 32 * s.warps);
    if (words > 64)
      fail(fmt::format("a K step of {} columns x {} over {} warps takes {} "
                       "registers a lane, at most 64",
                       s.blockN, s.blockK, s.warps, words));
  }
  if (s.mma == MatrixUnit::warpgroup) {
    if (!target.hasWarpgroupMma())
      fail(fmt::format("{} has no wgmma (sm_90a alone has)", target.name));
    if (spec.layout != WeightLayout::packed)
      fail("mma=warpgroup needs packed weights (layout=packed)");
    if (s.kWarps != 1)
      fail(fmt::format("mma=warpgroup needs kw = 1, got {}: four warps "
                       "multiply together",
                       s.kWarps));
    if (s.warps % 4)
      fail(fmt::format("mma=warpgroup needs w to be a multiple of 4, got {}",
                       s.warps));
    if (s.warps * 16 > s.blockN)
      fail(fmt::format("mma=warpgroup gives each four warps 64 columns: w = {} "
                       "needs bn = {} or more, got {}",
                       s.warps, s.warps * 16, s.blockN));
    // Of a lane, with the totals of scaled sums; besides these it unpacks.
    const int sums = s.blockM * s.blockN / (32 * s.warps) *
                     (s.scales == ScalePlacement::sums ? 2 : 1);
    const int registers = std::min(255, 65536 / (32 * s.warps)) - 63;
    if (sums > registers)
      fail(fmt::format("a tile of {} x {} over {} warps takes {} sums a lane, "
                       "for which there are at most {} registers",
                       s.blockM, s.blockN, s.warps, sums, registers));
    if (s.blockK < 64)
      fail(fmt::format("mma=warpgroup needs a K step of at least 64, got {}",
                       s.blockK));
    if (s.producers)
      fail("mma=warpgroup with producers=1: what another warp copies is not "
           "fenced for wgmma; use producers=0");
  }
  if (s.weights == WeightPath::bulk) {
    if (spec.layout != WeightLayout::packed)
      fail("weights=bulk needs packed weights (layout=packed); these can take "
           "weights=shared");
    if (!target.hasBulkCopies())
      fail(fmt::format("{} has no bulk copies (sm_90 and later have); "
                       "weights=shared works there",
                       target.name));
  }
  if (s.dependent != Dependent::none && !target.hasDependentLaunch())
    fail(fmt::format("{} has no programmatic dependent launch (sm_90 and later "
                     "have)",
                     target.name));
  if (s.reduce == Reduce::cluster && !target.hasClusters())
    fail(fmt::format("{} has no thread-block clusters (sm_90 and later have)",
                     target.name));
  if (s.reduce == Reduce::atomicOut && spec.x == Dtype::bf16 &&
      !target.hasBf16Red())
    fail(fmt::format("{} has no atomic add of bf16 (sm_90 and later have)",
                     target.name));
  if (std::int64_t bytes = sharedBytes(s, spec); bytes > target.maxSharedBytes)
    fail(fmt::format("it needs {} bytes of shared memory a block, {} has {}",
                     bytes, target.name, target.maxSharedBytes));
}

} // namespace lath
