#include "runtime/emulator/Validity.h"
#include "runtime/emulator/Machine.h"
#include "runtime/emulator/Permute.h"

#include <algorithm>
#include <array>

namespace lath::emulator {

namespace {

using Bits = std::uint64_t;

constexpr Bits lowBits(unsigned count) {
  return count >= 64 ? ~Bits{0} : (Bits{1} << count) - 1;
}

/// A result bit is written where it is the same whatever the unwritten bits
/// are.
Bits throughTable(unsigned table, const std::array<Bits, 3> &value,
                  const std::array<Bits, 3> &valid) {
  Bits first = 0, same = ~Bits{0};
  for (unsigned n = 0; n < 8; ++n) {
    std::array<Bits, 3> tried{};
    for (unsigned k = 0; k < 3; ++k)
      tried[k] = (value[k] & valid[k]) | (n >> k & 1 ? ~valid[k] : 0);
    Bits result = lookUp(table, tried[0], tried[1], tried[2]);
    if (n == 0)
      first = result;
    same &= ~(first ^ result);
  }
  return same;
}

Bits throughShift(const Instruction &i, bool left, Bits valid, Bits distance) {
  unsigned width = 8 * sizeOf(i.type);
  auto n = static_cast<unsigned>(std::min<Bits>(distance & 0xffffffff, width));
  if (left)
    return n >= width ? ~Bits{0} : valid << n | lowBits(n);
  bool top = isSigned(i.type) ? valid >> (width - 1) & 1 : true;
  Bits shifted = n >= width ? 0 : (valid & lowBits(width)) >> n;
  return top ? shifted | ~lowBits(width - n) : shifted;
}

Bits throughPermute(const Instruction &i, Bits a, Bits b, Bits selector) {
  Bits both = (b & 0xffffffff) << 32 | (a & 0xffffffff), result = 0;
  unsigned selectors = selectorsOf(i.mode, selector);
  for (unsigned n = 0; n < 4; ++n) {
    unsigned s = selectors >> 4 * n & 15;
    Bits byte = both >> 8 * (s & 7) & 0xff;
    if (s & 8) // eight copies of the sign
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * n;
  }
  return result;
}

} // namespace

std::uint64_t lookUp(unsigned table, std::uint64_t a, std::uint64_t b,
                     std::uint64_t c) {
  std::uint64_t result = 0;
  for (unsigned n = 0; n < 8; ++n)
    if (table >> n & 1)
      result |= (n & 4 ? a : ~a) & (n & 2 ? b : ~b) & (n & 1 ? c : ~c);
  return result;
}

void propagateValidity(Warp &w, const Instruction &i, std::uint32_t mask) {
  eachLane(mask, [&](unsigned lane) {
    std::array<Bits, 4> valid{}, value{}, out{};
    for (unsigned n = 0; n < std::min<unsigned>(i.ins, 4); ++n) {
      valid[n] = w.validBits(w.inSlot(i, n), lane);
      value[n] = w.in(i, n)[lane];
    }
    Bits part = lowBits(i.mode);
    switch (i.validity) {
    case Validity::whole:
    case Validity::itself:
      return;
    case Validity::copies:
      out[0] = valid[0];
      break;
    case Validity::packs:
      for (unsigned n = 0; n < i.ins; ++n)
        out[0] |= (valid[n] & part) << n * i.mode;
      break;
    case Validity::unpacks:
      for (unsigned n = 0; n < i.outs; ++n)
        out[n] = valid[0] >> n * i.mode & part;
      break;
    case Validity::selects:
      if (valid[2] & 1)
        out[0] = value[2] & 1 ? valid[0] : valid[1];
      break;
    case Validity::elements: {
      unsigned width = 4 * sizeOf(i.type);
      for (unsigned at = 0; at < 2 * width; at += width) {
        Bits element = lowBits(width) << at;
        bool all = true;
        for (unsigned n = 0; n < i.ins; ++n)
          all &= (valid[n] & element) == element;
        out[0] |= all ? element : 0;
      }
      break;
    }
    case Validity::table:
      out[0] = throughTable(static_cast<unsigned>(i.immediate),
                            {value[0], value[1], value[2]},
                            {valid[0], valid[1], valid[2]});
      break;
    case Validity::shifts:
      if ((valid[1] & 0xffffffff) == 0xffffffff)
        out[0] = throughShift(i, i.flags, valid[0], value[1]);
      break;
    case Validity::permutes:
      if ((valid[2] & 0xffff) == 0xffff)
        out[0] = throughPermute(i, valid[0], valid[1], value[2]);
      break;
    case Validity::inserts: // no field where it is not known which
      if ((valid[2] & valid[3] & 0xff) == 0xff) {
        const unsigned position = value[2] & 0xff, length = value[3] & 0xff;
        const Bits field = position >= 64 ? 0
                                          : (lowBits(length) << position) &
                                                lowBits(8 * sizeOf(i.type));
        out[0] = (valid[1] & ~field) |
                 (position >= 64 ? 0 : (valid[0] << position & field));
      }
      break;
    case Validity::truncates: {
      unsigned width = 8 * sizeOf(i.from);
      bool top = isSigned(i.from) ? valid[0] >> (width - 1) & 1 : true;
      out[0] = (valid[0] & lowBits(width)) | (top ? ~lowBits(width) : 0);
      // The bits above the result repeat its sign, or are zeros.
      unsigned to = 8 * sizeOf(i.type);
      bool sign = isSigned(i.type) ? out[0] >> (to - 1) & 1 : true;
      out[0] = (out[0] & lowBits(to)) | (sign ? ~lowBits(to) : 0);
      break;
    }
    }
    for (unsigned n = 0; n < i.outs; ++n)
      w.setValidBits(w.outSlot(i, n), lane, out[n]);
  });
}

} // namespace lath::emulator
