// Where the largest element is, and elements in order. Both compare whole
// numbers that are ordered as the elements are, so that neither NaN nor -0 nor
// equal elements need rules of their own where threads meet.
#include "compiler/dsl/ProgramImpl.h"

#include <bit>
#include <limits>

using namespace mlir;

namespace lath {

static constexpr std::int32_t allButSign =
    std::numeric_limits<std::int32_t>::max();

/// Of negative floats a larger magnitude is less: all bits but the sign are
/// turned. Its own inverse.
static Tile orderedBits(const Tile &bits, Source where) {
  return Operand(bits, where) ^
         (Operand(Operand(bits, where) >> 31, where) & allButSign);
}

/// i32 or i64 in the order of the elements; NaN is `nan`.
static Tile inOrder(const Call &call, const Tile &tile, std::int32_t nan) {
  const Source at = call.source();
  const Dtype dtype = tile.dtype();
  if (isFloat(dtype)) {
    Tile x = cast(Operand(tile, at), Dtype::f32);
    return where(Operand(Operand(x, at) != x, at), nan,
                 orderedBits(bitcast(Operand(x, at), Dtype::i32), at));
  }
  if (dtype == Dtype::u32)
    return bitcast(Operand(tile, at), Dtype::i32) ^ (-allButSign - 1);
  if (dtype == Dtype::i32 || dtype == Dtype::i64)
    return tile;
  if (dtype == Dtype::u4 || dtype == Dtype::s8)
    call.fail("not for {}", describe(tile));
  return cast(Operand(tile, at), Dtype::i32);
}

/// Positions along a dimension, in a shape that broadcasts to the tile's.
static Tile positions(const Call &call, const Shape &shape, int dim) {
  Tile at = call.wrap(
      call.create<tile::IotaOp>(call.tensor({shape[dim]}, Dtype::i32)),
      Dtype::i32);
  Shape along(shape.size(), 1);
  along[dim] = shape[dim];
  return call.reshape(at, along);
}

/// Bits at the end of an f32 that is a float of `dtype` that are zero.
static int freeBits(Dtype dtype) {
  switch (dtype) {
  case Dtype::f16:
    return 13;
  case Dtype::bf16:
    return 16;
  default:
    return 0;
  }
}

/// The elements are the upper halves of what is compared, positions the lower
/// ones: turned where the largest is looked for, so that the first wins. What
/// is compared is a word where an element leaves enough bits of it to the
/// position, which halves what threads exchange.
static Tile position(Operand &operand, int dim, bool largest,
                     std::string_view name) {
  Call call(programOf({&operand}), name, operand.where);
  const Source at = operand.where;
  Tile tile = call.tileOf(operand);
  call.checkDim(tile, dim);
  if (tile.dtype() == Dtype::i64)
    call.fail("expected elements of up to 32 bits, got {}", describe(tile));
  const int places = freeBits(tile.dtype());
  if (isFloat(tile.dtype())) // -0 + 0 is 0
    tile = Operand(cast(Operand(tile, at), Dtype::f32), at) + 0.0;
  Tile order = inOrder(call, tile, largest ? allButSign : -allButSign - 1);
  const std::int64_t last = tile.shape()[dim] - 1;
  Tile place = positions(call, tile.shape(), dim);
  if (largest)
    place = Operand(last, at) - place;
  const auto combine = largest ? tile::Combine::max : tile::Combine::min;
  Tile found = place;
  if (last >> places == 0) {
    const std::int64_t ofElement = -(std::int64_t{1} << places);
    Tile key = Operand(Operand(order, at) & ofElement, at) | place;
    found = Operand(call.reduce(combine, key, dim), at) & ~ofElement;
  } else {
    Tile upper = Operand(cast(Operand(order, at), Dtype::i64), at) << 32;
    Tile key = Operand(upper, at) | cast(Operand(place, at), Dtype::i64);
    found = cast(Operand(call.reduce(combine, key, dim), at), Dtype::i32);
  }
  return largest ? Operand(last, at) - found : found;
}
Tile argmax(Operand tile, int dim) {
  return position(tile, dim, true, "argmax");
}
Tile argmin(Operand tile, int dim) {
  return position(tile, dim, false, "argmin");
}

/// Batcher, Sorting networks and their applications (1968), the bitonic one:
/// runs of 2^k elements are sorted, up and down in turn, by exchanges at
/// distance 2^(k - 1), ..., 1. The partner across a bit is the element XOR that
/// of both, which is a reduction in whatever place the bit lies.
Tile sort(Operand operand, int dim, bool descending) {
  Call call(programOf({&operand}), "sort", operand.where);
  const Source at = operand.where;
  Tile tile = call.tileOf(operand);
  call.checkDim(tile, dim);
  const Shape shape = tile.shape();
  std::int64_t outer = 1, inner = 1;
  for (int d = 0; d < (int)shape.size(); ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : shape[d];
  Tile keys = inOrder(call, tile, allButSign);
  const int bits = std::countr_zero((std::uint64_t)shape[dim]);
  for (int run = 1; run <= bits; ++run)
    for (int bit = run - 1; bit >= 0; --bit) {
      const Shape pairs{outer, shape[dim] >> (bit + 1), 2, 1ll << bit, inner};
      keys = call.reshape(keys, pairs);
      Tile both = call.reduce(tile::Combine::bitXor, keys, 2);
      Tile partner = Operand(keys, at) ^ both;
      Tile turned = positions(call, pairs, 2);
      if (run < bits)
        turned = Operand(turned, at) ^
                 (Operand(positions(call, pairs, 1), at) >> (run - bit - 1));
      Tile takesLarger =
          Operand(Operand(turned, at) & 1, at) != (descending ? 1 : 0);
      keys = where(Operand(takesLarger, at), maximum(keys, partner),
                   minimum(keys, partner));
    }
  keys = call.reshape(keys, shape);
  if (isFloat(tile.dtype()))
    keys = bitcast(Operand(orderedBits(keys, at), at), Dtype::f32);
  else if (tile.dtype() == Dtype::u32)
    return bitcast(Operand(keys, at) ^ (-allButSign - 1), Dtype::u32);
  return cast(Operand(keys, at), tile.dtype());
}

} // namespace lath
