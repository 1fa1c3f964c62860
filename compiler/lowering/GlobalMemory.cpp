// load, store, atomic_add and inside: tiles and global memory.
//
// A lane's address is the view's pointer, plus the tile's start, plus the
// lane's own part of the layout, plus a constant for each register. Registers
// that are neighbours in memory move together, up to 16 bytes. A dimension is
// bounds-checked unless its extent is a multiple of the tile's and the start
// is known to be one too.
#include "compiler/base/Target.h"
#include "compiler/ir/Access.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// Addresses and masks of one tile access, in memory units.
class GlobalAccess {
public:
  /// `units`: layout of the units of the tile; `starts` in elements.
  GlobalAccess(Emit &e, ViewType view, ValueRange viewValues, Layout units,
               OperandRange originalStarts, ValueRange starts)
      : e(e), memory(view.memory()), units(std::move(units)) {
    pointer = viewValues[0];
    extent = viewValues.size() > 1 ? viewValues[1] : Value();
    rank = memory.shape.size();
    SmallVector<int64_t> tile(this->units.shape().begin(),
                              this->units.shape().end());
    vectorBits = neighbourBits(memory, tile, originalStarts);
    Value offset; // bytes, 64 bits
    auto accumulate = [&](Value part) {
      offset = offset ? e.add(offset, part) : part;
    };
    Value lanePart;
    for (unsigned d = 0; d < rank; ++d) {
      Value start = unitStart(e, memory, starts, d);
      int64_t stride = memory.stride(d) * memory.unitBytes;
      Value strided = LLVM::MulOp::create(
          e.r, e.loc, e.sext64(start),
          LLVM::ConstantOp::create(e.r, e.loc, e.i64,
                                   e.r.getI64IntegerAttr(stride)));
      accumulate(strided);
      // The dimension's bits of the lane's index.
      laneCoords.push_back(e.linear(this->units, dimMap(d)));
      Value part = e.mul(laneCoords[d], stride);
      lanePart = lanePart ? e.add(lanePart, part) : part;
      checked.push_back(!staysWhole(memory, tile, originalStarts, d));
      startUnits.push_back(start);
    }
    // The lane's part stays below 2^31: tiles are small.
    base = e.gep(e.gep(pointer, offset), e.zext64(lanePart));
  }

  /// log2 of the units that one access may move.
  unsigned maxVectorBits() const { return vectorBits; }

  Value address(uint32_t reg) const {
    int64_t bytes = 0;
    uint32_t index = units.index(reg);
    bool plain = true;
    for (unsigned d = 0; d < rank; ++d)
      plain &= !(laneMask(d) & dimMap(d)(index));
    if (plain) {
      for (unsigned d = 0; d < rank; ++d)
        bytes += dimMap(d)(index) * memory.stride(d) * memory.unitBytes;
      return e.gep(base, bytes);
    }
    // Lane and register bits overlap: the coordinate is their XOR, so correct
    // the lane's part by the difference.
    Value address = base;
    for (unsigned d = 0; d < rank; ++d) {
      Value moved = e.bxor(laneCoords[d], e.c(dimMap(d)(index)));
      Value delta = LLVM::SubOp::create(e.r, e.loc, moved, laneCoords[d]);
      address = e.gep(
          address, e.sext64(e.mul(delta, memory.stride(d) * memory.unitBytes)));
    }
    return address;
  }

  /// Null where no check is needed.
  Value mask(uint32_t reg) const {
    Value all;
    uint32_t index = units.index(reg);
    for (unsigned d = 0; d < rank; ++d) {
      if (!checked[d])
        continue;
      Value coordinate = laneCoords[d];
      if (uint32_t own = dimMap(d)(index))
        coordinate = laneMask(d) & own ? e.bxor(coordinate, e.c(own))
                                       : e.add(coordinate, own);
      coordinate = e.add(startUnits[d], coordinate);
      Value limit = ShapedType::isDynamic(memory.shape[d])
                        ? extent
                        : e.c(memory.shape[d]);
      // Unsigned: what lies before the view is outside as well.
      Value inside = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ult,
                                          coordinate, limit);
      all = all ? Value(LLVM::AndOp::create(e.r, e.loc, all, inside)) : inside;
    }
    return all;
  }

  const Layout &layout() const { return units; }

private:
  Emit &e;
  Memory memory;
  Layout units;
  unsigned rank, vectorBits;
  Value pointer, extent, base;
  SmallVector<Value> laneCoords, startUnits;
  SmallVector<bool> checked;

  /// Index bits -> coordinate of dimension d.
  LinearMap dimMap(unsigned d) const {
    Bases bases(units.indexBits(), 0);
    for (unsigned i = 0; i < units.dimBits(d); ++i)
      bases[units.dimShift(d) + i] = 1u << i;
    return LinearMap(bases);
  }
  /// Coordinate bits of dimension d that lanes, warps and blocks may set.
  uint32_t laneMask(unsigned d) const {
    uint32_t mask = 0;
    for (Place place : {Place::Lane, Place::Warp, Place::Block})
      for (uint32_t basis : units.bases(place))
        mask |= dimMap(d)(basis);
    return mask;
  }
};

SmallVector<Value> flatten(ArrayRef<ValueRange> ranges) {
  SmallVector<Value> values;
  for (ValueRange range : ranges)
    llvm::append_range(values, range);
  return values;
}

struct LoadLowering : OpConversionPattern<LoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(LoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    auto type = cast<RankedTensorType>(op.getType());
    Memory memory = op.getView().getType().memory();
    Layout elements = layoutOf(type), units = unitLayout(memory, elements);
    SmallVector<Value> starts = flatten(adaptor.getStart());
    GlobalAccess access(e, op.getView().getType(), adaptor.getView(), units,
                        op.getStart(), starts);
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

Value both(Emit &e, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return LLVM::AndOp::create(e.r, e.loc, a, b);
}

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
    SmallVector<Value> starts = flatten(adaptor.getStart());
    GlobalAccess access(e, op.getView().getType(), adaptor.getView(),
                        unitLayout(memory, elements), op.getStart(), starts);
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
    SmallVector<Value> starts = flatten(adaptor.getStart());
    Layout elements = layoutOf(op.getValue().getType());
    if (!holdsWords(memory, elements))
      return op.emitOpError("expected whole words in a lane, got ")
             << elements.print();
    GlobalAccess access(e, op.getView().getType(), adaptor.getView(),
                        unitLayout(memory, elements), op.getStart(), starts);
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

/// red.global.add of as many neighbours as the target can take at once.
struct AtomicAddLowering : OpConversionPattern<AtomicAddOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AtomicAddOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Memory memory = op.getView().getType().memory();
    bool f32 = memory.unit.isF32(), bf16 = memory.unit.isBF16();
    const Target &target = *scheduleOf(op).target;
    if (bf16 && !target.hasBf16Red())
      return op.emitOpError("atomic adds of bf16 need sm_90 or later, got ")
             << target.name;
    SmallVector<Value> starts = flatten(adaptor.getStart());
    GlobalAccess access(e, op.getView().getType(), adaptor.getView(),
                        layoutOf(op.getValue().getType()), op.getStart(),
                        starts);
    // 16-bit types add in pairs at least; vectors of words came with sm_90.
    unsigned maxBits = access.maxVectorBits();
    if (!target.hasVectorRed())
      maxBits = std::min(maxBits, f32 ? 0u : 1u);
    Vectors vectors =
        vectorise(access.layout().bases(Place::Register), maxBits);
    if (!f32 && vectors.bits == 0)
      return op.emitOpError(
          "atomic adds of 16-bit elements need two neighbours "
          "in one lane");
    ValueRange values = adaptor.getValue();
    Value first = isFirstCopy(e, access.layout());
    for (uint32_t start : vectors.starts) {
      Value mask = both(e, access.mask(start), first);
      Registers units;
      for (uint32_t u = 0; u < vectors.size(); ++u)
        units.push_back(values[vectors.reg(start, u)]);
      Registers words = e.pack(units);
      StringRef type = f32 ? "f32" : bf16 ? "bf16x2" : "f16x2";
      std::string list, constraints = "r,l";
      for (unsigned i = 0; i < words.size(); ++i) {
        list += fmt::format("{}${}", i ? ", " : "", i + 2);
        constraints += f32 ? ",f" : ",r";
        if (f32)
          words[i] = e.bitcast(e.f32, words[i]);
      }
      std::string vector =
          words.size() > 1 ? fmt::format(".v{}", words.size()) : "";
      SmallVector<Value> operands{
          mask ? Value(LLVM::ZExtOp::create(r, e.loc, e.i32, mask)) : e.c(1),
          access.address(start)};
      llvm::append_range(operands, words);
      e.assembly(fmt::format("{{ .reg .pred p; setp.ne.b32 p, $0, 0; @p "
                             "red.relaxed.gpu.global.add{}{}.{} [$1], {}; }}",
                             f32 ? "" : ".noftz", vector, type.str(),
                             words.size() > 1 ? "{" + list + "}" : list),
                 constraints, Type(), operands, true);
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
    SmallVector<Value> starts = flatten(adaptor.getStart());
    Layout layout = layoutOf(op.getType());
    GlobalAccess access(e, op.getView().getType(), adaptor.getView(), layout,
                        op.getStart(), starts);
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

struct ViewLowering : OpConversionPattern<ViewOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ViewOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    SmallVector<Value> values{op.getPointer()};
    if (op.getExtent())
      values.push_back(op.getExtent());
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }
};

} // namespace

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

Value lath::tile::unitStart(Emit &e, const Memory &memory, ValueRange starts,
                            unsigned d) {
  int dim = memory.arrayDim(d);
  return dim < 0
             ? e.c(0)
             : e.lshr(starts[dim], llvm::Log2_64(memory.elementsPerStep(d)));
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
               ViewLowering, AtomicAddLowering>(types, context);
}
