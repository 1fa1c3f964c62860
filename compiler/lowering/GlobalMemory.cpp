// view, load, store and inside: tiles and global memory. Registers that are
// neighbours in memory move together, up to 16 bytes.
#include "compiler/lowering/Patterns.h"
#include "compiler/lowering/ViewAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

struct LoadLowering : OpConversionPattern<LoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(LoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    auto type = cast<RankedTensorType>(op.getType());
    Memory memory = op.getView().getType().memory();
    Layout elements = layoutOf(type), units = unitLayout(memory, elements);
    ViewAccess access = viewAccess(e, op, adaptor, units);
    Vectors vectors =
        vectorise(units.bases(Place::Register), access.maxVectorBits());
    Registers values(units.size(Place::Register));
    for (uint32_t start : vectors.starts) {
      Value address = access.address(start), mask = access.mask(start);
      Registers loaded =
          e.loadUnits(address, vectors.size(), memory.unit, mask);
      for (uint32_t u = 0; u < vectors.size(); ++u)
        values[vectors.reg(start, u)] = loaded[u];
    }
    if (memory.holdsCodes())
      values = gatherCodes(e, memory, elements, units, values);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

/// Whether registers one after the other are a word of memory, in its order.
bool holdsWords(const Memory &memory, const Layout &elements) {
  if (!memory.holdsCodes())
    return true;
  LinearMap code = memory.codeMap(elements.shape());
  const Bases &registers = elements.bases(Place::Register);
  for (unsigned i = 0; i < registers.size(); ++i)
    if (code(registers[i]) != (i < memory.packBits ? 1u << i : 0))
      return false;
  for (Place place : {Place::Lane, Place::Warp})
    for (uint32_t basis : elements.bases(place))
      if (code(basis))
        return false;
  return registers.size() >= memory.packBits;
}

/// Words go straight to their registers: where nothing is read, those of `old`
/// stay, so that no other registers are needed.
struct GuardedLoadLowering : OpConversionPattern<GuardedLoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(GuardedLoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Memory memory = op.getView().getType().memory();
    Layout elements = layoutOf(op.getType());
    if (!holdsWords(memory, elements))
      return op.emitOpError("expected whole words in a lane, got ")
             << elements.print();
    ViewAccess access =
        viewAccess(e, op, adaptor, unitLayout(memory, elements));
    Vectors vectors = vectorise(access.layout().bases(Place::Register),
                                access.maxVectorBits());
    Registers values(access.layout().size(Place::Register));
    Value condition = adaptor.getCondition()[0];
    for (uint32_t start : vectors.starts) {
      Registers old;
      for (uint32_t u = 0; u < vectors.size(); ++u)
        old.push_back(op.getOld() ? adaptor.getOld()[vectors.reg(start, u)]
                                  : e.c(0));
      Registers loaded = e.streamWords(access.address(start), old,
                                       both(e, condition, access.mask(start)));
      for (uint32_t u = 0; u < vectors.size(); ++u)
        values[vectors.reg(start, u)] = loaded[u];
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

struct StoreLowering : OpConversionPattern<StoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(StoreOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Memory memory = op.getView().getType().memory();
    Layout elements = layoutOf(op.getValue().getType());
    if (!holdsWords(memory, elements))
      return op.emitOpError("expected whole words in a lane, got ")
             << elements.print();
    ViewAccess access =
        viewAccess(e, op, adaptor, unitLayout(memory, elements));
    Vectors vectors = vectorise(access.layout().bases(Place::Register),
                                access.maxVectorBits());
    ValueRange values = adaptor.getValue();
    Value first = isFirstCopy(e, access.layout());
    for (uint32_t start : vectors.starts) {
      Value address = access.address(start);
      Value mask = both(e, access.mask(start), first);
      Registers units;
      for (uint32_t u = 0; u < vectors.size(); ++u)
        units.push_back(values[vectors.reg(start, u)]);
      e.storeUnits(address, units, mask);
    }
    r.eraseOp(op);
    return success();
  }
};

struct InsideLowering : OpConversionPattern<InsideOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(InsideOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout layout = layoutOf(op.getType());
    ViewAccess access = viewAccess(e, op, adaptor, layout);
    Registers values;
    for (uint32_t i = 0; i < layout.size(Place::Register); ++i) {
      Value mask = access.mask(i);
      values.push_back(mask ? mask
                            : Value(LLVM::ConstantOp::create(
                                  r, e.loc, r.getBoolAttr(true))));
    }
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

/// Pointer, run-time extents, and run-time strides in 64 bits.
struct ViewLowering : OpConversionPattern<ViewOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ViewOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    Location loc = op.getLoc();
    Memory memory = op.getType().memory();
    SmallVector<Value> values{op.getPointer()};
    llvm::append_range(values, op.getExtents());
    Type i64 = r.getI64Type();
    SmallVector<Value> strides;
    if (op.getType().getStrides().empty()) {
      // Products of the extents behind, from the last.
      unsigned extent = op.getExtents().size();
      Value product;
      for (unsigned d = memory.shape.size(); d-- > 0;) {
        if (ShapedType::isDynamic(memory.strides[d]))
          strides.push_back(product);
        else
          product = arith::ConstantOp::create(
              r, loc, r.getI64IntegerAttr(memory.strides[d]));
        Value along;
        if (ShapedType::isDynamic(memory.shape[d]))
          along =
              arith::ExtSIOp::create(r, loc, i64, op.getExtents()[--extent]);
        else
          along = arith::ConstantOp::create(
              r, loc, r.getI64IntegerAttr(memory.shape[d]));
        if (d > 0 && ShapedType::isDynamic(memory.strides[d - 1]))
          product = arith::MulIOp::create(r, loc, product, along);
      }
      std::reverse(strides.begin(), strides.end());
    } else {
      for (Value stride : op.getStrides())
        strides.push_back(arith::ExtSIOp::create(r, loc, i64, stride));
    }
    llvm::append_range(values, strides);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

} // namespace

Value lath::tile::both(Emit &e, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return LLVM::AndOp::create(e.r, e.loc, a, b);
}

/// Threads that hold copies of an element must not add it twice; for stores
/// copies are harmless but wasteful.
Value lath::tile::isFirstCopy(Emit &e, const Layout &layout) {
  LinearMap placed = layout.map(Place::Register);
  Bases seen = placed.bases();
  Value first;
  auto check = [&](const Bases &bases, Value place) {
    uint32_t redundant = 0;
    for (unsigned i = 0; i < bases.size(); ++i) {
      Bases with = seen;
      with.push_back(bases[i]);
      if (LinearMap(with).rank() == LinearMap(seen).rank())
        redundant |= 1u << i;
      else
        seen = with;
    }
    if (!redundant)
      return;
    Value zero = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::eq,
                                      e.band(place, redundant), e.c(0));
    first = first ? Value(LLVM::AndOp::create(e.r, e.loc, first, zero)) : zero;
  };
  check(layout.bases(Place::Lane), e.lane());
  check(layout.bases(Place::Warp), e.warp());
  check(layout.bases(Place::Block), e.clusterRank());
  return first;
}

Registers lath::tile::gatherCodes(Emit &e, const Memory &memory,
                                  const Layout &elements,
                                  const Layout &wordLayout, ValueRange words) {
  // Part of an element's place in its word may come from the lane.
  LinearMap place = memory.codeMap(elements.shape());
  LinearMap toWord = memory.unitMap(elements.shape());
  uint32_t lanePlaces = 0;
  for (Place p : {Place::Lane, Place::Warp, Place::Block})
    for (uint32_t basis : elements.bases(p))
      lanePlaces |= place(basis);
  const uint32_t perWord = 1u << memory.packBits, width = 32 / perWord;
  Registers shifted(words.begin(), words.end());
  if (lanePlaces) {
    Value by = e.shl(e.linear(elements, place), 5 - memory.packBits);
    for (Value &word : shifted)
      word = LLVM::LShrOp::create(e.r, e.loc, word, by);
  }
  Registers result;
  uint32_t count = elements.size(Place::Register);
  for (uint32_t first = 0; first < count; first += perWord) {
    uint32_t n = std::min(perWord, count - first);
    auto source = [&](uint32_t i) {
      return *wordLayout.registerOf(toWord(elements.index(first + i)));
    };
    // Usually the registers are the codes in order: the word itself.
    bool inOrder = true;
    for (uint32_t i = 0; i < n; ++i)
      inOrder &= source(i) == source(0) &&
                 place(elements.index(first + i)) == i && !(lanePlaces & i);
    if (inOrder) {
      result.push_back(shifted[source(0)]);
      continue;
    }
    // Lane and register bits of a code's number never overlap: each bit is
    // one or the other, so shifting by both adds up.
    Value packed;
    for (uint32_t i = 0; i < n; ++i) {
      Value field = e.band(
          e.lshr(shifted[source(i)], width * place(elements.index(first + i))),
          (1u << width) - 1);
      field = e.shl(field, width * i);
      packed = packed ? e.bor(packed, field) : field;
    }
    result.push_back(packed);
  }
  return result;
}

void lath::tile::addGlobalMemoryPatterns(const TypeConverter &types,
                                         RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<LoadLowering, GuardedLoadLowering, StoreLowering, InsideLowering,
               ViewLowering>(types, context);
}
