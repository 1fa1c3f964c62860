// Programs and their parameters.
#include "compiler/base/Ascii.h"
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace lath {

Program::Program(std::string name, Source where)
    : impl_(std::make_unique<ProgramImpl>(*this, std::move(name))) {
  const std::string &n = impl_->name;
  if (n.empty() || !(isLetter(n[0]) || n[0] == '_') ||
      !llvm::all_of(
          n, [](char c) { return isLetter(c) || isDigit(c) || c == '_'; }))
    Call::failAt(
        fmt::format("a program's name must be an identifier, got '{}'", n),
        where);
  if (n == "lath_shared")
    Call::failAt("a program cannot be called lath_shared: the block's shared "
                 "memory is",
                 where);
}
Program::~Program() = default;

const std::string &Program::name() const { return impl_->name; }

std::string Program::print() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  impl_->module->print(os);
  return text;
}

static Value addArgument(const Call &call, Type type, const std::string &name,
                         KernelParam::Kind kind, Dtype dtype) {
  func::FuncOp function = call.p().function;
  OpBuilder &b = call.builder();
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (function.getArgAttrOfType<StringAttr>(i, tile::paramNameAttr) == name)
      call.failPlain(fmt::format("{}: there is a parameter '{}' already",
                                 call.p().name, name));
  unsigned index = function.getNumArguments();
  DictionaryAttr attributes = b.getDictionaryAttr(
      {b.getNamedAttr(tile::paramNameAttr, b.getStringAttr(name)),
       b.getNamedAttr(tile::paramKindAttr,
                      b.getI32IntegerAttr(static_cast<int>(kind))),
       b.getNamedAttr(tile::paramTypeAttr,
                      b.getStringAttr(lath::name(dtype)))});
  if (failed(function.insertArgument(index, type, attributes, call.loc())))
    throw Error(ErrorKind::internal, "cannot add a kernel argument");
  return function.getArgument(index);
}

Index Program::scalar(const std::string &name, std::int64_t multipleOf,
                      Source where) {
  Call call(this, "scalar", where);
  if (multipleOf < 1 || multipleOf > 1 << 30 ||
      !llvm::isPowerOf2_64(multipleOf))
    call.fail("expected multiples of a power of two up to 2^30, got {}",
              multipleOf);
  Value argument = addArgument(call, call.builder().getI32Type(), name,
                               KernelParam::Kind::scalar, Dtype::i32);
  if (multipleOf > 1)
    impl_->function.setArgAttr(cast<BlockArgument>(argument).getArgNumber(),
                               tile::multipleOfAttrName,
                               call.builder().getI64IntegerAttr(multipleOf));
  return impl_->wrapIndex(argument, where);
}

Tile Program::scalar(const std::string &name, Dtype dtype, Source where) {
  Call call(this, "scalar", where);
  if (dtype != Dtype::f32 && dtype != Dtype::i32 && dtype != Dtype::u32 &&
      dtype != Dtype::i64)
    call.fail("expected f32, i32, u32 or i64, got {}", lath::name(dtype));
  Value argument = addArgument(call, impl_->type(dtype), name,
                               KernelParam::Kind::scalar, dtype);
  return call.wrap(
      call.create<tile::SplatOp>(call.tensor({1}, dtype), argument), dtype);
}

/// Extents or strides of a view: numbers, and in their order what arguments
/// say.
struct Numbers {
  SmallVector<int64_t> known;
  SmallVector<Value> values;

  Numbers(const Call &call, const std::vector<Extent> &numbers,
          std::string_view what, std::int64_t least) {
    for (const Extent &number : numbers) {
      if (auto *index = std::get_if<Index>(&number)) {
        values.push_back(call.get(*index));
        known.push_back(ShapedType::kDynamic);
        continue;
      }
      const std::int64_t value = std::get<std::int64_t>(number);
      if (value < least)
        call.fail("expected {} {}, got {}", least ? "positive" : "no negative",
                  what, value);
      if (value > INT32_MAX)
        call.fail("expected 32-bit {}, got {}", what, value);
      known.push_back(value);
    }
  }
};

static void checkView(const Call &call, Dtype dtype,
                      const std::vector<Extent> &extents) {
  if (extents.empty())
    call.fail("expected at least one extent");
  if (dtype == Dtype::b1)
    call.fail("conditions, b1, are a type of tiles; memory has bytes, u8");
}

View Program::view(const std::string &name, Dtype dtype,
                   const std::vector<Extent> &extents, int packedDim,
                   Source where) {
  const std::string title = fmt::format("view '{}'", name);
  Call call(this, title, where);
  checkView(call, dtype, extents);
  if (sharesWords(dtype) != (packedDim >= 0))
    call.fail("views of u4 and s8, and only they, name a packed dimension; got "
              "{} and {}",
              lath::name(dtype), packedDim);
  if (packedDim >= (int)extents.size())
    call.fail("expected a packed dimension below {}, got {}", extents.size(),
              packedDim);
  const Numbers numbers(call, extents, "extents", 1);
  if (packedDim >= 0) {
    const unsigned perWord = 32 / bitWidth(dtype);
    if (ShapedType::isDynamic(numbers.known[packedDim]))
      call.fail("extent {} is an argument, and packed; packed extents are "
                "numbers",
                packedDim);
    if (numbers.known[packedDim] % perWord)
      call.fail("packed extent {} is not a multiple of {}",
                numbers.known[packedDim], perWord);
  }
  auto pointer = LLVM::LLVMPointerType::get(impl_->context.get(), 1);
  Value argument =
      addArgument(call, pointer, name, KernelParam::Kind::view, dtype);
  auto type =
      tile::ViewType::get(impl_->context.get(), numbers.known,
                          impl_->type(dtype), packedDim, tile::LayoutAttr());
  return impl_->wrapView(
      call.create<tile::ViewOp>(type, argument, numbers.values, ValueRange()),
      dtype, extents.size());
}

View Program::view(const std::string &name, Dtype dtype,
                   const std::vector<Extent> &extents,
                   const std::vector<Extent> &strides, Source where) {
  const std::string title = fmt::format("view '{}'", name);
  Call call(this, title, where);
  checkView(call, dtype, extents);
  if (sharesWords(dtype))
    call.fail("views of {} are dense and have no strides", lath::name(dtype));
  if (strides.size() != extents.size())
    call.fail("expected {} strides, one a dimension, got {}", extents.size(),
              strides.size());
  const Numbers shape(call, extents, "extents", 1);
  const Numbers steps(call, strides, "strides", 0);
  auto pointer = LLVM::LLVMPointerType::get(impl_->context.get(), 1);
  Value argument =
      addArgument(call, pointer, name, KernelParam::Kind::view, dtype);
  auto type =
      tile::ViewType::get(impl_->context.get(), shape.known, impl_->type(dtype),
                          /*packed=*/-1, tile::LayoutAttr(), steps.known);
  return impl_->wrapView(
      call.create<tile::ViewOp>(type, argument, shape.values, steps.values),
      dtype, extents.size());
}

View Program::view(const std::string &name, std::int64_t k, std::int64_t n,
                   const Layout &atom, Source where) {
  const std::string title = fmt::format("view '{}'", name);
  Call call(this, title, where);
  if (atom.rank() != 2 || atom.bits(Place::Offset) != atom.indexBits() ||
      atom.elements() < 32 / bitWidth(Dtype::u4) || !atom.surjective())
    call.fail("expected an atom of rank 2 with an offset for every element, "
              "got {}",
              atom.print());
  for (auto [extent, step] :
       {std::pair{k, atom.shape()[0]}, std::pair{n, atom.shape()[1]}})
    if (extent < 1 || extent > INT32_MAX || extent % step)
      call.fail("expected 32-bit extents that are multiples of the atom's {} x "
                "{}, got {} x {}",
                atom.shape()[0], atom.shape()[1], k, n);
  MLIRContext *context = impl_->context.get();
  auto pointer = LLVM::LLVMPointerType::get(context, 1);
  Value argument =
      addArgument(call, pointer, name, KernelParam::Kind::view, Dtype::u4);
  auto type =
      tile::ViewType::get(context, {k, n}, impl_->type(Dtype::u4),
                          /*packed=*/-1, tile::LayoutAttr::get(context, atom));
  return impl_->wrapView(
      call.create<tile::ViewOp>(type, argument, ValueRange(), ValueRange()),
      Dtype::u4, 2);
}

static View markConstant(ProgramImpl &p, View view) {
  p.function.setArgAttr(p.function.getNumArguments() - 1,
                        tile::constantAttrName, p.builder.getUnitAttr());
  return view;
}

View Program::constantView(const std::string &name, Dtype dtype,
                           const std::vector<Extent> &extents, int packedDim,
                           Source where) {
  return markConstant(*impl_, view(name, dtype, extents, packedDim, where));
}

View Program::constantView(const std::string &name, std::int64_t k,
                           std::int64_t n, const Layout &atom, Source where) {
  return markConstant(*impl_, view(name, k, n, atom, where));
}

template <typename Op>
static Index onAxis(Program &program, int axis, std::string_view name,
                    Source where) {
  Call call(&program, name, where);
  if (axis < 0 || axis > 2)
    call.fail("expected an axis from 0 to 2, got {}", axis);
  return call.p().wrapIndex(call.create<Op>(call.builder().getI32Type(), axis),
                            where);
}
Index Program::programId(int axis, Source where) {
  return onAxis<tile::ProgramIdOp>(*this, axis, "programId", where);
}
Index Program::numPrograms(int axis, Source where) {
  return onAxis<tile::NumProgramsOp>(*this, axis, "numPrograms", where);
}

Index Program::constant(std::int64_t value, Source where) {
  Call call(this, "constant", where);
  return impl_->wrapIndex(call.constant(value), where);
}

Range Program::range(IndexOperand index, std::int64_t extent, Source where) {
  Call call(this, "range", where);
  call.checkExtent(extent);
  if (auto *number = std::get_if<std::int64_t>(&index.value))
    return {constant(*number * extent, where), extent};
  return {std::get<Index>(index.value) * IndexOperand(extent, where), extent};
}

Tile Program::splat(double value, Dtype dtype, const Shape &shape,
                    Source where) {
  return Call(this, "splat", where).splat(value, dtype, shape);
}
Tile Program::zeros(const Shape &shape, Dtype dtype, Source where) {
  return Call(this, "zeros", where).splat(0, dtype, shape);
}

} // namespace lath
