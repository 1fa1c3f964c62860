// Arrays in global memory, and tiles read from and written to them.
#pragma once

#include "compiler/dsl/Tile.h"

namespace lath {

/// A coordinate, or several, along one dimension of a view.
///
/// A range: consecutive ones. An index: one, and the tile has no such
/// dimension. A tile of i32: those that it holds, in any order and repeated;
/// rank 1 in an `at` of ranges (row i of the tile is row ids[i] of the view),
/// or all tiles of one shape, that of the result (a value looked up for each).
/// What is outside of the view reads as zero and is not written, so a
/// coordinate of -1 masks.
struct LATH_API At {
  At(const Range &range) : value(range) {}
  At(Index start, std::int64_t extent) : value(Range{start, extent}) {}
  At(Index index) : value(index) {}
  At(const Tile &coordinates) : value(coordinates) {}
  At(std::int64_t index) : value(index) {}
  At(int index) : value(std::int64_t(index)) {}

  std::variant<std::int64_t, Index, Range, Tile> value;
};

/// An array in global memory. Views of `u4` and `s8` pack eight or four
/// elements along one dimension into a 32-bit word; the words are row-major.
class LATH_API View {
public:
  /// Reads a tile. Elements outside the view are zero.
  Tile load(const std::vector<At> &at, Source where = Source::current()) const;
  /// The same with `outside` in their place.
  Tile load(const std::vector<At> &at, double outside,
            Source where = Source::current()) const;
  /// One element of an integer view; zero outside.
  Index loadIndex(const std::vector<At> &at,
                  Source where = Source::current()) const;
  /// Writes a tile. Elements outside the view are left alone. Where several
  /// elements have one place, one of them is written.
  void store(const std::vector<At> &at, Operand value,
             Source where = Source::current()) const;
  /// Whether each element of such a tile lies inside of the view: b1.
  Tile inside(const std::vector<At> &at,
              Source where = Source::current()) const;

  // Atomics: elementwise, relaxed, visible to the device. Each returns what was
  // there before (zero outside), which costs nothing where it is not used.

  /// f32, f16, i32, u32, i64; bf16 on sm_90 and later.
  Tile atomicAdd(const std::vector<At> &at, Operand value,
                 Source where = Source::current()) const;
  /// i32, u32, i64.
  Tile atomicMax(const std::vector<At> &at, Operand value,
                 Source where = Source::current()) const;
  Tile atomicMin(const std::vector<At> &at, Operand value,
                 Source where = Source::current()) const;
  /// 32-bit types and i64.
  Tile atomicExchange(const std::vector<At> &at, Operand value,
                      Source where = Source::current()) const;
  /// Writes `value` where `expected` stands.
  Tile atomicCompareExchange(const std::vector<At> &at, Operand expected,
                             Operand value,
                             Source where = Source::current()) const;

  Dtype dtype() const { return dtype_; }
  std::size_t rank() const { return rank_; }
  Program *program() const { return program_; }

private:
  friend struct ProgramImpl;
  Program *program_ = nullptr;
  void *value_ = nullptr;
  Dtype dtype_ = Dtype::f32;
  std::size_t rank_ = 0;
};

} // namespace lath
