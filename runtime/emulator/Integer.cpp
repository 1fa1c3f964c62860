// add, sub, mul, mad, div, rem, min, max, abs, neg and sad on integers.
#include "runtime/emulator/IntegerHandler.h"

#include <algorithm>
#include <limits>

namespace lath::emulator {

namespace {

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
/// What is below zero becomes zero.
template <typename Op> struct Relu {
  template <typename T> static Word apply(Word a, Word b) {
    return bits<T>(std::max(as<T>(Op::template apply<T>(a, b)), T(0)));
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

/// Of 16 and 32 bits, since the result has twice as many.
bool canWiden(Type type) {
  return type == Type::s16 || type == Type::u16 || type == Type::s32 ||
         type == Type::u32;
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
      return canWiden(type) ? binaryOf<MulWide>(type) : nullptr;
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
      return canWiden(type) ? ternaryOf<Mad<MulWide>>(type) : nullptr;
    if (d.take("hi"))
      return ternaryOf<Mad<MulHigh>>(type);
    d.take("lo");
    return ternaryOf<Mad<MulLow>>(type);
  }
  if (name == "div")
    return binaryOf<Div>(type);
  if (name == "rem")
    return binaryOf<Rem>(type);
  if (name == "min" || name == "max") {
    const bool least = name == "min";
    if (d.take("relu"))
      return type != Type::s32 ? nullptr
             : least           ? binary<std::int32_t, Relu<Min>>
                               : binary<std::int32_t, Relu<Max>>;
    return least ? binaryOf<Min>(type) : binaryOf<Max>(type);
  }
  if (name == "abs")
    return unaryOf<Abs>(type);
  if (name == "neg")
    return unaryOf<Neg>(type);
  if (name == "sad")
    return ternaryOf<Sad>(type);
  return nullptr;
}

} // namespace

bool decodeInteger(Decoding &d) {
  if (!d.isOneOf({"add", "sub", "mul", "mul24", "mad", "div", "rem", "min",
                  "max", "abs", "neg", "sad"}))
    return false;
  Type type = integerTypeOf(d);
  bool pairs = d.has("u16x2") || d.has("s16x2");
  if (isFloat(type) || (type == Type::none && !pairs))
    return false;
  d.takeType();
  bindInteger(d, type, choose(d, type), pairs ? Type::b32 : type);
  return true;
}

} // namespace lath::emulator
