// Between which numbers an index lies in every execution, as far as that is
// known when a kernel is compiled: whether a tile needs bounds checks, and
// whether the language refuses it because it lies outside of its view.
#pragma once

#include "mlir/IR/Value.h"

#include <cstdint>
#include <optional>

namespace lath::tile {

/// An index is g + r with r from `least` to `most`. g is 0; or, with a `piece`,
/// a multiple of it that the launch chose by the extent of its grid (a block's
/// position times a number): by the author's promise not negative, and below
/// the extent of the dimension that it is a coordinate of.
struct IndexRange {
  std::int64_t least, most;
  std::int64_t piece = 0;
  /// Both ends are taken in every execution that comes to the value.
  bool attained = false;

  /// Whether `tile` coordinates from this one lie in [0, extent), always.
  bool inside(std::int64_t tile, std::int64_t extent) const;
  /// The start of a tile that is wholly outside of [0, extent), if there is one
  /// for certain.
  std::optional<std::int64_t> outside(std::int64_t tile,
                                      std::int64_t extent) const;
};

/// What is known of a 32-bit index in `block`: inside of branches, by their
/// conditions too, and by `condition`, if there is one.
IndexRange rangeOf(mlir::Value index, mlir::Block *block,
                   mlir::Value condition = {});

} // namespace lath::tile
