// The bytes a GEMM moves, and the arithmetic it does for them.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Operands.h"
#include "kernels/gemm/Schedule.h"

#include <cstdint>

namespace lath::cli {

/// Bytes of one launch, each tensor read or written once: what has to pass
/// between memory and the chip, however well the caches do.
struct Traffic {
  std::int64_t weights = 0, scales = 0, zeros = 0;
  std::int64_t activations = 0, output = 0;
  std::int64_t epilogue = 0;  ///< operands that an epilogue reads
  std::int64_t workspace = 0; ///< in memory
  /// Moved to bring splits together, in L2 as a rule; what a cluster moves
  /// between its shared memories is not counted.
  std::int64_t reduction = 0;
  double operations = 0; ///< multiplications and additions, 2 m n k

  std::int64_t weightSide() const { return weights + scales + zeros; }
  std::int64_t total() const {
    return weightSide() + activations + output + epilogue;
  }
  /// Operations per byte of the total.
  double intensity() const { return operations / static_cast<double>(total()); }
};

/// `workspace`: bytes, as Ptx::workspaceBytesPerTile times the tiles.
inline Traffic traffic(const GemmSpec &spec, const Schedule &schedule,
                       std::int64_t workspace) {
  Traffic t;
  const WeightBytes weights =
      weightFormat(spec).bytes(spec.n, spec.k, spec.groups());
  t.weights = weights.codes;
  t.scales = weights.scales;
  t.zeros = weights.zeros;
  t.activations = 2 * spec.m * spec.k;
  t.output = 2 * spec.m * spec.n;
  for (std::size_t i = plainOperands; i < gemmOperands.size(); ++i)
    if (gemmOperands[i].has(spec))
      t.epilogue +=
          static_cast<std::int64_t>(operandBytes(gemmOperands[i], spec));
  t.workspace = workspace;
  // Ordered: all partial sums are written, then read. Atomic: they are added
  // into one, which is read and cleared. Into the output itself: zeroed first,
  // then added to by every split; the total counts one of these writes.
  if (schedule.reduce == Reduce::ordered)
    t.reduction = 2 * workspace;
  else if (schedule.reduce == Reduce::atomic)
    t.reduction = (schedule.split + 2) * workspace;
  else if (schedule.reduce == Reduce::atomicOut)
    t.reduction = schedule.split * t.output;
  t.operations = 2.0 * static_cast<double>(spec.m) *
                 static_cast<double>(spec.n) * static_cast<double>(spec.k);
  return t;
}

} // namespace lath::cli
