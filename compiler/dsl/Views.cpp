// Tiles read from and written to arrays in global memory.
#include "compiler/dsl/ProgramImpl.h"

using namespace mlir;

namespace lath {

static std::pair<SmallVector<Value>, Shape>
access(const Call &call, const View &view, const std::vector<At> &at) {
  if (at.size() != view.rank())
    call.fail("expected {} ranges, one a dimension, got {}", view.rank(),
              at.size());
  SmallVector<Value> starts;
  Shape shape;
  for (const At &coordinate : at) {
    auto *range = std::get_if<Range>(&coordinate.value);
    if (!range)
      call.fail("expected a range");
    call.checkExtent(range->extent);
    starts.push_back(call.get(range->start));
    shape.push_back(range->extent);
  }
  return {starts, shape};
}

/// What certainly lies outside of the view, or begins inside of a word or an
/// atom, is a mistake.
static void checkStarts(const Call &call, tile::ViewType type,
                        ArrayRef<Value> starts, const Shape &shape) {
  const int packed = type.getPacked();
  for (unsigned d = 0; d < starts.size(); ++d) {
    const bool dynamic = ShapedType::isDynamic(type.getShape()[d]);
    const std::int64_t extent = dynamic ? INT32_MAX : type.getShape()[d];
    if (auto start = call.rangeOf(starts[d]).outside(shape[d], extent))
      call.fail("the {} coordinates from {} lie outside of dimension {}, whose "
                "extent is {}",
                shape[d], *start, d,
                dynamic ? "an argument" : fmt::format("{}", extent));
    std::int64_t whole = 1;
    if ((int)d == packed)
      whole = 1ll << tile::packBitsOf(type.getElementType());
    if (tile::LayoutAttr atom = type.getAtom())
      whole = atom.getShape()[d];
    if (auto number = call.constantOf(starts[d]); number && *number % whole)
      call.fail("expected a start that is a multiple of {} along dimension {}, "
                "got {}",
                whole, d, *number);
  }
}

static void checkAtoms(const Call &call, tile::ViewType type,
                       const Shape &shape) {
  tile::LayoutAttr atom = type.getAtom();
  if (atom && (shape[0] < atom.getShape()[0] || shape[1] < atom.getShape()[1]))
    call.fail("expected a tile of whole atoms of {} x {}, got {}",
              atom.getShape()[0], atom.getShape()[1], print(shape));
}

Tile View::load(const std::vector<At> &at, Source where) const {
  Call call(program_, "load", where);
  auto source = call.get(*this);
  auto [starts, shape] = access(call, *this, at);
  int packed = source.getType().getPacked();
  if (const unsigned perWord = 32 / bitWidth(dtype_);
      packed >= 0 && shape[packed] < perWord)
    call.fail("expected at least {} elements along the packed dimension {}, "
              "got {}",
              perWord, packed, shape[packed]);
  checkAtoms(call, source.getType(), shape);
  checkStarts(call, source.getType(), starts, shape);
  return call.wrap(
      call.create<tile::LoadOp>(call.tensor(shape, dtype_), source, starts),
      dtype_);
}

Tile View::load(const std::vector<At> &at, double outside, Source where) const {
  return lath::where(Operand(inside(at, where), where), load(at, where),
                     outside);
}

Tile View::inside(const std::vector<At> &at, Source where) const {
  Call call(program_, "inside", where);
  auto source = call.get(*this);
  if (sharesWords(dtype_))
    call.fail("not for {} views", name(dtype_));
  auto [starts, shape] = access(call, *this, at);
  return call.wrap(call.create<tile::InsideOp>(call.tensor(shape, Dtype::b1),
                                               source, starts),
                   Dtype::b1);
}

template <typename Op>
static void write(const Call &call, const View &view, const std::vector<At> &at,
                  const Operand &operand) {
  auto target = call.get(view);
  auto [starts, shape] = access(call, view, at);
  Tile value = call.tileOf(operand, view.dtype());
  if (value.dtype() != view.dtype() || value.shape() != shape)
    call.fail("expected a tile of {} {}, got {}", name(view.dtype()),
              print(shape), describe(value));
  constexpr bool stores = std::is_same_v<Op, tile::StoreOp>;
  if (sharesWords(view.dtype()) && !(stores && target.getType().getAtom()))
    call.fail("{} views are read only, but for stores in atoms",
              name(view.dtype()));
  checkAtoms(call, target.getType(), shape);
  checkStarts(call, target.getType(), starts, shape);
  if (tile::isConstant(target))
    call.fail("constant views are read only");
  call.create<Op>(call.get(value), target, starts);
}

void View::store(const std::vector<At> &at, Operand value, Source where) const {
  write<tile::StoreOp>(Call(program_, "store", where), *this, at, value);
}
Tile View::atomicAdd(const std::vector<At> &at, Operand value,
                     Source where) const {
  Call call(program_, "atomicAdd", where);
  if (!isFloat(dtype_))
    call.fail("expected a float view, got {}", name(dtype_));
  write<tile::AtomicAddOp>(call, *this, at, value);
  return Tile();
}

} // namespace lath
