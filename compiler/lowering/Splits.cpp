// partial_store, partial_load and arrive: sums over the blocks of a split;
// sum_warps: sums over the warps of a block.
//
// A slot of the workspace holds one block's accumulators as the threads hold
// them: vector v of thread t at float4 [v * threads + t]. All blocks of a tile
// have the same layout, so no coordinates are needed and every access is one
// full line a quarter warp.
#include "compiler/base/Target.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

Type elementOf(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getElementType();
}

/// Thread's address in a slot, and how many words move at once.
struct Slot {
  Value base;
  unsigned vector, threads;

  Slot(Emit &e, Operation *op, Value workspace, Value slot,
       unsigned registers) {
    threads = 32 * scheduleOf(op).warps;
    vector = std::min(4u, registers);
    Value bytes = LLVM::MulOp::create(
        e.r, e.loc, e.zext64(slot),
        LLVM::ConstantOp::create(
            e.r, e.loc, e.i64,
            e.r.getI64IntegerAttr(4ll * registers * threads)));
    base = e.gep(e.gep(workspace, bytes), e.zext64(e.mul(e.tid(), 4 * vector)));
  }
  Value address(Emit &e, unsigned firstRegister) const {
    return e.gep(base, 4ll * firstRegister * threads);
  }
};

struct PartialStoreLowering : OpConversionPattern<PartialStoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(PartialStoreOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    ValueRange values = adaptor.getValue();
    const bool integers = elementOf(op.getValue()).isInteger();
    Slot slot(e, op, adaptor.getWorkspace()[0], adaptor.getSlot()[0],
              values.size());
    for (unsigned i = 0; i < values.size(); i += slot.vector) {
      Value address = slot.address(e, i);
      ValueRange part = values.slice(i, slot.vector);
      if (!op.getAtomic()) {
        LLVM::StoreOp::create(r, e.loc,
                              part.size() == 1 ? part[0] : e.vector(part),
                              address, 4 * slot.vector);
      } else if (slot.vector == 4 && !integers &&
                 scheduleOf(op).target->hasVectorRed()) {
        SmallVector<Value> operands{address};
        llvm::append_range(operands, part);
        e.assembly("red.relaxed.gpu.global.add.v4.f32 [$0], {$1, $2, $3, $4};",
                   "l,f,f,f,f,~{memory}", Type(), operands, true);
      } else {
        for (auto [j, value] : llvm::enumerate(part))
          e.assembly(integers ? "red.relaxed.gpu.global.add.u32 [$0], $1;"
                              : "red.relaxed.gpu.global.add.f32 [$0], $1;",
                     integers ? "l,r,~{memory}" : "l,f,~{memory}", Type(),
                     {e.gep(address, 4 * (int64_t)j), value}, true);
      }
    }
    r.eraseOp(op);
    return success();
  }
};

struct PartialLoadLowering : OpConversionPattern<PartialLoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(PartialLoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    unsigned count = registerCount(cast<RankedTensorType>(op.getType()));
    Slot slot(e, op, adaptor.getWorkspace()[0], adaptor.getSlot()[0], count);
    Registers values;
    Type element = elementOf(op.getResult());
    Value zero = e.zero(element);
    const bool integers = element.isInteger();
    for (unsigned i = 0; i < count; i += slot.vector) {
      Value address = slot.address(e, i);
      Type type = slot.vector == 1
                      ? element
                      : Type(VectorType::get({slot.vector}, element));
      // L1 may hold what an earlier launch left: relaxed gpu loads read past
      // it.
      Value loaded;
      if (slot.vector == 4) {
        Value four = e.assembly(
            integers ? "ld.relaxed.gpu.global.v4.b32 {$0, $1, $2, $3}, "
                       "[$4];"
                     : "ld.relaxed.gpu.global.v4.f32 {$0, $1, $2, $3}, "
                       "[$4];",
            integers ? "=r,=r,=r,=r,l,~{memory}" : "=f,=f,=f,=f,l,~{memory}",
            LLVM::LLVMStructType::getLiteral(r.getContext(),
                                             SmallVector<Type>(4, element)),
            {address}, true);
        for (unsigned j = 0; j < 4; ++j)
          values.push_back(e.field(four, j));
      } else {
        loaded = LLVM::LoadOp::create(r, e.loc, type, address, 4 * slot.vector,
                                      /*isVolatile=*/true);
        for (unsigned j = 0; j < slot.vector; ++j)
          values.push_back(slot.vector == 1 ? loaded : e.element(loaded, j));
      }
      if (op.getClear())
        LLVM::StoreOp::create(
            r, e.loc,
            slot.vector == 1 ? zero
                             : e.vector(SmallVector<Value>(slot.vector, zero)),
            address, 4 * slot.vector);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

/// Block barrier, so that all its writes precede thread 0's release; the
/// ticket; the answer to all threads through shared memory.
struct ArriveLowering : OpConversionPattern<ArriveOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ArriveOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    int64_t offset = scratchOffset(op);
    Value cell = e.shared(offset);
    Value ticket = e.gep(adaptor.getTickets()[0],
                         e.zext64(e.shl(adaptor.getTile()[0], 2)));
    Value last = e.c(op.getCount() - 1);
    Value address = e.sharedAddress(cell);
    // PTX's inc wraps to 0 past its operand: the ticket resets itself. The
    // fence before makes the block's writes visible (they precede it through
    // the barrier), the one after orders the others' writes before our reads.
    std::string barrier = Emit::barrierText(op);
    e.assembly("{ .reg .pred p; .reg .b32 t; " + barrier +
                   " setp.eq.b32 p, $0, 0; "
                   "@p fence.acq_rel.gpu; "
                   "@p atom.relaxed.gpu.global.inc.u32 t, [$1], $2; "
                   "@p fence.acq_rel.gpu; "
                   "@p st.shared.b32 [$3], t; " +
                   barrier + " }",
               "r,l,r,r,~{memory}", Type(), {e.tid(), ticket, last, address},
               true);
    Value seen = LLVM::LoadOp::create(r, e.loc, e.i32, cell, 4);
    r.replaceOp(
        op, LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::eq, seen, last)
                .getResult());
    return success();
  }
};

/// scratch[register][thread]: every thread writes its partial sums; each of the
/// k_warps warps then adds up, in warp order, the registers it owns.
struct SumWarpsLowering : OpConversionPattern<SumWarpsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(SumWarpsOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout partial = layoutOf(op.getPartial().getType());
    Layout result = layoutOf(op.getType());
    unsigned kWarps = op.getKWarps(), kBits = llvm::Log2_32(kWarps);
    if (!(result == scatteredOverWarps(partial, kWarps)))
      return op.emitOpError(
                 "expected the result scattered over the warps, got ")
             << result.print();
    int64_t threads = 32 * partial.size(Place::Warp);
    int64_t offset = scratchOffset(op);
    Value base = e.shared(offset), mine = e.gep(base, e.shl(e.tid(), 2));
    if (op->getParentOfType<scf::ForOp>()) // readers of the last step are done
      e.barrier(op);
    for (auto [i, value] : llvm::enumerate(adaptor.getPartial()))
      LLVM::StoreOp::create(r, e.loc, value,
                            e.gep(mine, 4 * threads * (int64_t)i), 4);
    e.barrier(op);
    // Register bits that the warps took over: the warp number selects them.
    unsigned kept = result.bits(Place::Register);
    unsigned taken = partial.bits(Place::Register) - kept;
    Value kWarp = e.band(e.warp(), kWarps - 1);
    Value fromRegister = e.c(0);
    for (unsigned bit = 0; bit < taken; ++bit) {
      // scatteredOverWarps pops the last register bit for warp bit 0.
      Value set = e.band(e.lshr(kWarp, bit), 1);
      fromRegister = e.bor(fromRegister,
                           e.shl(set, partial.bits(Place::Register) - 1 - bit));
    }
    Value thread = e.bor(e.shl(e.lshr(e.warp(), kBits), 5 + kBits), e.lane());
    Value first =
        e.gep(base, e.shl(e.add(e.mul(fromRegister, threads), thread), 2));
    Registers sums;
    for (unsigned reg = 0; reg < 1u << kept; ++reg) {
      Value sum;
      for (unsigned w = 0; w < kWarps; ++w) {
        Value part = LLVM::LoadOp::create(
            r, e.loc, elementOf(op.getPartial()),
            e.gep(first, 4 * (threads * (int64_t)reg + 32 * w)), 4);
        sum = sum ? e.sum(sum, part) : part;
      }
      sums.push_back(sum);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{sums});
    return success();
  }
};

} // namespace

void lath::tile::addSplitPatterns(const TypeConverter &types,
                                  RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<PartialStoreLowering, PartialLoadLowering, ArriveLowering,
               SumWarpsLowering>(types, context);
}
