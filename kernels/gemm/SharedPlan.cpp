// The buffers of the compiled kernel in its own order, which the passes make:
// mbarrier of a cluster (split-k), stages of scales, zero points, x and weights
// (stage-copies, pipeline-loops), mbarriers of the stages (bulk-copies,
// specialise-warps), partial sums of warps or of a cluster, ticket of a split
// (allocate-shared). A test compiles schedules and compares.
#include "kernels/gemm/SharedPlan.h"

#include "compiler/base/SharedSpace.h"

#include <algorithm>
#include <bit>

namespace lath {

int tileRows(const Schedule &s, const GemmSpec &spec) {
  return spec.m < s.blockM && s.mma == MatrixUnit::warp
             ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(spec.m)))
             : s.blockM;
}

/// Of an element of x or a scale.
static constexpr std::int64_t halfBytes = 2;

/// Partial sums that a block receives. In a cluster each block owns a part of
/// the tile, a power of two of them, and gets that part from all; a thread
/// keeps two of its sums at least (scatteredOverCluster).
static std::int64_t receivedSums(const Schedule &s) {
  const std::int64_t threads = 32ll * s.warps;
  const std::int64_t registers =
      std::int64_t{s.blockM} * s.blockN * s.kWarps / threads;
  const std::int64_t all = partialSumBytes(registers, threads);
  if (s.reduce != Reduce::cluster)
    return s.kWarps == 1 ? 0 : all;
  const std::int64_t owners = std::clamp<std::int64_t>(
      registers / 2, 1, std::bit_floor(static_cast<unsigned>(s.split)));
  return all * s.split / owners;
}

std::int64_t sharedBytes(const Schedule &s, const GemmSpec &spec) {
  SharedSpace space;
  auto stages = [&](std::int64_t bytes,
                    std::int64_t alignment = sharedAlignment) {
    space.place(bytes * s.stages, alignment);
  };
  // Of dense tiles, halves; tensor copies bring those that they can.
  auto denseStages = [&](std::int64_t rows, std::int64_t columns,
                         std::int64_t alignment) {
    const bool tensor =
        s.copies == CopyPath::tensor && fillsPanels(rows, halfBytes * columns);
    stages(halfBytes * rows * columns, tensor ? panelAlignment : alignment);
  };
  if (s.reduce == Reduce::cluster)
    space.place(mbarrierBytes);

  // A step longer than K has the one group that there is.
  const std::int64_t groups =
      spec.groups() == 1 ? 1 : std::max<std::int64_t>(1, s.blockK / spec.group);
  const WeightBytes weights =
      weightFormat(spec).bytes(s.blockN, s.blockK, groups);
  denseStages(groups, s.blockN, sharedAlignment);
  if (weights.zeros)
    stages(weights.zeros);
  denseStages(tileRows(s, spec), s.blockK,
              s.mma == MatrixUnit::warpgroup ? matrixOperandAlignment
                                             : sharedAlignment);
  if (s.weights != WeightPath::registers)
    stages(weights.codes);
  if (engineCopies(s)) {
    stages(mbarrierBytes); // a stage is full
    if (s.producers)
      stages(mbarrierBytes); // and empty
  }

  if (std::int64_t sums = receivedSums(s))
    space.place(sums);
  if (s.reduce == Reduce::ordered || s.reduce == Reduce::atomic)
    space.place(ticketBytes);
  return space.bytes();
}

} // namespace lath
