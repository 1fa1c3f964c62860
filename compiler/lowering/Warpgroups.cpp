// stage, and warpgroup_dot: wgmma with A in registers or in shared memory.
//
// A buffer's panel is described by a matrix descriptor, 64 bits; one step of 32
// bytes of k and 64 rows is another start address in it, a constant away.
//
// From registers, each step of k is one piece of assembly: wgmma.fence,
// which orders the fragments that were just unpacked before what reads them,
// and one wgmma.mma_async for each 64 rows. All steps that add to one
// accumulator are in flight together; then one wait, which takes the
// accumulators as operands that it changes, so that nothing reads them earlier.
// From shared memory there is nothing to prepare between steps: all of it is
// one piece.
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Panels.h"
#include "compiler/lowering/Fragments.h"
#include "compiler/lowering/Patterns.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

constexpr int64_t addressUnit = 16; ///< bytes that a descriptor counts in

struct StageLowering : OpConversionPattern<StageOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(StageOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getBuffer().getType();
    Value stage = adaptor.getBuffer()[0];
    if (buffer.getStages() > 1)
      stage = e.gep(stage, e.mul(adaptor.getSlot()[0], buffer.stageBytes()));
    r.replaceOp(op, stage);
    return success();
  }
};

/// An operand in shared memory, [rows or columns, k] or transposed.
class Matrix {
public:
  Matrix(Emit &e, BufferType buffer, Value stage, bool alongK)
      : e(e), alongK(alongK), layout(buffer.getLayout().layout()),
        toOffset(*layout.map(Place::Offset).inverse()),
        unitBytes(buffer.getElementType().getIntOrFloatBitWidth() / 8) {
    const Panels panels = *Panels::of(layout.shape(), unitBytes);
    // PTX ISA, "Matrix Descriptor Format". Eight rows of a panel are `stride`
    // apart, panels `leading`, which is not used where k is along rows.
    constexpr int64_t swizzles[] = {0, 3, 2, 1}; // none, 32, 64, 128 bytes
    const int64_t stride = 8 * panels.rowBytes(),
                  leading = alongK ? addressUnit : panels.bytes();
    const int64_t bits = swizzles[panels.swizzleBits()] << 62 |
                         stride / addressUnit << 32 |
                         leading / addressUnit << 16;
    Value start = e.lshr(e.sharedAddress(stage), llvm::Log2_64(addressUnit));
    base =
        LLVM::OrOp::create(e.r, e.loc, e.zext64(start),
                           LLVM::ConstantOp::create(
                               e.r, e.loc, e.i64, e.r.getI64IntegerAttr(bits)));
  }

  bool isAlongK() const { return alongK; }

  /// From here on rows are counted from those of the group of four warps: the
  /// warps of `sums`, [rows, columns], from the third bit.
  void startAtGroup(const Layout &sums) {
    Bases units(sums.bits(Place::Warp), 0);
    for (unsigned bit = 2; bit < units.size(); ++bit)
      units[bit] = unitsAt(sums.unflatten(sums.bases(Place::Warp)[bit])[0], 0);
    if (llvm::any_of(units, [](uint32_t unit) { return unit != 0; }))
      base = e.add(base, e.zext64(e.linear(LinearMap(units), e.warp())));
  }

  /// The descriptor of what begins at a row (or column) and k.
  Value at(int64_t row, int64_t k) const {
    const int64_t units = unitsAt(row, k);
    if (!units)
      return base;
    return e.add(base, Value(LLVM::ConstantOp::create(
                           e.r, e.loc, e.i64, e.r.getI64IntegerAttr(units))));
  }

private:
  Emit &e;
  bool alongK;
  Layout layout;
  LinearMap toOffset;
  int64_t unitBytes;
  Value base;

  int64_t unitsAt(int64_t row, int64_t k) const {
    const int64_t offset = toOffset(layout.flatten(
        alongK ? std::vector<int64_t>{row, k} : std::vector<int64_t>{k, row}));
    return unitBytes * offset / addressUnit;
  }
};

/// A type as instructions spell it.
StringRef spelt(Type element) {
  if (element.isInteger())
    return element.isInteger(8) ? "s8" : "s32";
  if (isByteFloat(element))
    return isa<Float8E4M3FNType>(element) ? "e4m3" : "e5m2";
  return element.isF32() ? "f32" : element.isF16() ? "f16" : "bf16";
}

/// What one instruction multiplies.
struct Multiplied {
  Type a, b, sum;

  unsigned bits() const { return a.getIntOrFloatBitWidth(); }
  int64_t k() const { return 256 / bits(); } ///< of an instruction
};

/// The accumulators of one dot and the assembly that changes them.
class Products {
public:
  Products(Emit &e, Multiplied types, unsigned columns, Registers &sums)
      : e(e), types(types), columns(columns), sums(sums) {}

  /// sums += A's fragments at k0 times what `b` describes.
  void fromRegisters(const Fragments &fragments, uint32_t k0, const Matrix &b,
                     bool fresh) {
    begin(fragments);
    std::string text = fmt::format("{{ .reg .pred p; setp.ne.b32 p, {}, 0; "
                                   "wgmma.fence.sync.aligned;",
                                   fresh ? 0 : 1);
    const unsigned descriptor = next + 4 * fragments.rowTiles();
    for (unsigned i = 0; i < fragments.rowTiles(); ++i) {
      text += product(i, fragments.rowTiles(),
                      fmt::format("{{${}, ${}, ${}, ${}}}", next, next + 1,
                                  next + 2, next + 3),
                      descriptor, std::nullopt, b);
      for (Value word : fragments.a(e, i, k0))
        operand(e.bitcast(e.i32, word), "r");
    }
    operand(b.at(0, k0), "l");
    issue(text + " }");
  }

  /// sums += a * b, done.
  void fromShared(const Fragments &fragments, const Matrix &a,
                  const Matrix &b) {
    begin(fragments);
    std::string text = "{ .reg .pred p; setp.ne.b32 p, 1, 0; "
                       "wgmma.fence.sync.aligned;";
    for (unsigned step = 0; step < fragments.steps(); ++step) {
      const int64_t k = types.k() * step;
      const unsigned right = next;
      operand(b.at(0, k), "l");
      for (unsigned i = 0; i < fragments.rowTiles(); ++i) {
        const unsigned left = next;
        operand(a.at(fragments.rowTile(i), k), "l");
        text += product(i, fragments.rowTiles(), fmt::format("${}", left),
                        right, a.isAlongK(), b);
      }
    }
    issue(text + " " + waitText + " }");
  }

  void wait() {
    operands.assign(sums.begin(), sums.end());
    order = llvm::to_vector(llvm::seq<uint32_t>(0, sums.size()));
    constraints = tied(sums.size());
    issue(waitText);
  }

private:
  static constexpr const char *waitText =
      "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;";
  Emit &e;
  const Multiplied types;
  unsigned columns;
  Registers &sums;
  // Of the piece of assembly that is being written.
  SmallVector<Value> operands;
  SmallVector<uint32_t> order; ///< accumulators by operand
  std::string constraints;
  unsigned next = 0; ///< number of the next operand

  void begin(const Fragments &fragments) {
    operands.clear();
    order.clear();
    for (unsigned i = 0; i < fragments.rowTiles(); ++i)
      for (unsigned j = 0; j < fragments.columnTiles(); ++j)
        llvm::append_range(order, fragments.places(i, j));
    for (uint32_t place : order)
      operands.push_back(sums[place]);
    constraints = tied(order.size());
    // Inputs are numbered behind the outputs, those tied to them included.
    next = 2 * order.size();
  }

  void operand(Value value, const char *constraint) {
    operands.push_back(value);
    constraints += fmt::format(",{}", constraint);
    ++next;
  }

  /// `left` and the descriptor numbered `right`; `aAlongK`: the order of A
  /// where that is in shared memory.
  std::string product(unsigned rowTile, unsigned rowTiles,
                      const std::string &left, unsigned right,
                      std::optional<bool> aAlongK, const Matrix &b) const {
    const unsigned perTile = order.size() / rowTiles;
    std::string d;
    for (unsigned j = 0; j < perTile; ++j)
      d += fmt::format("{}${}", j ? ", " : "", rowTile * perTile + j);
    // Floats have signs, 16 bits an order as well.
    std::string how;
    if (!types.a.isInteger())
      how += ", 1, 1";
    if (types.bits() == 16 && aAlongK)
      how += *aAlongK ? ", 0" : ", 1";
    if (types.bits() == 16)
      how += b.isAlongK() ? ", 0" : ", 1";
    return fmt::format(" wgmma.mma_async.sync.aligned.m64n{}k{}.{}.{}.{} "
                       "{{{}}}, {}, ${}, p{};",
                       columns, types.k(), spelt(types.sum).str(),
                       spelt(types.a).str(), spelt(types.b).str(), d, left,
                       right, how);
  }

  /// Constraints of `count` accumulators that are read and written.
  std::string tied(unsigned count) const {
    const StringRef one = types.sum.isInteger() ? "=r" : "=f";
    std::string text;
    for (unsigned i = 0; i < count; ++i)
      text += (Twine(i ? "," : "") + one).str();
    for (unsigned i = 0; i < count; ++i)
      text += fmt::format(",{}", i);
    return text;
  }

  void issue(StringRef text) {
    Type all = LLVM::LLVMStructType::getLiteral(
        e.r.getContext(), SmallVector<Type>(order.size(), types.sum));
    Value results =
        e.assembly(text, constraints + ",~{memory}", all, operands, true);
    for (auto [i, place] : llvm::enumerate(order))
      sums[place] = e.field(results, i);
  }
};

struct WarpgroupDotLowering : OpConversionPattern<WarpgroupDotOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(WarpgroupDotOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout acc = layoutOf(op.getAcc().getType());
    if (op.getSwapped())
      acc = acc.transposed();
    ValueRange left = op.getSwapped() ? adaptor.getB() : adaptor.getA(),
               right = op.getSwapped() ? adaptor.getA() : adaptor.getB();
    auto bBuffer = cast<BufferType>(op.right().getType());
    Matrix b(e, bBuffer, right[0], op.rightIsAlongK());
    auto elementOf = [](Type type) {
      auto buffer = dyn_cast<BufferType>(type);
      return buffer ? buffer.getElementType() : getElementTypeOrSelf(type);
    };
    const Multiplied types{elementOf(op.left().getType()), elementOf(bBuffer),
                           elementOf(op.getType())};
    Registers result(adaptor.getAcc().begin(), adaptor.getAcc().end());

    if (auto aBuffer = dyn_cast<BufferType>(op.left().getType())) {
      if (op.getScales())
        return op.emitOpError("expected no scales of a buffer");
      Matrix a(e, aBuffer, left[0], op.leftIsAlongK());
      a.startAtGroup(acc);
      Fragments fragments(acc, types.a,
                          aBuffer.getShape()[op.leftIsAlongK() ? 1 : 0]);
      Products(e, types, 8 * fragments.columnTiles(), result)
          .fromShared(fragments, a, b);
      r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
      return success();
    }

    Layout a = layoutOf(op.left().getType());
    if (op.getSwapped())
      a = a.transposed();
    Fragments fragments(a, left, types.a, acc);
    const bool scales = op.getScales() != nullptr;
    if (scales)
      fragments.scaleBy(layoutOf(op.getScales().getType()), adaptor.getScales(),
                        op.getSwapped() ? 0 : 1);
    Products products(e, types, 8 * fragments.columnTiles(), result);
    Value none = e.zero(types.sum);
    for (unsigned group = 0; group < fragments.groups(); ++group) {
      Registers total = result;
      if (scales)
        result.assign(result.size(), none);
      for (unsigned step = 0; step < fragments.steps(); ++step)
        // Sums that begin here are not read.
        products.fromRegisters(fragments, fragments.start(group, step), b,
                               scales && step == 0);
      products.wait();
      if (scales)
        result = fragments.scaled(e, group, result, total);
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{result});
    return success();
  }
};

} // namespace

void lath::tile::addWarpgroupPatterns(const TypeConverter &types,
                                      RewritePatternSet &patterns) {
  patterns.add<StageLowering, WarpgroupDotLowering>(types,
                                                    patterns.getContext());
}
