// dot: tensor-core instructions.
#include "compiler/lowering/Fragments.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// mma.m16n8 of a type of element.
struct Instruction {
  int64_t k;
  /// Where the types of the registers do not say it.
  std::optional<std::array<NVVM::MMATypes, 2>> multiplicands;
};

std::optional<Instruction> instruction(Type element) {
  auto both = [](NVVM::MMATypes type) { return std::array{type, type}; };
  if (element.isF16())
    return Instruction{16, std::nullopt};
  if (element.isBF16())
    return Instruction{16, both(NVVM::MMATypes::bf16)};
  if (element.isF32())
    return Instruction{8, both(NVVM::MMATypes::tf32)};
  return std::nullopt;
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
    Type element = cast<RankedTensorType>(op.getA().getType()).getElementType();
    const std::optional<Instruction> mma = instruction(element);
    if (!mma)
      return op.emitOpError(
                 "expected f16, bf16 or f32 for the tensor core, got ")
             << element;
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
    Type four = LLVM::LLVMStructType::getLiteral(r.getContext(),
                                                 SmallVector<Type>(4, e.f32));
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
            Value d = NVVM::MmaOp::create(
                r, e.loc, four, aFragment, bFragments[j], c,
                ArrayRef<int64_t>{16, 8, mma->k}, std::nullopt, std::nullopt,
                mma->multiplicands,
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

} // namespace

void lath::tile::addDotPatterns(const TypeConverter &types,
                                RewritePatternSet &patterns) {
  patterns.add<DotLowering>(types, patterns.getContext());
}
