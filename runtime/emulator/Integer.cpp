// add, sub, mul, mad, div, rem, min, max, abs, neg, sad, bit counting and
// fields, and their carries, on integers. Shifts count as integer, too.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

namespace lath::emulator {

namespace {

template <typename T> T as(std::uint64_t bits) { return static_cast<T>(bits); }
/// Back to 64 bits, zero above the width.
template <typename T> std::uint64_t bits(T value) {
  return static_cast<std::make_unsigned_t<T>>(value);
}
template <typename T> using Unsigned = std::make_unsigned_t<T>;

template <typename T, typename Op>
void unary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = Op::template apply<T>(a[l]); });
}
template <typename T, typename Op>
void binary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  eachLane(mask, [&](unsigned l) { d[l] = Op::template apply<T>(a[l], b[l]); });
}
template <typename T, typename Op>
void ternary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  eachLane(mask,
           [&](unsigned l) { d[l] = Op::template apply<T>(a[l], b[l], c[l]); });
}

using Word = std::uint64_t;

struct Add {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(static_cast<T>(static_cast<Unsigned<T>>(a + b)));
  }
};
struct AddSaturating {
  template <typename T> static Word apply(Word a, Word b) {
    std::int64_t sum = std::int64_t{as<T>(a)} + std::int64_t{as<T>(b)};
    return bits<T>(static_cast<T>(std::clamp<std::int64_t>(
        sum, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
  }
};
struct Sub {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(static_cast<T>(static_cast<Unsigned<T>>(a - b)));
  }
};
struct SubSaturating {
  template <typename T> static Word apply(Word a, Word b) {
    std::int64_t sum = std::int64_t{as<T>(a)} - std::int64_t{as<T>(b)};
    return bits<T>(static_cast<T>(std::clamp<std::int64_t>(
        sum, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
  }
};
struct MulLow {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(static_cast<T>(static_cast<Unsigned<T>>(a * b)));
  }
};
struct MulHigh {
  template <typename T> static Word apply(Word a, Word b) {
    using Wide =
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return bits<T>(
        static_cast<T>((Wide{as<T>(a)} * Wide{as<T>(b)}) >> (8 * sizeof(T))));
  }
};
/// The product in twice the width: 16 to 32 bits, 32 to 64.
struct MulWide {
  template <typename T> static Word apply(Word a, Word b) {
    using Wide = std::conditional_t<
        sizeof(T) == 2,
        std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>,
        std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;
    return bits<Wide>(static_cast<Wide>(static_cast<Wide>(as<T>(a)) *
                                        static_cast<Wide>(as<T>(b))));
  }
};
struct Mul24 {
  template <typename T> static Word apply(Word a, Word b) {
    auto part = [](Word v) {
      return static_cast<std::int64_t>(static_cast<T>(v << 8)) >> 8;
    };
    return bits<T>(static_cast<T>(part(a) * part(b)));
  }
};
template <typename Product> struct Mad {
  template <typename T> static Word apply(Word a, Word b, Word c) {
    Word product = Product::template apply<T>(a, b);
    if constexpr (std::is_same_v<Product, MulWide>)
      return sizeof(T) == 2 ? static_cast<std::uint32_t>(product + c)
                            : product + c;
    else
      return bits<T>(static_cast<T>(static_cast<Unsigned<T>>(product + c)));
  }
};
struct Div {
  template <typename T> static Word apply(Word a, Word b) {
    T y = as<T>(b);
    if (y == 0)
      return bits<T>(
          static_cast<T>(-1)); // unspecified by PTX; the GPU's answer
    if (std::is_signed_v<T> && y == static_cast<T>(-1))
      return Sub::apply<T>(0, a);
    return bits<T>(static_cast<T>(as<T>(a) / y));
  }
};
struct Rem {
  template <typename T> static Word apply(Word a, Word b) {
    T y = as<T>(b);
    if (y == 0)
      return bits<T>(as<T>(a));
    if (std::is_signed_v<T> && y == static_cast<T>(-1))
      return 0;
    return bits<T>(static_cast<T>(as<T>(a) % y));
  }
};
struct Min {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(std::min(as<T>(a), as<T>(b)));
  }
};
struct Max {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(std::max(as<T>(a), as<T>(b)));
  }
};
struct Abs {
  template <typename T> static Word apply(Word a) {
    return std::is_signed_v<T> && as<T>(a) < 0 ? Sub::apply<T>(0, a)
                                               : bits<T>(as<T>(a));
  }
};
struct Neg {
  template <typename T> static Word apply(Word a) {
    return Sub::apply<T>(0, a);
  }
};
struct Sad {
  template <typename T> static Word apply(Word a, Word b, Word c) {
    Word difference =
        as<T>(a) < as<T>(b) ? Sub::apply<T>(b, a) : Sub::apply<T>(a, b);
    return Add::apply<T>(difference, c);
  }
};
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

/// The handler of an operation for a type.
template <typename Op> Handler unaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return unary<std::int16_t, Op>;
  case Type::u16:
  case Type::b16:
    return unary<std::uint16_t, Op>;
  case Type::s32:
    return unary<std::int32_t, Op>;
  case Type::u32:
  case Type::b32:
    return unary<std::uint32_t, Op>;
  case Type::s64:
    return unary<std::int64_t, Op>;
  case Type::u64:
  case Type::b64:
    return unary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}
template <typename Op> Handler binaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return binary<std::int16_t, Op>;
  case Type::u16:
  case Type::b16:
    return binary<std::uint16_t, Op>;
  case Type::s32:
    return binary<std::int32_t, Op>;
  case Type::u32:
  case Type::b32:
    return binary<std::uint32_t, Op>;
  case Type::s64:
    return binary<std::int64_t, Op>;
  case Type::u64:
  case Type::b64:
    return binary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}
template <typename Op> Handler ternaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return ternary<std::int16_t, Op>;
  case Type::u16:
    return ternary<std::uint16_t, Op>;
  case Type::s32:
    return ternary<std::int32_t, Op>;
  case Type::u32:
    return ternary<std::uint32_t, Op>;
  case Type::s64:
    return ternary<std::int64_t, Op>;
  case Type::u64:
    return ternary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}

template <typename Op> Handler wideOf(Type type) {
  switch (type) {
  case Type::s16:
    return binary<std::int16_t, Op>;
  case Type::u16:
    return binary<std::uint16_t, Op>;
  case Type::s32:
    return binary<std::int32_t, Op>;
  case Type::u32:
    return binary<std::uint32_t, Op>;
  default:
    return nullptr;
  }
}
template <typename Op> Handler wideTernaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return ternary<std::int16_t, Op>;
  case Type::u16:
    return ternary<std::uint16_t, Op>;
  case Type::s32:
    return ternary<std::int32_t, Op>;
  case Type::u32:
    return ternary<std::uint32_t, Op>;
  default:
    return nullptr;
  }
}

/// Two 16-bit integers in a word.
template <typename T, typename Op>
void packed(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  eachLane(mask, [&](unsigned l) {
    d[l] = Op::template apply<T>(a[l] & 0xffff, b[l] & 0xffff) |
           Op::template apply<T>(a[l] >> 16 & 0xffff, b[l] >> 16 & 0xffff)
               << 16;
  });
}

/// The type among the modifiers, without taking it.
Type typeOf(const Decoding &d) {
  for (std::size_t n = 1; n < d.statement().name.size(); ++n)
    if (Type type = typeNamed(d.statement().name[n]); type != Type::none)
      return type;
  return Type::none;
}

Handler choose(Decoding &d, Type type) {
  const std::string &name = d.base();
  if (name == "add" || name == "sub") {
    bool add = name == "add";
    if (d.take("u16x2"))
      return add ? packed<std::uint16_t, Add> : nullptr;
    if (d.take("s16x2"))
      return add ? packed<std::int16_t, Add> : nullptr;
    if (d.take("sat"))
      return type != Type::s32 ? nullptr
             : add             ? binary<std::int32_t, AddSaturating>
                               : binary<std::int32_t, SubSaturating>;
    return add ? binaryOf<Add>(type) : binaryOf<Sub>(type);
  }
  if (name == "mul") {
    if (d.take("wide"))
      return wideOf<MulWide>(type);
    if (d.take("hi"))
      return binaryOf<MulHigh>(type);
    d.take("lo");
    return binaryOf<MulLow>(type);
  }
  if (name == "mul24") {
    if (!d.take("lo"))
      return nullptr;
    return type == Type::s32   ? binary<std::int32_t, Mul24>
           : type == Type::u32 ? binary<std::uint32_t, Mul24>
                               : nullptr;
  }
  if (name == "mad") {
    if (d.take("wide"))
      return wideTernaryOf<Mad<MulWide>>(type);
    if (d.take("hi"))
      return ternaryOf<Mad<MulHigh>>(type);
    d.take("lo");
    return ternaryOf<Mad<MulLow>>(type);
  }
  if (name == "div")
    return binaryOf<Div>(type);
  if (name == "rem")
    return binaryOf<Rem>(type);
  if (name == "min")
    return binaryOf<Min>(type);
  if (name == "max")
    return binaryOf<Max>(type);
  if (name == "abs")
    return unaryOf<Abs>(type);
  if (name == "neg")
    return unaryOf<Neg>(type);
  if (name == "sad")
    return ternaryOf<Sad>(type);
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

bool decodeInteger(Decoding &d) {
  if (!d.isOneOf({"add", "sub", "mul",  "mul24", "mad",  "div", "rem",  "min",
                  "max", "abs", "neg",  "sad",   "popc", "clz", "brev", "bfind",
                  "bfe", "bfi", "bmsk", "shl",   "shr",  "shf"}))
    return false;
  Type type = typeOf(d);
  bool pairs = d.has("u16x2") || d.has("s16x2");
  if (isFloat(type) || (type == Type::none && !pairs))
    return false;
  d.takeType();
  d.i.kind = Kind::integer;
  d.i.type = type;
  d.i.run = choose(d, type);
  if (!d.i.run)
    d.unsupported();
  d.output(d.operand(0));
  bool shift = d.isOneOf({"shl", "shr", "shf", "bfe", "bfi", "bmsk"});
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), shift && n > 1 ? Type::none
                          : pairs        ? Type::b32
                                         : type);
  return true;
}

} // namespace lath::emulator
