#include "compiler/dsl/ProgramImpl.h"
#include "compiler/Context.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;

namespace lath {

std::string print(const Shape &shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string describe(const Tile &tile) {
  return fmt::format("{} {}", name(tile.dtype()), print(tile.shape()));
}

ProgramImpl::ProgramImpl(Program &owner, std::string programName)
    : owner(owner), name(std::move(programName)), context(newContext()),
      builder(context.get()) {
  module = ModuleOp::create(builder, loc());
  builder.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(builder, loc(), name,
                                  builder.getFunctionType({}, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  func::ReturnOp::create(builder, loc());
  builder.setInsertionPoint(entry->getTerminator());
}

void ProgramImpl::fail(const std::string &message) {
  throw Error(ErrorKind::invalidProgram, message);
}

void ProgramImpl::setWords(Operation *op, const std::vector<SaidWord> &words) {
  if (!words.empty())
    op->setAttr(tile::scheduleAttrName,
                tile::ScheduleAttr::get(op->getContext(), words));
}

Type ProgramImpl::type(Dtype dtype) {
  switch (dtype) {
  case Dtype::u4:
    return builder.getIntegerType(4);
  case Dtype::s8:
    return builder.getIntegerType(8);
  case Dtype::i32:
    return builder.getI32Type();
  case Dtype::f16:
    return builder.getF16Type();
  case Dtype::bf16:
    return builder.getBF16Type();
  case Dtype::f32:
    return builder.getF32Type();
  }
  llvm_unreachable("all types are listed");
}

static Dtype dtypeOf(Type type) {
  if (type.isInteger(4))
    return Dtype::u4;
  if (type.isInteger(8))
    return Dtype::s8;
  if (type.isInteger(32))
    return Dtype::i32;
  if (type.isF16())
    return Dtype::f16;
  if (type.isBF16())
    return Dtype::bf16;
  if (type.isF32())
    return Dtype::f32;
  std::string text;
  llvm::raw_string_ostream(text) << type;
  throw Error(
      ErrorKind::internal,
      fmt::format("expected elements u4, s8, i32, f16, bf16 or f32, got {}",
                  text));
}

RankedTensorType ProgramImpl::tensor(const Shape &shape, Dtype dtype) {
  std::int64_t elements = 1;
  for (std::int64_t extent : shape)
    if (extent > maxTileElements || (elements *= extent) > maxTileElements)
      fail(fmt::format("a tile holds at most {} elements, got {}",
                       maxTileElements, print(shape)));
  return RankedTensorType::get(shape, type(dtype));
}

Value ProgramImpl::addArgument(Type type, const std::string &argumentName,
                               KernelParam::Kind kind, Dtype dtype) {
  checkOpen(kind == KernelParam::Kind::view ? "view" : "scalar");
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (function.getArgAttrOfType<StringAttr>(i, tile::paramNameAttr) ==
        argumentName)
      fail(fmt::format("{}: there is a parameter '{}' already", name,
                       argumentName));
  unsigned index = function.getNumArguments();
  DictionaryAttr attributes = builder.getDictionaryAttr(
      {builder.getNamedAttr(tile::paramNameAttr,
                            builder.getStringAttr(argumentName)),
       builder.getNamedAttr(tile::paramKindAttr,
                            builder.getI32IntegerAttr(static_cast<int>(kind))),
       builder.getNamedAttr(tile::paramTypeAttr,
                            builder.getStringAttr(lath::name(dtype)))});
  if (failed(function.insertArgument(index, type, attributes, loc())))
    throw Error(ErrorKind::internal, "cannot add a kernel argument");
  return function.getArgument(index);
}

void ProgramImpl::checkOpen(const char *what) {
  if (compiled)
    fail(fmt::format("{}: program '{}' has been compiled and takes no more "
                     "operations",
                     what, name));
}

void ProgramImpl::checkUse(const Program *program, Value value,
                           const char *what) {
  if (!program || !value)
    fail(fmt::format("{}: a value of no program (default constructed)", what));
  if (program != &owner)
    fail(fmt::format("{}: a value of program '{}' is used in program '{}'",
                     what, program->name(), name));
  checkOpen(what);
  Region *home = value.getParentRegion();
  if (!home->isAncestor(builder.getInsertionBlock()->getParent()))
    fail(fmt::format("{}: a value made inside a loop is used outside of it; "
                     "carry it through the loop",
                     what));
}

Value ProgramImpl::get(const Tile &tile, const char *what) {
  Value value = Value::getFromOpaquePointer(tile.value_);
  checkUse(tile.program_, value, what);
  return value;
}
Value ProgramImpl::get(const Index &index, const char *what) {
  Value value = Value::getFromOpaquePointer(index.value_);
  checkUse(index.program_, value, what);
  return value;
}
TypedValue<tile::ViewType> ProgramImpl::get(const View &view,
                                            const char *what) {
  Value value = Value::getFromOpaquePointer(view.value_);
  checkUse(view.program_, value, what);
  return cast<TypedValue<tile::ViewType>>(value);
}

Tile ProgramImpl::wrap(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Tile tile;
  tile.program_ = &owner;
  tile.value_ = value.getAsOpaquePointer();
  tile.shape_ = Shape(type.getShape().begin(), type.getShape().end());
  tile.dtype_ = dtypeOf(type.getElementType());
  return tile;
}
Index ProgramImpl::wrapIndex(Value value) {
  Index index;
  index.program_ = &owner;
  index.value_ = value.getAsOpaquePointer();
  return index;
}
View ProgramImpl::wrapView(Value value, Dtype dtype, std::size_t rank) {
  View view;
  view.program_ = &owner;
  view.value_ = value.getAsOpaquePointer();
  view.dtype_ = dtype;
  view.rank_ = rank;
  return view;
}

static ProgramImpl &implOf(Program *program, const char *what) {
  if (!program)
    ProgramImpl::fail(
        fmt::format("{}: a value of no program (default constructed)", what));
  return program->impl();
}
ProgramImpl &ProgramImpl::of(const Tile &tile, const char *what) {
  return implOf(tile.program_, what);
}
ProgramImpl &ProgramImpl::of(const View &view, const char *what) {
  return implOf(view.program_, what);
}
ProgramImpl &ProgramImpl::of(const Index &index, const char *what) {
  return implOf(index.program_, what);
}

} // namespace lath
