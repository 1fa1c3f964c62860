// splat, constants, iota, broadcast, reshape, transpose, join and slice.
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// Every register is that value; registers hold 8-bit floats as bytes.
void replaceBySplat(Operation *op, Value value, ConversionPatternRewriter &r) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (Type held = registerType(type.getElementType()); held != value.getType())
    value = r.createOrFold<arith::BitcastOp>(op->getLoc(), held, value);
  Registers values(registerCount(type), value);
  r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
}

struct SplatLowering : OpConversionPattern<SplatOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(SplatOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    replaceBySplat(op, adaptor.getValue()[0], r);
    return success();
  }
};

/// What is folded once layouts are assigned.
struct ConstantLowering : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!dense || !dense.isSplat())
      return r.notifyMatchFailure(op, "expected a tile of one value");
    Value scalar = arith::ConstantOp::create(
        r, op.getLoc(), cast<TypedAttr>(dense.getSplatValue<Attribute>()));
    replaceBySplat(op, scalar, r);
    return success();
  }
};

/// The result's registers picked from the source's, `map` from result index to
/// source index; the first of them is register `first` of the source.
LogicalResult pick(Operation *op, ValueRange source, const Layout &from,
                   const Layout &to, const LinearMap &map,
                   ConversionPatternRewriter &r, uint32_t first = 0) {
  Type element =
      cast<RankedTensorType>(op->getResult(0).getType()).getElementType();
  if (unsigned bits = packBitsOf(element))
    return op->emitOpError(bits == 3 ? "eight 4-bit" : "four 8-bit")
           << " elements share a register and stay where they are";
  auto registers = registersFrom(from, to, map);
  if (!registers)
    return op->emitOpError("source and result lie in different lanes: ")
           << from.print() << " to " << to.print();
  Registers values;
  for (uint32_t reg = 0; reg < to.size(Place::Register); ++reg)
    values.push_back(source[(*registers)(reg) ^ first]);
  r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
  return success();
}

struct BroadcastLowering : OpConversionPattern<BroadcastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(BroadcastOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    Bases map;
    for (unsigned i = 0; i < to.indexBits(); ++i) {
      auto coords = to.unflatten(1u << i);
      for (unsigned d = 0; d < coords.size(); ++d)
        if (from.shape()[d] == 1)
          coords[d] = 0;
      map.push_back(from.flatten(coords));
    }
    return pick(op, adaptor.getSource(), from, to, LinearMap(map), r);
  }
};

struct ReshapeLowering : OpConversionPattern<ReshapeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ReshapeOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    return pick(op, adaptor.getSource(), from, to,
                LinearMap::identity(to.indexBits()), r);
  }
};

struct TransposeLowering : OpConversionPattern<TransposeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(TransposeOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    Bases map;
    for (unsigned i = 0; i < to.indexBits(); ++i) {
      auto coords = to.unflatten(1u << i);
      std::vector<int64_t> source(coords.size());
      for (auto [d, of] : llvm::enumerate(op.permutation()))
        source[of] = coords[d];
      map.push_back(from.flatten(source));
    }
    return pick(op, adaptor.getSource(), from, to, LinearMap(map), r);
  }
};

/// Which of the two is a bit of the index: known where registers alone have it.
struct JoinLowering : OpConversionPattern<JoinOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(JoinOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout from = layoutOf(op.getA().getType()), to = layoutOf(op.getType());
    const unsigned last = to.rank() - 1;
    if (!(from == to.sliced(last).reshaped(from.shape())))
      return op.emitOpError("expected operands where the result lies, got ")
             << from.print() << " and " << to.print();
    Bases lowest(to.indexBits(), 0);
    lowest[0] = 1;
    const LinearMap toBit(lowest), toOperand = to.sliceMap(last);
    Value fromThread; // whether the thread's own part of the index has the bit
    if (llvm::any_of(to.bases(Place::Lane), toBit) ||
        llvm::any_of(to.bases(Place::Warp), toBit) ||
        llvm::any_of(to.bases(Place::Block), toBit))
      fromThread = LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::ne,
                                        e.linear(to, toBit), e.c(0));
    Registers values;
    for (uint32_t reg = 0; reg < to.size(Place::Register); ++reg) {
      const uint32_t index = to.index(reg);
      const uint32_t place = *from.registerOf(toOperand(index));
      Value even = adaptor.getA()[place], odd = adaptor.getB()[place];
      if (toBit(index))
        std::swap(even, odd);
      values.push_back(fromThread ? Value(LLVM::SelectOp::create(
                                        r, e.loc, fromThread, odd, even))
                                  : even);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

struct SliceLowering : OpConversionPattern<SliceOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(SliceOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    Bases map;
    for (unsigned i = 0; i < to.indexBits(); ++i)
      map.push_back(from.flatten(to.unflatten(1u << i)));
    std::vector<int64_t> start(from.rank(), 0);
    start[op.getDim()] = op.getStart();
    auto first = from.registerOf(from.flatten(start));
    if (!first)
      return op.emitOpError("expected every part in the registers of a lane, "
                            "got ")
             << from.print();
    return pick(op, adaptor.getSource(), from, to, LinearMap(map), r, *first);
  }
};

struct IotaLowering : OpConversionPattern<IotaOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(IotaOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout layout = layoutOf(op.getType());
    Value thread = e.linear(layout, LinearMap::identity(layout.indexBits()));
    Registers values;
    for (uint32_t reg = 0; reg < layout.size(Place::Register); ++reg)
      values.push_back(e.bxor(thread, e.c(layout.index(reg))));
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

} // namespace

void lath::tile::addShapePatterns(const TypeConverter &types,
                                  RewritePatternSet &patterns) {
  patterns
      .add<SplatLowering, ConstantLowering, BroadcastLowering, ReshapeLowering,
           TransposeLowering, JoinLowering, SliceLowering, IotaLowering>(
          types, patterns.getContext());
}
