// Which elements of a view a call accesses.
#pragma once

#include "compiler/dsl/ProgramImpl.h"

namespace lath {

/// The coordinates of a call, checked.
struct AccessAt {
  /// `asks`: whether the tile lies in the view; else a tile that certainly lies
  /// outside is a mistake.
  AccessAt(const Call &call, const View &view, const std::vector<At> &at,
           bool asks = false);

  mlir::TypedValue<tile::ViewType> view;
  llvm::SmallVector<mlir::Value> starts; ///< as tile.load takes them
  llvm::SmallVector<int64_t> dims;
  Shape shape; ///< of the tile

  /// What is written: a tile of this shape, or a number for all of it.
  Tile valueOf(const Call &call, const Operand &operand, Dtype dtype) const;
  void checkWritable(const Call &call) const;

private:
  void check(const Call &call, bool asks) const;
};

} // namespace lath
