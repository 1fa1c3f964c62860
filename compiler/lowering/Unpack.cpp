// dequant and unpack: words of codes to weights in a 16-bit float type.
//
// Integers become floats by bits, without a conversion where there is room in
// the mantissa. fp16: the bits of 1024 are 0x6400 and its ulp is 1, so
// 0x6400 | q is 1024 + q exactly; 64 is 0x5400 with an ulp of 1/16, so
// 0x5400 | q << 4 is 64 + q. One subtraction of 1024 + z or 64 + z gives q - z,
// exactly, and one multiplication the weight. bf16: 128 is 0x4300 with an ulp
// of 1 and has room for seven bits.
//
// 4 bits: one lop3 (a & b | c) makes two of either from a word. bf16 has room
// for the low nibble only, and shifts.
// 8 bits, signed: q ^ 0x80 is q + 128. fp16: one prmt makes two of 1024 + 128 +
// q. bf16: one makes the fp32 2^23 + 128 + q, and a conversion of two fp32 that
// are q, exactly, ends it.
//
// `unpack` stops before the multiplication.
#include "compiler/lowering/Patterns.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// Registers of per-group values for those of q: (k, n) -> (k / g, n).
std::optional<LinearMap> groupRegisters(Value groups, const Layout &q) {
  Layout layout = layoutOf(groups.getType());
  unsigned shift = llvm::Log2_64(q.shape()[0] / layout.shape()[0]);
  Bases toGroup;
  for (unsigned i = 0; i < q.indexBits(); ++i) {
    auto coords = q.unflatten(1u << i);
    toGroup.push_back(layout.flatten({coords[0] >> shift, coords[1]}));
  }
  return registersFrom(layout, q, LinearMap(toGroup));
}

/// Pairs of q - z of a word of 4-bit codes.
class Nibbles {
public:
  /// `zeroOf`: registers of the zero points, where there are any.
  Nibbles(Emit &e, Type half, std::optional<LinearMap> zeroOf, ValueRange zeros,
          unsigned zeroOffset)
      : e(e), pair(VectorType::get({2}, half)), f16(half.isF16()),
        zeroOf(std::move(zeroOf)), zeros(zeros), zeroOffset(zeroOffset),
        lowMagic(f16 ? 0x6400 : 0x4300), highMagic(f16 ? 0x5400 : 0x4300) {}

  /// Elements (i, i + 4) of `word`, i = 0..3, as dequantResult lays them out,
  /// for register `reg` of the codes.
  Value at(Value word, unsigned i, uint32_t reg) {
    Zero z = zero(reg);
    Value biased, bias;
    if (f16) {
      Value shifted = e.lshr(word, 8 * (i / 2));
      bool high = i % 2;
      biased = magic(shifted, high ? 0x00f000f0 : 0x000f000f,
                     high ? 0x54005400 : 0x64006400);
      bias = high ? z.high : z.low;
    } else {
      biased = magic(e.lshr(word, 4 * i), 0x000f000f, 0x43004300);
      bias = z.low;
    }
    return LLVM::FSubOp::create(e.r, e.loc, biased, bias);
  }

private:
  struct Zero {
    Value low, high;
  };
  Emit &e;
  Type pair;
  bool f16;
  std::optional<LinearMap> zeroOf;
  ValueRange zeros;
  unsigned zeroOffset;
  uint32_t lowMagic, highMagic;
  llvm::DenseMap<uint32_t, Zero> cache;

  Value constantPair(uint32_t bits) {
    return e.bitcast(pair, e.c((int32_t)(bits | bits << 16)));
  }
  Value twice(Value bits) { // a 16-bit value in both halves
    return e.bor(bits, e.shl(bits, 16));
  }
  Zero zero(uint32_t reg) {
    if (!zeroOf)
      return {constantPair(lowMagic | 8),
              constantPair(f16 ? highMagic | 8 << 4 : highMagic | 8)};
    uint32_t from = (*zeroOf)(reg);
    Zero &value = cache[from];
    if (!value.low) {
      Value z = e.lshr(zeros[from / 8], 4 * (from % 8));
      if (zeroOffset)
        z = e.add(z, zeroOffset);
      z = e.band(z, 15);
      value.low = e.bitcast(pair, twice(e.bor(z, e.c(lowMagic))));
      value.high =
          f16 ? e.bitcast(pair, twice(e.bor(e.shl(z, 4), e.c(highMagic))))
              : value.low;
    }
    return value;
  }
  Value magic(Value word, uint32_t mask, uint32_t bits) {
    // The magic number from a register: with two immediates ptxas needs two
    // instructions.
    Value value =
        e.assembly("lop3.b32 $0, $1, $2, $3, 0xEA;", "=r,r,n,r", e.i32,
                   {word, e.c((int32_t)mask), e.c((int32_t)bits)}, false);
    return e.bitcast(pair, value);
  }
};

/// Pairs of q of a word of signed 8-bit codes.
class Bytes {
public:
  Bytes(Emit &e, Type half)
      : e(e), half(half), pair(VectorType::get({2}, half)) {}

  /// Elements (2 i, 2 i + 1) of `word`, i = 0 or 1.
  Value at(Value word, unsigned i) {
    Value raised = e.bxor(word, e.c((int32_t)0x80808080));
    if (half.isF16()) {
      Value both =
          e.bitcast(pair, permuted(raised, 0x64646464, i ? 0x4342 : 0x4140));
      Value bias = e.bitcast(pair, e.c(0x64806480));
      return LLVM::FSubOp::create(e.r, e.loc, both, bias);
    }
    Value bias = LLVM::ConstantOp::create(e.r, e.loc, e.f32,
                                          e.r.getF32FloatAttr(0x1p23f + 128));
    Registers values;
    for (unsigned byte : {2 * i, 2 * i + 1}) {
      Value value =
          e.bitcast(e.f32, permuted(raised, 0x4b000000, 0x7440 | byte));
      values.push_back(LLVM::FSubOp::create(e.r, e.loc, value, bias));
    }
    return LLVM::FPTruncOp::create(e.r, e.loc, pair, e.vector(values));
  }

private:
  Emit &e;
  Type half, pair;

  /// Four bytes of the word (0 to 3) and of `bits` (4 to 7).
  Value permuted(Value word, uint32_t bits, uint32_t selector) {
    return e.assembly("prmt.b32 $0, $1, $2, $3;", "=r,r,r,n", e.i32,
                      {word, e.c((int32_t)bits), e.c((int32_t)selector)},
                      false);
  }
};

template <typename Op> struct UnpackLowering : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  static constexpr bool scaled = std::is_same_v<Op, DequantOp>;

  LogicalResult matchAndRewrite(
      Op op, typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor,
      ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout q = layoutOf(op.getQ().getType());
    Type half = cast<RankedTensorType>(op.getType()).getElementType();
    const unsigned bits = packBitsOf(
        cast<RankedTensorType>(op.getQ().getType()).getElementType());
    const bool nibbles = bits == 3;

    std::optional<LinearMap> scaleOf, zeroOf;
    if constexpr (scaled)
      scaleOf = groupRegisters(op.getScales(), q);
    if (op.getZeros())
      zeroOf = groupRegisters(op.getZeros(), q);
    if ((scaled && !scaleOf) || (op.getZeros() && !zeroOf))
      return op.emitOpError(
          "scales or zeros lie in other lanes than the weights");
    // The two elements of a pair have one column and one group.
    auto paired = [&](const std::optional<LinearMap> &groups) {
      return !groups || groups->bases()[nibbles ? 2 : 0] == 0;
    };
    if (q.bits(Place::Register) < bits || !paired(scaleOf) || !paired(zeroOf))
      return op.emitOpError("expected ")
             << (nibbles ? "eight elements of a word in one lane, elements i "
                           "and i + 4 of one column and group, got "
                         : "four elements of a word in one lane, elements 2 i "
                           "and 2 i + 1 of one column and group, got ")
             << q.print();

    llvm::DenseMap<uint32_t, Value> scaleCache;
    auto scale = [&](uint32_t reg) -> Value {
      if constexpr (scaled) {
        Value &value = scaleCache[(*scaleOf)(reg)];
        if (!value) {
          Value s = adaptor.getScales()[(*scaleOf)(reg)];
          value = e.vector({s, s});
        }
        return value;
      }
      return {};
    };
    Nibbles ofNibbles(e, half, zeroOf,
                      op.getZeros() ? adaptor.getZeros() : ValueRange(),
                      op.getZeroOffset());
    Bytes ofBytes(e, half);
    Registers result;
    for (auto [index, word] : llvm::enumerate(adaptor.getQ()))
      for (unsigned i = 0; i < 1u << (bits - 1); ++i) {
        uint32_t reg = (index << bits) + (nibbles ? i : 2 * i);
        Value s = scale(reg);
        Value centred =
            nibbles ? ofNibbles.at(word, i, reg) : ofBytes.at(word, i);
        Value weight = scaled
                           ? Value(LLVM::FMulOp::create(r, e.loc, centred, s))
                           : centred;
        result.push_back(e.element(weight, 0));
        result.push_back(e.element(weight, 1));
      }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
    return success();
  }
};

} // namespace

void lath::tile::addUnpackPatterns(const TypeConverter &types,
                                   RewritePatternSet &patterns) {
  patterns.add<UnpackLowering<DequantOp>, UnpackLowering<UnpackOp>>(
      types, patterns.getContext());
}
