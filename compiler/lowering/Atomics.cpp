// atomic: red where nobody uses what was there before, else atom.
//
// One of the threads that hold copies of an element executes the instruction.
// The others read its result from shared memory, where the element's index says
// where it lies.
#include "compiler/base/Target.h"
#include "compiler/ir/Scratch.h"
#include "compiler/lowering/Patterns.h"
#include "compiler/lowering/ViewAccess.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// What PTX calls the operation and what it works on.
struct Instruction {
  std::string text; ///< "add.noftz.v2.f16x2"
  std::string constraint;
  Type word; ///< of a register
};

Instruction instructionOf(Emit &e, AtomicOp op, Type unit, unsigned units) {
  const unsigned bits = unit.getIntOrFloatBitWidth();
  const bool halves = bits == 16;
  auto integer = [&](char kind) { return fmt::format("{}{}", kind, bits); };
  Instruction i;
  i.word = bits == 64 ? e.i64
           : halves   ? (units > 1 ? e.i32 : Type(e.r.getI16Type()))
                      : e.i32;
  i.constraint = std::string(1, bits == 64             ? 'l'
                                : halves && units == 1 ? 'h'
                                                       : 'r');
  switch (op.getKind()) {
  case AtomicKind::add: {
    const unsigned words = std::max(1u, units * bits / 32);
    std::string vector =
        bits < 64 && words > 1 ? fmt::format(".v{}", words) : "";
    if (unit.isF32()) {
      i = {"add" + vector + ".f32", "f", e.f32};
    } else if (halves) {
      i.text =
          fmt::format("add.noftz{}.{}{}", vector, unit.isF16() ? "f16" : "bf16",
                      units > 1 ? "x2" : "");
    } else {
      i.text = "add." + integer('u');
    }
    break;
  }
  case AtomicKind::max:
    i.text = "max." + integer('s');
    break;
  case AtomicKind::min:
    i.text = "min." + integer('s');
    break;
  case AtomicKind::umax:
    i.text = "max." + integer('u');
    break;
  case AtomicKind::umin:
    i.text = "min." + integer('u');
    break;
  case AtomicKind::exchange:
    i.text = "exch." + integer('b');
    break;
  case AtomicKind::compareExchange:
    i.text = "cas." + integer('b');
    break;
  }
  return i;
}

/// Units as registers of type `word`, and back.
Registers wordsOf(Emit &e, ValueRange units, Type word) {
  Registers words;
  if (units.size() == 1)
    return {e.bitcast(word, units[0])};
  for (Value each : e.pack(units))
    words.push_back(e.bitcast(word, each));
  return words;
}

struct AtomicLowering : OpConversionPattern<AtomicOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AtomicOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Memory memory = op.getView().getType().memory();
    const Target &target = *scheduleOf(op).target;
    const Type unit = memory.unit;
    const bool bf16 = unit.isBF16(), f32 = unit.isF32(),
               halves = bf16 || unit.isF16();
    if (bf16 && !target.hasBf16Red())
      return op.emitOpError("atomic adds of bf16 need sm_90 or later, got ")
             << target.name;
    const Layout layout = layoutOf(op.getType());
    ViewAccess access = viewAccess(e, op, adaptor, layout);
    // red takes vectors of floats since sm_90; atom takes pairs of halves.
    const bool used = !op.getResult().use_empty(),
               adds = op.getKind() == AtomicKind::add && (f32 || halves);
    unsigned maxBits = adds ? access.maxVectorBits() : 0;
    if (used || !target.hasVectorRed())
      maxBits = std::min(maxBits, halves ? 1u : 0u);
    Vectors vectors = vectorise(layout.bases(Place::Register), maxBits);
    const Instruction instruction = instructionOf(e, op, unit, vectors.size());
    const bool returns = used || op.getKind() == AtomicKind::exchange ||
                         op.getKind() == AtomicKind::compareExchange;

    ValueRange values = adaptor.getValue(), expected = adaptor.getExpected();
    Value first = isFirstCopy(e, layout);
    Registers results(values.size());
    llvm::DenseMap<uint32_t, uint32_t> firstRegister;
    for (uint32_t start : vectors.starts) {
      // Registers may hold copies as well.
      auto [known, isNew] = firstRegister.insert({layout.index(start), start});
      if (!isNew) {
        for (uint32_t u = 0; u < vectors.size(); ++u)
          results[vectors.reg(start, u)] =
              results[vectors.reg(known->second, u)];
        continue;
      }
      Registers operands, compared;
      for (uint32_t u = 0; u < vectors.size(); ++u) {
        operands.push_back(values[vectors.reg(start, u)]);
        if (!expected.empty())
          compared.push_back(expected[vectors.reg(start, u)]);
      }
      Registers words;
      if (!compared.empty())
        words = wordsOf(e, compared, instruction.word);
      llvm::append_range(words, wordsOf(e, operands, instruction.word));
      Value mask = both(e, access.mask(start), first);
      Value flag =
          mask ? Value(LLVM::ZExtOp::create(r, e.loc, e.i32, mask)) : e.c(1);
      Value old = execute(e, instruction, returns, flag, access.address(start),
                          words, !compared.empty());
      if (!used)
        continue;
      Registers before;
      if (vectors.size() == 1)
        before = {e.bitcast(unit, old)};
      else
        before = e.unpack(old, unit);
      for (uint32_t u = 0; u < vectors.size(); ++u)
        results[vectors.reg(start, u)] = before[u];
    }
    if (!used)
      for (auto [result, value] : llvm::zip(results, values))
        result = value; // anything: nobody reads it
    if (op.scratchBytes())
      handOut(e, op, layout, first, results);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{results});
    return success();
  }

  /// What was there, 0 where the flag is.
  static Value execute(Emit &e, const Instruction &instruction, bool returns,
                       Value flag, Value address, ValueRange words,
                       bool compares) {
    SmallVector<Value> operands{flag, address};
    llvm::append_range(operands, words);
    const unsigned from = returns ? 1 : 0;
    std::string list,
        constraints = returns ? "=&" + instruction.constraint + "," : "";
    constraints += "r,l";
    for (unsigned i = 0; i < words.size(); ++i) {
      list += fmt::format("{}${}", i ? ", " : "", from + i + 2);
      constraints += "," + instruction.constraint;
    }
    if (words.size() > 1 && !compares)
      list = "{" + list + "}";
    const unsigned bits = instruction.word.getIntOrFloatBitWidth();
    std::string text =
        returns ? fmt::format("{{ .reg .pred p; setp.ne.b32 p, $1, 0; "
                              "mov.b{} $0, 0; @p atom.relaxed.gpu.global.{} "
                              "$0, [$2], {}; }}",
                              bits, instruction.text, list)
                : fmt::format("{{ .reg .pred p; setp.ne.b32 p, $0, 0; @p "
                              "red.relaxed.gpu.global.{} [$1], {}; }}",
                              instruction.text, list);
    return e.assembly(text, constraints, returns ? instruction.word : Type(),
                      operands, true);
  }

  /// scratch[index of the element]: from the thread that executed to all.
  static void handOut(Emit &e, AtomicOp op, const Layout &layout, Value first,
                      Registers &results) {
    const Type unit = results[0].getType();
    const unsigned bytes = exchangedWordBytes(unit);
    const Type word = bytes == 8 ? e.i64 : e.i32;
    const Type bits = e.r.getIntegerType(unit.getIntOrFloatBitWidth());
    Value base = e.shared(scratchOffset(op));
    Value lane = e.linear(layout, LinearMap::identity(layout.indexBits()));
    auto place = [&](uint32_t reg) {
      return e.gep(base, e.mul(e.bxor(lane, e.c(layout.index(reg))), bytes));
    };
    Value flag = LLVM::ZExtOp::create(e.r, e.loc, e.i32, first);
    e.barrier(op); // earlier readers are done
    for (auto [reg, result] : llvm::enumerate(results)) {
      Value value = e.bitcast(bits, result);
      if (bits != word)
        value = LLVM::ZExtOp::create(e.r, e.loc, word, value);
      e.assembly(fmt::format("{{ .reg .pred p; setp.ne.b32 p, $0, 0; "
                             "@p st.shared.b{} [$1], $2; }}",
                             8 * bytes),
                 bytes == 8 ? "r,r,l,~{memory}" : "r,r,r,~{memory}", Type(),
                 {flag, e.sharedAddress(place(reg)), value}, true);
    }
    e.barrier(op);
    for (auto [reg, result] : llvm::enumerate(results)) {
      Value value = LLVM::LoadOp::create(e.r, e.loc, word, place(reg), bytes);
      if (bits != word)
        value = LLVM::TruncOp::create(e.r, e.loc, bits, value);
      result = e.bitcast(unit, value);
    }
  }
};

} // namespace

void lath::tile::addAtomicPatterns(const TypeConverter &types,
                                   RewritePatternSet &patterns) {
  patterns.add<AtomicLowering>(types, patterns.getContext());
}
