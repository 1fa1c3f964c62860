// Tiles of other element types.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace lath {

/// One or zero, in the type of the result.
static Tile fromCondition(const Call &call, const Tile &tile, Dtype dtype) {
  Value result;
  if (isInteger(dtype))
    result = call.create<arith::ExtUIOp>(call.tensor(tile.shape(), dtype),
                                         call.get(tile));
  else
    result = call.create<arith::SelectOp>(
        call.get(tile), call.get(call.splat(1, dtype, tile.shape())),
        call.get(call.splat(0, dtype, tile.shape())));
  return call.wrap(result, dtype);
}

static Tile toCondition(const Call &call, const Tile &tile) {
  // No arithmetic is done in 8-bit floats.
  const Tile wide = isFloat(tile.dtype()) && bitWidth(tile.dtype()) == 8
                        ? call.wrap(call.create<tile::CastOp>(
                                        call.tensor(tile.shape(), Dtype::f16),
                                        call.get(tile), /*is_unsigned=*/false),
                                    Dtype::f16)
                        : tile;
  Value zero = call.get(call.splat(0, wide.dtype(), wide.shape()));
  Value result;
  if (isFloat(wide.dtype()))
    result = call.create<arith::CmpFOp>(arith::CmpFPredicate::UNE,
                                        call.get(wide), zero);
  else
    result = call.create<arith::CmpIOp>(arith::CmpIPredicate::ne,
                                        call.get(wide), zero);
  return call.wrap(result, Dtype::b1);
}

static Value betweenIntegers(const Call &call, const Tile &tile, Dtype dtype) {
  const unsigned from = bitWidth(tile.dtype()), to = bitWidth(dtype);
  Type type = call.tensor(tile.shape(), dtype);
  if (from == to)
    return call.get(tile);
  if (from > to)
    return call.create<arith::TruncIOp>(type, call.get(tile));
  if (isSigned(tile.dtype()))
    return call.create<arith::ExtSIOp>(type, call.get(tile));
  return call.create<arith::ExtUIOp>(type, call.get(tile));
}

Tile cast(Operand a, Dtype dtype) {
  Call call(programOf({&a}), "cast", a.where);
  Tile tile = call.tileOf(a);
  const Dtype from = tile.dtype();
  if (sharesWords(from) || sharesWords(dtype))
    call.fail("u4 and s8 are codes that only dequant takes, got {} to {}",
              describe(tile), lath::name(dtype));
  if (from == dtype)
    return tile;
  if (from == Dtype::b1)
    return fromCondition(call, tile, dtype);
  if (dtype == Dtype::b1)
    return toCondition(call, tile);
  if (isInteger(from) && isInteger(dtype))
    return call.wrap(betweenIntegers(call, tile, dtype), dtype);
  const bool isUnsigned = !isSigned(isInteger(from) ? from : dtype);
  return call.wrap(call.create<tile::CastOp>(call.tensor(tile.shape(), dtype),
                                             call.get(tile), isUnsigned),
                   dtype);
}

Tile bitcast(Operand a, Dtype dtype) {
  Call call(programOf({&a}), "bitcast", a.where);
  Tile tile = call.tileOf(a);
  auto whole = [](Dtype type) { return isInteger(type) || isFloat(type); };
  if (!whole(tile.dtype()) || !whole(dtype) ||
      bitWidth(tile.dtype()) != bitWidth(dtype))
    call.fail("expected two types of one width of whole bytes, got {} to {}",
              describe(tile), lath::name(dtype));
  Type type = call.tensor(tile.shape(), dtype);
  Value value = call.get(tile);
  if (value.getType() != type)
    value = call.create<arith::BitcastOp>(type, value);
  return call.wrap(value, dtype);
}

} // namespace lath
