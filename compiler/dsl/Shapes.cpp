// The same elements under other shapes.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <algorithm>
#include <fmt/ranges.h>

using namespace mlir;

namespace lath {

/// The operand's tile, whose elements share no words.
static Tile plainTile(const Call &call, const Operand &operand) {
  Tile tile = call.tileOf(operand);
  if (sharesWords(tile.dtype()))
    call.fail("not for {}", describe(tile));
  return tile;
}

Tile broadcast(Operand operand, const Shape &shape) {
  Call call(programOf({&operand}), "broadcast", operand.where);
  Tile tile = plainTile(call, operand);
  call.checkShape(shape);
  return call.broadcast(tile, shape);
}

Tile reshape(Operand operand, const Shape &shape) {
  Call call(programOf({&operand}), "reshape", operand.where);
  Tile tile = plainTile(call, operand);
  call.checkShape(shape);
  auto count = [](const Shape &s) {
    std::int64_t n = 1;
    for (std::int64_t extent : s)
      n *= extent;
    return n;
  };
  if (count(shape) != count(tile.shape()))
    call.fail("{} has {} elements, {} has {}", describe(tile),
              count(tile.shape()), print(shape), count(shape));
  return call.reshape(tile, shape);
}

Tile expand(Operand operand, int dim) {
  Call call(programOf({&operand}), "expand", operand.where);
  Tile tile = plainTile(call, operand);
  Shape shape = tile.shape();
  if (dim < 0 || dim > (int)shape.size())
    call.fail("expected a dimension up to {}, got {}", shape.size(), dim);
  shape.insert(shape.begin() + dim, 1);
  return call.reshape(tile, shape);
}

Tile transpose(Operand operand) {
  Call call(programOf({&operand}), "transpose", operand.where);
  Tile tile = plainTile(call, operand);
  if (tile.shape().size() != 2)
    call.fail("expected a matrix, got {}", describe(tile));
  return call.transpose(tile, {1, 0});
}

Tile permute(Operand operand, const std::vector<int> &order) {
  Call call(programOf({&operand}), "permute", operand.where);
  Tile tile = plainTile(call, operand);
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool once = sorted.size() == tile.shape().size();
  for (std::size_t d = 0; once && d < sorted.size(); ++d)
    once = sorted[d] == (int)d;
  if (!once)
    call.fail("expected an order of the {} dimensions of {}, got [{}]",
              tile.shape().size(), describe(tile), fmt::join(order, ", "));
  return call.transpose(tile, order);
}

Tile iota(const Range &range, Source where) {
  Call call(range.start.program(), "iota", where);
  call.checkExtent(range.extent);
  auto type = call.tensor({range.extent}, Dtype::i32);
  Value start = call.create<tile::SplatOp>(type, call.get(range.start));
  return call.wrap(
      call.create<arith::AddIOp>(start, call.create<tile::IotaOp>(type)),
      Dtype::i32);
}

Tile join(Operand a, Operand b) {
  Call call(programOf({&a, &b}), "join", a.where);
  std::vector<Tile> tiles = call.common({&a, &b});
  Shape shape = tiles[0].shape();
  shape.push_back(2);
  return call.wrap(
      call.create<tile::JoinOp>(call.tensor(shape, tiles[0].dtype()),
                                call.get(tiles[0]), call.get(tiles[1])),
      tiles[0].dtype());
}

static Tile part(const Call &call, const Tile &tile, int dim,
                 std::int64_t start, std::int64_t extent) {
  Shape shape = tile.shape();
  if (shape[dim] == extent)
    return tile;
  shape[dim] = extent;
  return call.wrap(call.create<tile::SliceOp>(
                       call.tensor(shape, tile.dtype()), call.get(tile),
                       (std::uint32_t)dim, (std::uint32_t)start),
                   tile.dtype());
}

Tile slice(Operand operand, int dim, std::int64_t start, std::int64_t extent) {
  Call call(programOf({&operand}), "slice", operand.where);
  Tile tile = plainTile(call, operand);
  call.checkDim(tile, dim);
  call.checkExtent(extent);
  if (start < 0 || start % extent || start + extent > tile.shape()[dim])
    call.fail("expected a start that is a multiple of {} in dimension {} of "
              "{}, got {}",
              extent, dim, describe(tile), start);
  return part(call, tile, dim, start, extent);
}

std::pair<Tile, Tile> split(Operand operand) {
  Call call(programOf({&operand}), "split", operand.where);
  Tile tile = plainTile(call, operand);
  Shape shape = tile.shape();
  if (shape.size() < 2 || shape.back() != 2)
    call.fail("expected two dimensions at least, the last of 2, got {}",
              describe(tile));
  const int last = (int)shape.size() - 1;
  shape.pop_back();
  return {call.reshape(part(call, tile, last, 0, 1), shape),
          call.reshape(part(call, tile, last, 1, 1), shape)};
}

} // namespace lath
