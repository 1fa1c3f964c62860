// Arrays as memory holds them, and where the elements of a tile of one lie.
#pragma once

#include "compiler/ir/Layout.h"

#include "mlir/IR/BuiltinTypes.h"

namespace lath::tile {

/// An array as memory holds it: of 32-bit words where elements are packed, else
/// of elements.
///
/// Words hold eight i4 or four si8 along one dimension, or the array [K, N] is
/// cut into atoms of one layout: then memory is [K / atom's k, N / atom's n,
/// words of an atom].
struct Memory {
  llvm::SmallVector<int64_t> shape;   ///< in units; may be dynamic
  llvm::SmallVector<int64_t> strides; ///< in units; may be dynamic
  /// Powers of two that are known to divide each extent and each stride.
  llvm::SmallVector<int64_t> extentDivisors, strideDivisors;
  mlir::Type unit;
  unsigned unitBytes = 0;
  int packed = -1;       ///< dimension of which a word holds several, or -1
  unsigned packBits = 0; ///< log2 of the elements of a word
  std::optional<Layout> atom; ///< offsets in 4-bit elements

  bool holdsCodes() const { return packed >= 0 || atom; }
  /// Bytes between neighbours along dimension d; that stride is static.
  int64_t strideBytes(unsigned d) const;
  /// A tile of elements of this array, as a tile of units.
  llvm::SmallVector<int64_t> tileShape(llvm::ArrayRef<int64_t> elements) const;
  /// Flat index in a tile of elements -> flat index in the tile of units.
  LinearMap unitMap(llvm::ArrayRef<int64_t> tile) const;
  /// Flat index in a tile of elements -> which element of its word it is.
  LinearMap codeMap(llvm::ArrayRef<int64_t> tile) const;
  /// Dimension of the array that dimension d of memory runs along (-1: words
  /// of an atom), and how many elements of it one unit step is.
  int arrayDim(unsigned d) const;
  int64_t elementsPerStep(unsigned d) const;
};

/// Row-major strides of an array; dynamic where an extent behind is.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// The largest power of two, at most mostDivisor, that divides a number.
int64_t powerOfTwoIn(int64_t number);
inline constexpr int64_t mostDivisor = int64_t(1) << 31;

/// log2 of the elements that share a 32-bit word: 3 for i4, 2 for si8; else 0.
unsigned packBitsOf(mlir::Type element);

/// What an element is in memory and, but for i1, in a register: 8-bit floats
/// are bytes to LLVM, and conditions become bytes.
mlir::Type storedType(mlir::Type element);

/// The layout of a tile's memory units, given that of its elements.
Layout unitLayout(const Memory &memory, const Layout &elements);

} // namespace lath::tile
