#include "compiler/lowering/Emit.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <fmt/format.h>

using namespace mlir;

namespace lath::tile {

unsigned registerCount(RankedTensorType type) {
  unsigned elements = layoutOf(type).size(Place::Register);
  return llvm::divideCeil(elements, 1u << packBitsOf(type.getElementType()));
}

Type registerType(Type element) {
  if (packBitsOf(element))
    return IntegerType::get(element.getContext(), 32);
  return element.isInteger(1) ? element : storedType(element);
}

Vectors vectorise(const Bases &offsets, unsigned maxBits) {
  Vectors vectors;
  while (vectors.bits < maxBits) {
    auto found = llvm::find(offsets, 1u << vectors.bits);
    if (found == offsets.end())
      break;
    vectors.within.push_back(found - offsets.begin());
    ++vectors.bits;
  }
  uint32_t inside = 0;
  for (unsigned bit : vectors.within)
    inside |= 1u << bit;
  for (uint32_t reg = 0; reg < 1u << offsets.size(); ++reg)
    if (!(reg & inside))
      vectors.starts.push_back(reg);
  return vectors;
}

Value Emit::c(int64_t value) {
  return LLVM::ConstantOp::create(r, loc, i32,
                                  r.getI32IntegerAttr((int32_t)value));
}
Value Emit::add(Value a, Value b) { return LLVM::AddOp::create(r, loc, a, b); }
Value Emit::add(Value a, int64_t b) { return b ? add(a, c(b)) : a; }
Value Emit::mul(Value a, int64_t b) {
  return b == 1 ? a : Value(LLVM::MulOp::create(r, loc, a, c(b)));
}
Value Emit::band(Value a, int64_t b) {
  return LLVM::AndOp::create(r, loc, a, c(b));
}
Value Emit::bor(Value a, Value b) { return LLVM::OrOp::create(r, loc, a, b); }
Value Emit::bxor(Value a, Value b) { return LLVM::XOrOp::create(r, loc, a, b); }
Value Emit::shl(Value a, int64_t by) {
  return by ? Value(LLVM::ShlOp::create(r, loc, a, c(by))) : a;
}
Value Emit::lshr(Value a, int64_t by) {
  return by ? Value(LLVM::LShrOp::create(r, loc, a, c(by))) : a;
}
Value Emit::zext64(Value a) { return LLVM::ZExtOp::create(r, loc, i64, a); }
Value Emit::sext64(Value a) { return LLVM::SExtOp::create(r, loc, i64, a); }
Value Emit::bitcast(Type type, Value a) {
  return a.getType() == type ? a
                             : Value(LLVM::BitcastOp::create(r, loc, type, a));
}
Value Emit::gep(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(r, loc, pointer.getType(), r.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}
Value Emit::gep(Value pointer, int64_t bytes) {
  if (!bytes)
    return pointer;
  if (bytes == (int32_t)bytes)
    return LLVM::GEPOp::create(r, loc, pointer.getType(), r.getI8Type(),
                               pointer, ArrayRef<LLVM::GEPArg>{(int32_t)bytes});
  return gep(pointer, Value(LLVM::ConstantOp::create(
                          r, loc, i64, r.getI64IntegerAttr(bytes))));
}
Value Emit::field(Value aggregate, int64_t index) {
  return LLVM::ExtractValueOp::create(r, loc, aggregate,
                                      ArrayRef<int64_t>{index});
}
Value Emit::element(Value vector, int64_t index) {
  return LLVM::ExtractElementOp::create(r, loc, vector, c(index));
}
Value Emit::sum(Value a, Value b) {
  if (a.getType().isInteger())
    return add(a, b);
  return LLVM::FAddOp::create(r, loc, a, b);
}
Value Emit::zero(Type type) {
  return LLVM::ConstantOp::create(r, loc, type, r.getZeroAttr(type));
}
Value Emit::vector(ValueRange elements) {
  Value result = LLVM::UndefOp::create(
      r, loc,
      VectorType::get({(int64_t)elements.size()}, elements[0].getType()));
  for (auto [i, value] : llvm::enumerate(elements))
    result = LLVM::InsertElementOp::create(r, loc, result, value, c(i));
  return result;
}

Value Emit::assembly(StringRef text, StringRef constraints, Type result,
                     ValueRange operands, bool volatileAsm) {
  auto op = LLVM::InlineAsmOp::create(
      r, loc, result ? TypeRange(result) : TypeRange(), operands, text,
      constraints, volatileAsm, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(r.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  return result ? op.getResult(0) : Value();
}

Value Emit::tid() {
  return NVVM::ThreadIdXOp::create(r, loc, i32, LLVM::ConstantRangeAttr());
}

void Emit::needPtx(Operation *op, unsigned version) {
  auto module = op->getParentOfType<ModuleOp>();
  auto known = module->getAttrOfType<IntegerAttr>(ptxVersionAttrName);
  if (!known || known.getInt() < version)
    r.modifyOpInPlace(module, [&] {
      module->setAttr(ptxVersionAttrName, r.getI32IntegerAttr(version));
    });
}

Value Emit::clusterRank() {
  return NVVM::BlockIdZOp::create(r, loc, i32, LLVM::ConstantRangeAttr());
}

std::string Emit::barrierText(Operation *op) {
  switch (roleOf(op)) {
  case Role::all:
    return "bar.sync 0;";
  case Role::producer: // one warp
    return "bar.warp.sync 0xffffffff;";
  case Role::consumers: // barrier 0 is of all threads
    return fmt::format("bar.sync 1, {};", 32 * scheduleOf(op).warps);
  }
  llvm_unreachable("all roles are listed");
}

void Emit::barrier(Operation *op) {
  if (roleOf(op) == Role::all)
    NVVM::Barrier0Op::create(r, loc);
  else
    assembly(barrierText(op), "~{memory}", Type(), {}, true);
}

Value Emit::shared(int64_t offset) {
  auto pointer = LLVM::LLVMPointerType::get(r.getContext(), 3);
  Value base = LLVM::AddressOfOp::create(r, loc, pointer, "lath_shared");
  return gep(base, offset);
}

Value Emit::sharedAddress(Value pointer) {
  return LLVM::PtrToIntOp::create(r, loc, i32, pointer);
}

void Emit::waitMbarrier(Value address, Value parity, bool ofCluster) {
  // try_wait suspends for a while of the system's choice, then asks again.
  assembly(
      fmt::format("{{ .reg .pred done; again: mbarrier.try_wait.parity"
                  "{}.shared::cta.b64 done, [$0], $1; @!done bra again; }}",
                  ofCluster ? ".acquire.cluster" : ""),
      "r,r,~{memory}", Type(), {address, parity}, true);
}

Value Emit::linear(const LinearMap &map, Value value) {
  // Runs of bits that move by one distance are one mask and one shift.
  Value result;
  const Bases &bases = map.bases();
  for (unsigned i = 0; i < bases.size();) {
    if (!bases[i]) {
      ++i;
      continue;
    }
    if (!llvm::isPowerOf2_32(bases[i])) {
      // A bit with several images: spread it by a multiplication with no
      // carries, since it is a single bit.
      Value bit = band(lshr(value, i), 1);
      Value part = mul(bit, bases[i]);
      result = result ? bxor(result, part) : part;
      ++i;
      continue;
    }
    unsigned run = 1;
    while (i + run < bases.size() && bases[i + run] == bases[i] << run)
      ++run;
    int to = llvm::Log2_32(bases[i]), shift = to - (int)i;
    Value part = band(value, ((1ull << run) - 1) << i);
    part = shift > 0 ? shl(part, shift) : lshr(part, -shift);
    result = result ? bxor(result, part) : part;
    i += run;
  }
  return result ? result : c(0);
}

Value Emit::linear(const Layout &layout, const LinearMap &after) {
  Value fromLane = linear(after.after(layout.map(Place::Lane)), lane());
  auto contributes = [&](Place place) {
    return llvm::any_of(layout.bases(place),
                        [&](uint32_t b) { return after(b) != 0; });
  };
  if (contributes(Place::Warp))
    fromLane =
        bxor(fromLane, linear(after.after(layout.map(Place::Warp)), warp()));
  if (contributes(Place::Block))
    fromLane = bxor(
        fromLane, linear(after.after(layout.map(Place::Block)), clusterRank()));
  return fromLane;
}

Registers Emit::loadWords(Value pointer, unsigned count, Value mask) {
  Registers words;
  if (!mask) {
    Type type = count == 1 ? i32 : Type(VectorType::get({count}, i32));
    Value loaded = LLVM::LoadOp::create(r, loc, type, pointer, 4 * count);
    for (unsigned i = 0; i < count; ++i)
      words.push_back(count == 1 ? loaded : element(loaded, i));
    return words;
  }
  std::string list, zero, constraints;
  for (unsigned i = 0; i < count; ++i) {
    list += fmt::format("{}${}", i ? ", " : "", i);
    zero += fmt::format("mov.b32 ${}, 0; ", i);
    constraints += "=&r,";
  }
  std::string suffix = count == 1 ? "" : fmt::format(".v{}", count);
  std::string target = count == 1 ? list : "{" + list + "}";
  std::string text = fmt::format("{{ .reg .pred p; setp.ne.b32 p, ${}, 0; {}@p "
                                 "ld.global{}.b32 {}, [${}]; }}",
                                 count, zero, suffix, target, count + 1);
  Type result = count == 1
                    ? i32
                    : Type(LLVM::LLVMStructType::getLiteral(
                          r.getContext(), SmallVector<Type>(count, i32)));
  Value flag = LLVM::ZExtOp::create(r, loc, i32, mask);
  Value loaded =
      assembly(text, constraints + "r,l", result, {flag, pointer}, true);
  for (unsigned i = 0; i < count; ++i)
    words.push_back(count == 1 ? loaded : field(loaded, i));
  return words;
}

Registers Emit::streamWords(Value pointer, ValueRange old, Value condition) {
  unsigned count = old.size();
  std::string list, outputs, tied;
  for (unsigned i = 0; i < count; ++i) {
    list += fmt::format("{}${}", i ? ", " : "", i);
    outputs += "=r,";
    tied += fmt::format(",{}", i);
  }
  std::string text =
      fmt::format("{{ .reg .pred p; setp.ne.b32 p, ${}, 0; @p "
                  "ld.global.L1::no_allocate{}.b32 {}, [${}]; }}",
                  count, count == 1 ? "" : fmt::format(".v{}", count),
                  count == 1 ? list : "{" + list + "}", count + 1);
  Type result = count == 1
                    ? i32
                    : Type(LLVM::LLVMStructType::getLiteral(
                          r.getContext(), SmallVector<Type>(count, i32)));
  SmallVector<Value> operands{LLVM::ZExtOp::create(r, loc, i32, condition),
                              pointer};
  llvm::append_range(operands, old);
  Value loaded = assembly(text, outputs + "r,l" + tied + ",~{memory}", result,
                          operands, true);
  Registers words;
  for (unsigned i = 0; i < count; ++i)
    words.push_back(count == 1 ? loaded : field(loaded, i));
  return words;
}

Value Emit::loadNarrow(Value pointer, unsigned bytes, Value mask) {
  Type type = r.getIntegerType(8 * bytes);
  if (!mask)
    return LLVM::LoadOp::create(r, loc, type, pointer, bytes);
  Value flag = LLVM::ZExtOp::create(r, loc, i32, mask);
  Value loaded =
      assembly(fmt::format("{{ .reg .pred p; setp.ne.b32 p, $1, 0; mov.b16 $0, "
                           "0; @p ld.global.b{} $0, [$2]; }}",
                           8 * bytes),
               "=&h,r,l", r.getI16Type(), {flag, pointer}, true);
  return bytes == 2 ? loaded
                    : Value(LLVM::TruncOp::create(r, loc, type, loaded));
}

void Emit::storeWords(Value pointer, ValueRange words, Value mask) {
  unsigned count = words.size();
  if (!mask) {
    LLVM::StoreOp::create(r, loc, count == 1 ? words[0] : vector(words),
                          pointer, 4 * count);
    return;
  }
  std::string list, constraints = "r,l";
  for (unsigned i = 0; i < count; ++i) {
    list += fmt::format("{}${}", i ? ", " : "", i + 2);
    constraints += ",r";
  }
  SmallVector<Value> operands{LLVM::ZExtOp::create(r, loc, i32, mask), pointer};
  llvm::append_range(operands, words);
  assembly(
      fmt::format("{{ .reg .pred p; setp.ne.b32 p, $0, 0; @p st.global{}.b32 "
                  "[$1], {}; }}",
                  count == 1 ? "" : fmt::format(".v{}", count),
                  count == 1 ? list : "{" + list + "}"),
      constraints, Type(), operands, true);
}

void Emit::storeNarrow(Value pointer, Value bits, Value mask) {
  const unsigned width = bits.getType().getIntOrFloatBitWidth();
  if (!mask) {
    LLVM::StoreOp::create(r, loc, bits, pointer, width / 8);
    return;
  }
  Value flag = LLVM::ZExtOp::create(r, loc, i32, mask);
  if (width == 8)
    bits = LLVM::ZExtOp::create(r, loc, r.getI16Type(), bits);
  assembly(
      fmt::format("{{ .reg .pred p; setp.ne.b32 p, $0, 0; @p st.global.b{} "
                  "[$1], $2; }}",
                  width),
      "r,l,h", Type(), {flag, pointer, bits}, true);
}

Registers Emit::loadUnits(Value pointer, unsigned count, Type unit,
                          Value mask) {
  const unsigned bytes = count * unit.getIntOrFloatBitWidth() / 8;
  if (bytes < 4)
    return unpack(loadNarrow(pointer, bytes, mask), unit);
  return unpack(loadWords(pointer, bytes / 4, mask), unit);
}

void Emit::storeUnits(Value pointer, ValueRange units, Value mask) {
  Registers words = pack(units);
  if (words[0].getType() == i32)
    storeWords(pointer, words, mask);
  else
    storeNarrow(pointer, words[0], mask);
}

Registers Emit::unpack(ValueRange words, Type unit) {
  Registers units;
  const unsigned width = unit.getIntOrFloatBitWidth();
  for (unsigned i = 0; width == 64 && i < words.size(); i += 2)
    units.push_back(bitcast(unit, vector({words[i], words[i + 1]})));
  for (Value word : width == 64 ? ValueRange() : words) {
    const unsigned whole = word.getType().getIntOrFloatBitWidth();
    if (whole == width) {
      units.push_back(bitcast(unit, word));
    } else if (whole == 16) { // two bytes
      for (unsigned by : {0, 8}) {
        Value part =
            by ? Value(LLVM::LShrOp::create(
                     r, loc, word,
                     LLVM::ConstantOp::create(r, loc, r.getI16IntegerAttr(by))))
               : word;
        units.push_back(LLVM::TruncOp::create(r, loc, unit, part));
      }
    } else {
      const unsigned count = whole / width;
      Value all = bitcast(VectorType::get({count}, unit), word);
      for (unsigned i = 0; i < count; ++i)
        units.push_back(element(all, i));
    }
  }
  return units;
}

Registers Emit::pack(ValueRange units) {
  Registers words;
  const unsigned width = units[0].getType().getIntOrFloatBitWidth();
  if (width == 32) {
    for (Value unit : units)
      words.push_back(bitcast(i32, unit));
  } else if (width == 64) {
    Type pair = VectorType::get({2}, i32);
    for (Value unit : units) {
      Value both = bitcast(pair, unit);
      words.push_back(element(both, 0));
      words.push_back(element(both, 1));
    }
  } else if (units.size() == 1) {
    words.push_back(bitcast(r.getIntegerType(width), units[0]));
  } else if (width * units.size() == 16) { // two bytes
    Type i16 = r.getI16Type();
    Value low = LLVM::ZExtOp::create(r, loc, i16, units[0]);
    Value high = LLVM::ZExtOp::create(r, loc, i16, units[1]);
    Value eight = LLVM::ConstantOp::create(r, loc, r.getI16IntegerAttr(8));
    words.push_back(bor(low, LLVM::ShlOp::create(r, loc, high, eight)));
  } else {
    const unsigned count = 32 / width;
    for (unsigned i = 0; i < units.size(); i += count)
      words.push_back(bitcast(i32, vector(units.slice(i, count))));
  }
  return words;
}

} // namespace lath::tile
