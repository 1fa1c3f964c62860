// cluster_arrive, cluster_wait and sum_cluster: sums over the blocks of a
// cluster and the warps of each that split k, by one exchange through
// distributed shared memory.
//
// Every block owns some of the accumulator's registers (the bits that
// scatteredOverCluster took away); of a number of blocks that is no power of
// two only as many own some as the next lower power. Each thread writes the
// registers of an owner into that owner's scratch:
//
//   scratch[vector of registers][source][warp][lane]
//
// where source = rank * k_warps + k warp says whose partial sum it is. The
// stores are st.async, which tell the owner's mbarrier of their bytes; when all
// are there its warps add their vectors in the order of the sources. A quarter
// warp's vectors are neighbours on both sides, so nothing collides on banks.
// A barrier of the cluster in place of the mbarrier would need a release by
// every thread, which waits for all of its accesses to be seen by the device
// (MEMBAR.ALL.GPU): some 1,100 clocks while memory is busy.
//
// Peers' shared memory is written only after all blocks have started
// (cluster_wait). A block that owns registers stays until everybody's have
// come; one that owns none may leave before, as nobody writes to it.
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

struct ClusterArriveLowering : OpConversionPattern<ClusterArriveOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ClusterArriveOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    // Relaxed: all that peers will use is the mbarrier, which its own fence
    // shows. A release would wait for all earlier accesses of the thread.
    r.replaceOpWithNewOp<NVVM::ClusterArriveRelaxedOp>(op, r.getUnitAttr());
    return success();
  }
};

struct ClusterWaitLowering : OpConversionPattern<ClusterWaitOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ClusterWaitOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    r.replaceOpWithNewOp<NVVM::ClusterWaitOp>(op, r.getUnitAttr());
    return success();
  }
};

/// The lowest `bits` bits of `value` in reverse order.
uint32_t reversed(uint32_t value, unsigned bits) {
  uint32_t result = 0;
  for (unsigned i = 0; i < bits; ++i)
    result |= (value >> i & 1) << (bits - 1 - i);
  return result;
}

unsigned nonZero(ArrayRef<uint32_t> bases) {
  return llvm::count_if(bases, [](uint32_t basis) { return basis != 0; });
}

struct SumClusterLowering : OpConversionPattern<SumClusterOp> {
  using OpConversionPattern::OpConversionPattern;

  /// Writes 1, 2 or 4 words to a peer, whose mbarrier is told.
  static void send(Emit &e, Value target, ValueRange words, Value signal) {
    SmallVector<Value> operands{e.sharedAddress(target),
                                e.sharedAddress(signal)};
    std::string list, constraints = "r,r";
    for (Value word : words) {
      list += fmt::format("{}${}", list.empty() ? "" : ", ", operands.size());
      constraints += ",f";
      operands.push_back(e.bitcast(e.f32, word));
    }
    e.assembly(
        fmt::format("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes"
                    "{}.f32 [$0], {}, [$1];",
                    words.size() == 1 ? "" : fmt::format(".v{}", words.size()),
                    words.size() == 1 ? list : "{" + list + "}"),
        constraints + ",~{memory}", Type(), operands, true);
  }

  LogicalResult matchAndRewrite(SumClusterOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout partial = layoutOf(op.getPartial().getType());
    Layout result = layoutOf(op.getType());
    Type element = cast<RankedTensorType>(op.getType()).getElementType();
    const unsigned blocks = op.getBlocks(), kWarps = op.getKWarps();
    if (!(result == scatteredOverCluster(partial, kWarps, blocks)))
      return op.emitOpError("expected the result scattered over the cluster, "
                            "got ")
             << result.print();
    // Register bits from the lowest: kept, then those of the k warps, then
    // those of the blocks; both took the highest left, so theirs are reversed.
    const unsigned bits = partial.bits(Place::Register);
    const unsigned kept = result.bits(Place::Register);
    const unsigned blockBits = nonZero(result.bases(Place::Block));
    const unsigned warpBits = bits - kept - blockBits;
    const unsigned kBits = llvm::Log2_32(kWarps);
    const unsigned vectorBits = std::min(kept, 2u), vector = 1u << vectorBits;
    const int64_t warps = partial.size(Place::Warp) / kWarps;
    const int64_t sources = int64_t(blocks) * kWarps;
    const int64_t sourceBytes = warps * 32 * vector * 4; // of one vector
    const int64_t vectorBytes = sources * sourceBytes;
    int64_t scratch = scratchOffset(op);
    Value base = e.shared(scratch), rank = e.clusterRank();
    Value kWarp = e.band(e.warp(), kWarps - 1);
    // This thread's vector of a source: warp number without its k bits, lane.
    Value thread = e.add(e.shl(e.lshr(e.warp(), kBits), 5), e.lane());
    Value threadBytes = e.mul(thread, 4 * vector);

    Value source = e.add(e.shl(rank, kBits), kWarp);
    Value mine = e.add(e.mul(source, sourceBytes), threadBytes);
    Value mbarrier = adaptor.getMbarrier()[0];
    auto window = LLVM::LLVMPointerType::get(r.getContext(), 7);
    const unsigned share = 1u << (bits - blockBits); // registers of an owner
    for (unsigned owner = 0; owner < 1u << blockBits; ++owner) {
      auto there = [&](Value here) -> Value {
        return NVVM::MapaOp::create(r, e.loc, window, here, e.c(owner));
      };
      Value peer = e.gep(there(base), mine), signal = there(mbarrier);
      unsigned first = reversed(owner, blockBits) * share;
      for (unsigned i = 0; i < share; i += vector)
        send(e, e.gep(peer, i / vector * vectorBytes),
             adaptor.getPartial().slice(first + i, vector), signal);
    }
    // The arrival that says how much comes. To blocks that own nothing nothing
    // comes, and nobody waits there.
    e.assembly(
        "{ .reg .pred first; .reg .b64 state; setp.eq.b32 first, $1, 0; "
        "@first mbarrier.arrive.expect_tx.shared::cta.b64 "
        "state, [$0], $2; }",
        "r,r,n,~{memory}", Type(),
        {e.sharedAddress(mbarrier), e.tid(), e.c(share / vector * vectorBytes)},
        true);

    auto add = [&](OpBuilder &b) {
      ConversionPatternRewriter::InsertionGuard guard(r);
      r.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
      e.waitMbarrier(e.sharedAddress(mbarrier), e.c(0), /*ofCluster=*/true);
      Value share = e.c(0); // first register of this warp's share
      for (unsigned bit = 0; bit < warpBits; ++bit)
        share = e.bor(share, e.shl(e.band(e.lshr(kWarp, bit), 1),
                                   kept + warpBits - 1 - bit));
      Value start =
          e.gep(base, e.add(e.mul(e.lshr(share, vectorBits), vectorBytes),
                            threadBytes));
      Registers sums;
      for (unsigned i = 0; i < 1u << kept; i += vector) {
        Registers sum;
        for (int64_t s = 0; s < sources; ++s) {
          Type type =
              vector == 1 ? element : Type(VectorType::get({vector}, element));
          Value loaded = LLVM::LoadOp::create(
              r, e.loc, type,
              e.gep(start, i / vector * vectorBytes + s * sourceBytes),
              4 * vector);
          for (unsigned u = 0; u < vector; ++u) {
            Value part = vector == 1 ? loaded : e.element(loaded, u);
            if (s == 0)
              sum.push_back(part);
            else
              sum[u] = e.sum(sum[u], part);
          }
        }
        llvm::append_range(sums, sum);
      }
      return sums;
    };
    // Blocks and warps for which no register bit was left own nothing; their
    // stores are masked, since they repeat others in the layout.
    Value spare;
    auto spareBits = [&](Value place, unsigned taken, unsigned all) {
      uint32_t mask = (1u << all) - (1u << taken);
      if (!mask)
        return;
      Value rest = e.band(place, mask);
      spare = spare ? e.bor(spare, rest) : rest;
    };
    spareBits(kWarp, warpBits, kBits);
    if (unsigned all = llvm::Log2_32_Ceil(blocks); all > blockBits)
      spareBits(e.shl(rank, kBits), kBits + blockBits, kBits + all);
    if (!spare) {
      r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{add(r)});
      return success();
    }
    Value owns =
        LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::eq, spare, e.c(0));
    SmallVector<Type> types(1u << kept, element);
    auto branch = scf::IfOp::create(r, e.loc, types, owns, /*withElse=*/true);
    OpBuilder then = branch.getThenBodyBuilder();
    Registers sums = add(then);
    then = OpBuilder::atBlockEnd(branch.thenBlock());
    scf::YieldOp::create(then, e.loc, sums);
    OpBuilder otherwise = branch.getElseBodyBuilder();
    Value zero = LLVM::ConstantOp::create(otherwise, e.loc, element,
                                          r.getZeroAttr(element));
    scf::YieldOp::create(otherwise, e.loc,
                         SmallVector<Value>(1u << kept, zero));
    r.replaceOpWithMultiple(
        op, ArrayRef<ValueRange>{ValueRange(branch.getResults())});
    return success();
  }
};

} // namespace

void lath::tile::addClusterPatterns(const TypeConverter &types,
                                    RewritePatternSet &patterns) {
  patterns.add<ClusterArriveLowering, ClusterWaitLowering, SumClusterLowering>(
      types, patterns.getContext());
}
