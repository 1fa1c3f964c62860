// mma.sync on bytes: 16 x k by k x 8, k = 16 or 32 of s8 or u8 into s32, or 32
// of e4m3 or e5m2 into f32.
//
// Integer sums wrap, or with .satfinite stop at the limits. Products of 8-bit
// floats are exact in f32; the sums are as in Mma.cpp.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>

namespace lath::emulator {

namespace {

template <Type type> auto valueOf(std::uint32_t byte) {
  if constexpr (type == Type::s8)
    return std::int64_t{static_cast<std::int8_t>(byte)};
  else if constexpr (type == Type::u8)
    return std::int64_t{byte};
  else if constexpr (type == Type::e4m3)
    return static_cast<double>(e4m3ToFloat(byte));
  else // the upper half of an f16
    return static_cast<double>(f16ToFloat(byte << 8));
}

/// Lane 4g + t holds of A rows g and g + 8, columns 4t to 4t + 3 and the same
/// 16 on; of B rows 4t to 4t + 3 and 16 on, column g; of C columns 2t, 2t + 1
/// of rows g and g + 8 (PTX ISA, "Matrix Fragments for mma.m16n8k32").
/// i.flags: sums saturate.
template <Type aType, Type bType, unsigned depth>
void mma(Warp &w, const Instruction &i, std::uint32_t) {
  using Value = decltype(valueOf<aType>(0));
  constexpr bool integers = std::is_same_v<Value, std::int64_t>;
  constexpr unsigned aRegisters = depth / 8, bRegisters = depth / 16;
  Value a[16][depth], b[depth][8], sums[16][8];
  auto bytesOf = [](const std::uint64_t *words, const auto &place) {
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned p = 0; p < 4; ++p)
        place(lane / 4, lane % 4 * 4 + p,
              static_cast<std::uint32_t>(words[lane] >> 8 * p & 0xff));
  };
  for (unsigned r = 0; r < aRegisters; ++r)
    bytesOf(w.in(i, r), [&](unsigned g, unsigned k, std::uint32_t byte) {
      a[g + 8 * (r & 1)][k + 16 * (r >> 1)] = valueOf<aType>(byte);
    });
  for (unsigned r = 0; r < bRegisters; ++r)
    bytesOf(w.in(i, aRegisters + r),
            [&](unsigned g, unsigned k, std::uint32_t byte) {
              b[k + 16 * r][g] = valueOf<bType>(byte);
            });
  auto eachSum = [&](const auto &body) {
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned lane = 0; lane < warpSize; ++lane)
        body(r, lane, sums[lane / 4 + 8 * (r >> 1)][lane % 4 * 2 + (r & 1)]);
  };
  eachSum([&](unsigned r, unsigned lane, Value &sum) {
    std::uint64_t word = w.in(i, aRegisters + bRegisters + r)[lane];
    if constexpr (integers)
      sum = static_cast<std::int32_t>(word);
    else
      sum = toF32(word);
  });
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned column = 0; column < 8; ++column)
        sums[row][column] += a[row][k] * b[k][column];
  eachSum([&](unsigned r, unsigned lane, Value sum) {
    if constexpr (integers) {
      if (i.flags)
        sum = std::clamp<std::int64_t>(
            sum, std::numeric_limits<std::int32_t>::min(),
            std::numeric_limits<std::int32_t>::max());
      w.out(i, r)[lane] = static_cast<std::uint32_t>(sum);
    } else {
      w.out(i, r)[lane] = bitsOf(static_cast<float>(sum));
    }
  });
}

Handler choose(Type a, Type b, bool deep) {
  constexpr Type s8 = Type::s8, u8 = Type::u8, e4m3 = Type::e4m3,
                 e5m2 = Type::e5m2;
  auto are = [&](Type x, Type y) { return a == x && b == y; };
  if (are(s8, s8))
    return deep ? mma<s8, s8, 32> : mma<s8, s8, 16>;
  if (are(s8, u8))
    return deep ? mma<s8, u8, 32> : mma<s8, u8, 16>;
  if (are(u8, s8))
    return deep ? mma<u8, s8, 32> : mma<u8, s8, 16>;
  if (are(u8, u8))
    return deep ? mma<u8, u8, 32> : mma<u8, u8, 16>;
  if (!deep)
    return nullptr;
  return are(e4m3, e4m3)   ? mma<e4m3, e4m3, 32>
         : are(e4m3, e5m2) ? mma<e4m3, e5m2, 32>
         : are(e5m2, e4m3) ? mma<e5m2, e4m3, 32>
         : are(e5m2, e5m2) ? mma<e5m2, e5m2, 32>
                           : nullptr;
}

} // namespace

bool decodeByteMma(Decoding &d) {
  if (!d.is("mma") ||
      !(d.has("s8") || d.has("u8") || d.has("e4m3") || d.has("e5m2")))
    return false;
  Instruction &i = d.i;
  bool known = d.take("sync") && d.take("aligned");
  bool deep = d.take("m16n8k32");
  known =
      known && (deep || d.take("m16n8k16")) && d.take("row") && d.take("col");
  i.flags = d.take("satfinite");
  d.take("kind::f8f6f4");
  Type sum = d.takeType(), a = d.takeType(), b = d.takeType(), c = d.takeType();
  bool floats = a == Type::e4m3 || a == Type::e5m2;
  i.run = choose(a, b, deep);
  if (!known || !i.run || sum != c || sum != (floats ? Type::f32 : Type::s32) ||
      (floats && i.flags))
    d.unsupported();
  i.kind = Kind::mma;
  i.collective = i.wholeWarp = true;
  d.outputs({0});
  d.inputs({1, 2, 3}, Type::b32);
  return true;
}

} // namespace lath::emulator
