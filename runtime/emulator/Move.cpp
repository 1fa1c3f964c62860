// mov with its packing forms, selp, cvta, prmt, and moves of machine registers.
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"
#include "runtime/emulator/Permute.h"

#include <algorithm>

namespace lath::emulator {

namespace {

void move(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = a[l]; });
}

/// mov.b32 d, {a, b}: i.mode bits each, the first the lowest.
void pack(Warp &w, const Instruction &i, std::uint32_t mask) {
  Lanes result{};
  std::uint64_t keep = i.mode == 64 ? ~0ull : (1ull << i.mode) - 1;
  for (unsigned n = 0; n < i.ins; ++n) {
    const std::uint64_t *a = w.in(i, n);
    for (unsigned l = 0; l < warpSize; ++l)
      result.v[l] |= (a[l] & keep) << (n * i.mode);
  }
  std::uint64_t *d = w.out(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = result.v[l]; });
}

void unpack(Warp &w, const Instruction &i, std::uint32_t mask) {
  Lanes source;
  std::copy_n(w.in(i, 0), warpSize, source.v);
  std::uint64_t keep = i.mode == 64 ? ~0ull : (1ull << i.mode) - 1;
  for (unsigned n = 0; n < i.outs; ++n) {
    std::uint64_t *d = w.out(i, n);
    eachLane(mask,
             [&](unsigned l) { d[l] = source.v[l] >> (n * i.mode) & keep; });
  }
}

/// mov.u32 %r, %clock: what the warp has executed, so that time goes on.
void readClock(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  std::uint64_t now = i.mode == 8 ? w.executed : w.executed & 0xffffffff;
  eachLane(mask, [&](unsigned l) { d[l] = now; });
}

void select(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *p = w.in(i, 2);
  eachLane(mask, [&](unsigned l) { d[l] = p[l] & 1 ? a[l] : b[l]; });
}

/// cvta.shared: the offset becomes an address in the block's generic window;
/// with .to (i.flags) the reverse.
void convertAddress(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  std::uint64_t base = i.space == Space::global  ? 0
                       : i.space == Space::local ? localWindow
                       : i.space == Space::param ? paramWindow
                                                 : sharedWindow;
  if (i.flags)
    base = 0 - base;
  eachLane(mask, [&](unsigned l) { d[l] = a[l] + base; });
}

unsigned byteOf(std::uint64_t both, unsigned selector) {
  auto byte = static_cast<unsigned>(both >> 8 * (selector & 7) & 0xff);
  return selector & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
}

void permute(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  eachLane(mask, [&](unsigned l) {
    std::uint64_t both = (b[l] & 0xffffffff) << 32 | (a[l] & 0xffffffff);
    unsigned selectors = selectorsOf(i.mode, c[l]);
    std::uint64_t result = 0;
    for (unsigned n = 0; n < 4; ++n)
      result |= std::uint64_t{byteOf(both, selectors >> 4 * n & 15)} << 8 * n;
    d[l] = result;
  });
}

/// isspacep: is a generic address in a space?
void isInSpace(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) {
    Space space = spaceOf(a[l]);
    d[l] = space == i.space ||
           (i.space == Space::cluster && space == Space::shared);
  });
}

} // namespace

bool decodeMove(Decoding &d) {
  if (d.is("mov")) {
    Type type = d.takeType();
    if (type == Type::none)
      d.unsupported();
    d.i.kind = Kind::move;
    d.i.validity = Validity::copies;
    const Operand &to = d.operand(0), &from = d.operand(1);
    d.output(to);
    d.input(from, type);
    if (to.kind == Operand::Kind::vector) {
      d.i.mode =
          static_cast<std::uint8_t>(8 * sizeOf(type) / to.elements.size());
      d.i.run = unpack;
      d.i.validity = Validity::unpacks;
    } else if (from.kind == Operand::Kind::vector) {
      d.i.mode =
          static_cast<std::uint8_t>(8 * sizeOf(type) / from.elements.size());
      d.i.run = pack;
      d.i.validity = Validity::packs;
    } else {
      d.i.run = move;
      const std::string &text = d.statement().text;
      if (text.find("%clock") != std::string::npos ||
          text.find("%globaltimer") != std::string::npos) {
        d.i.mode = static_cast<std::uint8_t>(sizeOf(type));
        d.i.run = readClock;
      }
    }
    return true;
  }
  if (d.is("selp")) {
    Type type = d.takeType();
    d.i.kind = Kind::move;
    d.i.validity = Validity::selects;
    d.i.run = select;
    d.outputs({0});
    d.inputs({1, 2}, type);
    d.inputs({3});
    return true;
  }
  if (d.is("cvta")) {
    d.i.flags = d.take("to");
    d.i.space = d.takeSpace();
    d.takeType();
    d.i.kind = Kind::move;
    d.i.validity = Validity::copies;
    d.i.run = convertAddress;
    d.outputs({0});
    d.inputs({1});
    return true;
  }
  if (d.is("prmt")) {
    d.takeType();
    auto form = d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
    d.i.mode = form ? static_cast<std::uint8_t>(*form + 1) : 0;
    d.i.kind = Kind::logic;
    d.i.run = permute;
    d.i.validity = Validity::permutes;
    d.outputs({0});
    d.inputs({1, 2, 3}, Type::b32);
    return true;
  }
  if (d.is("isspacep")) {
    d.i.space = d.takeSpace();
    d.i.kind = Kind::compare;
    d.i.run = isInSpace;
    d.outputs({0});
    d.inputs({1});
    return true;
  }
  return false;
}

} // namespace lath::emulator
