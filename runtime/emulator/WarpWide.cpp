// shfl, vote, match, redux, elect, activemask: lanes talk to lanes.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

/// All lanes that the mask names must be here, and nobody else.
std::uint32_t members(Warp &w, const Instruction &i, std::uint32_t mask,
                      unsigned input) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(mask));
  auto named = static_cast<std::uint32_t>(w.in(i, input)[lane]);
  if ((named & w.alive()) & ~mask || mask & ~named)
    w.fatal(
        Suspicion::divergentBarrier, i, lane,
        fmt::format("lanes {:#010x} are to take part, lanes {:#010x} are here",
                    named, mask));
  return named;
}

enum class Shuffle : std::uint8_t { up, down, bfly, idx };

void shuffle(Warp &w, const Instruction &i, std::uint32_t mask) {
  members(w, i, mask, 3);
  Lanes a;
  std::copy_n(w.in(i, 0), warpSize, a.v);
  const std::uint64_t *b = w.in(i, 1), *c = w.in(i, 2);
  Lanes result, inRange;
  eachLane(mask, [&](unsigned lane) {
    auto distance = static_cast<unsigned>(b[lane] & 31);
    auto clamp = static_cast<unsigned>(c[lane] & 31);
    auto segment = static_cast<unsigned>(c[lane] >> 8 & 31);
    unsigned most = (lane & segment) | (clamp & ~segment & 31),
             least = lane & segment;
    int from = 0;
    bool in = false;
    switch (static_cast<Shuffle>(i.mode)) {
    case Shuffle::up:
      from = static_cast<int>(lane) - static_cast<int>(distance);
      in = from >= static_cast<int>(most);
      break;
    case Shuffle::down:
      from = static_cast<int>(lane + distance);
      in = from <= static_cast<int>(most);
      break;
    case Shuffle::bfly:
      from = static_cast<int>(lane ^ distance);
      in = from <= static_cast<int>(most);
      break;
    case Shuffle::idx:
      from = static_cast<int>(least | (distance & ~segment & 31));
      in = from <= static_cast<int>(most);
      break;
    }
    if (!in)
      from = static_cast<int>(lane);
    if (!(mask >> from & 1))
      w.report(Suspicion::undefined, i, lane,
               fmt::format("shuffles from lane {}, which is not there", from));
    result.v[lane] = a.v[from];
    inRange.v[lane] = in;
  });
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned lane) { d[lane] = result.v[lane]; });
  if (i.outs > 1) {
    std::uint64_t *p = w.out(i, 1);
    eachLane(mask, [&](unsigned lane) { p[lane] = inRange.v[lane]; });
  }
}

enum class Vote : std::uint8_t { all, any, uni, ballot };

/// i.flags: the predicate is negated.
void vote(Warp &w, const Instruction &i, std::uint32_t mask) {
  members(w, i, mask, 1);
  const std::uint64_t *p = w.in(i, 0);
  std::uint32_t holds = 0;
  eachLane(mask, [&](unsigned lane) {
    holds |= static_cast<std::uint32_t>((p[lane] & 1) ^ i.flags) << lane;
  });
  std::uint64_t result = 0;
  switch (static_cast<Vote>(i.mode)) {
  case Vote::all:
    result = holds == mask;
    break;
  case Vote::any:
    result = holds != 0;
    break;
  case Vote::uni:
    result = holds == 0 || holds == mask;
    break;
  case Vote::ballot:
    result = holds;
    break;
  }
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned lane) { d[lane] = result; });
}

/// i.mode: 0 any, 1 all.
void match(Warp &w, const Instruction &i, std::uint32_t mask) {
  members(w, i, mask, 1);
  Lanes a, result;
  std::copy_n(w.in(i, 0), warpSize, a.v);
  bool all = true;
  eachLane(mask, [&](unsigned lane) {
    std::uint32_t same = 0;
    eachLane(mask, [&](unsigned other) {
      same |= std::uint32_t{a.v[other] == a.v[lane]} << other;
    });
    all &= same == mask;
    result.v[lane] = same;
  });
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned lane) {
    d[lane] = i.mode ? (all ? mask : 0) : result.v[lane];
  });
  if (i.outs > 1) {
    std::uint64_t *p = w.out(i, 1);
    eachLane(mask, [&](unsigned lane) { p[lane] = all; });
  }
}

enum class Reduce : std::uint8_t {
  add,
  min,
  max,
  conjunction,
  disjunction,
  exclusive
};

void reduce(Warp &w, const Instruction &i, std::uint32_t mask) {
  members(w, i, mask, 1);
  const std::uint64_t *a = w.in(i, 0);
  bool first = true;
  std::uint32_t result = 0;
  eachLane(mask, [&](unsigned lane) {
    auto v = static_cast<std::uint32_t>(a[lane]);
    bool less = isSigned(i.type) ? static_cast<std::int32_t>(v) <
                                       static_cast<std::int32_t>(result)
                                 : v < result;
    if (first)
      result = v;
    else
      switch (static_cast<Reduce>(i.mode)) {
      case Reduce::add:
        result += v;
        break;
      case Reduce::min:
        result = less ? v : result;
        break;
      case Reduce::max:
        result = less ? result : v;
        break;
      case Reduce::conjunction:
        result &= v;
        break;
      case Reduce::disjunction:
        result |= v;
        break;
      case Reduce::exclusive:
        result ^= v;
        break;
      }
    first = false;
  });
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned lane) { d[lane] = result; });
}

/// elect.sync d|p, members: the lowest lane is elected.
void elect(Warp &w, const Instruction &i, std::uint32_t mask) {
  members(w, i, mask, 0);
  auto leader = static_cast<unsigned>(__builtin_ctz(mask));
  std::uint64_t *d = w.out(i, 0), *p = w.out(i, 1);
  eachLane(mask, [&](unsigned lane) {
    d[lane] = leader;
    p[lane] = lane == leader;
  });
}

void activeMask(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned lane) { d[lane] = mask; });
}

} // namespace

bool decodeWarpWide(Decoding &d) {
  Instruction &i = d.i;
  if (!d.isOneOf({"shfl", "vote", "match", "redux", "elect", "activemask"}))
    return false;
  i.kind = Kind::warpWide;
  if (d.is("activemask")) {
    d.takeType();
    i.run = activeMask;
    d.outputs({0});
    return true;
  }
  if (!d.take("sync"))
    d.unsupported("only the .sync forms");
  if (d.is("elect")) {
    i.run = elect;
    d.outputs({0});
    d.inputs({1});
    return true;
  }
  if (d.is("shfl")) {
    auto mode = d.takeOneOf({"up", "down", "bfly", "idx"});
    if (!mode || d.takeType() != Type::b32)
      d.unsupported();
    i.mode = static_cast<std::uint8_t>(*mode);
    i.run = shuffle;
    d.outputs({0});
    d.inputs({1, 2, 3, 4}, Type::b32);
    return true;
  }
  if (d.is("vote")) {
    auto mode = d.takeOneOf({"all", "any", "uni", "ballot"});
    d.takeType();
    if (!mode)
      d.unsupported();
    i.mode = static_cast<std::uint8_t>(*mode);
    i.run = vote;
    d.outputs({0});
    Operand p = d.operand(1);
    i.flags = p.negated;
    p.negated = false;
    d.input(p);
    d.inputs({2}, Type::b32);
    return true;
  }
  if (d.is("match")) {
    auto mode = d.takeOneOf({"any", "all"});
    i.type = d.takeType();
    if (!mode)
      d.unsupported();
    i.mode = static_cast<std::uint8_t>(*mode);
    i.run = match;
    d.outputs({0});
    d.inputs({1}, i.type);
    d.inputs({2}, Type::b32);
    return true;
  }
  auto mode = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  i.type = d.takeType();
  if (!mode || isFloat(i.type) || sizeOf(i.type) != 4)
    d.unsupported();
  i.mode = static_cast<std::uint8_t>(*mode);
  i.run = reduce;
  d.outputs({0});
  d.inputs({1, 2}, Type::b32);
  return true;
}

} // namespace lath::emulator
