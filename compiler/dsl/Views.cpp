// Tiles read from and written to arrays in global memory.
#include "compiler/dsl/AccessAt.h"

using namespace mlir;

namespace lath {

AccessAt::AccessAt(const Call &call, const View &view,
                   const std::vector<At> &at, bool asks)
    : view(call.get(view)) {
  if (at.size() != view.rank())
    call.fail("expected {} coordinates, one a dimension, got {}", view.rank(),
              at.size());
  const bool codes = sharesWords(view.dtype());
  bool ranges = false, tiles = false;
  Shape meeting; // of all tiles of coordinates
  std::vector<Tile> coordinates;
  for (const At &coordinate : at) {
    if (auto *tile = std::get_if<Tile>(&coordinate.value)) {
      if (tile->dtype() != Dtype::i32)
        call.fail("expected coordinates of i32, got {}", describe(*tile));
      call.get(*tile);
      coordinates.push_back(*tile);
      tiles = true;
    }
    ranges |= std::holds_alternative<Range>(coordinate.value);
    if (codes && !std::holds_alternative<Range>(coordinate.value))
      call.fail("expected ranges along all dimensions of a view of {}",
                name(view.dtype()));
  }
  if (tiles) {
    meeting = call.commonShape(coordinates);
    if (ranges && meeting.size() != 1)
      call.fail("expected coordinates of rank 1 beside ranges, got {}",
                print(meeting));
  }
  // The tile's dimensions: those of the ranges, in order, and where the first
  // tile of coordinates stands the one of these.
  std::optional<std::size_t> gathered;
  for (const At &coordinate : at) {
    dims.push_back(-1);
    if (auto *range = std::get_if<Range>(&coordinate.value)) {
      call.checkExtent(range->extent);
      dims.back() = shape.size();
      shape.push_back(range->extent);
    } else if (std::holds_alternative<Tile>(coordinate.value) && !gathered) {
      gathered = shape.size();
      shape.insert(shape.end(), meeting.begin(), meeting.end());
    }
  }
  if (shape.empty()) { // one element
    dims.back() = 0;
    shape.push_back(1);
  }
  for (const At &coordinate : at)
    std::visit(
        [&](const auto &value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, Range>) {
            starts.push_back(call.get(value.start));
          } else if constexpr (std::is_same_v<T, Tile>) {
            Shape aligned = value.shape();
            aligned.insert(aligned.begin(), meeting.size() - aligned.size(), 1);
            Shape placed(shape.size(), 1);
            std::copy(aligned.begin(), aligned.end(),
                      placed.begin() + *gathered);
            starts.push_back(call.get(call.reshape(value, placed)));
          } else {
            starts.push_back(call.get(IndexOperand(value, call.source())));
          }
        },
        coordinate.value);
  const bool plain = llvm::all_of(llvm::enumerate(dims), [](auto each) {
    return each.value() == (int64_t)each.index();
  });
  if (plain)
    dims.clear();
  check(call, asks);
}

/// What certainly lies outside of the view, or begins inside of a word or an
/// atom, is a mistake.
void AccessAt::check(const Call &call, bool asks) const {
  tile::ViewType type = view.getType();
  const int packed = type.getPacked();
  for (unsigned d = 0; d < starts.size(); ++d) {
    if (isa<RankedTensorType>(starts[d].getType()))
      continue;
    const bool dynamic = ShapedType::isDynamic(type.getShape()[d]);
    const std::int64_t extent = dynamic ? INT32_MAX : type.getShape()[d];
    const int64_t along = dims.empty() ? d : dims[d];
    const std::int64_t count = along < 0 ? 1 : shape[along];
    if (auto start = call.rangeOf(starts[d]).outside(count, extent);
        start && !asks)
      call.fail("the {} coordinates from {} lie outside of dimension {}, whose "
                "extent is {}",
                count, *start, d,
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
  tile::LayoutAttr atom = type.getAtom();
  if (atom && (shape[0] < atom.getShape()[0] || shape[1] < atom.getShape()[1]))
    call.fail("expected a tile of whole atoms of {} x {}, got {}",
              atom.getShape()[0], atom.getShape()[1], print(shape));
}

Tile AccessAt::valueOf(const Call &call, const Operand &operand,
                       Dtype dtype) const {
  Tile value = call.tileOf(operand, dtype);
  if (!std::holds_alternative<Tile>(operand.value))
    value = call.broadcast(value, shape);
  if (value.dtype() != dtype || value.shape() != shape)
    call.fail("expected a tile of {} {}, got {}", name(dtype), print(shape),
              describe(value));
  return value;
}

void AccessAt::checkWritable(const Call &call) const {
  if (tile::isConstant(view))
    call.fail("constant views are read only");
}

Tile View::load(const std::vector<At> &at, Source where) const {
  Call call(program_, "load", where);
  const AccessAt access(call, *this, at);
  int packed = access.view.getType().getPacked();
  if (const unsigned perWord = 32 / bitWidth(dtype_);
      packed >= 0 && access.shape[packed] < perWord)
    call.fail("expected at least {} elements along the packed dimension {}, "
              "got {}",
              perWord, packed, access.shape[packed]);
  return call.wrap(call.create<tile::LoadOp>(call.tensor(access.shape, dtype_),
                                             access.view, access.starts,
                                             access.dims),
                   dtype_);
}

Tile View::load(const std::vector<At> &at, double outside, Source where) const {
  return lath::where(Operand(inside(at, where), where), load(at, where),
                     outside);
}

Tile View::inside(const std::vector<At> &at, Source where) const {
  Call call(program_, "inside", where);
  call.get(*this);
  if (sharesWords(dtype_))
    call.fail("not for {} views", name(dtype_));
  const AccessAt access(call, *this, at, /*asks=*/true);
  return call.wrap(
      call.create<tile::InsideOp>(call.tensor(access.shape, Dtype::b1),
                                  access.view, access.starts, access.dims),
      Dtype::b1);
}

void View::store(const std::vector<At> &at, Operand operand,
                 Source where) const {
  Call call(program_, "store", where);
  const AccessAt access(call, *this, at);
  Tile value = access.valueOf(call, operand, dtype_);
  if (sharesWords(dtype_) && !access.view.getType().getAtom())
    call.fail("{} views are read only, but for stores in atoms", name(dtype_));
  access.checkWritable(call);
  call.create<tile::StoreOp>(call.get(value), access.view, access.starts,
                             access.dims);
}

} // namespace lath
