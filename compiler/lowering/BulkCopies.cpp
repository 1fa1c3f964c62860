// mbarriers, bulk and tensor copies and the choice of the producer warp.
//
// A bulk copy of a tile is one cp.async.bulk for each contiguous run, started
// by one thread. Atoms are stored along N first, so a run is a row of the
// tile's atoms; where the tile is as wide as the array, all of its rows are.
#include "compiler/ir/Panels.h"
#include "compiler/lowering/Patterns.h"
#include "compiler/lowering/ViewAccess.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// createpolicy.fractional.L2::evict_first of all lines, as the CUDA headers
/// spell the constant.
constexpr int64_t evictFirst = 0x12F0000000000000;

/// More runs than this are started in a loop: a cold kernel pays for every
/// instruction line it fetches.
constexpr int64_t mostUnrolled = 4;

Value mbarrierAddress(Emit &e, Value mbarriers, Value slot) {
  return e.sharedAddress(e.gep(mbarriers, e.mul(slot, 8)));
}

/// The first of the threads that execute an operation.
Value isElected(Emit &e, Operation *op) {
  Value thread = roleOf(op) == Role::producer ? e.lane() : e.tid();
  return LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::eq, thread,
                              e.c(0));
}

/// Arrives, and expects so many bytes more.
void expectBytes(Emit &e, Value mbarrier, Value bytes) {
  e.assembly("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 "
             "state, [$0], $1; }",
             "r,r,~{memory}", Type(), {mbarrier, bytes}, true);
}

/// A branch with the insertion point inside.
struct Branch {
  ConversionPatternRewriter::InsertionGuard guard;
  Branch(Emit &e, Value condition) : guard(e.r) {
    auto branch = scf::IfOp::create(e.r, e.loc, condition, /*withElse=*/false);
    e.r.setInsertionPointToStart(branch.thenBlock());
  }
};

/// A loop with the insertion point inside.
struct Loop {
  ConversionPatternRewriter::InsertionGuard guard;
  Value index;
  Loop(Emit &e, Value from, Value to, int64_t step) : guard(e.r) {
    auto loop = scf::ForOp::create(e.r, e.loc, from, to, e.c(step));
    index = loop.getInductionVar();
    e.r.setInsertionPointToStart(loop.getBody());
  }
};

/// A tile of atoms and how much of it lies inside its view.
struct AtomTile {
  Emit &e;
  Memory memory, tile;
  int64_t rows, columns;        ///< atoms of the tile
  int64_t atomBytes;            ///< of one
  Value row, column;            ///< first atom, in the view
  bool wholeRows, wholeColumns; ///< always inside

  template <typename Op>
  AtomTile(Emit &e, Op op,
           typename Op::template GenericAdaptor<ArrayRef<ValueRange>> adaptor)
      : e(e), memory(op.getView().getType().memory()),
        tile(op.getBuffer().getType().memory()), rows(tile.shape[0]),
        columns(tile.shape[1]), atomBytes(lath::tile::atomBytes(tile)) {
    SmallVector<Value> starts;
    for (ValueRange start : adaptor.getStart())
      starts.push_back(start[0]);
    row = unitStart(e, memory, starts, 0);
    column = unitStart(e, memory, starts, 1);
    const Access access = accessOf(op, adaptor.getView());
    wholeRows = access.staysWhole(tile.shape, 0);
    wholeColumns = access.staysWhole(tile.shape, 1);
  }

  /// Atoms inside the view along d; a constant where that is known.
  Value inside(unsigned d) const {
    if (d == 0 ? wholeRows : wholeColumns)
      return e.c(tile.shape[d]);
    Value left = LLVM::SubOp::create(e.r, e.loc, e.c(memory.shape[d]),
                                     d == 0 ? row : column);
    return LLVM::SMinOp::create(e.r, e.loc, left, e.c(tile.shape[d]));
  }
};

struct MbarrierAllocLowering : OpConversionPattern<MbarrierAllocOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(MbarrierAllocOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    if (!op.getOffset())
      return op.emitOpError("expected an offset: allocate-shared has not run");
    Emit e(r, op.getLoc());
    r.replaceOp(op, e.shared(*op.getOffset()));
    return success();
  }
};

struct MbarrierInitLowering : OpConversionPattern<MbarrierInitOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(MbarrierInitOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    {
      Branch first(e, isElected(e, op));
      for (int64_t s = 0; s < op.getMbarriers().getType().getStages(); ++s)
        e.assembly("mbarrier.init.shared::cta.b64 [$0], $1;", "r,r,~{memory}",
                   Type(),
                   {mbarrierAddress(e, adaptor.getMbarriers()[0], e.c(s)),
                    e.c(op.getArrivals())},
                   true);
      e.assembly("fence.mbarrier_init.release.cluster;", "~{memory}", Type(),
                 {}, true);
    }
    r.eraseOp(op);
    return success();
  }
};

struct MbarrierWaitLowering : OpConversionPattern<MbarrierWaitOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(MbarrierWaitOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    e.waitMbarrier(
        mbarrierAddress(e, adaptor.getMbarriers()[0], adaptor.getSlot()[0]),
        adaptor.getParity()[0], /*ofCluster=*/false);
    r.eraseOp(op);
    return success();
  }
};

struct MbarrierArriveLowering : OpConversionPattern<MbarrierArriveOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(MbarrierArriveOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    // The warp's barrier puts the other lanes' accesses before the arrival.
    e.assembly(
        "{ .reg .pred first; .reg .b64 state; "
        "bar.warp.sync 0xffffffff; setp.eq.b32 first, $1, 0; "
        "@first mbarrier.arrive.shared::cta.b64 state, [$0]; }",
        "r,r,~{memory}", Type(),
        {mbarrierAddress(e, adaptor.getMbarriers()[0], adaptor.getSlot()[0]),
         e.lane()},
        true);
    r.eraseOp(op);
    return success();
  }
};

struct AsyncArriveLowering : OpConversionPattern<AsyncArriveOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AsyncArriveOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    // noinc: the arrival is one of those that the mbarrier was told of.
    e.assembly(
        "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [$0];", "r,~{memory}",
        Type(),
        {mbarrierAddress(e, adaptor.getMbarriers()[0], adaptor.getSlot()[0])},
        true);
    r.eraseOp(op);
    return success();
  }
};

struct BulkCopyLowering : OpConversionPattern<BulkCopyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(BulkCopyOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Branch first(e, isElected(e, op));
    AtomTile t(e, op, adaptor);
    const int64_t rowBytes = t.memory.shape[1] * t.atomBytes; // of the view
    const bool oneRun = t.columns == t.memory.shape[1];
    Value rows = t.inside(0), columns = t.inside(1);
    Value runBytes = e.mul(columns, t.atomBytes);
    Value bytes = LLVM::MulOp::create(r, e.loc, rows, runBytes);

    Value signal =
        mbarrierAddress(e, adaptor.getMbarriers()[0], adaptor.getSlot()[0]);
    expectBytes(e, signal, bytes);

    Value source = adaptor.getView()[0];
    Value rowOffset = LLVM::MulOp::create(
        r, e.loc, e.sext64(t.row),
        LLVM::ConstantOp::create(r, e.loc, e.i64,
                                 r.getI64IntegerAttr(rowBytes)));
    source =
        e.gep(e.gep(source, rowOffset), e.sext64(e.mul(t.column, t.atomBytes)));
    Value target = adaptor.getBuffer()[0];
    if (op.getBuffer().getType().getStages() > 1)
      target = e.gep(target, e.mul(adaptor.getSlot()[0],
                                   op.getBuffer().getType().stageBytes()));

    auto copy = [&](Value from, Value to, Value size) {
      SmallVector<Value> operands{e.sharedAddress(to), from, size, signal};
      std::string hint, policy;
      if (op.getEvictFirst()) {
        hint = ".L2::cache_hint";
        policy = ", $4";
        operands.push_back(LLVM::ConstantOp::create(
            r, e.loc, e.i64, r.getI64IntegerAttr(evictFirst)));
      }
      e.assembly(fmt::format("cp.async.bulk.shared::cluster.global.mbarrier::"
                             "complete_tx::bytes{} [$0], [$1], $2, [$3]{};",
                             hint, policy),
                 op.getEvictFirst() ? "r,l,r,r,l,~{memory}"
                                    : "r,l,r,r,~{memory}",
                 Type(), operands, true);
    };
    const int64_t tileRowBytes = t.columns * t.atomBytes;
    if (oneRun) {
      copy(source, target, bytes);
    } else if (t.wholeRows && t.rows <= mostUnrolled) {
      for (int64_t i = 0; i < t.rows; ++i)
        copy(e.gep(source, i * rowBytes), e.gep(target, i * tileRowBytes),
             runBytes);
    } else {
      Loop run(e, e.c(0), rows, 1);
      Value from = LLVM::MulOp::create(
          r, e.loc, e.sext64(run.index),
          LLVM::ConstantOp::create(r, e.loc, e.i64,
                                   r.getI64IntegerAttr(rowBytes)));
      copy(e.gep(source, from), e.gep(target, e.mul(run.index, tileRowBytes)),
           runBytes);
    }
    r.eraseOp(op);
    return success();
  }
};

/// Coordinates and boxes count from the last dimension, which is the first of
/// the tensor.
struct TensorCopyLowering : OpConversionPattern<TensorCopyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(TensorCopyOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getBuffer().getType();
    auto shape = buffer.getShape();
    const Panels panels = *Panels::of(Shape(shape.begin(), shape.end()),
                                      buffer.memory().unitBytes);
    Branch first(e, isElected(e, op));
    Value signal =
        mbarrierAddress(e, adaptor.getMbarriers()[0], adaptor.getSlot()[0]);
    expectBytes(e, signal, e.c(panels.bytes() * panels.count()));
    Value target = adaptor.getBuffer()[0];
    if (buffer.getStages() > 1)
      target = e.gep(target, e.mul(adaptor.getSlot()[0], buffer.stageBytes()));
    for (int64_t panel = 0; panel < panels.count(); ++panel) {
      SmallVector<Value> operands{
          e.sharedAddress(e.gep(target, panel * panels.bytes())),
          adaptor.getMap()[0], signal};
      std::string coordinates, constraints = "r,l,r";
      for (ValueRange start : llvm::reverse(adaptor.getStart())) {
        const bool last = coordinates.empty();
        coordinates += fmt::format("{}${}", last ? "" : ", ", operands.size());
        operands.push_back(
            e.add(start[0], last ? panel * panels.columns() : 0));
        constraints += ",r";
      }
      e.assembly(fmt::format("cp.async.bulk.tensor.{}d.shared::cluster.global."
                             "mbarrier::complete_tx::bytes [$0], [$1, {{{}}}], "
                             "[$2];",
                             op.getStart().size(), coordinates),
                 constraints + ",~{memory}", Type(), operands, true);
    }
    r.eraseOp(op);
    return success();
  }
};

struct ZeroOutsideLowering : OpConversionPattern<ZeroOutsideOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ZeroOutsideOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    AtomTile t(e, op, adaptor);
    constexpr int64_t chunk = 16; // bytes a store
    const int64_t perAtom = t.atomBytes / chunk;
    const int64_t threads = 32 * scheduleOf(op).warps;
    auto outside = [&](Value index, unsigned d) {
      return LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::sge, index,
                                  t.inside(d));
    };
    auto either = [&](Value last, Value lastColumn) -> Value {
      Value any;
      if (!t.wholeRows)
        any = outside(last, 0);
      if (!t.wholeColumns) {
        Value beyond = outside(lastColumn, 1);
        any = any ? Value(LLVM::OrOp::create(r, e.loc, any, beyond)) : beyond;
      }
      return any;
    };
    if (!t.wholeRows || !t.wholeColumns) {
      // Most blocks have nothing to do.
      Branch some(e, either(e.c(t.rows - 1), e.c(t.columns - 1)));
      Value target = adaptor.getBuffer()[0];
      if (op.getBuffer().getType().getStages() > 1)
        target = e.gep(target, e.mul(adaptor.getSlot()[0],
                                     op.getBuffer().getType().stageBytes()));
      Loop each(e, e.tid(), e.c(t.rows * t.columns * perAtom), threads);
      Value atom = e.lshr(each.index, llvm::Log2_64(perAtom));
      Branch here(e, either(e.lshr(atom, llvm::Log2_64(t.columns)),
                            e.band(atom, t.columns - 1)));
      Value zeros = e.vector(SmallVector<Value>(4, e.c(0)));
      LLVM::StoreOp::create(r, e.loc, zeros,
                            e.gep(target, e.mul(each.index, chunk)), chunk);
    }
    r.eraseOp(op);
    return success();
  }
};

struct ProducerWarpLowering : OpConversionPattern<ProducerWarpOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ProducerWarpOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    int64_t computing = 32 * scheduleOf(op).warps;
    r.replaceOp(op, LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::uge,
                                         e.tid(), e.c(computing))
                        .getResult());
    return success();
  }
};

} // namespace

void lath::tile::addBulkCopyPatterns(const TypeConverter &types,
                                     RewritePatternSet &patterns) {
  patterns
      .add<MbarrierAllocLowering, MbarrierInitLowering, MbarrierWaitLowering,
           MbarrierArriveLowering, AsyncArriveLowering, BulkCopyLowering,
           TensorCopyLowering, ZeroOutsideLowering, ProducerWarpLowering>(
          types, patterns.getContext());
}
