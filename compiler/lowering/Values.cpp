// extract, print and assert.
//
// Text leaves the device by vprintf, which takes a format and the address of
// its arguments: 32-bit integers, and doubles, each aligned to its size. One
// buffer of the thread serves all calls.
#include "compiler/lowering/Patterns.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

struct ExtractLowering : OpConversionPattern<ExtractOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(ExtractOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    r.replaceOp(op, adaptor.getSource()[0]);
    return success();
  }
};

/// Calls of vprintf.
class Printer {
public:
  Printer(Emit &e, Operation *op)
      : e(e), function(op->getParentOfType<func::FuncOp>()),
        module(op->getParentOfType<ModuleOp>()),
        generic(LLVM::LLVMPointerType::get(op->getContext())) {
    OpBuilder::InsertionGuard guard(e.r);
    e.r.setInsertionPointToStart(module.getBody());
    if (!module.lookupSymbol("vprintf"))
      LLVM::LLVMFuncOp::create(
          e.r, e.loc, "vprintf",
          LLVM::LLVMFunctionType::get(e.i32, {generic, generic}));
  }

  /// `format` begins behind the name and position of the block.
  void print(const std::string &format, ValueRange values) {
    SmallVector<Value> all{
        NVVM::BlockIdXOp::create(e.r, e.loc, e.i32, LLVM::ConstantRangeAttr()),
        NVVM::BlockIdYOp::create(e.r, e.loc, e.i32, LLVM::ConstantRangeAttr()),
        NVVM::BlockIdZOp::create(e.r, e.loc, e.i32, LLVM::ConstantRangeAttr())};
    llvm::append_range(all, values);
    Value arguments = stored(all);
    Value text = constant(
        fmt::format("{}(%d, %d, %d){}\n", function.getName().str(), format));
    LLVM::CallOp::create(e.r, e.loc, TypeRange(e.i32), "vprintf",
                         ValueRange{text, arguments});
  }

  /// Text in which vprintf sees no conversions.
  static std::string plain(StringRef text) {
    std::string result;
    for (char c : text)
      result += c == '%' ? "%%" : std::string(1, c);
    return result;
  }

private:
  Emit &e;
  func::FuncOp function;
  ModuleOp module;
  LLVM::LLVMPointerType generic;

  Value stored(ValueRange values) {
    int64_t bytes = 0;
    SmallVector<int64_t> offsets;
    for (Value value : values) {
      const int64_t size = value.getType().getIntOrFloatBitWidth() / 8;
      offsets.push_back(bytes = llvm::alignTo(bytes, size));
      bytes += size;
    }
    Value buffer;
    {
      OpBuilder::InsertionGuard guard(e.r);
      e.r.setInsertionPointToStart(&function.front());
      Value one = e.c(1);
      buffer = LLVM::AllocaOp::create(
          e.r, e.loc, generic,
          LLVM::LLVMArrayType::get(e.r.getI8Type(), llvm::alignTo(bytes, 8)),
          one, /*alignment=*/8);
    }
    for (auto [value, offset] : llvm::zip(values, offsets))
      LLVM::StoreOp::create(e.r, e.loc, value, e.gep(buffer, offset));
    return buffer;
  }

  Value constant(std::string text) {
    text.push_back('\0');
    std::string name;
    for (unsigned i = 0;; ++i) {
      name = fmt::format("lath_text_{}", i);
      auto found = module.lookupSymbol<LLVM::GlobalOp>(name);
      if (found && cast<StringAttr>(found.getValueOrNull()).getValue() == text)
        break;
      if (found)
        continue;
      OpBuilder::InsertionGuard guard(e.r);
      e.r.setInsertionPointToStart(module.getBody());
      LLVM::GlobalOp::create(
          e.r, e.loc, LLVM::LLVMArrayType::get(e.r.getI8Type(), text.size()),
          /*isConstant=*/true, LLVM::Linkage::Internal, name,
          e.r.getStringAttr(text), /*alignment=*/1, /*addrSpace=*/1);
      break;
    }
    Value global = LLVM::AddressOfOp::create(
        e.r, e.loc, LLVM::LLVMPointerType::get(e.r.getContext(), 1), name);
    return LLVM::AddrSpaceCastOp::create(e.r, e.loc, generic, global);
  }
};

/// Runs `body` where the condition holds (null: always).
template <typename F> void inBranch(Emit &e, Value condition, F &&body) {
  if (!condition)
    return body();
  auto branch =
      scf::IfOp::create(e.r, e.loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(e.r);
  e.r.setInsertionPointToStart(branch.thenBlock());
  body();
}

struct PrintLowering : OpConversionPattern<PrintOp> {
  using OpConversionPattern::OpConversionPattern;

  /// As vprintf takes it, and the conversion.
  static std::pair<Value, StringRef> argument(Emit &e, Value value,
                                              bool isUnsigned) {
    Type type = value.getType();
    if (isa<FloatType>(type)) {
      if (!type.isF32())
        value = LLVM::FPExtOp::create(e.r, e.loc, e.f32, value);
      return {LLVM::FPExtOp::create(e.r, e.loc, e.r.getF64Type(), value), "%g"};
    }
    const unsigned width = type.getIntOrFloatBitWidth();
    if (width == 64)
      return {value, isUnsigned ? "%llu" : "%lld"};
    if (width < 32)
      value = isUnsigned
                  ? Value(LLVM::ZExtOp::create(e.r, e.loc, e.i32, value))
                  : Value(LLVM::SExtOp::create(e.r, e.loc, e.i32, value));
    return {value, isUnsigned ? "%u" : "%d"};
  }

  LogicalResult matchAndRewrite(PrintOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    auto type = cast<RankedTensorType>(op.getValue().getType());
    Layout layout = layoutOf(type);
    // Each element by one of the registers that hold it.
    llvm::SmallVector<uint32_t> once;
    llvm::DenseSet<uint32_t> seen;
    for (uint32_t reg = 0; reg < layout.size(Place::Register); ++reg)
      if (seen.insert(layout.index(reg)).second)
        once.push_back(reg);
    inBranch(e, isFirstCopy(e, layout), [&] {
      Value lane = e.linear(layout, LinearMap::identity(layout.indexBits()));
      for (uint32_t reg : once) {
        Value index = e.bxor(lane, e.c(layout.index(reg)));
        SmallVector<Value> values;
        std::string at;
        for (unsigned d = 0; d < layout.shape().size(); ++d) {
          values.push_back(
              e.band(e.lshr(index, layout.dimShift(d)), layout.shape()[d] - 1));
          at += d ? ", %d" : "%d";
        }
        auto [value, conversion] =
            argument(e, adaptor.getValue()[reg], op.getIsUnsigned());
        values.push_back(value);
        Printer(e, op).print(fmt::format(" {} [{}]: {}",
                                         Printer::plain(op.getText()), at,
                                         conversion.str()),
                             values);
      }
    });
    r.eraseOp(op);
    return success();
  }
};

struct AssertLowering : OpConversionPattern<AssertOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AssertOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    Value holds;
    for (Value value : adaptor.getCondition())
      holds = both(e, holds, value);
    Value fails = LLVM::XOrOp::create(
        r, e.loc, holds,
        LLVM::ConstantOp::create(r, e.loc, r.getBoolAttr(true)));
    Layout layout = layoutOf(op.getCondition().getType());
    inBranch(e, both(e, fails, isFirstCopy(e, layout)), [&] {
      Printer(e, op).print(
          ": assertion failed: " + Printer::plain(op.getText()), {});
      e.assembly("trap;", "~{memory}", Type(), {}, true);
    });
    r.eraseOp(op);
    return success();
  }
};

} // namespace

void lath::tile::addValuePatterns(const TypeConverter &types,
                                  RewritePatternSet &patterns) {
  patterns.add<ExtractLowering, PrintLowering, AssertLowering>(
      types, patterns.getContext());
}
