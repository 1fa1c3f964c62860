// atom and red: integers, floats, vectors of floats and of halves.
//
// A vector operation is atomic for each element, not as a whole. Elements of
// less than 32 bits are updated within their 32-bit word.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>

namespace lath::emulator {

namespace {

enum class Op : std::uint8_t {
  add,
  inc,
  dec,
  min,
  max,
  conjunction,
  disjunction,
  exclusive,
  exch,
  cas
};

template <typename T> T least(T a, T b, bool wantMax) {
  return wantMax ? std::max(a, b) : std::min(a, b);
}

std::uint64_t combine(const Instruction &i, std::uint64_t old, std::uint64_t b,
                      std::uint64_t c) {
  auto op = static_cast<Op>(i.mode);
  switch (op) {
  case Op::exch:
    return b;
  case Op::cas:
    return old == b ? c : old;
  case Op::conjunction:
    return old & b;
  case Op::disjunction:
    return old | b;
  case Op::exclusive:
    return old ^ b;
  case Op::inc: // 0 past the limit
    return old >= b ? 0 : old + 1;
  case Op::dec:
    return old == 0 || old > b ? b : old - 1;
  case Op::add:
    switch (i.type) {
    case Type::f32:
      return bitsOf(toF32(old) + toF32(b));
    case Type::f64:
      return bitsOf(toF64(old) + toF64(b));
    case Type::f16:
      return floatToF16(f16ToFloat(old & 0xffff) + f16ToFloat(b & 0xffff));
    case Type::bf16:
      return toBf16(
          addToOdd(bf16ToFloat(old & 0xffff), bf16ToFloat(b & 0xffff)));
    default:
      return sizeOf(i.type) == 4 ? (old + b) & 0xffffffff : old + b;
    }
  case Op::min:
  case Op::max: {
    bool max = op == Op::max;
    switch (i.type) {
    case Type::s32:
      return static_cast<std::uint32_t>(least(
          static_cast<std::int32_t>(old), static_cast<std::int32_t>(b), max));
    case Type::s64:
      return static_cast<std::uint64_t>(least(
          static_cast<std::int64_t>(old), static_cast<std::int64_t>(b), max));
    case Type::f16:
    case Type::bf16: {
      auto value = [&](std::uint64_t v) {
        return i.type == Type::f16 ? f16ToFloat(v & 0xffff)
                                   : bf16ToFloat(v & 0xffff);
      };
      float x = value(old), y = value(b);
      if (x != x)
        return b;
      return y != y || (max ? x >= y : x <= y) ? old : b;
    }
    default:
      return least(old, b, max);
    }
  }
  }
  return old;
}

/// Applies the operation at `at`, of 2, 4 or 8 bytes; the old value.
template <typename T>
std::uint64_t exchange(const Instruction &i, std::uint8_t *at, std::uint64_t b,
                       std::uint64_t c) {
  T *cell = reinterpret_cast<T *>(at);
  T old = __atomic_load_n(cell, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
      cell, &old, static_cast<T>(combine(i, old, b, c)), false,
      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
  return old;
}

/// i.width elements of i.type, i.flags halves in each operand register.
void atomic(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned size = sizeOf(i.type), halves = i.flags;
  unsigned registers = i.width;
  Access access;
  resolve(w, i, mask, w.in(i, 0), i.offset, i.space, size * halves * registers,
          access);
  GlobalRaces *races =
      access.space == Space::global ? w.launch->globalRaces : nullptr;
  ThreadCounters *counters = w.block->cluster->counters;
  unsigned first = static_cast<unsigned>(__builtin_ctz(mask));
  if (counters && access.space == Space::global) {
    counters->access(i);
    counters->atomics(i, mask, access.address.data(), access.bytes,
                      access.buffer[first]);
  }
  if (races && (i.order == Order::release || i.order == Order::acqRel))
    races->fence(w, mask);
  bool cas = static_cast<Op>(i.mode) == Op::cas;
  bool returns = i.outs > 0;
  eachLane(mask, [&](unsigned lane) {
    if (access.space == Space::global)
      noteAtomic(w, i, lane, *access.buffer[lane], access.address[lane],
                 access.bytes, returns);
    else if (SharedRaces *shared = w.block->cluster->races.get())
      shared->atomic(w, i, lane, *access.owner[lane],
                     static_cast<std::uint32_t>(access.address[lane]),
                     access.bytes);
    for (unsigned r = 0; r < registers; ++r) {
      std::uint64_t b = w.in(i, 1 + r)[lane], c = cas ? w.in(i, 2)[lane] : 0,
                    old = 0;
      for (unsigned half = 0; half < halves; ++half) {
        std::uint8_t *at = access.host[lane] + (r * halves + half) * size;
        std::uint64_t part = halves > 1 ? b >> 16 * half & 0xffff : b;
        std::uint64_t before =
            size == 2   ? exchange<std::uint16_t>(i, at, part, c)
            : size == 4 ? exchange<std::uint32_t>(i, at, part, c)
                        : exchange<std::uint64_t>(i, at, part, c);
        old |= before << 16 * half;
      }
      if (returns)
        w.out(i, r)[lane] = old;
    }
    if (races && returns)
      races->observe(w, lane, access.address[lane]);
  });
  if (races && (i.order == Order::acquire || i.order == Order::acqRel))
    races->fence(w, mask);
  ++w.block->cluster->progress;
}

} // namespace

bool decodeAtomic(Decoding &d) {
  if (!d.isOneOf({"atom", "red"}) || d.has("async"))
    return false;
  Instruction &i = d.i;
  i.order = d.takeOrder();
  if (i.order == Order::weak)
    i.order = Order::relaxed; // the default of atom and red
  i.space = d.takeSpace();
  auto op = d.takeOneOf(
      {"add", "inc", "dec", "min", "max", "and", "or", "xor", "exch", "cas"});
  if (!op)
    d.unsupported();
  i.mode = static_cast<std::uint8_t>(*op);
  d.take("cluster");
  d.takeHints();
  d.take("noftz");
  if (auto width = d.takeOneOf({"v2", "v4", "v8"}))
    i.width = static_cast<std::uint8_t>(2 << *width);
  i.type = d.takeType();
  i.flags = 1;
  if (i.type == Type::f16x2 || i.type == Type::bf16x2) {
    i.flags = 2;
    i.type = i.type == Type::f16x2 ? Type::f16 : Type::bf16;
  }
  if (i.type == Type::none || sizeOf(i.type) == 1 || i.type == Type::b128)
    d.unsupported();
  i.kind = Kind::atomic;
  i.run = atomic;
  std::size_t n = 0;
  if (d.is("atom"))
    d.output(d.operand(n++));
  d.address(d.operand(n++));
  d.input(d.operand(n++), i.flags == 2 ? Type::b32 : i.type);
  if (*op == static_cast<std::size_t>(Op::cas))
    d.input(d.operand(n++), i.type);
  return true;
}

} // namespace lath::emulator
