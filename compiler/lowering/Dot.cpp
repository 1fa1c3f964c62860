// dot: tensor-core instructions.
#include "compiler/base/Target.h"
#include "compiler/lowering/Fragments.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// mma.m16n8 of two types of elements.
struct Instruction {
  int64_t k;
  std::array<NVVM::MMATypes, 2> types;
};

std::optional<Instruction> instruction(Type a, Type b) {
  auto both = [](int64_t k, NVVM::MMATypes type) {
    return Instruction{k, {type, type}};
  };
  if (a.isF16())
    return both(16, NVVM::MMATypes::f16);
  if (a.isBF16())
    return both(16, NVVM::MMATypes::bf16);
  if (a.isF32())
    return both(8, NVVM::MMATypes::tf32);
  if (a.isInteger(8))
    return both(32, NVVM::MMATypes::s8);
  if (!isByteFloat(a) || !isByteFloat(b))
    return std::nullopt;
  auto type = [](Type element) {
    return isa<Float8E4M3FNType>(element) ? NVVM::MMATypes::e4m3
                                          : NVVM::MMATypes::e5m2;
  };
  return Instruction{32, {type(a), type(b)}};
}

/// d = a * b + c of 8-bit floats, which MLIR has no operation for.
Value multiplyByteFloats(Emit &e, const Instruction &mma, ValueRange a,
                         ValueRange b, ValueRange c, Type sums) {
  SmallVector<Value> operands(a);
  llvm::append_range(operands, b);
  llvm::append_range(operands, c);
  return e.assembly(
      fmt::format("mma.sync.aligned.m16n8k32.row.col.f32.{}.{}.f32 "
                  "{{$0, $1, $2, $3}}, {{$4, $5, $6, $7}}, {{$8, $9}}, "
                  "{{$10, $11, $12, $13}};",
                  NVVM::stringifyMMATypes(mma.types[0]).str(),
                  NVVM::stringifyMMATypes(mma.types[1]).str()),
      "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", sums, operands, false);
}

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
    auto elementOf = [](Value tile) {
      return cast<RankedTensorType>(tile.getType()).getElementType();
    };
    Type element = elementOf(op.getSwapped() ? op.getB() : op.getA()),
         other = elementOf(op.getSwapped() ? op.getA() : op.getB());
    const std::optional<Instruction> mma = instruction(element, other);
    if (!mma)
      return op.emitOpError("expected f16, bf16, f32, i8 or 8-bit floats for "
                            "the tensor core, got ")
             << element << " and " << other;
    const bool bytes = isByteFloat(element), integers = element.isInteger();
    if (bytes)
      e.needPtx(op, byteFloatProductsPtx);
    Fragments fragments(a, aRegs, element, acc);
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
    Type sum = elementOf(op.getAcc());
    Type four = LLVM::LLVMStructType::getLiteral(r.getContext(),
                                                 SmallVector<Type>(4, sum));
    Value none = e.zero(sum);
    // Where the types of the registers do not say what is multiplied.
    std::optional<std::array<NVVM::MMATypes, 2>> types;
    if (!element.isF16())
      types = mma->types;
    std::optional<NVVM::MMAIntOverflow> overflow;
    if (integers)
      overflow = NVVM::MMAIntOverflow::wrapped;
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
            return fragments.word(
                e, kk, [&](uint32_t each) { return bReg(each, column); });
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
            Value d =
                bytes ? multiplyByteFloats(e, *mma, aFragment, bFragments[j], c,
                                           four)
                      : Value(NVVM::MmaOp::create(
                            r, e.loc, four, aFragment, bFragments[j], c,
                            ArrayRef<int64_t>{16, 8, mma->k}, std::nullopt,
                            overflow, types,
                            std::array<NVVM::MMALayout, 2>{
                                NVVM::MMALayout::row, NVVM::MMALayout::col}));
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

} // namespace

void lath::tile::addDotPatterns(const TypeConverter &types,
                                RewritePatternSet &patterns) {
  patterns.add<DotLowering>(types, patterns.getContext());
}
