#include "kernels/gemm/DequantGemm.h"

#include "compiler/ir/DotLayouts.h"

#include <algorithm>
#include <bit>

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

/// Partial sums that a block of a cluster receives: its share of everybody's
/// registers, of which one bit stays (see scatteredOverCluster). And the
/// mbarrier that counts them.
static std::int64_t clusterScratchBytes(const Schedule &s) {
  std::int64_t tile = 4ll * s.blockM * s.blockN;
  std::int64_t registers = tile / 4 / (32ll * s.warps / s.kWarps);
  std::int64_t owners = std::clamp<std::int64_t>(
      registers / 2, 1, std::bit_floor(unsigned(s.split)));
  return tile * s.kWarps * s.split / owners + 128;
}

int tileRows(const Schedule &s, const GemmSpec &spec) {
  return spec.m < s.blockM && s.mma == MatrixUnit::warp
             ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(spec.m)))
             : s.blockM;
}

std::int64_t sharedBytes(const Schedule &s, const GemmSpec &spec) {
  // Each buffer has all stages, and starts at a multiple of 128 bytes.
  auto buffer = [&](std::int64_t stage) {
    return (stage * s.stages + 127) / 128 * 128;
  };
  std::int64_t groups = std::max<std::int64_t>(1, s.blockK / spec.group);
  std::int64_t bytes = buffer(2ll * tileRows(s, spec) * s.blockK) +
                       buffer(2 * groups * s.blockN);
  if (s.weights != WeightPath::registers)
    bytes += buffer(s.blockN * s.blockK / 2);
  if (spec.zeros != Zeros::symmetric)
    bytes += buffer(groups * s.blockN / 2);
  if (s.weights == WeightPath::bulk) // "full" and "empty" mbarriers
    bytes += buffer(8) * (1 + s.producers);
  // wgmma's operands start at multiples of 1024 bytes, behind the scales.
  if (s.mma == MatrixUnit::warpgroup)
    bytes += 1024;
  std::int64_t sums = s.kWarps == 1 ? 0 : 4ll * s.blockM * s.blockN * s.kWarps;
  if (s.reduce == Reduce::cluster)
    return bytes + clusterScratchBytes(s);
  std::int64_t ticket = s.split == 1 ? 0 : 128;
  return bytes + sums + ticket;
}

} // namespace lath
