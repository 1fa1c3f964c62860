// Instructions that the four warps of a warpgroup must execute alike: wgmma and
// setmaxnreg.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

namespace lath::emulator {

class Warp;
class Block;
struct Instruction;

/// What the warps of one warpgroup have executed, compared step by step.
class Warpgroup {
public:
  /// The next such instruction of a warp, and what must be the same in all.
  void step(Warp &w, const Instruction &i, std::uint64_t operand);
  /// The block has ended: reports warps that executed fewer steps.
  void finish(Block &block, unsigned number);

private:
  struct Step {
    const Instruction *instruction;
    std::uint64_t operand;
    unsigned warp; ///< that came first, in the block
  };
  std::deque<Step> steps_;   ///< that some warp has yet to take
  std::uint64_t before_ = 0; ///< steps that all have taken
  std::array<std::uint64_t, 4> taken_{};
};

} // namespace lath::emulator
