// What the elements along one dimension come to: together, and up to each.
#include "compiler/dsl/ProgramImpl.h"

using namespace mlir;

namespace lath {

using tile::Combine;

/// The operand's tile in a type that reductions have.
static Tile reducible(const Call &call, const Operand &operand) {
  Tile tile = call.tileOf(operand);
  const Dtype from = tile.dtype();
  if (sharesWords(from))
    call.fail("not for {}", describe(tile));
  Dtype to = from;
  if (isFloat(from))
    to = Dtype::f32;
  else if (bitWidth(from) < 32)
    to = isSigned(from) || from == Dtype::b1 ? Dtype::i32 : Dtype::u32;
  return from == to ? tile : cast(Operand(tile, operand.where), to);
}

/// The operation on unsigned values, where they are ordered as such.
static Combine ofSign(Combine combine, Dtype dtype) {
  if (isSigned(dtype))
    return combine;
  return combine == Combine::max   ? Combine::umax
         : combine == Combine::min ? Combine::umin
                                   : combine;
}

static Tile reduce(Combine combine, Operand &operand, int dim,
                   std::string_view name) {
  Call call(programOf({&operand}), name, operand.where);
  Tile tile = reducible(call, operand);
  return call.reduce(ofSign(combine, tile.dtype()), tile, dim);
}
Tile sum(Operand tile, int dim) {
  return reduce(Combine::add, tile, dim, "sum");
}
Tile max(Operand tile, int dim) {
  return reduce(Combine::max, tile, dim, "max");
}
Tile min(Operand tile, int dim) {
  return reduce(Combine::min, tile, dim, "min");
}

static Tile reduceConditions(Combine combine, Operand &operand, int dim,
                             std::string_view name) {
  Call call(programOf({&operand}), name, operand.where);
  Tile tile = call.tileOf(operand);
  if (tile.dtype() != Dtype::b1)
    call.fail("expected conditions, b1, got {}", describe(tile));
  return call.reduce(combine, tile, dim);
}
Tile any(Operand tile, int dim) {
  return reduceConditions(Combine::bitOr, tile, dim, "any");
}
Tile all(Operand tile, int dim) {
  return reduceConditions(Combine::bitAnd, tile, dim, "all");
}

static Tile scan(Combine combine, Operand &operand, int dim,
                 std::string_view name) {
  Call call(programOf({&operand}), name, operand.where);
  Tile tile = reducible(call, operand);
  call.checkDim(tile, dim);
  return call.wrap(
      call.create<tile::ScanOp>(call.tensor(tile.shape(), tile.dtype()),
                                ofSign(combine, tile.dtype()), call.get(tile),
                                (std::uint32_t)dim),
      tile.dtype());
}
Tile cumsum(Operand tile, int dim) {
  return scan(Combine::add, tile, dim, "cumsum");
}
Tile cummax(Operand tile, int dim) {
  return scan(Combine::max, tile, dim, "cummax");
}

} // namespace lath
