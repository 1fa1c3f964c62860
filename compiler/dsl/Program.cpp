// Programs, parameters, indices, views and loops. Tile arithmetic is in
// Tiles.cpp.
#include "compiler/base/Ascii.h"
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <bit>
#include <fmt/format.h>

using namespace mlir;

namespace lath {

template <typename Op> static Index binary(Index a, Index b, const char *what) {
  ProgramImpl &p = ProgramImpl::of(a, what);
  Value lhs = p.get(a, what), rhs = p.get(b, what);
  return p.wrapIndex(Op::create(p.builder, p.loc(), lhs, rhs));
}

Index Index::operator+(Index other) const {
  return binary<arith::AddIOp>(*this, other, "Index +");
}
Index Index::operator-(Index other) const {
  return binary<arith::SubIOp>(*this, other, "Index -");
}
Index Index::operator*(Index other) const {
  return binary<arith::MulIOp>(*this, other, "Index *");
}
Index Index::operator/(Index other) const {
  return binary<arith::DivUIOp>(*this, other, "Index /");
}
static Index constantLike(Program *program, std::int64_t value,
                          const char *what) {
  if (!program)
    ProgramImpl::fail(fmt::format("{}: an index of no program", what));
  return program->constant(value);
}
Index Index::operator+(std::int64_t other) const {
  return *this + constantLike(program_, other, "Index +");
}
Index Index::operator-(std::int64_t other) const {
  return *this - constantLike(program_, other, "Index -");
}
Index Index::operator*(std::int64_t other) const {
  return *this * constantLike(program_, other, "Index *");
}
Index Index::operator/(std::int64_t other) const {
  if (other < 1)
    ProgramImpl::fail(
        fmt::format("Index /: expected a positive divisor, got {}", other));
  return *this / constantLike(program_, other, "Index /");
}

static void checkExtent(const char *what, std::int64_t extent) {
  if (extent < 1 || !std::has_single_bit((std::uint64_t)extent))
    ProgramImpl::fail(fmt::format(
        "{}: expected a power of two, got {}; the "
        "nearest is {}",
        what, extent, extent < 1 ? 1 : std::bit_ceil((std::uint64_t)extent)));
}

Range Range::operator/(std::int64_t divisor) const {
  if (divisor < 1)
    ProgramImpl::fail(
        fmt::format("Range /: expected a positive divisor, got {}", divisor));
  checkExtent("Range /", extent);
  if (divisor % extent && extent % divisor)
    ProgramImpl::fail(fmt::format("Range /: {} coordinates and groups of {} "
                                  "straddle each other; one must "
                                  "divide the other",
                                  extent, divisor));
  return {start / divisor, extent >= divisor ? extent / divisor : 1};
}

Program::Program(std::string name)
    : impl_(std::make_unique<ProgramImpl>(*this, std::move(name))) {
  const std::string &n = impl_->name;
  if (n.empty() || !(isLetter(n[0]) || n[0] == '_') ||
      !llvm::all_of(
          n, [](char c) { return isLetter(c) || isDigit(c) || c == '_'; }))
    ProgramImpl::fail(
        fmt::format("a program's name must be an identifier, got '{}'", n));
  if (n == "lath_shared")
    ProgramImpl::fail(
        "a program cannot be called lath_shared: the block's shared "
        "memory is");
}
Program::~Program() = default;

const std::string &Program::name() const { return impl_->name; }

std::string Program::print() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  impl_->module->print(os);
  return text;
}

Index Program::scalar(const std::string &name) {
  return impl_->wrapIndex(impl_->addArgument(impl_->builder.getI32Type(), name,
                                             KernelParam::Kind::scalar,
                                             Dtype::i32));
}

View Program::view(const std::string &name, Dtype dtype,
                   const std::vector<Extent> &extents, int packedDim) {
  if (extents.empty())
    ProgramImpl::fail(
        fmt::format("view '{}': expected at least one extent", name));
  if (sharesWords(dtype) != (packedDim >= 0))
    ProgramImpl::fail(fmt::format(
        "view '{}': views of u4 and s8, and only they, name a packed "
        "dimension; got {} and {}",
        name, lath::name(dtype), packedDim));
  const unsigned perWord = 32 / bitWidth(dtype);
  if (packedDim >= (int)extents.size())
    ProgramImpl::fail(
        fmt::format("view '{}': expected a packed dimension below "
                    "{}, got {}",
                    name, extents.size(), packedDim));
  SmallVector<int64_t> shape;
  Value dynamic;
  for (std::size_t d = 0; d < extents.size(); ++d) {
    if (auto *index = std::get_if<Index>(&extents[d])) {
      if (d != 0 || packedDim == 0)
        ProgramImpl::fail(fmt::format("view '{}': extent {} is an argument; "
                                      "only an unpacked first extent "
                                      "may be",
                                      name, d));
      dynamic = impl_->get(*index, "view");
      shape.push_back(ShapedType::kDynamic);
      continue;
    }
    std::int64_t extent = std::get<std::int64_t>(extents[d]);
    if (extent < 1)
      ProgramImpl::fail(fmt::format(
          "view '{}': expected positive extents, got {}", name, extent));
    if (extent > INT32_MAX)
      ProgramImpl::fail(fmt::format(
          "view '{}': expected 32-bit extents, got {}", name, extent));
    if ((int)d == packedDim && extent % perWord)
      ProgramImpl::fail(fmt::format("view '{}': packed extent {} is not a "
                                    "multiple of {}",
                                    name, extent, perWord));
    shape.push_back(extent);
  }
  auto pointer = LLVM::LLVMPointerType::get(impl_->context.get(), 1);
  Value argument =
      impl_->addArgument(pointer, name, KernelParam::Kind::view, dtype);
  auto type =
      tile::ViewType::get(impl_->context.get(), shape, impl_->type(dtype),
                          packedDim, /*atom=*/tile::LayoutAttr());
  return impl_->wrapView(tile::ViewOp::create(impl_->builder, impl_->loc(),
                                              type, argument, dynamic),
                         dtype, extents.size());
}

View Program::view(const std::string &name, std::int64_t k, std::int64_t n,
                   const Layout &atom) {
  if (atom.rank() != 2 || atom.bits(Place::Offset) != atom.indexBits() ||
      atom.elements() < 32 / bitWidth(Dtype::u4) || !atom.surjective())
    ProgramImpl::fail(
        fmt::format("view '{}': expected an atom of rank 2 with an offset for "
                    "every element, got {}",
                    name, atom.print()));
  for (auto [extent, step] :
       {std::pair{k, atom.shape()[0]}, std::pair{n, atom.shape()[1]}})
    if (extent < 1 || extent > INT32_MAX || extent % step)
      ProgramImpl::fail(
          fmt::format("view '{}': expected 32-bit extents that are multiples "
                      "of the atom's {} x {}, got {} x {}",
                      name, atom.shape()[0], atom.shape()[1], k, n));
  MLIRContext *context = impl_->context.get();
  auto pointer = LLVM::LLVMPointerType::get(context, 1);
  Value argument =
      impl_->addArgument(pointer, name, KernelParam::Kind::view, Dtype::u4);
  auto type =
      tile::ViewType::get(context, {k, n}, impl_->type(Dtype::u4),
                          /*packed=*/-1, tile::LayoutAttr::get(context, atom));
  return impl_->wrapView(tile::ViewOp::create(impl_->builder, impl_->loc(),
                                              type, argument, Value()),
                         Dtype::u4, 2);
}

static View markConstant(ProgramImpl &p, View view) {
  p.function.setArgAttr(p.function.getNumArguments() - 1,
                        tile::constantAttrName, p.builder.getUnitAttr());
  return view;
}

View Program::constantView(const std::string &name, Dtype dtype,
                           const std::vector<Extent> &extents, int packedDim) {
  return markConstant(*impl_, view(name, dtype, extents, packedDim));
}

View Program::constantView(const std::string &name, std::int64_t k,
                           std::int64_t n, const Layout &atom) {
  return markConstant(*impl_, view(name, k, n, atom));
}

Index Program::programId(int axis) {
  impl_->checkOpen("programId");
  if (axis < 0 || axis > 2)
    ProgramImpl::fail(
        fmt::format("programId: expected an axis from 0 to 2, got {}", axis));
  return impl_->wrapIndex(tile::ProgramIdOp::create(
      impl_->builder, impl_->loc(), impl_->builder.getI32Type(), axis));
}

Index Program::numPrograms(int axis) {
  impl_->checkOpen("numPrograms");
  if (axis < 0 || axis > 2)
    ProgramImpl::fail(
        fmt::format("numPrograms: expected an axis from 0 to 2, got {}", axis));
  return impl_->wrapIndex(tile::NumProgramsOp::create(
      impl_->builder, impl_->loc(), impl_->builder.getI32Type(), axis));
}

Index Program::constant(std::int64_t value) {
  impl_->checkOpen("constant");
  if (value < INT32_MIN || value > INT32_MAX)
    ProgramImpl::fail(
        fmt::format("constant: expected a 32-bit value, got {}", value));
  return impl_->wrapIndex(arith::ConstantOp::create(
      impl_->builder, impl_->loc(), impl_->builder.getI32IntegerAttr(value)));
}

Range Program::range(Index index, std::int64_t extent) {
  checkExtent("range", extent);
  return {index * extent, extent};
}

static std::pair<SmallVector<Value>, Shape> access(ProgramImpl &p,
                                                   const View &view,
                                                   const std::vector<Range> &at,
                                                   const char *what) {
  if (at.size() != view.rank())
    ProgramImpl::fail(
        fmt::format("{}: expected {} ranges, one a dimension, got {}", what,
                    view.rank(), at.size()));
  SmallVector<Value> starts;
  Shape shape;
  for (const Range &range : at) {
    checkExtent(what, range.extent);
    starts.push_back(p.get(range.start, what));
    shape.push_back(range.extent);
  }
  return {starts, shape};
}

static void checkAtoms(tile::ViewType type, const Shape &shape,
                       const char *what) {
  tile::LayoutAttr atom = type.getAtom();
  if (atom && (shape[0] < atom.getShape()[0] || shape[1] < atom.getShape()[1]))
    ProgramImpl::fail(fmt::format(
        "{}: expected a tile of whole atoms of {} x {}, got {}", what,
        atom.getShape()[0], atom.getShape()[1], print(shape)));
}

Tile View::load(const std::vector<Range> &at) const {
  ProgramImpl &p = ProgramImpl::of(*this, "load");
  auto source = p.get(*this, "load");
  auto [starts, shape] = access(p, *this, at, "load");
  int packed = source.getType().getPacked();
  if (const unsigned perWord = 32 / bitWidth(dtype_);
      packed >= 0 && shape[packed] < perWord)
    ProgramImpl::fail(
        fmt::format("load: expected at least {} elements along the "
                    "packed dimension {}, got {}",
                    perWord, packed, shape[packed]));
  checkAtoms(source.getType(), shape, "load");
  return p.wrap(tile::LoadOp::create(p.builder, p.loc(),
                                     p.tensor(shape, dtype_), source, starts));
}

template <typename Op>
static void write(const View &view, const std::vector<Range> &at,
                  const Tile &value, const char *what) {
  ProgramImpl &p = ProgramImpl::of(view, what);
  auto target = p.get(view, what);
  auto [starts, shape] = access(p, view, at, what);
  if (value.shape() != shape || value.dtype() != view.dtype())
    ProgramImpl::fail(fmt::format("{}: expected a tile of {} {}, got {}", what,
                                  name(view.dtype()), print(shape),
                                  describe(value)));
  constexpr bool stores = std::is_same_v<Op, tile::StoreOp>;
  if (sharesWords(view.dtype()) && !(stores && target.getType().getAtom()))
    ProgramImpl::fail(
        fmt::format("{}: {} views are read only, but for stores in atoms", what,
                    name(view.dtype())));
  checkAtoms(target.getType(), shape, what);
  if (tile::isConstant(target))
    ProgramImpl::fail(fmt::format("{}: constant views are read only", what));
  Op::create(p.builder, p.loc(), p.get(value, what), target, starts);
}

void View::store(const std::vector<Range> &at, const Tile &value) const {
  write<tile::StoreOp>(*this, at, value, "store");
}
void View::atomicAdd(const std::vector<Range> &at, const Tile &value) const {
  if (!isFloat(dtype_))
    ProgramImpl::fail(
        fmt::format("atomicAdd: expected a float view, got {}", name(dtype_)));
  write<tile::AtomicAddOp>(*this, at, value, "atomicAdd");
}

Tile Program::where(const View &view, const std::vector<Range> &at,
                    const Tile &inside, double outside) {
  auto source = impl_->get(view, "where");
  if (sharesWords(view.dtype()))
    ProgramImpl::fail(
        fmt::format("where: not for {} views", lath::name(view.dtype())));
  auto [starts, shape] = access(*impl_, view, at, "where");
  if (inside.shape() != shape || !isFloat(inside.dtype()))
    ProgramImpl::fail(fmt::format("where: expected a float tile {}, got {}",
                                  lath::print(shape), describe(inside)));
  Value value = impl_->get(inside, "where");
  return impl_->wrap(tile::MaskOp::create(
      impl_->builder, impl_->loc(), value.getType(), value, source, starts,
      impl_->builder.getF32FloatAttr((float)outside)));
}

Program::KRange Program::kRange(std::int64_t extent, std::int64_t step) {
  if (extent < 1 || extent > INT32_MAX)
    ProgramImpl::fail(fmt::format(
        "kRange: expected a positive 32-bit extent, got {}", extent));
  checkExtent("kRange", step);
  return {extent, step};
}

Tile Program::loop(const KRange &range, const Tile &init,
                   const std::function<Tile(Range, Tile)> &body,
                   std::string_view schedule) {
  Value start = impl_->get(init, "loop");
  if (!body)
    ProgramImpl::fail("loop: expected a body");
  const std::vector<SaidWord> words = parseWords(schedule, WordOwner::loop);
  OpBuilder &b = impl_->builder;
  auto bounds =
      tile::KRangeOp::create(b, impl_->loc(), b.getI32Type(), b.getI32Type(),
                             b.getI32Type(), range.extent, range.step);
  auto loop =
      scf::ForOp::create(b, impl_->loc(), bounds.getLower(), bounds.getUpper(),
                         bounds.getStride(), ValueRange{start});
  ProgramImpl::setWords(loop, words);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Tile next = body({impl_->wrapIndex(loop.getInductionVar()), range.step},
                     impl_->wrap(loop.getRegionIterArg(0)));
    Value carried = impl_->get(next, "loop");
    if (carried.getType() != start.getType())
      ProgramImpl::fail(fmt::format("loop: the body must return a tile like "
                                    "the one it carries, {}, got {}",
                                    describe(init), describe(next)));
    scf::YieldOp::create(b, impl_->loc(), carried);
  }
  return impl_->wrap(loop.getResult(0));
}

Tile Program::reduceSplits(const Tile &partial) {
  Value value = impl_->get(partial, "reduceSplits");
  if (partial.dtype() != Dtype::f32)
    ProgramImpl::fail(
        fmt::format("reduceSplits: expected f32, got {}", describe(partial)));
  if (impl_->builder.getInsertionBlock() != &impl_->function.front())
    ProgramImpl::fail("reduceSplits: expected outside of any loop");
  return impl_->wrap(
      tile::ReduceSplitsOp::create(impl_->builder, impl_->loc(), value));
}

} // namespace lath
