#include "runtime/emulator/Warpgroup.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

void Warpgroup::step(Warp &w, const Instruction &i, std::uint64_t operand) {
  unsigned first = w.index / 4 * 4;
  if (w.block->warps.size() < first + 4)
    w.fatal(Suspicion::undefined, i, 0,
            fmt::format("its warpgroup has {} of 4 warps",
                        w.block->warps.size() - first));
  std::uint64_t at = taken_[w.index % 4]++ - before_;
  if (at == steps_.size()) {
    steps_.push_back({&i, operand, w.index});
  } else {
    const Step &step = steps_[at];
    const Statement &s =
        w.program->module.statements[step.instruction->statement];
    if (step.instruction != &i)
      w.fatal(Suspicion::divergentBarrier, i, 0,
              fmt::format("warp {} is here while warp {} of its warpgroup is "
                          "at PTX line {} (`{}`)",
                          w.index, step.warp, s.line, s.text));
    if (step.operand != operand)
      w.report(Suspicion::undefined, i, 0,
               fmt::format("warp {} has {:#x} where warp {} of its warpgroup "
                           "has {:#x}",
                           w.index, operand, step.warp, step.operand));
  }
  while (*std::min_element(taken_.begin(), taken_.end()) > before_) {
    steps_.pop_front();
    ++before_;
  }
}

void Warpgroup::finish(Block &block, unsigned number) {
  if (steps_.empty())
    return;
  for (unsigned n = 0; n < 4; ++n)
    if (taken_[n] == before_) {
      Warp &w = block.warps[4 * number + n];
      w.report(Suspicion::divergentBarrier, *steps_.front().instruction, 0,
               fmt::format("warp {} ended without it, which warp {} of its "
                           "warpgroup executes",
                           w.index, steps_.front().warp));
      return;
    }
}

} // namespace lath::emulator
