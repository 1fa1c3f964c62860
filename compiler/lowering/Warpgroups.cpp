// warpgroup_dot: wgmma with A, the weights, in registers.
//
// Each step of 16 k is one piece of assembly: wgmma.fence, which orders the
// fragments that were just unpacked before what reads them, and one
// wgmma.mma_async for each 64 rows. All steps that add to one accumulator are
// in flight together; then one wait, which takes the accumulators as operands
// that it changes, so that nothing reads them earlier.
#include "compiler/ir/DotLayouts.h"
#include "compiler/lowering/Fragments.h"
#include "compiler/lowering/Patterns.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// All of the shared-memory descriptor but the start address (PTX ISA,
/// "Matrix Descriptor Format"): 128-byte swizzle, 1024 bytes from one eight
/// columns to the next. The leading offset is not used under swizzles.
constexpr int64_t descriptorBits = 1ll << 62 | (1024ll >> 4) << 32 | 1ll << 16;

struct WarpgroupDotLowering : OpConversionPattern<WarpgroupDotOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(WarpgroupDotOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getX().getType();
    Layout a = layoutOf(op.getW().getType()).transposed(),
           acc = layoutOf(op.getAcc().getType()).transposed();
    Type half = cast<RankedTensorType>(op.getW().getType()).getElementType();
    Fragments fragments(a, adaptor.getW(), half, acc);
    const bool scales = op.getScales() != nullptr;
    if (scales)
      fragments.scaleBy(layoutOf(op.getScales().getType()), adaptor.getScales(),
                        /*dim=*/0);

    Value stage = adaptor.getX()[0];
    if (buffer.getStages() > 1)
      stage = e.gep(stage, e.mul(adaptor.getSlot()[0], buffer.stageBytes()));
    Value start = e.lshr(e.sharedAddress(stage), 4);
    Value descriptor = LLVM::OrOp::create(
        r, e.loc, e.zext64(start),
        LLVM::ConstantOp::create(r, e.loc, e.i64,
                                 r.getI64IntegerAttr(descriptorBits)));
    Layout x = buffer.getLayout().layout();
    LinearMap toOffset = *x.map(Place::Offset).inverse();

    Value none =
        LLVM::ConstantOp::create(r, e.loc, e.f32, r.getF32FloatAttr(0));
    Registers result(adaptor.getAcc().begin(), adaptor.getAcc().end());
    for (unsigned group = 0; group < fragments.groups(); ++group) {
      Registers total = result;
      if (scales)
        result.assign(result.size(), none);
      for (unsigned step = 0; step < fragments.steps(); ++step) {
        uint32_t k0 = fragments.start(group, step);
        int64_t bytes = 2 * toOffset(x.flatten({0, k0}));
        Value b = LLVM::AddOp::create(
            r, e.loc, descriptor,
            LLVM::ConstantOp::create(r, e.loc, e.i64,
                                     r.getI64IntegerAttr(bytes >> 4)));
        // Sums that begin here are not read.
        multiply(e, fragments, half, k0, b, result, scales && step == 0);
      }
      wait(e, result);
      if (scales)
        result = fragments.scaled(e, group, result, total);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
    return success();
  }

  /// accumulators += A's fragments at k0 times what `b` describes.
  static void multiply(Emit &e, const Fragments &fragments, Type half,
                       uint32_t k0, Value b, Registers &accumulators,
                       bool fresh) {
    const unsigned columns = 8 * fragments.columnTiles();
    const unsigned count = accumulators.size(); // also the first A's number
    std::string text = fmt::format("{{ .reg .pred p; setp.ne.b32 p, {}, 0; "
                                   "wgmma.fence.sync.aligned;",
                                   fresh ? 0 : 1);
    SmallVector<Value> operands;
    SmallVector<uint32_t> order; // accumulators by operand
    for (unsigned i = 0; i < fragments.rowTiles(); ++i)
      for (unsigned j = 0; j < fragments.columnTiles(); ++j)
        llvm::append_range(order, fragments.places(i, j));
    for (uint32_t place : order)
      operands.push_back(accumulators[place]);
    const unsigned perTile = count / fragments.rowTiles();
    // Inputs are numbered behind the outputs, those tied to them included.
    unsigned next = 2 * count;
    const unsigned descriptor = next + 4 * fragments.rowTiles();
    const char *type = half.isF16() ? "f16" : "bf16";
    for (unsigned i = 0; i < fragments.rowTiles(); ++i) {
      std::string d;
      for (unsigned j = 0; j < perTile; ++j)
        d += fmt::format("{}${}", j ? ", " : "", i * perTile + j);
      text += fmt::format(" wgmma.mma_async.sync.aligned.m64n{}k16.f32.{}.{} "
                          "{{{}}}, {{${}, ${}, ${}, ${}}}, ${}, p, 1, 1, 0;",
                          columns, type, type, d, next, next + 1, next + 2,
                          next + 3, descriptor);
      for (Value word : fragments.a(e, i, k0))
        operands.push_back(e.bitcast(e.i32, word));
      next += 4;
    }
    text += " }";
    operands.push_back(b);
    std::string constraints = tied(count);
    for (unsigned i = 0; i < 4 * fragments.rowTiles(); ++i)
      constraints += ",r";
    constraints += ",l";
    issue(e, order, text, constraints, operands, accumulators);
  }

  static void wait(Emit &e, Registers &accumulators) {
    auto order = llvm::to_vector(llvm::seq<uint32_t>(0, accumulators.size()));
    SmallVector<Value> operands(accumulators.begin(), accumulators.end());
    issue(e, order,
          "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;",
          tied(accumulators.size()), operands, accumulators);
  }

  /// Constraints of `count` floats that are read and written.
  static std::string tied(unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i)
      text += i ? ",=f" : "=f";
    for (unsigned i = 0; i < count; ++i)
      text += fmt::format(",{}", i);
    return text;
  }

  static void issue(Emit &e, ArrayRef<uint32_t> order, StringRef text,
                    StringRef constraints, ValueRange operands,
                    Registers &accumulators) {
    Type type = LLVM::LLVMStructType::getLiteral(
        e.r.getContext(), SmallVector<Type>(order.size(), e.f32));
    Value all = e.assembly(text, (constraints + ",~{memory}").str(), type,
                           operands, true);
    for (auto [i, place] : llvm::enumerate(order))
      accumulators[place] = e.field(all, i);
  }
};

} // namespace

void lath::tile::addWarpgroupPatterns(const TypeConverter &types,
                                      RewritePatternSet &patterns) {
  patterns.add<WarpgroupDotLowering>(types, patterns.getContext());
}
