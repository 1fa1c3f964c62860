// The same elements under other shapes.
#include "compiler/dsl/ProgramImpl.h"

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
  return call.wrap(
      call.create<tile::TransposeOp>(
          call.tensor({tile.shape()[1], tile.shape()[0]}, tile.dtype()),
          call.get(tile)),
      tile.dtype());
}

} // namespace lath
