#include "compiler/base/Occupancy.h"

namespace lath {

namespace {

constexpr unsigned warpSize = 32;
constexpr unsigned registerBanks = 4; ///< one a scheduler

unsigned roundUp(unsigned value, unsigned unit) {
  return (value + unit - 1) / unit * unit;
}

} // namespace

Occupancy occupancy(const Target &target, unsigned threads, unsigned registers,
                    unsigned sharedBytes) {
  unsigned warps = (threads + warpSize - 1) / warpSize;
  Occupancy result;
  result.maxWarps = target.threadsPerSm / warpSize;

  result.blocks = target.blocksPerSm;
  result.limit = "blocks";
  auto limitBy = [&](unsigned blocks, std::string_view what) {
    if (blocks < result.blocks) {
      result.blocks = blocks;
      result.limit = what;
    }
  };
  limitBy(result.maxWarps / warps, "threads");
  unsigned shared = roundUp(sharedBytes + 1024, 128);
  limitBy(target.sharedBytesPerSm / shared, "shared memory");
  if (registers) {
    unsigned perWarp = roundUp(registers * warpSize, 256);
    unsigned warpsInAll =
        target.registersPerSm / registerBanks / perWarp * registerBanks;
    limitBy(warpsInAll / warps, "registers");
  }
  result.warps = result.blocks * warps;
  return result;
}

} // namespace lath
