// ld and st, scalar and vector, in every space; ldu and the non-coherent
// forms read like ld.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/MemoryAccess.h"

namespace lath::emulator {

namespace {

void load(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned size = sizeOf(i.type);
  Access access;
  resolve(w, i, mask, w.in(i, 0), i.offset, i.space, size * i.width, access);
  noteRead(w, i, access);
  bool sign = isSigned(i.type) && size < 8;
  // The address may be among the registers written: resolve has read it.
  for (unsigned n = 0; n < i.width; ++n) {
    std::uint64_t *d = w.out(i, n);
    eachLane(mask, [&](unsigned lane) {
      std::uint64_t value = loadElement(access.host[lane] + n * size, size);
      if (sign) {
        unsigned shift = 64 - 8 * size;
        value = static_cast<std::uint64_t>(
                    static_cast<std::int64_t>(value << shift) >> shift) &
                i.immediate;
      }
      d[lane] = value;
    });
  }
  if (GlobalRaces *races = w.launch->globalRaces;
      races && i.order != Order::weak && access.space == Space::global) {
    eachLane(mask, [&](unsigned lane) {
      races->observe(w, lane, access.address[lane]);
    });
    if (i.order == Order::acquire)
      races->fence(w, mask);
  }
}

/// Lanes that store the very value that a lower lane stores at the same place:
/// a broadcast, and no race.
std::uint32_t duplicatesOf(Warp &w, const Instruction &i, const Access &a) {
  std::uint32_t result = 0;
  eachLane(a.mask, [&](unsigned lane) {
    for (unsigned other = 0; other < lane; ++other) {
      if (!(a.mask >> other & 1) || a.address[other] != a.address[lane])
        continue;
      bool same = true;
      for (unsigned n = 0; n < i.width; ++n)
        same &= w.in(i, 1 + n)[other] == w.in(i, 1 + n)[lane];
      result |= std::uint32_t{same} << lane;
      return;
    }
  });
  return result;
}

void store(Warp &w, const Instruction &i, std::uint32_t mask) {
  unsigned size = sizeOf(i.type);
  Access access;
  resolve(w, i, mask, w.in(i, 0), i.offset, i.space, size * i.width, access);
  std::array<std::uint8_t, warpSize * 32> stored;
  if (w.launch->checks) {
    access.duplicates = duplicatesOf(w, i, access);
    if (access.space == Space::shared) {
      for (unsigned n = 0; n < i.width; ++n)
        eachLane(mask, [&](unsigned lane) {
          std::memcpy(&stored[lane * access.bytes + n * size],
                      &w.in(i, 1 + n)[lane], size);
        });
      access.stored = stored.data();
    }
  }
  noteWrite(w, i, access);
  if (GlobalRaces *races = w.launch->globalRaces;
      races && i.order != Order::weak && access.space == Space::global) {
    if (i.order == Order::release)
      races->fence(w, mask);
    eachLane(mask, [&](unsigned lane) {
      races->publish(w, lane, access.address[lane]);
    });
  }
  if (i.order == Order::release)
    __atomic_thread_fence(__ATOMIC_RELEASE);
  for (unsigned n = 0; n < i.width; ++n) {
    const std::uint64_t *a = w.in(i, 1 + n);
    eachLane(mask, [&](unsigned lane) {
      storeElement(access.host[lane] + n * size, a[lane], size);
    });
  }
  if (access.space == Space::shared)
    ++w.block->cluster->progress;
}

} // namespace

bool decodeMemory(Decoding &d) {
  if (!d.isOneOf({"ld", "ldu", "st"}) || d.has("async"))
    return false;
  bool store = d.is("st");
  Instruction &i = d.i;
  i.order = d.takeOrder();
  i.space = d.takeSpace();
  if (d.take("const"))
    d.unsupported("constant memory");
  d.take("cluster");
  d.takeHints();
  if (auto width = d.takeOneOf({"v2", "v4", "v8"}))
    i.width = static_cast<std::uint8_t>(2 << *width);
  i.type = d.takeType();
  if (i.type == Type::none || i.type == Type::b128 || i.type == Type::pred)
    d.unsupported();
  i.run = store ? emulator::store : load;
  switch (i.space) {
  case Space::param:
    i.kind = Kind::parameterLoad;
    break;
  case Space::shared:
  case Space::cluster:
    i.kind = store ? Kind::sharedStore : Kind::sharedLoad;
    break;
  case Space::local:
    i.kind = Kind::localAccess;
    break;
  default:
    i.kind = store ? Kind::globalStore : Kind::globalLoad;
  }
  const Operand &data = d.operand(store ? 1 : 0);
  unsigned elements = data.kind == Operand::Kind::vector
                          ? static_cast<unsigned>(data.elements.size())
                          : 1;
  if (elements != i.width)
    d.malformed("the number of registers does not fit the vector");
  if (store) {
    d.address(d.operand(0));
    d.input(data, i.type);
  } else {
    d.output(data);
    d.address(d.operand(1));
    i.immediate = d.widthMask(data);
  }
  return true; // a cache policy that follows is a hint
}

} // namespace lath::emulator
