// Tiles, and what is computed with them.
//
// Operands of one operation have one element type. Their shapes broadcast:
// aligned at the last dimension, extents are equal or one of them is 1, and
// numbers and indices go with every element. So a row of N elements, a column
// [M, 1] and a matrix [M, N] meet as their formula has them:
//
//   Tile y = (x - mean) * rsqrt(variance + 1e-5) * weight + bias;
//
// Every function throws Error{invalidProgram} for operands that it does not
// take, with these, and a note of where it was called.
#pragma once

#include "compiler/base/Dtype.h"
#include "compiler/dsl/Index.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lath {

using Shape = std::vector<std::int64_t>;

/// Far more than the registers of a block hold.
inline constexpr std::int64_t maxTileElements = 1 << 20;

/// A dense array of a static shape with power-of-two extents, which a block
/// holds in its registers. A value: operations make new ones.
class LATH_API Tile {
public:
  const Shape &shape() const { return shape_; }
  Dtype dtype() const { return dtype_; }
  /// The program it belongs to; null if default constructed.
  Program *program() const { return program_; }

private:
  friend struct ProgramImpl;
  Program *program_ = nullptr;
  void *value_ = nullptr;
  Shape shape_;
  Dtype dtype_ = Dtype::f32;
};

/// What an operation takes: a tile, or a number or an index that goes with
/// every element and has the type of the tile that it meets.
struct LATH_API Operand {
  Operand(const Tile &tile, Source where = Source::current())
      : value(tile), where(where) {}
  Operand(Index index, Source where = Source::current())
      : value(index), where(where) {}
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  Operand(Number number, Source where = Source::current())
      : value(double(number)), where(where) {}

  std::variant<double, Index, Tile> value;
  Source where;
};

// Arithmetic, of f16, bf16, f32 and integers. Integers wrap around; their `/`
// and `%` truncate towards zero, and what is divided by 0 is divided by 1.

LATH_API Tile operator+(Operand a, Operand b);
LATH_API Tile operator-(Operand a, Operand b);
LATH_API Tile operator*(Operand a, Operand b);
/// Floats: within two units in the last place of f32, then rounded to the type
/// (div.full.f32, about a third of the instructions of divRn).
LATH_API Tile operator/(Operand a, Operand b);
/// Correctly rounded, as IEEE 754 divides.
LATH_API Tile divRn(Operand a, Operand b);
LATH_API Tile operator%(Operand a, Operand b);
LATH_API Tile operator-(Operand a);
/// NaN where one side is.
LATH_API Tile maximum(Operand a, Operand b);
LATH_API Tile minimum(Operand a, Operand b);
/// a * b + c, rounded once. Floats.
LATH_API Tile fma(Operand a, Operand b, Operand c);
LATH_API Tile abs(Operand a);
/// The upper half of the product of unsigned 32-bit integers, u32.
LATH_API Tile multiplyHigh(Operand a, Operand b);

// Bits of integers, and of conditions.

LATH_API Tile operator&(Operand a, Operand b);
LATH_API Tile operator|(Operand a, Operand b);
LATH_API Tile operator^(Operand a, Operand b);
LATH_API Tile operator~(Operand a);
LATH_API Tile operator!(Operand a);
/// By as many bits as the type has, or more, everything is shifted out; a
/// number has to be below that.
LATH_API Tile operator<<(Operand a, Operand bits);
/// Of signed types the sign is shifted in.
LATH_API Tile operator>>(Operand a, Operand bits);

// Comparisons: tiles of b1. Floats: false where a side is NaN, but for `!=`.

LATH_API Tile operator<(Operand a, Operand b);
LATH_API Tile operator<=(Operand a, Operand b);
LATH_API Tile operator>(Operand a, Operand b);
LATH_API Tile operator>=(Operand a, Operand b);
LATH_API Tile operator==(Operand a, Operand b);
LATH_API Tile operator!=(Operand a, Operand b);
/// `a` where the condition, of b1, holds, else `b`.
LATH_API Tile where(Operand condition, Operand a, Operand b);

inline Tile &operator+=(Tile &a, Operand b) {
  return a = Operand(a, b.where) + b;
}
inline Tile &operator-=(Tile &a, Operand b) {
  return a = Operand(a, b.where) - b;
}
inline Tile &operator*=(Tile &a, Operand b) {
  return a = Operand(a, b.where) * b;
}
inline Tile &operator/=(Tile &a, Operand b) {
  return a = Operand(a, b.where) / b;
}

// Functions of f32.

/// e^a, as exp2(a * log2 e) with the approximate ex2.
LATH_API Tile exp(Operand a);
LATH_API Tile exp2(Operand a);
/// Natural logarithm, as log2(a) / log2 e.
LATH_API Tile log(Operand a);
/// By the approximate lg2.
LATH_API Tile log2(Operand a);
LATH_API Tile sqrt(Operand a);
LATH_API Tile rsqrt(Operand a);
LATH_API Tile tanh(Operand a);
LATH_API Tile erf(Operand a);
LATH_API Tile sin(Operand a);
LATH_API Tile cos(Operand a);
LATH_API Tile floor(Operand a);
LATH_API Tile ceil(Operand a);
/// To the nearest integer, ties to even.
LATH_API Tile round(Operand a);
/// 1 / (1 + e^-a).
LATH_API Tile sigmoid(Operand a);

// Types.

/// To another element type. Floats round to nearest even, and saturate in the
/// 8-bit ones; floats to integers truncate towards zero and saturate, and NaN
/// becomes 0; integers to narrower ones keep their low bits; b1 is 0 or 1, and
/// what is not 0 becomes true.
LATH_API Tile cast(Operand a, Dtype dtype);
/// The same bits as another type of that width.
LATH_API Tile bitcast(Operand a, Dtype dtype);

// Shapes.

/// The coordinates of a range: i32 [extent].
LATH_API Tile iota(const Range &range, Source where = Source::current());
/// Repeats along extents of 1, and along dimensions ahead of the first.
LATH_API Tile broadcast(Operand tile, const Shape &shape);
/// Same elements in row-major order under another shape.
LATH_API Tile reshape(Operand tile, const Shape &shape);
/// A dimension of extent 1 more, ahead of dimension `dim`; as the last one if
/// `dim` is the rank.
LATH_API Tile expand(Operand tile, int dim);
/// Swaps the two dimensions of a matrix.
LATH_API Tile transpose(Operand tile);
/// Dimension d of the result is dimension order[d] of the tile.
LATH_API Tile permute(Operand tile, const std::vector<int> &order);
/// Two tiles of one shape side by side in a new last dimension of extent 2.
LATH_API Tile join(Operand a, Operand b);
/// The inverse: the two halves of a last dimension of extent 2.
LATH_API std::pair<Tile, Tile> split(Operand tile);
/// `extent` elements of dimension `dim` from `start`, a multiple of `extent`.
LATH_API Tile slice(Operand tile, int dim, std::int64_t start,
                    std::int64_t extent);

// Reductions over one dimension, which stays with extent 1. Narrower floats are
// reduced in f32, narrower integers in i32 or u32, and that is the result's
// type; the sum of conditions counts them, in i32. The order is fixed.

LATH_API Tile sum(Operand tile, int dim);
LATH_API Tile max(Operand tile, int dim);
LATH_API Tile min(Operand tile, int dim);
/// Whether any, or every, condition holds.
LATH_API Tile any(Operand tile, int dim);
LATH_API Tile all(Operand tile, int dim);
/// The coordinate along `dim`, in i32, of the largest or smallest element; the
/// first of several. NaN is larger and smaller than any number.
LATH_API Tile argmax(Operand tile, int dim);
LATH_API Tile argmin(Operand tile, int dim);
/// Sums, or maxima, of all elements up to and including each one along one
/// dimension, in the types of reductions.
LATH_API Tile cumsum(Operand tile, int dim);
LATH_API Tile cummax(Operand tile, int dim);
/// The elements along one dimension in order; NaN is larger than any number,
/// -0 less than 0. A key in the upper bits of an i64 takes with it what is in
/// the lower ones.
LATH_API Tile sort(Operand tile, int dim, bool descending = false);
/// The one element of a tile as an index; of an integer of up to 32 bits.
LATH_API Index toIndex(Operand tile);
/// The one element of a tile of b1.
LATH_API Bool toBool(Operand tile);

// Random numbers (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3:
// Philox-4x32-10): a function of a key and a counter, so that any block can
// make any part of a sequence, and make it again.

/// Four words, u32, of each counter, u32 or i32, in the shape of the counter.
LATH_API std::array<Tile, 4> philox(Operand counter, Operand key);
/// The same of all four words of a counter and both of a key.
LATH_API std::array<Tile, 4> philox(const std::array<Operand, 4> &counter,
                                    const std::array<Operand, 2> &key);
/// Uniform in [0, 1): f32.
LATH_API Tile random(Operand counter, Operand key);
/// Of a normal distribution: f32.
LATH_API Tile randomNormal(Operand counter, Operand key);

// Matrix products.

/// (q - zero) * scale, elementwise, in the type of `scales`.
/// q: u4 or s8 [K, N]; scales: [K / g, N]; zeros, of u4: u4 [K / g, N], or
/// absent (8 for u4, 0 for s8).
/// `zeroOffset` is added to the stored zero, modulo 16 (1 for GPTQ v1).
LATH_API Tile dequant(Operand q, Operand scales, const Tile *zeros = nullptr,
                      int zeroOffset = 0);
/// acc + a * b. a: [M, K], b: [K, N] of f16, bf16 or f32 (which is rounded to
/// tf32, ten bits behind the point), acc: f32 [M, N].
/// `schedule` has words of this product alone: "kw2,scales=sums".
LATH_API Tile dot(Operand a, Operand b, Operand acc,
                  std::string_view schedule = {});

/// The sum of `partial`, f32, over all blocks that share the kRange. What
/// follows runs once for all of them.
LATH_API Tile reduceSplits(Operand partial);

} // namespace lath
