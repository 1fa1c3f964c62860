// Shifts, fields and counts of bits. They count as integer instructions.
#include "runtime/emulator/IntegerHandler.h"

#include <algorithm>
#include <bit>

namespace lath::emulator {

namespace {

struct Popc {
  template <typename T> static Word apply(Word a) {
    return static_cast<Word>(std::popcount(bits<T>(as<T>(a))));
  }
};
struct Clz {
  template <typename T> static Word apply(Word a) {
    return static_cast<Word>(std::countl_zero(static_cast<Unsigned<T>>(a)));
  }
};
struct Brev {
  template <typename T> static Word apply(Word a) {
    Word result = 0;
    for (unsigned bit = 0; bit < 8 * sizeof(T); ++bit)
      result |= (a >> bit & 1) << (8 * sizeof(T) - 1 - bit);
    return result;
  }
};
struct Bfind {
  template <typename T> static Word apply(Word a) {
    T value = as<T>(a);
    if (std::is_signed_v<T> && value < 0)
      value = static_cast<T>(~value);
    auto u = static_cast<Unsigned<T>>(value);
    return u ? static_cast<Word>(8 * sizeof(T) - 1) -
                   static_cast<Word>(std::countl_zero(u))
             : 0xffffffffull;
  }
};
struct BfindShift {
  template <typename T> static Word apply(Word a) {
    Word bit = Bfind::apply<T>(a);
    return bit == 0xffffffffull ? bit : 8 * sizeof(T) - 1 - bit;
  }
};
struct Bfe {
  template <typename T> static Word apply(Word a, Word b, Word c) {
    unsigned position = b & 0xff, length = c & 0xff, width = 8 * sizeof(T);
    Word value = bits<T>(as<T>(a));
    // Bits above the value are zero, or its sign.
    bool sign = false;
    if (std::is_signed_v<T> && length)
      sign = value >> std::min(position + length - 1, width - 1) & 1;
    Word result = 0;
    for (unsigned n = 0; n < width; ++n) {
      bool bit = n < length && position + n < width
                     ? value >> (position + n) & 1
                     : sign;
      result |= Word{bit} << n;
    }
    return length ? result : 0;
  }
};
void bfi(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2),
                      *e = w.in(i, 3);
  unsigned width = 8 * sizeOf(i.type);
  eachLane(mask, [&](unsigned l) {
    unsigned position = c[l] & 0xff, length = e[l] & 0xff;
    std::uint64_t result = b[l];
    for (unsigned n = 0; n < length && position + n < width; ++n) {
      std::uint64_t bit = 1ull << (position + n);
      result = (result & ~bit) | (a[l] >> n & 1) << (position + n);
    }
    d[l] = result;
  });
}
struct Bmsk {
  template <typename T> static Word apply(Word a, Word b) {
    Word low = std::min<Word>(a & 0xffffffff, 32),
         length = std::min<Word>(b & 0xffffffff, 32);
    return (((1ull << length) - 1) << low) & 0xffffffff;
  }
};
struct Shl {
  template <typename T> static Word apply(Word a, Word b) {
    Word n = b & 0xffffffff;
    return n >= 8 * sizeof(T)
               ? 0
               : bits<T>(static_cast<T>(static_cast<Unsigned<T>>(a << n)));
  }
};
struct Shr {
  template <typename T> static Word apply(Word a, Word b) {
    Word n = std::min<Word>(b & 0xffffffff,
                            8 * sizeof(T) - (std::is_signed_v<T> ? 1 : 0));
    if (n >= 8 * sizeof(T))
      return 0;
    return bits<T>(static_cast<T>(as<T>(a) >> n));
  }
};

/// shf: 32 bits out of 64, left or right, the distance clamped or wrapped.
template <bool left, bool wraps>
void funnel(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  eachLane(mask, [&](unsigned l) {
    std::uint64_t n =
        wraps ? c[l] & 31 : std::min<std::uint64_t>(c[l] & 0xffffffff, 32);
    std::uint64_t both = (b[l] & 0xffffffff) << 32 | (a[l] & 0xffffffff);
    d[l] = left ? static_cast<std::uint32_t>(both >> (32 - n))
                : static_cast<std::uint32_t>(n == 32 ? both >> 32 : both >> n);
  });
}

Handler choose(Decoding &d, Type type) {
  const std::string &name = d.base();
  if (name == "popc")
    return unaryOf<Popc>(type);
  if (name == "clz")
    return unaryOf<Clz>(type);
  if (name == "brev")
    return unaryOf<Brev>(type);
  if (name == "bfind")
    return d.take("shiftamt") ? unaryOf<BfindShift>(type)
                              : unaryOf<Bfind>(type);
  if (name == "bfe")
    return ternaryOf<Bfe>(type);
  if (name == "bfi")
    return bfi;
  if (name == "bmsk") {
    d.take("clamp");
    return binary<std::uint32_t, Bmsk>;
  }
  if (name == "shl")
    return binaryOf<Shl>(type);
  if (name == "shr")
    return binaryOf<Shr>(type);
  if (name == "shf") {
    bool left = d.take("l");
    if (!left && !d.take("r"))
      return nullptr;
    bool wraps = d.take("wrap");
    d.take("clamp");
    return left ? (wraps ? funnel<true, true> : funnel<true, false>)
                : (wraps ? funnel<false, true> : funnel<false, false>);
  }
  return nullptr;
}

} // namespace

bool decodeBitField(Decoding &d) {
  if (!d.isOneOf({"popc", "clz", "brev", "bfind", "bfe", "bfi", "bmsk", "shl",
                  "shr", "shf"}))
    return false;
  Type type = integerTypeOf(d);
  if (isFloat(type) || type == Type::none)
    return false;
  d.takeType();
  // Distances and widths have 32 bits whatever is shifted.
  bool fields = d.isOneOf({"shl", "shr", "shf", "bfe", "bfi", "bmsk"});
  bindInteger(d, type, choose(d, type), fields ? Type::none : type);
  if (d.is("bfi"))
    d.i.validity = Validity::inserts;
  if (d.isOneOf({"shl", "shr"})) {
    d.i.validity = Validity::shifts;
    d.i.flags = d.is("shl");
  }
  return true;
}

} // namespace lath::emulator
