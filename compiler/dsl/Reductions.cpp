// What one dimension of a tile comes to.
#include "compiler/dsl/ProgramImpl.h"

using namespace mlir;

namespace lath {

static Tile reduce(tile::Combine combine, Operand &operand, int dim,
                   std::string_view name) {
  Call call(programOf({&operand}), name, operand.where);
  Tile tile = call.tileOf(operand);
  if (tile.dtype() != Dtype::f32)
    call.fail("expected f32, got {}", describe(tile));
  if (dim < 0 || dim >= (int)tile.shape().size())
    call.fail("expected a dimension below {}, got {}", tile.shape().size(),
              dim);
  Shape shape = tile.shape();
  shape[dim] = 1;
  return call.wrap(call.create<tile::ReduceOp>(call.tensor(shape, Dtype::f32),
                                               combine, call.get(tile), dim),
                   Dtype::f32);
}
Tile sum(Operand tile, int dim) {
  return reduce(tile::Combine::add, tile, dim, "sum");
}
Tile max(Operand tile, int dim) {
  return reduce(tile::Combine::max, tile, dim, "max");
}

} // namespace lath
