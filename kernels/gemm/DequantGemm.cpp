#include "kernels/gemm/DequantGemm.h"

#include "compiler/ir/DotLayouts.h"

namespace lath {

static View weightsView(Program &p, const GemmSpec &spec) {
  if (spec.layout == WeightLayout::gptq)
    return p.constantView("qweight", spec.w, {spec.k, spec.n},
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
  const WeightFormat &format = weightFormat(spec);
  const std::int64_t groups = spec.groups();

  Index m = p.scalar("m");
  View x = p.view("x", spec.x, {m, spec.k});
  View q = weightsView(p, spec);
  View scales = p.constantView("scales", spec.x, {groups, spec.n});
  View zeros;
  if (format.storesZeros())
    zeros = p.constantView("qzeros", spec.w, {groups, spec.n}, /*packedDim=*/1);
  View out = p.view("out", spec.x, {m, spec.n});

  Range row = p.range(p.programId(1), schedule.blockM);
  Range col = p.range(p.programId(0), schedule.blockN);

  Tile zero = p.splat(0, Dtype::f32, {schedule.blockM, schedule.blockN});
  Tile acc =
      p.loop(p.kRange(spec.k, schedule.blockK), zero, [&](Range k, Tile sum) {
        Range group = groups == 1 ? Range{p.constant(0), 1} : k / spec.group;
        Tile s = scales.load({group, col});
        Tile w;
        if (format.storesZeros()) {
          Tile z = zeros.load({group, col});
          w = p.dequant(q.load({k, col}), s, &z, format.zeroOffset());
        } else {
          w = p.dequant(q.load({k, col}), s);
        }
        return p.dot(x.load({row, k}), w, sum);
      });
  out.store({row, col}, p.cast(p.reduceSplits(acc), spec.x));
  return program;
}

} // namespace lath
