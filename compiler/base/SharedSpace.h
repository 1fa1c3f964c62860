// How a kernel's buffers lie in a block's dynamic shared memory: one behind the
// other, in the order of the program. The pass that gives them their offsets
// and the code that asks beforehand how much a schedule needs count by this.
#pragma once

#include <cstdint>

namespace lath {

/// Bulk copies and the arithmetic of banks want buffers to start at these.
inline constexpr std::int64_t sharedAlignment = 128;
/// An operand of wgmma: its swizzle counts from multiples of 1024.
inline constexpr std::int64_t matrixOperandAlignment = 1024;
/// A buffer that tensor copies fill, for the same reason; so is each stage.
inline constexpr std::int64_t panelAlignment = matrixOperandAlignment;
/// Whether a tile of rows of so many bytes, in panels whose rows have 128 at
/// most (compiler/ir/Panels.h), may be a stage that tensor copies fill: each
/// panel, and the next stage, begins where the swizzle's period does.
constexpr bool fillsPanels(std::int64_t rows, std::int64_t rowBytes) {
  const std::int64_t inPanel = rowBytes < 128 ? rowBytes : 128;
  return rows * rowBytes % panelAlignment == 0 &&
         (inPanel == rowBytes || rows * inPanel % panelAlignment == 0);
}
/// Of one mbarrier.
inline constexpr std::int64_t mbarrierBytes = 8;
/// A ticket that one thread hands to its block.
inline constexpr std::int64_t ticketBytes = 4;

/// What a block's threads exchange when each hands out all of its partial sums,
/// fp32.
constexpr std::int64_t partialSumBytes(std::int64_t registers,
                                       std::int64_t threads) {
  return 4 * registers * threads;
}

/// A block's shared memory while it is filled.
class SharedSpace {
public:
  /// Takes `bytes` from the next multiple of `alignment` on, a power of two;
  /// returns where they begin.
  constexpr std::int64_t place(std::int64_t bytes,
                               std::int64_t alignment = sharedAlignment) {
    const std::int64_t offset = (end_ + alignment - 1) & -alignment;
    end_ = offset + bytes;
    return offset;
  }

  /// All that is taken, with the gaps.
  constexpr std::int64_t bytes() const { return end_; }

private:
  std::int64_t end_ = 0;
};

} // namespace lath
