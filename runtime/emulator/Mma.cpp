// mma.sync: a warp multiplies 16 x k by k x 8, k = 8 or 16 of f16 or bf16, or
// 8 of tf32.
//
// Products are exact in f32; they and the accumulator are summed in double and
// rounded once. Hardware sums in another order and cuts off low bits, so
// results agree to within the rounding of an f32 sum of k terms.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

namespace lath::emulator {

namespace {

template <bool isF16> float half(std::uint64_t word, unsigned which) {
  auto bits = static_cast<std::uint32_t>(word >> 16 * which & 0xffff);
  return isF16 ? f16ToFloat(bits) : bf16ToFloat(bits);
}

/// Fragments as in the PTX ISA, "Matrix Fragments for mma.m16n8k16": lane
/// 4g + t holds of A rows g and g + 8, columns 2t, 2t + 1 and the same 8 on;
/// of B rows 2t, 2t + 1 and 8 on, column g; of C columns 2t, 2t + 1 of rows g
/// and g + 8.
template <bool isF16, bool f16Sums, unsigned depth>
void mma(Warp &w, const Instruction &i, std::uint32_t) {
  constexpr unsigned aRegisters = depth / 4, bRegisters = depth / 8,
                     cRegisters = f16Sums ? 2 : 4;
  float a[16][depth], b[depth][8];
  for (unsigned r = 0; r < aRegisters; ++r) {
    const std::uint64_t *words = w.in(i, r);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned p = 0; p < 2; ++p)
        a[lane / 4 + 8 * (r & 1)][lane % 4 * 2 + p + 8 * (r >> 1)] =
            half<isF16>(words[lane], p);
  }
  for (unsigned r = 0; r < bRegisters; ++r) {
    const std::uint64_t *words = w.in(i, aRegisters + r);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned p = 0; p < 2; ++p)
        b[lane % 4 * 2 + p + 8 * r][lane / 4] = half<isF16>(words[lane], p);
  }
  double sums[16][8];
  for (unsigned r = 0; r < cRegisters; ++r) {
    const std::uint64_t *words = w.in(i, aRegisters + bRegisters + r);
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      if (f16Sums)
        for (unsigned p = 0; p < 2; ++p)
          sums[lane / 4 + 8 * r][lane % 4 * 2 + p] = half<true>(words[lane], p);
      else
        sums[lane / 4 + 8 * (r >> 1)][lane % 4 * 2 + (r & 1)] =
            toF32(words[lane]);
    }
  }
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned column = 0; column < 8; ++column)
        sums[row][column] += static_cast<double>(a[row][k] * b[k][column]);
  for (unsigned r = 0; r < cRegisters; ++r) {
    std::uint64_t *words = w.out(i, r);
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      if (f16Sums)
        words[lane] =
            toF16(sums[lane / 4 + 8 * r][lane % 4 * 2]) |
            std::uint64_t{toF16(sums[lane / 4 + 8 * r][lane % 4 * 2 + 1])}
                << 16;
      else
        words[lane] = bitsOf(static_cast<float>(
            sums[lane / 4 + 8 * (r >> 1)][lane % 4 * 2 + (r & 1)]));
    }
  }
}

/// Of tf32 a register holds one, of which the lower 13 bits are not looked at:
/// lane 4g + t has of A rows g and g + 8, columns t and t + 4; of B rows t and
/// t + 4, column g (PTX ISA, "Matrix Fragments for mma.m16n8k8").
void mmaTf32(Warp &w, const Instruction &i, std::uint32_t) {
  float a[16][8], b[8][8];
  auto tf32 = [](std::uint64_t word) { return toF32(word & 0xffffe000); };
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    for (unsigned r = 0; r < 4; ++r)
      a[lane / 4 + 8 * (r & 1)][lane % 4 + 4 * (r >> 1)] =
          tf32(w.in(i, r)[lane]);
    for (unsigned r = 0; r < 2; ++r)
      b[lane % 4 + 4 * r][lane / 4] = tf32(w.in(i, 4 + r)[lane]);
  }
  double sums[16][8];
  auto eachSum = [&](const auto &body) {
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned lane = 0; lane < warpSize; ++lane)
        body(r, lane, sums[lane / 4 + 8 * (r >> 1)][lane % 4 * 2 + (r & 1)]);
  };
  eachSum([&](unsigned r, unsigned lane, double &sum) {
    sum = toF32(w.in(i, 6 + r)[lane]);
  });
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < 8; ++k)
      for (unsigned column = 0; column < 8; ++column)
        sums[row][column] += double{a[row][k]} * b[k][column];
  eachSum([&](unsigned r, unsigned lane, double sum) {
    w.out(i, r)[lane] = bitsOf(static_cast<float>(sum));
  });
}

} // namespace

bool decodeMma(Decoding &d) {
  if (!d.is("mma"))
    return false;
  Instruction &i = d.i;
  bool known = d.take("sync") && d.take("aligned");
  bool deep = d.take("m16n8k16");
  known =
      known && (deep || d.take("m16n8k8")) && d.take("row") && d.take("col");
  Type sum = d.takeType(), a = d.takeType(), b = d.takeType(), c = d.takeType();
  bool f16 = a == Type::f16, f16Sums = sum == Type::f16, tf32 = a == Type::tf32;
  known = known && a == b && sum == c &&
          (f16 || a == Type::bf16 || (tf32 && !deep)) &&
          (sum == Type::f32 || (f16 && f16Sums));
  if (!known)
    d.unsupported();
  i.kind = Kind::mma;
  i.collective = i.wholeWarp = true;
  i.run = tf32 ? mmaTf32
          : f16
              ? (f16Sums ? (deep ? mma<true, true, 16> : mma<true, true, 8>)
                         : (deep ? mma<true, false, 16> : mma<true, false, 8>))
              : (deep ? mma<false, false, 16> : mma<false, false, 8>);
  d.outputs({0});
  d.inputs({1, 2, 3}, Type::b32);
  return true;
}

} // namespace lath::emulator
