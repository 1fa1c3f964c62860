// convert_layout inside a warp: a renaming of registers, or register bits and
// lane bits that change places (ir/Coalesce.h). What takes more goes through
// shared memory, which tile-allocate-shared writes.
//
// One exchange of register bit a and lane bit b is, for each two registers that
// differ in a,
//
//   sent = lane has b ? r0 : r1;  got = shfl.bfly sent, 1 << b
//   r0, r1 = lane has b ? (got, r1) : (r0, got)
//
// 16-bit elements move in pairs, where some register bit stays.
#include "compiler/ir/Coalesce.h"
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// `reg` without its bit `at`.
uint32_t dropBit(uint32_t reg, unsigned at) {
  return (reg & ((1u << at) - 1)) | (reg >> (at + 1) << at);
}

/// Registers as 32-bit words, exchanged, and back.
class Exchange {
public:
  Exchange(Emit &e, Type element, ArrayRef<BitExchange> steps, unsigned bits)
      : e(e), element(element), steps(steps), bits(bits) {
    if (element.getIntOrFloatBitWidth() == 16)
      for (unsigned bit = 0; bit < bits && !pairBit; ++bit)
        if (llvm::none_of(steps,
                          [&](BitExchange step) { return step.reg == bit; }))
          pairBit = bit;
  }

  Registers run(ValueRange values) {
    Registers words = toWords(values);
    for (BitExchange step : steps) {
      unsigned bit =
          step.reg - (pairBit && step.reg > *pairBit); // among the words
      exchange(words, bit, step.lane);
    }
    return fromWords(words);
  }

private:
  Emit &e;
  Type element;
  ArrayRef<BitExchange> steps;
  unsigned bits;
  std::optional<unsigned> pairBit;

  Type half() { return e.r.getI16Type(); }

  Registers toWords(ValueRange values) {
    Registers words(pairBit ? values.size() / 2 : values.size());
    for (uint32_t reg = 0; reg < values.size(); ++reg) {
      Value value = values[reg];
      if (!pairBit)
        words[reg] = element.getIntOrFloatBitWidth() == 32
                         ? e.bitcast(e.i32, value)
                         : Value(LLVM::ZExtOp::create(
                               e.r, e.loc, e.i32, e.bitcast(half(), value)));
      else if (!(reg >> *pairBit & 1))
        words[dropBit(reg, *pairBit)] =
            e.bitcast(e.i32, e.vector({value, values[reg | 1u << *pairBit]}));
    }
    return words;
  }

  Registers fromWords(ValueRange words) {
    Registers values;
    SmallVector<Value> pairs;
    if (pairBit)
      for (Value word : words)
        pairs.push_back(e.bitcast(VectorType::get({2}, element), word));
    for (uint32_t reg = 0; reg < 1u << bits; ++reg)
      if (pairBit)
        values.push_back(
            e.element(pairs[dropBit(reg, *pairBit)], reg >> *pairBit & 1));
      else if (element.getIntOrFloatBitWidth() == 32)
        values.push_back(e.bitcast(element, words[reg]));
      else
        values.push_back(e.bitcast(
            element, LLVM::TruncOp::create(e.r, e.loc, half(), words[reg])));
    return values;
  }

  void exchange(Registers &words, unsigned bit, unsigned lane) {
    Value upper = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ne,
                                       e.band(e.lane(), 1u << lane), e.c(0));
    auto choose = [&](Value yes, Value no) {
      return LLVM::SelectOp::create(e.r, e.loc, upper, yes, no);
    };
    for (uint32_t reg = 0; reg < words.size(); ++reg) {
      if (reg >> bit & 1)
        continue;
      Value &low = words[reg], &high = words[reg | 1u << bit];
      Value got = NVVM::ShflOp::create(
          e.r, e.loc, e.i32, e.c(-1), choose(low, high), e.c(1u << lane),
          e.c(31), NVVM::ShflKind::bfly, UnitAttr());
      low = choose(got, low);
      high = choose(high, got);
    }
  }
};

struct ConvertLowering : OpConversionPattern<ConvertLayoutOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ConvertLayoutOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Layout from = layoutOf(op.getSource().getType()),
           to = layoutOf(op.getType());
    Type element = cast<RankedTensorType>(op.getType()).getElementType();
    if (unsigned bits = packBitsOf(element))
      return op.emitOpError(bits == 3 ? "eight 4-bit" : "four 8-bit")
             << " elements share a register and stay where they are";
    LinearMap same = LinearMap::identity(to.indexBits());
    Registers values(adaptor.getSource());
    auto registers = registersFrom(from, to, same);
    if (!registers) {
      auto steps = shuffles(op);
      if (!steps)
        return op.emitOpError("source and result lie in different lanes: ")
               << from.print() << " to " << to.print();
      Emit e(r, op.getLoc());
      values =
          Exchange(e, element, *steps, from.bits(Place::Register)).run(values);
      registers = registersFrom(exchanged(from, *steps), to, same);
    }
    Registers results;
    for (uint32_t reg = 0; reg < to.size(Place::Register); ++reg)
      results.push_back(values[(*registers)(reg)]);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }
};

} // namespace

void lath::tile::addConversionPatterns(const TypeConverter &types,
                                       RewritePatternSet &patterns) {
  patterns.add<ConvertLowering>(types, patterns.getContext());
}
