// Blocks of a launch. Apart from DequantGemm.cpp, so that a program that only
// launches kernels needs nothing of the compiler.
#include "kernels/gemm/GemmGrid.h"

namespace lath {

std::array<unsigned, 3> gemmGrid(const GemmSpec &spec, const Schedule &schedule,
                                 std::int64_t m) {
  auto tiles = [](std::int64_t extent, std::int64_t tile) {
    return static_cast<unsigned>((extent + tile - 1) / tile);
  };
  return {tiles(spec.n, schedule.blockN), tiles(m, schedule.blockM),
          static_cast<unsigned>(schedule.split)};
}

} // namespace lath
