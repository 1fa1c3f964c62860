#include "kernels/gemm/DequantGemm.h"

#include "compiler/ir/DotLayouts.h"
#include "kernels/gemm/EpilogueSteps.h"
#include "kernels/gemm/Operands.h"

#include <map>

namespace lath {

/// The parameter that is an operand.
static View declare(Program &p, const GemmOperand &operand,
                    const GemmSpec &spec, Index rows) {
  const OperandShape shape = operand.shape(spec);
  const std::string name(operand.name);
  if (shape.atoms)
    return p.constantView(name, shape.extents[0], shape.extents[1],
                          weightAtom());
  std::vector<Extent> extents;
  for (std::int64_t extent : shape.extents)
    extents.push_back(extent == OperandShape::rows ? Extent(rows)
                                                   : Extent(extent));
  // What no launch writes may be read before the launch ahead is done.
  return operand.role == OperandRole::weights
             ? p.constantView(name, shape.type, extents, shape.packedDim)
             : p.view(name, shape.type, extents, shape.packedDim);
}

/// The operands that a spec has, by name.
static std::map<std::string_view, View>
declareAll(Program &p, const GemmSpec &spec, Index rows) {
  std::map<std::string_view, View> views;
  for (const GemmOperand &operand : gemmOperands)
    if (operand.has(spec))
      views[operand.name] = declare(p, operand, spec, rows);
  return views;
}

std::unique_ptr<Program> dequantGemm(const GemmSpec &spec,
                                     const Schedule &schedule) {
  auto program = std::make_unique<Program>("dequant_gemm");
  Program &p = *program;
  const WeightFormat &format = weightFormat(spec);
  const std::int64_t groups = spec.groups();

  const auto views = declareAll(p, spec, p.scalar("m"));
  const View x = views.at("x"), q = views.at("qweight"),
             scales = views.at("scales");

  Range row = p.range(p.programId(1), schedule.blockM);
  Range col = p.range(p.programId(0), schedule.blockN);

  Tile zero = p.splat(0, Dtype::f32, {schedule.blockM, schedule.blockN});
  Tile acc =
      p.loop(p.kRange(spec.k, schedule.blockK), zero, [&](Range k, Tile sum) {
        Range group = groups == 1 ? Range{p.constant(0), 1} : k / spec.group;
        Tile s = scales.load({group, col});
        Tile w;
        if (format.storesZeros()) {
          Tile z = views.at("qzeros").load({group, col});
          w = dequant(q.load({k, col}), s, &z, format.zeroOffset());
        } else {
          w = dequant(q.load({k, col}), s);
        }
        return dot(x.load({row, k}), w, sum);
      });
  Tile sums = applyEpilogue(
      spec,
      {p, [&](std::string_view name) { return views.at(name); }, row, col},
      reduceSplits(acc));
  views.at("out").store({row, col}, cast(sums, spec.x));
  return program;
}

} // namespace lath
