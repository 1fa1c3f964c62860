// bra, ret, exit, trap; dependent launch; register budgets; hints.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <fmt/format.h>

namespace lath::emulator {

namespace {

void trap(Warp &w, const Instruction &i, std::uint32_t mask) {
  // Of a failed assertion that is its message.
  std::string_view printed = w.lastPrinted;
  if (printed.ends_with('\n'))
    printed.remove_suffix(1);
  w.fatal(Suspicion::undefined, i, static_cast<unsigned>(__builtin_ctz(mask)),
          printed.empty() ? "the kernel trapped"
                          : fmt::format("the kernel trapped: {}", printed));
}

void waitForGrids(Warp &w, const Instruction &, std::uint32_t) {
  w.gridWaited = true;
}

/// i.immediate registers a thread from here on; i.flags: more than before.
/// More come from what other warps of the block have given up.
void setRegisters(Warp &w, const Instruction &i, std::uint32_t) {
  auto count = static_cast<unsigned>(i.immediate);
  Block &block = *w.block;
  if (!w.registerCount)
    w.fatal(Suspicion::undefined, i, 0,
            "has no effect without .maxnreg, or .minnctapersm and the threads "
            "of a block");
  if (i.flags ? count < w.registerCount : count > w.registerCount)
    w.fatal(Suspicion::undefined, i, 0,
            fmt::format("{} to {} registers from {}",
                        i.flags ? "increases" : "decreases", count,
                        w.registerCount));
  if (i.flags) {
    unsigned more = count - w.registerCount;
    if (more > block.spareRegisters) { // the others get a turn first
      w.retry();
      w.state = Warp::State::yielded;
      return;
    }
    block.spareRegisters -= more;
  } else {
    block.spareRegisters += w.registerCount - count;
    ++block.cluster->progress;
  }
  w.registerCount = count;
  block.warpgroups[w.index / 4].step(w, i, count);
}

} // namespace

bool decodeControl(Decoding &d) {
  d.i.kind = Kind::control;
  if (d.is("bra")) {
    d.take("uni");
    d.i.branches = true;
    d.i.run = nothing;
    return true;
  }
  if (d.isOneOf({"ret", "exit"})) {
    d.take("uni");
    d.i.branches = true;
    d.i.run = nothing;
    return true;
  }
  if (d.is("trap")) {
    d.i.run = trap;
    return true;
  }
  if (d.isOneOf({"brkpt", "nanosleep", "pmevent", "prefetch", "prefetchu",
                 "applypriority", "discard"})) {
    d.takeAll();
    d.i.run = nothing;
    return true;
  }
  if (d.is("createpolicy")) {
    // The policy is a hint: any number will do, as long as it is written.
    d.takeAll();
    d.i.kind = Kind::other;
    d.i.run = nothing;
    d.outputs({0});
    return true;
  }
  if (d.is("griddepcontrol")) {
    d.i.run = nothing;
    if (d.take("wait"))
      d.i.run = waitForGrids;
    else if (!d.take("launch_dependents"))
      d.unsupported();
    return true;
  }
  if (d.is("setmaxnreg")) {
    d.i.flags = d.take("inc");
    if (!d.i.flags && !d.take("dec"))
      d.unsupported();
    d.take("sync");
    d.take("aligned");
    d.takeType();
    std::uint64_t count = d.immediate(d.operand(0));
    if (count < 24 || count > 256 || count % 8)
      d.malformed(fmt::format(
          "setmaxnreg takes a multiple of 8 from 24 to 256, got {}", count));
    d.i.collective = true;
    d.i.run = setRegisters;
    d.i.immediate = count;
    return true;
  }
  return false;
}

} // namespace lath::emulator
