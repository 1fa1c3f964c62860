// A warp executes: fetch, predicate, divergence, reconvergence.
#include "runtime/emulator/Machine.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

/// A warp gives the others a turn after so many instructions, in case it
/// spins on what one of them will write.
constexpr unsigned slice = 1u << 16;

} // namespace

void Warp::start(Block &owner, unsigned number, std::uint32_t lanes) {
  block = &owner;
  launch = owner.launch;
  program = launch->program.get();
  index = number;
  initial = lanes;
  exited = 0;
  state = State::ready;
  executed = 0;
  clusterPhase = 0;
  clusterMet = 0;
  matrixFence = 0;
  lastPrinted.clear();
  bulkGroup.fill(0);
  gridWaited = outOfTime = false;
  registerCount = program->registersAtEntry;
  const Module &m = program->module;
  registers.resize(m.registers.size());
  defined.assign(m.registers.size(), 0);
  partly.clear();
  inFlight.assign(m.registers.size(), 0);
  inFlightCount = 0;
  if (program->usesMatrixUnits)
    writtenAt.assign(m.registers.size(), 0);
  matrices = nullptr;
  local.assign(m.localBytes * warpSize, 0);
  for (auto &queue : copies)
    queue.clear();
  stack.assign(1, {0, -1, lanes});

  fillSpecials(owner);
}

void Warp::report(Suspicion kind, const Instruction &i, unsigned lane,
                  std::string detail, std::uint64_t address,
                  std::string buffer) {
  Report r;
  r.kind = kind;
  r.line = program->module.statements[i.statement].line;
  r.statement = program->module.statements[i.statement].text;
  r.block = block->index;
  r.thread = thread(lane);
  r.address = address;
  r.buffer = std::move(buffer);
  r.detail = std::move(detail);
  launch->log->add(std::move(r));
}

void Warp::fatal(Suspicion kind, const Instruction &i, unsigned lane,
                 std::string detail, std::uint64_t address,
                 std::string buffer) {
  report(kind, i, lane, std::move(detail), address, std::move(buffer));
  throw Stop{};
}

std::uint64_t Warp::validBits(std::int32_t slot, unsigned lane) const {
  if (definedLanes(slot) >> lane & 1)
    return ~0ull;
  auto found = partly.find(slot);
  return found == partly.end() ? 0 : found->second.v[lane];
}

void Warp::setValidBits(std::int32_t slot, unsigned lane, std::uint64_t bits) {
  if (slot < 0)
    return;
  auto s = static_cast<std::size_t>(slot);
  Type type = program->module.registers[s];
  std::uint64_t all = type == Type::pred  ? 1
                      : sizeOf(type) >= 8 ? ~0ull
                                          : (1ull << 8 * sizeOf(type)) - 1;
  if ((bits & all) == all) {
    defined[s] |= 1u << lane;
  } else {
    defined[s] &= ~(1u << lane);
    partly[slot].v[lane] = bits & all;
  }
}

void Warp::checkRegisters(const Instruction &i, std::uint32_t mask) {
  bool partial = false;
  for (unsigned n = 0; n < i.ins; ++n) {
    auto slot = static_cast<std::size_t>(inSlot(i, n));
    if (slot >= defined.size())
      continue;
    if (inFlightCount && inFlight[slot] & 1 && i.kind != Kind::wgmma)
      report(
          Suspicion::inFlight, i, static_cast<unsigned>(__builtin_ctz(mask)),
          fmt::format("reads {}, which a wgmma that was not waited for writes",
                      program->module.registerNames[slot]));
    std::uint32_t undefined = mask & ~defined[slot];
    if (!undefined)
      continue;
    partial = true;
    if (i.validity == Validity::whole) {
      auto lane = static_cast<unsigned>(__builtin_ctz(undefined));
      report(Suspicion::uninitialised, i, lane,
             fmt::format("reads {}, {} of which was never written",
                         program->module.registerNames[slot],
                         validBits(inSlot(i, n), lane) ? "a part" : "all"));
      defined[slot] |= undefined; // once is enough
    }
  }
  for (unsigned n = 0; n < i.outs; ++n) {
    std::int32_t slot = outSlot(i, n);
    if (slot < 0)
      continue;
    auto s = static_cast<std::size_t>(slot);
    if (!writtenAt.empty() && i.kind != Kind::wgmma)
      writtenAt[s] = executed;
    if (inFlightCount && inFlight[s] && i.kind != Kind::wgmma)
      report(Suspicion::inFlight, i, static_cast<unsigned>(__builtin_ctz(mask)),
             fmt::format("writes {} while a wgmma uses it",
                         program->module.registerNames[s]));
  }
  if (partial && i.validity != Validity::whole)
    propagateValidity(*this, i, mask);
  else if (i.validity != Validity::itself)
    for (unsigned n = 0; n < i.outs; ++n)
      if (std::int32_t slot = outSlot(i, n); slot >= 0)
        defined[static_cast<std::size_t>(slot)] |= mask;
}

void Warp::branch(const Instruction &i, std::uint32_t active,
                  std::uint32_t taken) {
  StackEntry &top = stack.back();
  std::uint32_t rest = active & ~taken;
  if (!taken) {
    top.pc = pc + 1;
  } else if (!rest) {
    top.pc = i.target;
  } else {
    std::int32_t join = i.join;
    if (join < 0 || join == top.join)
      stack.pop_back(); // they meet where the entry below waits, or never
    else
      top.pc = join;
    stack.push_back({pc + 1, join, rest});
    stack.push_back({i.target, join, taken});
  }
}

void Warp::retry() {
  stack.back().pc = pc;
  state = State::blocked;
  --executed;
  if (block->cluster->counters)
    block->cluster->counters->retract(pc);
}

void Warp::exit(std::uint32_t lanes) {
  exited |= lanes;
  for (StackEntry &entry : stack)
    entry.lanes &= ~lanes;
}

void Warp::run() {
  state = State::ready;
  outOfTime = false;
  unsigned steps = 0;
  ThreadCounters *counters = block->cluster->counters;
  bool checks = launch->checks;
  const auto codeSize = static_cast<std::int32_t>(program->code.size());
  while (state == State::ready) {
    while (!stack.empty() &&
           (stack.back().pc == stack.back().join || stack.back().lanes == 0))
      stack.pop_back();
    if (stack.empty()) {
      state = State::done;
      ++block->cluster->progress;
      finishClusterBarrier(*block->cluster);
      break;
    }
    StackEntry &top = stack.back();
    pc = top.pc;
    if (pc >= codeSize) {
      exit(top.lanes);
      continue;
    }
    const Instruction &i = program->code[static_cast<std::size_t>(pc)];
    std::uint32_t active = top.lanes, mask = active;
    if (i.guard >= 0) {
      auto guard = static_cast<std::size_t>(i.guard);
      if (checks && active & ~defined[guard]) {
        report(Suspicion::uninitialised, i,
               static_cast<unsigned>(__builtin_ctz(active & ~defined[guard])),
               fmt::format("is guarded by {}, which was never written",
                           program->module.registerNames[guard]));
        defined[guard] = allLanes;
      }
      std::uint32_t holds = 0;
      const std::uint64_t *p = registers[guard].v;
      for (unsigned lane = 0; lane < warpSize; ++lane)
        holds |= static_cast<std::uint32_t>(p[lane] & 1) << lane;
      mask &= i.guardNegated ? ~holds : holds;
    }
    ++executed;
    if (counters)
      counters->execute(pc);
    if (++steps == slice) {
      if (launch->stop->load(std::memory_order_relaxed))
        throw Stop{};
      if (launch->maxInstructions && executed > launch->maxInstructions)
        fatal(
            Suspicion::deadlock, i,
            static_cast<unsigned>(__builtin_ctz(active)),
            fmt::format("no end after {} instructions of this warp", executed));
      state = State::yielded;
      outOfTime = true;
      ++block->cluster->progress;
    }
    if (i.branches) {
      if (i.target >= 0) {
        branch(i, active, mask);
      } else {
        top.pc = pc + 1;
        exit(mask);
      }
      continue;
    }
    top.pc = pc + 1;
    if (!mask)
      continue;
    if (i.collective && mask != alive())
      fatal(Suspicion::divergentBarrier, i,
            static_cast<unsigned>(__builtin_ctz(alive() & ~mask)),
            fmt::format(
                "lanes {:#010x} of warp {} execute it without lanes {:#010x}",
                mask, index, alive() & ~mask));
    if (i.wholeWarp && mask != allLanes)
      fatal(Suspicion::undefined, i, static_cast<unsigned>(__builtin_ctz(mask)),
            fmt::format("needs all 32 lanes, and has lanes {:#010x}", mask));
    if (checks)
      checkRegisters(i, mask);
    i.run(*this, i, mask);
  }
}

} // namespace lath::emulator
