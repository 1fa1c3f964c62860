// cast: between floats, and between floats and integers.
//
// All go by way of f32, which holds every value of the smaller floats. Integers
// of 24 bits and more round there first; that the second rounding does no harm
// is because such values are infinite in f16 and saturate in 8 bits, and for
// bf16 because the first one is to odd: what is cut off leaves the last bit set
// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums").
#include "compiler/base/Target.h"
#include "compiler/lowering/Patterns.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// Of an 8-bit float: bits of its mantissa, and words of f32 for conversion to
/// it. `least` is its smallest normal number; adding `magic` to a smaller one
/// leaves its code in the lowest bits, as the sum's last place is the format's
/// smallest subnormal.
struct ByteFloat {
  unsigned mantissa;
  int bias;
  uint32_t most, least, magic;
  const char *pair; ///< in instructions

  static const ByteFloat &of(Type type) {
    static constexpr ByteFloat e4m3{3,          7,          0x43e00000,
                                    0x3c800000, 0x46800000, "e4m3x2"};
    static constexpr ByteFloat e5m2{2,          15,         0x47600000,
                                    0x38800000, 0x43000000, "e5m2x2"};
    return isa<Float8E4M3FNType>(type) ? e4m3 : e5m2;
  }
};

class Caster {
public:
  Caster(Emit &e, const Target &target, bool isUnsigned)
      : e(e), target(target), isUnsigned(isUnsigned) {}

  Registers cast(ValueRange source, Type from, Type to) {
    if (isByteFloat(from)) {
      Registers halves = halvesOfBytes(source, from);
      return to.isF16() ? halves : fromF32(extended(halves), to);
    }
    if (from.isInteger())
      return fromF32(fromIntegers(source, to.isBF16()), to);
    return fromF32(from.isF32() ? Registers(source) : extended(source), to);
  }

private:
  Emit &e;
  const Target &target;
  bool isUnsigned;

  Value c(Type type, int64_t value) {
    return LLVM::ConstantOp::create(e.r, e.loc, type,
                                    e.r.getIntegerAttr(type, value));
  }
  Value compare(LLVM::ICmpPredicate how, Value a, Value b) {
    return LLVM::ICmpOp::create(e.r, e.loc, how, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return LLVM::SelectOp::create(e.r, e.loc, condition, a, b);
  }
  Value truncated(Type type, Value a) {
    return LLVM::TruncOp::create(e.r, e.loc, type, a);
  }

  Registers extended(ValueRange source) {
    Registers wide;
    for (Value value : source)
      wide.push_back(LLVM::FPExtOp::create(e.r, e.loc, e.f32, value));
    return wide;
  }

  Registers fromF32(ValueRange wide, Type to) {
    if (to.isF32())
      return Registers(wide);
    if (isByteFloat(to))
      return toBytes(wide, to);
    if (to.isInteger())
      return toIntegers(wide, to);
    // Pairs narrow together: one cvt makes two halves.
    Registers results;
    if (wide.size() == 1)
      results.push_back(LLVM::FPTruncOp::create(e.r, e.loc, to, wide[0]));
    for (unsigned i = 0; i + 1 < wide.size(); i += 2) {
      Value pair = LLVM::FPTruncOp::create(e.r, e.loc, VectorType::get({2}, to),
                                           e.vector({wide[i], wide[i + 1]}));
      results.push_back(e.element(pair, 0));
      results.push_back(e.element(pair, 1));
    }
    return results;
  }

  // Integers.

  std::string integerType(Value integer) {
    return fmt::format("{}{}", isUnsigned ? 'u' : 's',
                       integer.getType().getIntOrFloatBitWidth());
  }
  StringRef constraint(Type integer) {
    return integer.isInteger(64) ? "l" : "r";
  }

  Registers fromIntegers(ValueRange source, bool toOdd) {
    Registers wide;
    for (Value value : source)
      if (toOdd && !value.getType().isInteger(8))
        wide.push_back(roundedToOdd(value));
      else if (isUnsigned)
        wide.push_back(LLVM::UIToFPOp::create(e.r, e.loc, e.f32, value));
      else
        wide.push_back(LLVM::SIToFPOp::create(e.r, e.loc, e.f32, value));
    return wide;
  }

  Value roundedToOdd(Value value) {
    Type type = value.getType();
    const std::string name = integerType(value);
    Value kept =
        e.assembly("cvt.rz.f32." + name + " $0, $1;",
                   ("=f," + constraint(type)).str(), e.f32, {value}, false);
    Value back =
        e.assembly("cvt.rzi." + name + ".f32 $0, $1;",
                   ("=" + constraint(type) + ",f").str(), type, {kept}, false);
    Value rest = LLVM::ZExtOp::create(
        e.r, e.loc, e.i32, compare(LLVM::ICmpPredicate::ne, back, value));
    return e.bitcast(e.f32, e.bor(e.bitcast(e.i32, kept), rest));
  }

  /// cvt saturates, and makes 0 of NaN but for 64 bits.
  Registers toIntegers(ValueRange wide, Type to) {
    Registers results;
    Type computed = to.isInteger(64) ? e.i64 : e.i32;
    for (Value value : wide) {
      Value zero = c(computed, 0);
      Value result = e.assembly("cvt.rzi." + integerType(zero) + ".f32 $0, $1;",
                                ("=" + constraint(computed) + ",f").str(),
                                computed, {value}, false);
      if (to.isInteger(64)) {
        Value number = LLVM::FCmpOp::create(
            e.r, e.loc, LLVM::FCmpPredicate::ord, value, value);
        result = select(number, result, zero);
      } else if (to.isInteger(8)) {
        if (isUnsigned)
          result = LLVM::UMinOp::create(e.r, e.loc, result, e.c(255));
        else
          result = LLVM::SMaxOp::create(
              e.r, e.loc, LLVM::SMinOp::create(e.r, e.loc, result, e.c(127)),
              e.c(-128));
        result = truncated(to, result);
      }
      results.push_back(result);
    }
    return results;
  }

  // 8-bit floats.

  Registers halvesOfBytes(ValueRange bytes, Type from) {
    Registers halves;
    Type f16 = e.r.getF16Type();
    if (isa<Float8E5M2Type>(from)) { // the upper half of an f16
      Type i16 = e.r.getI16Type();
      for (Value byte : bytes)
        halves.push_back(e.bitcast(
            f16, LLVM::ShlOp::create(
                     e.r, e.loc, LLVM::ZExtOp::create(e.r, e.loc, i16, byte),
                     c(i16, 8))));
      return halves;
    }
    if (!target.hasByteFloatConversions()) {
      for (Value byte : bytes)
        halves.push_back(halfOfByte(byte));
      return halves;
    }
    for (unsigned i = 0; i < bytes.size(); i += 2) {
      Value second = i + 1 < bytes.size() ? bytes[i + 1] : bytes[i];
      Value both = e.assembly("cvt.rn.f16x2.e4m3x2 $0, $1;", "=r,h", e.i32,
                              {e.pack({bytes[i], second})[0]}, false);
      both = e.bitcast(VectorType::get({2}, f16), both);
      halves.push_back(e.element(both, 0));
      if (i + 1 < bytes.size())
        halves.push_back(e.element(both, 1));
    }
    return halves;
  }

  /// The same bits as an f16 are 2^-8 of the value, as its bias is larger by 8.
  Value halfOfByte(Value byte) {
    Type i16 = e.r.getI16Type(), f16 = e.r.getF16Type();
    Value wide = LLVM::ZExtOp::create(e.r, e.loc, i16, byte);
    Value code = LLVM::AndOp::create(e.r, e.loc, wide, c(i16, 0x7f));
    Value sign = LLVM::ShlOp::create(
        e.r, e.loc, LLVM::AndOp::create(e.r, e.loc, wide, c(i16, 0x80)),
        c(i16, 8));
    Value scaled = LLVM::FMulOp::create(
        e.r, e.loc,
        e.bitcast(f16, LLVM::ShlOp::create(e.r, e.loc, code, c(i16, 7))),
        LLVM::ConstantOp::create(e.r, e.loc, f16, e.r.getFloatAttr(f16, 256)));
    Value bits = select(compare(LLVM::ICmpPredicate::eq, code, c(i16, 0x7f)),
                        c(i16, 0x7fff), e.bitcast(i16, scaled));
    return e.bitcast(f16, e.bor(bits, sign));
  }

  Registers toBytes(ValueRange wide, Type to) {
    Registers bytes;
    const ByteFloat &format = ByteFloat::of(to);
    if (!target.hasByteFloatConversions()) {
      for (Value value : wide)
        bytes.push_back(byteOf(value, format));
      return bytes;
    }
    for (unsigned i = 0; i < wide.size(); i += 2) {
      Value second = i + 1 < wide.size() ? wide[i + 1] : wide[i];
      Value both = e.assembly(
          (Twine("cvt.rn.satfinite.") + format.pair + ".f32 $0, $1, $2;").str(),
          "=h,f,f", e.r.getI16Type(), {second, wide[i]}, false);
      Registers pair = e.unpack(both, e.r.getI8Type());
      bytes.push_back(pair[0]);
      if (i + 1 < wide.size())
        bytes.push_back(pair[1]);
    }
    return bytes;
  }

  Value byteOf(Value value, const ByteFloat &format) {
    const unsigned drop = 23 - format.mantissa;
    Value bits = e.bitcast(e.i32, value);
    Value sign = e.band(e.lshr(bits, 24), 0x80);
    Value magnitude = e.band(bits, 0x7fffffff);
    Value kept = LLVM::UMinOp::create(e.r, e.loc, magnitude, e.c(format.most));
    // Half of the last place, less one where the place is even: ties to even.
    Value even = e.band(e.lshr(kept, drop), 1);
    Value normal =
        e.lshr(e.add(e.add(kept, (1 << (drop - 1)) - 1), even), drop);
    normal = e.add(normal, -((127 - format.bias) << format.mantissa));
    Value magic = e.bitcast(e.f32, e.c(format.magic));
    Value sum = LLVM::FAddOp::create(e.r, e.loc, e.bitcast(e.f32, kept), magic);
    Value subnormal = e.add(e.bitcast(e.i32, sum), -(int64_t)format.magic);
    Value code =
        select(compare(LLVM::ICmpPredicate::ult, kept, e.c(format.least)),
               subnormal, normal);
    Value isNan = compare(LLVM::ICmpPredicate::ugt, magnitude, e.c(0x7f800000));
    return truncated(e.r.getI8Type(),
                     select(isNan, e.c(0x7f), e.bor(code, sign)));
  }
};

struct CastLowering : OpConversionPattern<CastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(CastOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    auto element = [](Value tile) {
      return cast<RankedTensorType>(tile.getType()).getElementType();
    };
    Type from = element(op.getSource()), to = element(op.getResult());
    const Target &target = *scheduleOf(op).target;
    if ((isByteFloat(from) || isByteFloat(to)) &&
        target.hasByteFloatConversions())
      e.needPtx(op, byteFloatConversionsPtx);
    Registers results = Caster(e, target, op.getIsUnsigned())
                            .cast(adaptor.getSource(), from, to);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

} // namespace

void lath::tile::addCastPatterns(const TypeConverter &types,
                                 RewritePatternSet &patterns) {
  patterns.add<CastLowering>(types, patterns.getContext());
}
