// Where the elements of a tile live, as F2-linear maps.
//
// A tile has power-of-two extents, so an element's coordinates are bits, and
// its row-major flat index is those bits side by side (the last dimension
// lowest). A place is bits too: which register of which lane of which warp of
// which block of a cluster, or which offset in a buffer. A Layout maps place
// bits to index bits linearly over F2, the field where + is XOR:
//
//   index(place) = XOR of basis[i] over the set bits i of the place.
//
// So a layout is a list of basis vectors, one for each place bit: the index
// of the element that sits at that single bit. A few bases describe blocked
// loads, tensor-core fragments, bank swizzles and packed words alike, and
// questions about them (same place? which lanes hold copies? does this load
// hit a bank twice?) are rank computations. After Zhou et al., "Linear
// Layouts" (arXiv 2505.23819).
//
// Example: the accumulator of mma.m16n8k16, 16x8, four values a lane:
//   register = [(0,1), (8,0)]     value 1 is one column on, value 2 eight rows
//   lane     = [(0,2), (0,4), (1,0), (2,0), (4,0)]
//
// A zero basis means the element is repeated along that bit (broadcast).
// Pure values, no MLIR; thread safe as values are.
#pragma once

#include "compiler/base/Api.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lath {

using Shape = std::vector<std::int64_t>;
using Bases = std::vector<std::uint32_t>;

/// A linear map of bit vectors: image of bit i = bases[i]. At most 32 bits in
/// and out.
class LATH_API LinearMap {
public:
  LinearMap() = default;
  explicit LinearMap(Bases bases) : bases_(std::move(bases)) {}
  static LinearMap identity(unsigned bits);

  const Bases &bases() const { return bases_; }
  unsigned inBits() const { return static_cast<unsigned>(bases_.size()); }
  std::uint32_t operator()(std::uint32_t in) const;
  unsigned rank() const;
  bool injective() const { return rank() == inBits(); }
  /// this after first: x -> this(first(x)).
  LinearMap after(const LinearMap &first) const;
  /// The inverse of a bijection onto `bits()` == inBits() bits; nullopt if it
  /// is none.
  std::optional<LinearMap> inverse() const;
  /// An x with this(x) = y, nullopt if y is not in the image.
  std::optional<std::uint32_t> solve(std::uint32_t y) const;
  bool operator==(const LinearMap &) const = default;

private:
  Bases bases_;
};

/// A register holds one element here, whatever its width.
enum class Place { Register, Lane, Warp, Block, Offset };
inline constexpr int numPlaces = 5;
inline constexpr unsigned laneBits = 5;

class LATH_API Layout {
public:
  Layout() = default;
  explicit Layout(Shape shape);

  /// Bases as coordinate tuples, one list a place.
  using Coords = std::vector<std::vector<std::int64_t>>;
  static Layout make(Shape shape, const Coords &registers, const Coords &lanes,
                     const Coords &warps = {});
  /// A buffer: bases of the offset bits, in elements.
  static Layout memory(Shape shape, const Coords &offsets);

  const Shape &shape() const { return shape_; }
  unsigned rank() const { return static_cast<unsigned>(shape_.size()); }
  std::uint32_t elements() const;
  unsigned indexBits() const;

  Bases &bases(Place place) { return bases_[static_cast<int>(place)]; }
  const Bases &bases(Place place) const {
    return bases_[static_cast<int>(place)];
  }
  unsigned bits(Place place) const {
    return static_cast<unsigned>(bases(place).size());
  }
  std::uint32_t size(Place place) const { return 1u << bits(place); }

  /// Flat index of the element at a place.
  std::uint32_t index(std::uint32_t reg, std::uint32_t lane = 0,
                      std::uint32_t warp = 0, std::uint32_t block = 0) const;
  std::uint32_t indexOfOffset(std::uint32_t offset) const;
  LinearMap map(Place place) const { return LinearMap(bases(place)); }
  /// All places as one map: registers lowest, then lanes, warps, blocks,
  /// offsets.
  LinearMap flat() const;

  std::uint32_t flatten(const std::vector<std::int64_t> &coords) const;
  std::vector<std::int64_t> unflatten(std::uint32_t index) const;
  /// First index bit of dimension d, and how many there are.
  unsigned dimShift(unsigned d) const;
  unsigned dimBits(unsigned d) const;
  /// The index bits of dimension d.
  std::uint32_t indexMask(unsigned d) const {
    return ((1u << dimBits(d)) - 1) << dimShift(d);
  }
  /// Which dimension an index bit belongs to.
  unsigned dimOfBit(unsigned bit) const;

  /// Every element has a place / no element has two.
  bool surjective() const;
  bool injective() const;

  /// The register (lane 0, warp 0) that holds `index` when lanes and warps
  /// contribute nothing; nullopt if none does.
  std::optional<std::uint32_t> registerOf(std::uint32_t index) const;

  // Derived layouts.

  /// Same elements in row-major order under another shape.
  Layout reshaped(Shape shape) const;
  /// The element at each index under another one, of another shape.
  Layout renamed(Shape shape, const LinearMap &indices) const;
  /// Dimension d becomes dimension order[d] of this layout.
  Layout permuted(const std::vector<unsigned> &order) const;
  /// Swaps the dimensions of a matrix.
  Layout transposed() const { return permuted({1, 0}); }
  /// Dimension `dim` reduced to extent 1: where a row or column that is
  /// broadcast along `dim` sits. Repeated registers are dropped.
  Layout sliced(unsigned dim) const;
  /// Indices of this layout to those of it sliced.
  LinearMap sliceMap(unsigned dim) const;
  /// Coordinates along `dim` divided by 2^bits (packing, groups). Repeated
  /// registers are dropped.
  Layout divided(unsigned dim, unsigned bits) const;
  /// Register bits that repeat others' elements dropped.
  Layout withoutRepeatedRegisters() const;
  /// This layout repeated: each element of `outer` becomes a tile of this
  /// shape. At each place the bits of `outer` follow those of this layout (the
  /// product of the linear-layouts work).
  Layout product(const Layout &outer) const;

  bool operator==(const Layout &) const = default;
  /// "[16, 8] register = [(0, 1), (8, 0)] lane = [...]", for people.
  std::string print() const;

private:
  Shape shape_;
  std::array<Bases, numPlaces> bases_;
};

// Fragments of mma.sync.m16n8k16 with 16-bit operands: PTX ISA, section
// "Matrix Fragments for mma.m16n8k16". Shapes are those of the fragment.

LATH_API Layout mmaA();           ///< 16 rows x 16 k
LATH_API Layout mmaB();           ///< 16 k x 8 columns
LATH_API Layout mmaAccumulator(); ///< 16 rows x 8 columns

/// What a lane receives from ldmatrix.x4 (b16) of a 32 x 8 stack of four 8x8
/// matrices, plain or transposed: matrix i is rows 8i..8i+7, and its two
/// values in a lane are registers 2i and 2i + 1.
LATH_API Layout ldmatrixResult(bool transposed);
/// Whose row pointer each lane supplies: lane l gives row l; the eight
/// elements of a row are registers.
LATH_API Layout ldmatrixRows();

/// Coalesced: `vector` consecutive elements of the last dimension to a lane (or
/// all of it where it is shorter), lanes along the last dimension first, then
/// warps, then more registers. Lane and warp bits that find no room repeat.
/// `vector` and `warps` are powers of two.
LATH_API Layout blocked(const Shape &shape, unsigned vector, unsigned warps);

/// As blocked, for an array in atoms: 2^(bits - 5) neighbours of an atom's
/// offsets to a lane, an atom to a warp; warps along the last dimension first.
/// `shape` is in whole atoms, which have at least 32 elements.
LATH_API Layout atomBlocked(const Shape &shape, const Layout &atom,
                            unsigned warps);

/// Row-major offsets.
LATH_API Layout rowMajor(const Shape &shape);

/// A row-major buffer with its 16-byte chunks permuted (XOR) so that each of
/// `accesses` is free of bank conflicts, or, where they contradict each other,
/// so that the fewest lane bits collide. An access names the index bits of the
/// three lowest lane bits of a 16-byte access (a quarter warp, which covers
/// all 32 banks once). A chunk is 2^vectorBits elements, which stay contiguous.
LATH_API Layout swizzled(const Shape &shape, unsigned vectorBits,
                         const std::vector<Bases> &accesses);

/// How many times the worst bank is hit by one 32-lane access to `memory`,
/// relative to the best possible: 1 is free of conflicts. Each lane accesses
/// 2^vectorBits elements of `elementBits` that are contiguous in `memory`, the
/// first of them at its register 0.
LATH_API unsigned bankConflicts(const Layout &memory, const Layout &registers,
                                unsigned vectorBits, unsigned elementBits);

} // namespace lath
