// reduce and scan: what the elements along one dimension come to.
//
// Both walk the bits of the dimension that a layout spreads over places: bits
// of registers are combined in a lane, bits of lanes with the partner across
// that bit by a butterfly shuffle, bits of warps through shared memory. All
// threads of a line know its total in the end, computed in one order.
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// The operation on values of one type, and their ways between threads.
class Combiner {
public:
  Combiner(Emit &e, Combine how, Type type) : e(e), how(how), type(type) {}

  Value operator()(Value a, Value b) const {
    OpBuilder &r = e.r;
    const bool isFloat = isa<FloatType>(type);
    switch (how) {
    case Combine::add:
      return isFloat ? Value(LLVM::FAddOp::create(r, e.loc, a, b))
                     : Value(LLVM::AddOp::create(r, e.loc, a, b));
    case Combine::max:
      return isFloat ? Value(LLVM::MaximumOp::create(r, e.loc, a, b))
                     : Value(LLVM::SMaxOp::create(r, e.loc, a, b));
    case Combine::min:
      return isFloat ? Value(LLVM::MinimumOp::create(r, e.loc, a, b))
                     : Value(LLVM::SMinOp::create(r, e.loc, a, b));
    case Combine::umax:
      return LLVM::UMaxOp::create(r, e.loc, a, b);
    case Combine::umin:
      return LLVM::UMinOp::create(r, e.loc, a, b);
    case Combine::bitAnd:
      return LLVM::AndOp::create(r, e.loc, a, b);
    case Combine::bitOr:
      return LLVM::OrOp::create(r, e.loc, a, b);
    case Combine::bitXor:
      return LLVM::XOrOp::create(r, e.loc, a, b);
    }
    llvm_unreachable("all operations are listed");
  }

  /// What changes nothing that it is combined with.
  Value identity() const {
    if (auto real = dyn_cast<FloatType>(type)) {
      const llvm::fltSemantics &of = real.getFloatSemantics();
      llvm::APFloat value =
          how == Combine::add ? llvm::APFloat::getZero(of, /*Negative=*/true)
                              : llvm::APFloat::getInf(of, how == Combine::max);
      return constant(e.r.getFloatAttr(type, value));
    }
    const unsigned width = type.getIntOrFloatBitWidth();
    llvm::APInt value(width, 0);
    if (how == Combine::max)
      value = llvm::APInt::getSignedMinValue(width);
    else if (how == Combine::min)
      value = llvm::APInt::getSignedMaxValue(width);
    else if (how == Combine::umin || how == Combine::bitAnd)
      value = llvm::APInt::getAllOnes(width);
    return constant(e.r.getIntegerAttr(type, value));
  }

  Value select(Value condition, Value a, Value b) const {
    return LLVM::SelectOp::create(e.r, e.loc, condition, a, b);
  }

  /// That of the partner across a bit of the lane.
  Value shuffled(Value value, unsigned bit) const {
    if (type.isInteger(64)) {
      Value words = e.bitcast(VectorType::get({2}, e.i32), value);
      return e.bitcast(type,
                       e.vector({shuffledWord(e.element(words, 0), bit),
                                 shuffledWord(e.element(words, 1), bit)}));
    }
    return narrowed(shuffledWord(widened(value), bit));
  }

  /// Combined over all lanes of a warp by one instruction, where there is one.
  Value overLanes(Value value) const {
    if (!type.isInteger(1) && !type.isInteger(32))
      return {};
    return narrowed(NVVM::ReduxOp::create(e.r, e.loc, e.i32, widened(value),
                                          instruction(), e.c(-1)));
  }

  /// Conditions are words where threads exchange them.
  Value widened(Value value) const {
    return type.isInteger(1) ? LLVM::ZExtOp::create(e.r, e.loc, e.i32, value)
                             : value;
  }
  Value narrowed(Value value) const {
    return type.isInteger(1) ? LLVM::TruncOp::create(e.r, e.loc, type, value)
                             : value;
  }

private:
  Emit &e;
  Combine how;
  Type type;

  Value constant(TypedAttr value) const {
    return LLVM::ConstantOp::create(e.r, e.loc, type, value);
  }
  Value shuffledWord(Value word, unsigned bit) const {
    return NVVM::ShflOp::create(e.r, e.loc, word.getType(), e.c(-1), word,
                                e.c(1 << bit), e.c(31), NVVM::ShflKind::bfly,
                                UnitAttr());
  }
  NVVM::ReduxKind instruction() const {
    switch (how) {
    case Combine::add:
      return NVVM::ReduxKind::ADD;
    case Combine::max:
      return NVVM::ReduxKind::MAX;
    case Combine::min:
      return NVVM::ReduxKind::MIN;
    case Combine::umax:
      return NVVM::ReduxKind::UMAX;
    case Combine::umin:
      return NVVM::ReduxKind::UMIN;
    case Combine::bitAnd:
      return NVVM::ReduxKind::AND;
    case Combine::bitOr:
      return NVVM::ReduxKind::OR;
    case Combine::bitXor:
      return NVVM::ReduxKind::XOR;
    }
    llvm_unreachable("all operations are listed");
  }
};

/// Shared memory where each thread leaves words and reads those of its lane in
/// other warps: scratch[word][warp][lane].
class WarpExchange {
public:
  WarpExchange(Emit &e, ScratchInterface op, const Combiner &combine, Type type,
               unsigned warps)
      : e(e), op(op), combine(combine), type(type),
        bytes(exchangedWordBytes(type)), warps(warps) {}

  void put(ValueRange values) {
    base = e.shared(scratchOffset(op));
    Value mine = e.gep(base, e.shl(e.tid(), llvm::Log2_32(bytes)));
    e.barrier(op); // earlier readers are done
    for (auto [i, value] : llvm::enumerate(values))
      LLVM::StoreOp::create(e.r, e.loc, combine.widened(value),
                            e.gep(mine, stride() * (int64_t)i), bytes);
    e.barrier(op);
  }
  /// Values of the same lane of a warp.
  Registers get(unsigned count, Value warp) {
    Value thread = e.add(e.shl(warp, 5), e.lane());
    Value theirs = e.gep(base, e.shl(thread, llvm::Log2_32(bytes)));
    Type word = type.isInteger(1) ? e.i32 : type;
    Registers values;
    for (unsigned i = 0; i < count; ++i)
      values.push_back(combine.narrowed(LLVM::LoadOp::create(
          e.r, e.loc, word, e.gep(theirs, stride() * i), bytes)));
    return values;
  }

private:
  Emit &e;
  ScratchInterface op;
  const Combiner &combine;
  Type type;
  unsigned bytes, warps;
  Value base;

  int64_t stride() const { return (int64_t)bytes * 32 * warps; }
};

/// Fails with an error where a basis runs along the dimension and others at
/// once, or blocks of a cluster would have to meet.
template <typename Op> LogicalResult checkBases(Op op, const Layout &layout) {
  const uint32_t along = layout.indexMask(op.getDim());
  for (int place = 0; place < numPlaces; ++place)
    for (uint32_t basis : layout.bases(Place(place))) {
      if (!(basis & along))
        continue;
      if (basis & ~along)
        return op.emitOpError("a layout basis mixes the reduced dimension "
                              "with others: ")
               << layout.print();
      if (Place(place) == Place::Block)
        return op.emitOpError("the blocks of a cluster hold parts of the "
                              "dimension: ")
               << layout.print();
    }
  return success();
}

struct ReduceLowering : OpConversionPattern<ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ReduceOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    const Type type = op.getType().getElementType();
    const unsigned dim = op.getDim();
    if (failed(checkBases(op, from)))
      return failure();
    if (!(to == from.sliced(dim)))
      return op.emitOpError("the result's layout is not the source's slice: ")
             << to.print();
    Combiner combine(e, op.getCombine(), type);

    const LinearMap toSlice = from.sliceMap(dim);
    const uint32_t along = from.indexMask(dim);
    Registers results(to.size(Place::Register));
    llvm::SmallDenseSet<uint32_t> seen; // a repeated register counts once
    for (auto [reg, value] : llvm::enumerate(adaptor.getSource())) {
      const uint32_t index = from.index(reg);
      if (!seen.insert(index).second)
        continue;
      Value &sum = results[*to.registerOf(toSlice(index))];
      sum = sum ? combine(sum, value) : value;
    }
    auto runsAlong = [&](uint32_t basis) { return (basis & along) != 0; };
    const Bases &lanes = from.bases(Place::Lane);
    for (Value &value : results) {
      Value all =
          llvm::all_of(lanes, runsAlong) ? combine.overLanes(value) : Value();
      for (unsigned bit = 0; bit < laneBits && !all; ++bit)
        if (runsAlong(lanes[bit]))
          value = combine(value, combine.shuffled(value, bit));
      if (all)
        value = all;
    }
    if (op.scratchBytes())
      acrossWarps(e, op, combine, from, results);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }

  /// Every thread adds up those of its partner warps, in warp order.
  static void acrossWarps(Emit &e, ReduceOp op, const Combiner &combine,
                          const Layout &from, Registers &results) {
    const unsigned warps = from.size(Place::Warp);
    uint32_t along = 0;
    for (unsigned bit = 0; bit < from.bits(Place::Warp); ++bit)
      if (from.bases(Place::Warp)[bit] & from.indexMask(op.getDim()))
        along |= 1u << bit;
    WarpExchange exchange(e, op, combine, op.getType().getElementType(), warps);
    exchange.put(results);
    Value own = e.band(e.warp(), ~along & (warps - 1));
    Registers sums;
    for (unsigned w = 0; w < warps; ++w) {
      if (w & ~along)
        continue;
      Registers parts = exchange.get(results.size(), e.bor(own, e.c(w)));
      for (unsigned i = 0; i < parts.size(); ++i)
        if (w == 0)
          sums.push_back(parts[i]);
        else
          sums[i] = combine(sums[i], parts[i]);
    }
    results = sums;
  }
};

/// A prefix of each register, and of the aligned run of elements around it that
/// is done: its total, and what comes ahead of it in the next longer run.
///
/// Bits of the dimension are taken from the lowest on. Each doubles the runs:
/// the upper half of one has the total of the lower half ahead of it. What a
/// register bit has joined is one run from then on.
class Scan {
public:
  Scan(Emit &e, const Combiner &combine, ValueRange source)
      : e(e), combine(combine), prefix(source), total(source),
        ahead(source.size()) {}

  void acrossRegister(unsigned bit) {
    addAhead();
    for (uint32_t low : runs()) {
      if (low >> bit & 1)
        continue;
      const uint32_t high = low | 1u << bit;
      for (uint32_t reg = 0; reg < prefix.size(); ++reg)
        if ((reg & ~joined) == high)
          prefix[reg] = combine(total[low], prefix[reg]);
      total[low] = combine(total[low], total[high]);
    }
    joined |= 1u << bit;
  }

  void acrossLane(unsigned bit) {
    Value upper = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ne,
                                       e.band(e.lane(), 1 << bit), e.c(0));
    for (uint32_t run : runs()) {
      Value other = combine.shuffled(total[run], bit);
      Value longer = ahead[run] ? combine(other, ahead[run]) : other;
      ahead[run] = combine.select(upper, longer,
                                  ahead[run] ? ahead[run] : combine.identity());
      total[run] = combine(total[run], other);
    }
  }

  /// Across several bits of the warp at once, the lowest first.
  void acrossWarps(ArrayRef<unsigned> bits, WarpExchange &exchange) {
    SmallVector<uint32_t> all = runs();
    Registers totals;
    for (uint32_t run : all)
      totals.push_back(total[run]);
    exchange.put(totals);
    uint32_t mask = 0;
    Bases places, toPosition(5, 0);
    for (auto [i, bit] : llvm::enumerate(bits)) {
      mask |= 1u << bit;
      places.push_back(1u << bit);
      toPosition[bit] = 1u << i;
    }
    Value position = e.linear(LinearMap(toPosition), e.warp());
    Value others = e.band(e.warp(), ~mask);
    Registers sums(all.size()), before(all.size(), combine.identity());
    for (uint32_t p = 0; p < 1u << bits.size(); ++p) {
      Registers parts =
          exchange.get(all.size(), e.bor(others, e.c(LinearMap(places)(p))));
      Value isAhead = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ult,
                                           e.c(p), position);
      for (unsigned i = 0; i < parts.size(); ++i) {
        before[i] =
            combine.select(isAhead, combine(before[i], parts[i]), before[i]);
        sums[i] = sums[i] ? combine(sums[i], parts[i]) : parts[i];
      }
    }
    for (auto [i, run] : llvm::enumerate(all)) {
      ahead[run] = ahead[run] ? combine(before[i], ahead[run]) : before[i];
      total[run] = sums[i];
    }
  }

  const Registers &result() {
    addAhead();
    return prefix;
  }

private:
  Emit &e;
  const Combiner &combine;
  Registers prefix;
  uint32_t joined = 0; ///< register bits
  // By the first register of a run; `ahead` is null where nothing is.
  Registers total, ahead;

  SmallVector<uint32_t> runs() const {
    SmallVector<uint32_t> first;
    for (uint32_t reg = 0; reg < prefix.size(); ++reg)
      if (!(reg & joined))
        first.push_back(reg);
    return first;
  }
  void addAhead() {
    for (uint32_t reg = 0; reg < prefix.size(); ++reg)
      if (Value more = ahead[reg & ~joined])
        prefix[reg] = combine(more, prefix[reg]);
    llvm::fill(ahead, Value());
  }
};

struct ScanLowering : OpConversionPattern<ScanOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ScanOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    const Layout layout = layoutOf(op.getType());
    const Type type = op.getType().getElementType();
    if (failed(checkBases(op, layout)))
      return failure();
    Combiner combine(e, op.getCombine(), type);
    WarpExchange exchange(e, op, combine, type, layout.size(Place::Warp));
    Scan scan(e, combine, adaptor.getSource());
    SmallVector<unsigned> warps; // neighbours along the dimension
    auto acrossWarps = [&] {
      if (!warps.empty())
        scan.acrossWarps(warps, exchange);
      warps.clear();
    };
    const unsigned first = layout.dimShift(op.getDim());
    for (unsigned i = 0; i < layout.dimBits(op.getDim()); ++i) {
      auto at = placeOfBit(layout, first + i);
      if (!at)
        return op.emitOpError("no place has the element of index bit ")
               << first + i << " alone: " << layout.print();
      auto [place, bit] = *at;
      if (place == Place::Warp) {
        warps.push_back(bit);
        continue;
      }
      acrossWarps();
      if (place == Place::Register)
        scan.acrossRegister(bit);
      else
        scan.acrossLane(bit);
    }
    acrossWarps();
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{scan.result()});
    return success();
  }
};

} // namespace

void lath::tile::addReductionPatterns(const TypeConverter &types,
                                      RewritePatternSet &patterns) {
  patterns.add<ReduceLowering, ScanLowering>(types, patterns.getContext());
}
