// dot and dequant: tensor-core instructions and the unpacking of 4-bit weights.
#include "compiler/lowering/Fragments.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

struct DotLowering : OpConversionPattern<DotOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(DotOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout a = layoutOf(op.getA().getType()), b = layoutOf(op.getB().getType()),
           acc = layoutOf(op.getAcc().getType());
    ValueRange aRegs = adaptor.getA(), bRegs = adaptor.getB();
    if (op.getSwapped()) {
      Layout wasA = a;
      a = b.transposed(), b = wasA.transposed(), acc = acc.transposed();
      std::swap(aRegs, bRegs);
    }
    Type half = cast<RankedTensorType>(op.getA().getType()).getElementType();
    Fragments fragments(a, aRegs, half, acc);
    if (!fragments.whole())
      return op.emitOpError("expected a fragment's registers along rows and k");
    const bool scales = op.getScales() != nullptr;
    if (scales)
      fragments.scaleBy(layoutOf(op.getScales().getType()), adaptor.getScales(),
                        op.getSwapped() ? 0 : 1);

    auto bReg = [&](uint32_t kk, uint32_t column) {
      return bRegs[*b.registerOf(b.flatten({kk, column}))];
    };
    Registers result(adaptor.getAcc().begin(), adaptor.getAcc().end());
    Type four = LLVM::LLVMStructType::getLiteral(r.getContext(),
                                                 SmallVector<Type>(4, e.f32));
    auto b16 = NVVM::MMATypes::bf16;
    std::optional<std::array<NVVM::MMATypes, 2>> multiplicands;
    if (half.isBF16())
      multiplicands = std::array<NVVM::MMATypes, 2>{b16, b16};
    Value none =
        LLVM::ConstantOp::create(r, e.loc, e.f32, r.getF32FloatAttr(0));
    for (unsigned group = 0; group < fragments.groups(); ++group) {
      Registers total = result;
      if (scales)
        result.assign(result.size(), none);
      for (unsigned step = 0; step < fragments.steps(); ++step) {
        uint32_t k0 = fragments.start(group, step);
        SmallVector<SmallVector<Value>> bFragments;
        for (unsigned j = 0; j < fragments.columnTiles(); ++j) {
          uint32_t column = fragments.column(j);
          auto at = [&](uint32_t kk) {
            return fragments.word(e, bReg(kk, column),
                                  bReg(kk ^ fragments.pair(), column));
          };
          bFragments.push_back({at(k0), at(k0 ^ fragments.upper())});
        }
        for (unsigned i = 0; i < fragments.rowTiles(); ++i) {
          Registers aFragment = fragments.a(e, i, k0);
          for (unsigned j = 0; j < fragments.columnTiles(); ++j) {
            SmallVector<Value> c;
            auto places = fragments.places(i, j);
            for (uint32_t place : places)
              c.push_back(result[place]);
            Value d = NVVM::MmaOp::create(
                r, e.loc, four, aFragment, bFragments[j], c,
                ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
                multiplicands,
                std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                               NVVM::MMALayout::col});
            for (unsigned x = 0; x < 4; ++x)
              result[places[x]] = e.field(d, x);
          }
        }
      }
      if (scales)
        result = fragments.scaled(e, group, result, total);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
    return success();
  }
};

/// Unpacks words of eight 4-bit elements.
///
/// fp16: the bits of 1024 are 0x6400 and its ulp is 1, so 0x6400 | q is
/// 1024 + q exactly; 64 is 0x5400 with an ulp of 1/16, so 0x5400 | q << 4 is
/// 64 + q. One lop3 (a & b | c) makes two of either, one subtraction of
/// 1024 + z or 64 + z gives q - z, exactly, and one multiplication the weight.
/// bf16: 128 is 0x4300 with an ulp of 1 and has room for the low nibble only.
/// `unpack` stops before the multiplication.
template <typename Op> struct UnpackLowering : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  static constexpr bool scaled = std::is_same_v<Op, DequantOp>;

  /// Registers of per-group values for those of q: (k, n) -> (k / g, n).
  static std::optional<LinearMap> groupRegisters(Value groups,
                                                 const Layout &q) {
    Layout layout = layoutOf(groups.getType());
    unsigned shift = llvm::Log2_64(q.shape()[0] / layout.shape()[0]);
    Bases toGroup;
    for (unsigned i = 0; i < q.indexBits(); ++i) {
      auto coords = q.unflatten(1u << i);
      toGroup.push_back(layout.flatten({coords[0] >> shift, coords[1]}));
    }
    return registersFrom(layout, q, LinearMap(toGroup));
  }

  LogicalResult matchAndRewrite(
      Op op, typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor,
      ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout q = layoutOf(op.getQ().getType());
    Type half = cast<RankedTensorType>(op.getType()).getElementType();
    Type pair = VectorType::get({2}, half);
    bool f16 = half.isF16();

    std::optional<LinearMap> scaleOf, zeroOf;
    if constexpr (scaled)
      scaleOf = groupRegisters(op.getScales(), q);
    if (op.getZeros())
      zeroOf = groupRegisters(op.getZeros(), q);
    if ((scaled && !scaleOf) || (op.getZeros() && !zeroOf))
      return op.emitOpError(
          "scales or zeros lie in other lanes than the weights");
    // The two elements of a pair have one column and one group.
    auto paired = [](const std::optional<LinearMap> &groups) {
      return !groups || groups->bases()[packBits - 1] == 0;
    };
    if (q.bits(Place::Register) < packBits || !paired(scaleOf) ||
        !paired(zeroOf))
      return op.emitOpError(
                 "expected eight elements of a word in one lane, elements i "
                 "and i + 4 of one column and group, got ")
             << q.print();

    auto constantPair = [&](uint32_t bits) {
      return e.bitcast(pair, e.c((int32_t)(bits | bits << 16)));
    };
    auto twice = [&](Value bits) { // a 16-bit value in both halves
      return e.bor(bits, e.shl(bits, 16));
    };
    struct Zero {
      Value low, high;
    };
    llvm::DenseMap<uint32_t, Value> scaleCache;
    llvm::DenseMap<uint32_t, Zero> zeroCache;
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
    uint32_t lowMagic = f16 ? 0x6400 : 0x4300,
             highMagic = f16 ? 0x5400 : 0x4300;
    auto zero = [&](uint32_t reg) -> Zero {
      if (!op.getZeros())
        return {constantPair(lowMagic | 8),
                constantPair(f16 ? highMagic | 8 << 4 : highMagic | 8)};
      uint32_t from = (*zeroOf)(reg);
      Zero &value = zeroCache[from];
      if (!value.low) {
        Value z = e.lshr(adaptor.getZeros()[from / 8], 4 * (from % 8));
        if (op.getZeroOffset())
          z = e.add(z, op.getZeroOffset());
        z = e.band(z, 15);
        value.low = e.bitcast(pair, twice(e.bor(z, e.c(lowMagic))));
        value.high =
            f16 ? e.bitcast(pair, twice(e.bor(e.shl(z, 4), e.c(highMagic))))
                : value.low;
      }
      return value;
    };
    auto magic = [&](Value word, uint32_t mask, uint32_t bits) {
      // The magic number from a register: with two immediates ptxas needs two
      // instructions.
      Value value =
          e.assembly("lop3.b32 $0, $1, $2, $3, 0xEA;", "=r,r,n,r", e.i32,
                     {word, e.c((int32_t)mask), e.c((int32_t)bits)}, false);
      return e.bitcast(pair, value);
    };

    Registers result;
    for (auto [index, word] : llvm::enumerate(adaptor.getQ())) {
      // Pairs (i, i + 4), i = 0..3, as dequantResult lays them out.
      for (unsigned i = 0; i < 4; ++i) {
        uint32_t reg = 8 * index + i;
        Value s = scale(reg);
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
        Value centred = LLVM::FSubOp::create(r, e.loc, biased, bias);
        Value weight = scaled
                           ? Value(LLVM::FMulOp::create(r, e.loc, centred, s))
                           : centred;
        result.push_back(e.element(weight, 0));
        result.push_back(e.element(weight, 1));
      }
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
    return success();
  }
};

} // namespace

void lath::tile::addDotPatterns(const TypeConverter &types,
                                RewritePatternSet &patterns) {
  patterns
      .add<DotLowering, UnpackLowering<DequantOp>, UnpackLowering<UnpackOp>>(
          types, patterns.getContext());
}
