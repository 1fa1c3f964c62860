// splat, broadcast, reshape, transpose and reduce.
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

struct SplatLowering : OpConversionPattern<SplatOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(SplatOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    auto type = cast<RankedTensorType>(op.getType());
    Registers values(registerCount(type), adaptor.getValue()[0]);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

/// The result's registers picked from the source's, `map` from result index to
/// source index.
LogicalResult pick(Operation *op, ValueRange source, const Layout &from,
                   const Layout &to, const LinearMap &map,
                   ConversionPatternRewriter &r) {
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
    values.push_back(source[(*registers)(reg)]);
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
      map.push_back(from.flatten({coords[1], coords[0]}));
    }
    return pick(op, adaptor.getSource(), from, to, LinearMap(map), r);
  }
};

/// Registers first, then lanes by butterfly shuffles, then warps through
/// shared memory. All lanes and warps end with the result.
struct ReduceLowering : OpConversionPattern<ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  static Value combine(Emit &e, Combine how, Value a, Value b) {
    if (how == Combine::add)
      return LLVM::FAddOp::create(e.r, e.loc, a, b);
    return LLVM::MaximumOp::create(e.r, e.loc, a, b);
  }

  LogicalResult matchAndRewrite(ReduceOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    unsigned dim = op.getDim();
    // Source bits along the reduced dimension, place by place.
    auto reduced = [&](uint32_t basis) {
      auto coords = from.unflatten(basis);
      return coords[dim] != 0;
    };
    auto outIndex = [&](uint32_t basis) {
      auto coords = from.unflatten(basis);
      coords[dim] = 0;
      return to.flatten(coords);
    };
    for (Place place : {Place::Register, Place::Lane, Place::Warp})
      for (uint32_t basis : from.bases(place))
        if (reduced(basis) && outIndex(basis))
          return op.emitOpError(
                     "a layout basis mixes the reduced dimension with "
                     "others: ")
                 << from.print();

    if (!(to == from.sliced(dim)))
      return op.emitOpError("the result's layout is not the source's slice: ")
             << to.print();

    Registers results(to.size(Place::Register));
    for (auto [reg, value] : llvm::enumerate(adaptor.getSource())) {
      Value &sum = results[*to.registerOf(outIndex(from.index(reg)))];
      sum = sum ? combine(e, op.getCombine(), sum, value) : value;
    }
    for (unsigned bit = 0; bit < laneBits; ++bit) {
      if (!reduced(from.bases(Place::Lane)[bit]))
        continue;
      for (Value &value : results) {
        Value other =
            NVVM::ShflOp::create(r, e.loc, e.f32, e.c(-1), value, e.c(1 << bit),
                                 e.c(31), NVVM::ShflKind::bfly, UnitAttr());
        value = combine(e, op.getCombine(), value, other);
      }
    }
    if (op.scratchBytes())
      acrossWarps(e, op, from, results, reduced);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }

  template <typename F>
  static void acrossWarps(Emit &e, ReduceOp op, const Layout &from,
                          Registers &results, F &&reduced) {
    // scratch[register][warp][lane]: every thread writes its partial results
    // and reads those of its partner warps, in warp order.
    unsigned warps = from.size(Place::Warp);
    int64_t offset = scratchOffset(op);
    Value base = e.shared(offset), mine = e.shl(e.tid(), 2);
    e.barrier(op); // earlier readers are done
    for (auto [i, value] : llvm::enumerate(results))
      LLVM::StoreOp::create(e.r, e.loc, value,
                            e.gep(e.gep(base, mine), (int64_t)i * 128 * warps),
                            4);
    e.barrier(op);
    uint32_t along = 0;
    for (unsigned bit = 0; bit < from.bits(Place::Warp); ++bit)
      if (reduced(from.bases(Place::Warp)[bit]))
        along |= 1u << bit;
    Value own = e.band(e.warp(), ~along & (warps - 1));
    for (auto [i, value] : llvm::enumerate(results)) {
      Value sum;
      for (unsigned w = 0; w < warps; ++w) {
        if (w & ~along)
          continue;
        Value partner = e.bor(own, e.c(w));
        Value thread = e.add(e.shl(partner, 5), e.lane());
        Value address =
            e.gep(e.gep(base, e.shl(thread, 2)), (int64_t)i * 128 * warps);
        Value part = LLVM::LoadOp::create(e.r, e.loc, e.f32, address, 4);
        sum = sum ? combine(e, op.getCombine(), sum, part) : part;
      }
      value = sum;
    }
  }
};

} // namespace

void lath::tile::addShapePatterns(const TypeConverter &types,
                                  RewritePatternSet &patterns) {
  patterns.add<SplatLowering, BroadcastLowering, ReshapeLowering,
               TransposeLowering, ReduceLowering>(types, patterns.getContext());
}
