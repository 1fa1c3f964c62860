#include "compiler/dsl/ProgramImpl.h"
#include "compiler/Context.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
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
  Location loc = builder.getUnknownLoc();
  module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(module->getBody());
  function =
      func::FuncOp::create(builder, loc, name, builder.getFunctionType({}, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  func::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(entry->getTerminator());
}

void ProgramImpl::setWords(Operation *op, const std::vector<SaidWord> &words) {
  if (!words.empty())
    op->setAttr(tile::scheduleAttrName,
                tile::ScheduleAttr::get(op->getContext(), words));
}

Type ProgramImpl::type(Dtype dtype) {
  switch (dtype) {
  case Dtype::b1:
    return builder.getI1Type();
  case Dtype::u4:
    return builder.getIntegerType(4);
  case Dtype::s8:
    return builder.getIntegerType(8, /*isSigned=*/true);
  case Dtype::i8:
  case Dtype::u8:
    return builder.getI8Type();
  case Dtype::i32:
  case Dtype::u32:
    return builder.getI32Type();
  case Dtype::i64:
    return builder.getI64Type();
  case Dtype::f8e4m3:
    return builder.getType<Float8E4M3FNType>();
  case Dtype::f8e5m2:
    return builder.getType<Float8E5M2Type>();
  case Dtype::f16:
    return builder.getF16Type();
  case Dtype::bf16:
    return builder.getBF16Type();
  case Dtype::f32:
    return builder.getF32Type();
  }
  llvm_unreachable("all types are listed");
}

Tile ProgramImpl::wrap(Value value, Dtype dtype) {
  auto type = cast<RankedTensorType>(value.getType());
  assert(type.getElementType() == this->type(dtype));
  Tile tile;
  tile.program_ = &owner;
  tile.value_ = value.getAsOpaquePointer();
  tile.shape_ = Shape(type.getShape().begin(), type.getShape().end());
  tile.dtype_ = dtype;
  return tile;
}
Index ProgramImpl::wrapIndex(Value value, Source where) {
  Index index(where);
  index.program_ = &owner;
  index.value_ = value.getAsOpaquePointer();
  return index;
}
Bool ProgramImpl::wrapBool(Value value, Source where) {
  Bool condition(where);
  condition.program_ = &owner;
  condition.value_ = value.getAsOpaquePointer();
  return condition;
}
View ProgramImpl::wrapView(Value value, Dtype dtype, std::size_t rank) {
  View view;
  view.program_ = &owner;
  view.value_ = value.getAsOpaquePointer();
  view.dtype_ = dtype;
  view.rank_ = rank;
  return view;
}

Value ProgramImpl::valueOf(const Tile &tile) {
  return Value::getFromOpaquePointer(tile.value_);
}
Value ProgramImpl::valueOf(const Index &index) {
  return Value::getFromOpaquePointer(index.value_);
}
Value ProgramImpl::valueOf(const Bool &condition) {
  return Value::getFromOpaquePointer(condition.value_);
}
Value ProgramImpl::valueOf(const View &view) {
  return Value::getFromOpaquePointer(view.value_);
}

static Location locationOf(ProgramImpl &p, Source where) {
  return FileLineColLoc::get(p.context.get(), where.file_name(), where.line(),
                             where.column());
}

static ProgramImpl &implOf(Program *program, std::string_view name,
                           Source where) {
  if (!program)
    Call::failAt(
        fmt::format("{}: a value of no program (default constructed)", name),
        where);
  return program->impl();
}

Call::Call(Program *program, std::string_view name, Source where)
    : impl(&implOf(program, name, where)), name(name), where(where),
      location(locationOf(*impl, where)) {
  if (impl->compiled)
    fail("program '{}' has been compiled and takes no more operations",
         impl->name);
}

void Call::failAt(std::string message, Source where) {
  throw Error(ErrorKind::invalidProgram, std::move(message),
              {fmt::format("at {}:{}", where.file_name(), where.line())});
}

void Call::checkUse(const Program *program, Value value) const {
  if (!program || !value)
    fail("a value of no program (default constructed)");
  if (program != &impl->owner)
    fail("a value of program '{}' is used in program '{}'", program->name(),
         impl->name);
  Region *home = value.getParentRegion();
  if (!home->isAncestor(impl->builder.getInsertionBlock()->getParent()))
    fail("a value made inside a {0} is used outside of it; carry it through "
         "the {0}",
         isa<scf::IfOp>(home->getParentOp()) ? "branch" : "loop");
}

Value Call::get(const Tile &tile) const {
  Value value = ProgramImpl::valueOf(tile);
  checkUse(tile.program(), value);
  return value;
}
Value Call::get(const Index &index) const {
  Value value = ProgramImpl::valueOf(index);
  checkUse(index.program(), value);
  return value;
}
Value Call::get(const Bool &condition) const {
  Value value = ProgramImpl::valueOf(condition);
  checkUse(condition.program(), value);
  return value;
}
TypedValue<tile::ViewType> Call::get(const View &view) const {
  Value value = ProgramImpl::valueOf(view);
  checkUse(view.program(), value);
  return cast<TypedValue<tile::ViewType>>(value);
}
Value Call::get(const IndexOperand &index) const {
  if (auto *number = std::get_if<std::int64_t>(&index.value))
    return constant(*number);
  return get(std::get<Index>(index.value));
}

Value Call::constant(std::int64_t value) const {
  if (value < INT32_MIN || value > INT32_MAX)
    fail("expected a 32-bit value, got {}", value);
  return create<arith::ConstantOp>(
      impl->builder.getI32IntegerAttr(static_cast<std::int32_t>(value)));
}

tile::IndexRange Call::rangeOf(Value index) const {
  return tile::rangeOf(index, impl->builder.getInsertionBlock());
}
std::optional<std::int64_t> Call::constantOf(Value index) const {
  tile::IndexRange range = rangeOf(index);
  if (range.piece || range.least != range.most)
    return std::nullopt;
  return range.least;
}

RankedTensorType Call::tensor(const Shape &shape, Dtype dtype) const {
  std::int64_t elements = 1;
  for (std::int64_t extent : shape)
    if (extent > maxTileElements || (elements *= extent) > maxTileElements)
      failPlain(fmt::format("a tile holds at most {} elements, got {}",
                            maxTileElements, print(shape)));
  return RankedTensorType::get(shape, impl->type(dtype));
}

void Call::checkExtent(std::int64_t extent) const {
  if (extent < 1 || !std::has_single_bit((std::uint64_t)extent))
    fail("expected a power of two, got {}; the nearest is {}", extent,
         extent < 1 ? 1 : std::bit_ceil((std::uint64_t)extent));
}

void Call::checkDim(const Tile &tile, int dim) const {
  if (dim < 0 || dim >= (int)tile.shape().size())
    fail("expected a dimension below {}, got {}", tile.shape().size(), dim);
}

void Call::checkShape(const Shape &shape) const {
  if (shape.empty())
    fail("expected at least one extent");
  for (std::int64_t extent : shape)
    if (extent < 1 || !llvm::isPowerOf2_64(extent))
      fail("expected power-of-two extents, got {}", print(shape));
}

Tile Call::splat(double value, Dtype dtype, const Shape &shape) const {
  checkShape(shape);
  OpBuilder &b = impl->builder;
  Type element = impl->type(dtype);
  const unsigned width = bitWidth(dtype);
  const bool whole = value == std::floor(value);
  const double least = isSigned(dtype) ? -std::ldexp(1.0, width - 1) : 0;
  const double most = std::ldexp(1.0, isSigned(dtype) ? width - 1 : width);
  TypedAttr attribute;
  if (const double largest = dtype == Dtype::f8e4m3   ? 448
                             : dtype == Dtype::f8e5m2 ? 57344
                                                      : 0;
      largest != 0 && !std::isnan(value)) // they saturate
    value = std::clamp(value, -largest, largest);
  if (isFloat(dtype))
    attribute = b.getFloatAttr(element, value);
  else if (!sharesWords(dtype) && whole && value >= least && value < most)
    attribute = IntegerAttr::get(
        element, APInt(width,
                       value < 0 ? (std::uint64_t)(std::int64_t)value
                                 : (std::uint64_t)value,
                       false, /*implicitTrunc=*/true));
  else
    fail("cannot make {} of {}", lath::name(dtype), value);
  Value scalar = create<arith::ConstantOp>(attribute);
  return wrap(create<tile::SplatOp>(tensor(shape, dtype), scalar), dtype);
}

Tile Call::tileOf(const Operand &operand) const {
  auto *tile = std::get_if<Tile>(&operand.value);
  if (!tile)
    fail("expected a tile, got a number");
  get(*tile);
  return *tile;
}

Tile Call::tileOf(const Operand &operand, Dtype dtype) const {
  if (auto *number = std::get_if<double>(&operand.value))
    return splat(*number, dtype, {1});
  auto *index = std::get_if<Index>(&operand.value);
  if (!index)
    return tileOf(operand);
  if (dtype != Dtype::i32 && dtype != Dtype::u32)
    fail("an index goes with tiles of i32 and u32, got {}", lath::name(dtype));
  return wrap(create<tile::SplatOp>(tensor({1}, dtype), get(*index)), dtype);
}

Tile Call::reshape(const Tile &tile, const Shape &shape) const {
  if (tile.shape() == shape)
    return tile;
  return wrap(create<tile::ReshapeOp>(tensor(shape, tile.dtype()), get(tile)),
              tile.dtype());
}

Tile Call::transpose(const Tile &tile, const std::vector<int> &order) const {
  Shape shape;
  bool moved = false;
  for (int d : order) {
    moved |= d != (int)shape.size();
    shape.push_back(tile.shape()[d]);
  }
  if (!moved)
    return tile;
  DenseI32ArrayAttr attribute;
  if (order.size() > 2)
    attribute = impl->builder.getDenseI32ArrayAttr(order);
  return wrap(create<tile::TransposeOp>(tensor(shape, tile.dtype()), get(tile),
                                        attribute),
              tile.dtype());
}

Tile Call::reduce(tile::Combine combine, const Tile &tile, int dim) const {
  checkDim(tile, dim);
  Shape shape = tile.shape();
  shape[dim] = 1;
  return wrap(create<tile::ReduceOp>(tensor(shape, tile.dtype()), combine,
                                     get(tile), (std::uint32_t)dim),
              tile.dtype());
}

Tile Call::broadcast(const Tile &tile, const Shape &shape) const {
  if (tile.shape() == shape)
    return tile;
  Shape ranked = tile.shape();
  bool fits = ranked.size() <= shape.size();
  if (fits)
    ranked.insert(ranked.begin(), shape.size() - ranked.size(), 1);
  for (std::size_t d = 0; fits && d < shape.size(); ++d)
    fits = ranked[d] == shape[d] || ranked[d] == 1;
  if (!fits)
    fail("{} does not repeat to {}; extents must be equal or 1", describe(tile),
         lath::print(shape));
  Tile source = reshape(tile, ranked);
  if (ranked == shape)
    return source;
  return wrap(
      create<tile::BroadcastOp>(tensor(shape, tile.dtype()), get(source)),
      tile.dtype());
}

static std::string describe(const std::vector<Tile> &tiles) {
  std::vector<std::string> texts;
  for (const Tile &tile : tiles)
    texts.push_back(describe(tile));
  return fmt::format("{}", fmt::join(texts, " and "));
}

Shape Call::commonShape(const std::vector<Tile> &tiles) const {
  Shape shape;
  for (const Tile &tile : tiles) {
    Shape own = tile.shape();
    const std::size_t rank = std::max(own.size(), shape.size());
    own.insert(own.begin(), rank - own.size(), 1);
    shape.insert(shape.begin(), rank - shape.size(), 1);
    for (std::size_t d = 0; d < rank; ++d) {
      if (own[d] != shape[d] && own[d] != 1 && shape[d] != 1)
        fail("expected shapes that broadcast, extents equal or 1, got {}",
             describe(tiles));
      shape[d] = std::max(own[d], shape[d]);
    }
  }
  return shape;
}

std::vector<Tile>
Call::common(std::initializer_list<const Operand *> operands) const {
  std::vector<Tile> tiles;
  for (const Operand *operand : operands)
    if (auto *tile = std::get_if<Tile>(&operand->value)) {
      get(*tile);
      tiles.push_back(*tile);
    }
  if (tiles.empty())
    fail("expected a tile among the operands");
  const Dtype dtype = tiles[0].dtype();
  for (const Tile &tile : tiles) {
    if (tile.dtype() != dtype)
      fail("expected one element type, got {}", describe(tiles));
    if (sharesWords(dtype))
      fail("not for {}", describe(tile));
  }
  const Shape shape = commonShape(tiles);
  std::vector<Tile> result;
  for (const Operand *operand : operands) {
    if (auto *number = std::get_if<double>(&operand->value))
      result.push_back(splat(*number, dtype, shape));
    else
      result.push_back(broadcast(tileOf(*operand, dtype), shape));
  }
  return result;
}

Program *programOf(std::initializer_list<const Operand *> operands) {
  for (const Operand *operand : operands) {
    if (auto *tile = std::get_if<Tile>(&operand->value))
      return tile->program();
    if (auto *index = std::get_if<Index>(&operand->value))
      return index->program();
  }
  return nullptr;
}

} // namespace lath
