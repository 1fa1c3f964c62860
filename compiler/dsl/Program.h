// The embedded tile language: C++ values that stand for tiles on a GPU.
//
// A Program is one kernel. Every call appends an operation to its tile IR;
// nothing runs. A block of threads executes the program once; a Tile is a
// small dense array that the block holds in its registers, laid out by the
// compiler. The language says what is computed; a Schedule and the passes
// decide how.
//
//   Program p("add");
//   Index n = p.scalar("n");
//   View a = p.view("a", Dtype::f32, {n}), b = p.view("b", Dtype::f32, {n});
//   View c = p.view("c", Dtype::f32, {n});
//   Range r = p.range(p.programId(0), 1024);
//   c.store({r}, a.load({r}) + b.load({r}));
//
// All handles are small values that refer to their Program and are valid as
// long as it lives. Wrong use throws Error{invalidProgram} at the call, with
// the operands and their shapes. Not thread safe; use one Program per thread.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Dtype.h"
#include "compiler/base/Error.h"
#include "compiler/ir/Layout.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lath {

class Program;
using Shape = std::vector<std::int64_t>;

/// Far more than the registers of a block hold.
inline constexpr std::int64_t maxTileElements = 1 << 20;

/// A 32-bit integer, the same in all threads of a block.
class LATH_API Index {
public:
  Index operator+(Index other) const;
  Index operator-(Index other) const;
  Index operator*(Index other) const;
  /// Unsigned: both must be non-negative, the divisor positive.
  Index operator/(Index other) const;
  Index operator+(std::int64_t other) const;
  Index operator-(std::int64_t other) const;
  Index operator*(std::int64_t other) const;
  Index operator/(std::int64_t other) const;

private:
  friend struct ProgramImpl;
  friend class Program;
  Program *program_ = nullptr;
  void *value_ = nullptr;
};

/// `extent` consecutive coordinates from `start`. The extent is a power of two.
struct LATH_API Range {
  Index start;
  std::int64_t extent = 0;
  /// The groups of `divisor` coordinates that this range touches: of one
  /// group, or of extent / divisor whole ones.
  Range operator/(std::int64_t divisor) const;
};

/// A tile of a static shape with power-of-two extents, held by the block.
class LATH_API Tile {
public:
  const Shape &shape() const { return shape_; }
  Dtype dtype() const { return dtype_; }

private:
  friend struct ProgramImpl;
  friend class Program;
  Program *program_ = nullptr;
  void *value_ = nullptr;
  Shape shape_;
  Dtype dtype_ = Dtype::f32;
};

/// An extent of a view: known when the kernel is built, or an argument.
using Extent = std::variant<std::int64_t, Index>;

/// An array in global memory, row-major, the last dimension contiguous.
/// Views of `u4` and `s8` pack eight or four elements along one dimension into
/// a 32-bit word; the words are row-major.
class LATH_API View {
public:
  /// Reads a tile. Elements outside the view are zero.
  Tile load(const std::vector<Range> &at) const;
  /// Writes a tile. Elements outside the view are left alone.
  void store(const std::vector<Range> &at, const Tile &value) const;
  /// Adds a tile atomically (f32, f16; bf16 on sm_90 and later).
  void atomicAdd(const std::vector<Range> &at, const Tile &value) const;

  Dtype dtype() const { return dtype_; }
  std::size_t rank() const { return rank_; }

private:
  friend struct ProgramImpl;
  friend class Program;
  Program *program_ = nullptr;
  void *value_ = nullptr;
  Dtype dtype_ = Dtype::f32;
  std::size_t rank_ = 0;
};

/// One kernel in the tile language. Movable, owns its IR.
class LATH_API Program {
public:
  explicit Program(std::string name);
  Program(Program &&) = delete;
  ~Program();

  // Parameters, in launch order.

  /// A 32-bit integer argument, at least 1.
  Index scalar(const std::string &name);
  /// An array argument. `packedDim` is the dimension that a view of u4 or s8
  /// packs along, whose extent is a multiple of 8 or 4.
  View view(const std::string &name, Dtype dtype,
            const std::vector<Extent> &extents, int packedDim = -1);
  /// A u4 matrix [K, N] stored in atoms: `atom` gives the order of the elements
  /// of one, [a, b], in memory (offset bits, in 4-bit elements; see
  /// weightAtom). Atom (i, j) is the (i N / b + j)-th. K and N are multiples of
  /// a and b, and so is every tile that is loaded or stored.
  View view(const std::string &name, std::int64_t k, std::int64_t n,
            const Layout &atom);
  /// The same for an array that stays as it is, weights say: a dependent launch
  /// reads it before the launches ahead are done. Cannot be stored to.
  View constantView(const std::string &name, Dtype dtype,
                    const std::vector<Extent> &extents, int packedDim = -1);
  View constantView(const std::string &name, std::int64_t k, std::int64_t n,
                    const Layout &atom);

  // Where this block is.

  /// This block's position in the launch grid, axis 0 to 2.
  Index programId(int axis);
  /// The extent of the launch grid along an axis.
  Index numPrograms(int axis);
  Index constant(std::int64_t value);
  /// Coordinates [index * extent, index * extent + extent).
  Range range(Index index, std::int64_t extent);

  // Loops.

  /// The part of 0..extent-1 this block works on, in steps of `step`: all of
  /// it, or a share once the schedule splits it over blocks.
  struct KRange {
    std::int64_t extent, step;
  };
  KRange kRange(std::int64_t extent, std::int64_t step);
  /// Carries `init` through the loop; `body` gets the step's coordinates and
  /// the carried tile and returns the next one (same shape and type).
  /// `schedule` has words that hold for this loop and what is in it, in place
  /// of the kernel's: "st2", "st3,scales=sums". Throws Error{invalidSpec} where
  /// it is no such text, or a word is not a loop's.
  Tile loop(const KRange &range, const Tile &init,
            const std::function<Tile(Range, Tile)> &body,
            std::string_view schedule = {});
  /// The sum of `partial` over all blocks that share the kRange. What
  /// follows runs once for all of them.
  Tile reduceSplits(const Tile &partial);

  // Tiles from scalars and other shapes.

  Tile splat(double value, Dtype dtype, const Shape &shape);
  /// Repeats along extents of 1. Ranks must be equal.
  Tile broadcast(const Tile &tile, const Shape &shape);
  /// Same elements in row-major order under another shape.
  Tile reshape(const Tile &tile, const Shape &shape);
  /// Swaps the two dimensions of a matrix.
  Tile transpose(const Tile &tile);

  // Elementwise. Shapes and types of two operands must be equal.

  Tile add(const Tile &a, const Tile &b);
  Tile sub(const Tile &a, const Tile &b);
  Tile mul(const Tile &a, const Tile &b);
  /// Within two units in the last place of f32, then rounded to the type:
  /// div.full.f32, about a third of the instructions of divRn.
  Tile div(const Tile &a, const Tile &b);
  /// Correctly rounded, as IEEE 754 divides.
  Tile divRn(const Tile &a, const Tile &b);
  Tile max(const Tile &a, const Tile &b);
  Tile min(const Tile &a, const Tile &b);
  /// e^a, computed as exp2(a * log2 e) with the approximate ex2. f32 only.
  Tile exp(const Tile &a);
  Tile exp2(const Tile &a);
  /// By the approximate lg2. f32 only.
  Tile log2(const Tile &a);
  Tile sqrt(const Tile &a);
  Tile rsqrt(const Tile &a);
  Tile tanh(const Tile &a);
  Tile abs(const Tile &a);
  /// Rounds to nearest even. Float types only.
  Tile cast(const Tile &a, Dtype dtype);
  /// `inside` where the element's coordinates lie inside `view`, else
  /// `outside`: for reductions whose identity is not zero.
  Tile where(const View &view, const std::vector<Range> &at, const Tile &inside,
             double outside);

  // Reductions over one dimension; the result has extent 1 there.

  Tile sum(const Tile &tile, int dim);
  Tile maximum(const Tile &tile, int dim);

  // Matrix products.

  /// (q - zero) * scale, elementwise, in the type of `scales`.
  /// q: u4 or s8 [K, N]; scales: [K / g, N]; zeros, of u4: u4 [K / g, N], or
  /// absent (8 for u4, 0 for s8).
  /// `zeroOffset` is added to the stored zero, modulo 16 (1 for GPTQ v1).
  Tile dequant(const Tile &q, const Tile &scales, const Tile *zeros = nullptr,
               int zeroOffset = 0);
  /// acc + a * b. a: [M, K], b: [K, N] of one 16-bit type, acc: f32 [M, N].
  /// `schedule` has words of this product alone: "kw2,scales=sums".
  Tile dot(const Tile &a, const Tile &b, const Tile &acc,
           std::string_view schedule = {});

  const std::string &name() const;
  /// The tile IR as text.
  std::string print() const;

  struct ProgramImpl &impl() { return *impl_; }

private:
  std::unique_ptr<struct ProgramImpl> impl_;
};

LATH_API Tile operator+(const Tile &a, const Tile &b);
LATH_API Tile operator-(const Tile &a, const Tile &b);
LATH_API Tile operator*(const Tile &a, const Tile &b);
LATH_API Tile operator/(const Tile &a, const Tile &b);

} // namespace lath
