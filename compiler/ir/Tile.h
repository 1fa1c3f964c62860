// The `tile` dialect in C++: types, attributes, operations and the few
// questions passes ask about them.
#pragma once

#include "compiler/base/Schedule.h"
#include "compiler/ir/Layout.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lath::tile {

/// An array as memory holds it, row-major: of 32-bit words where elements are
/// packed, else of elements.
///
/// Words hold eight elements along one dimension, or the array [K, N] is cut
/// into atoms of one layout: then memory is [K / atom's k, N / atom's n, words
/// of an atom].
struct Memory {
  llvm::SmallVector<int64_t> shape; ///< the first may be dynamic
  mlir::Type unit;
  unsigned unitBytes = 0;
  int packed = -1;            ///< dimension of which a word holds eight, or -1
  std::optional<Layout> atom; ///< offsets in 4-bit elements

  bool holdsNibbles() const { return packed >= 0 || atom; }
  /// Row-major stride of dimension d, in units.
  int64_t stride(unsigned d) const;
  /// A tile of elements of this array, as a tile of units.
  llvm::SmallVector<int64_t> tileShape(llvm::ArrayRef<int64_t> elements) const;
  /// Flat index in a tile of elements -> flat index in the tile of units.
  LinearMap unitMap(llvm::ArrayRef<int64_t> tile) const;
  /// Flat index in a tile of elements -> which eighth of its word it is.
  LinearMap nibbleMap(llvm::ArrayRef<int64_t> tile) const;
  /// Dimension of the array that dimension d of memory runs along (-1: words
  /// of an atom), and how many elements of it one unit step is.
  int arrayDim(unsigned d) const;
  int64_t elementsPerStep(unsigned d) const;
};

/// Eight 4-bit elements to a word.
inline constexpr unsigned packBits = 3;

} // namespace lath::tile

#include "compiler/ir/TileDialect.h.inc"
#include "compiler/ir/TileEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/TileOps.h.inc"

namespace lath::tile {

/// Attributes on kernel arguments: the name, and a KernelParam::Kind.
inline constexpr llvm::StringLiteral paramNameAttr = "tile.name";
inline constexpr llvm::StringLiteral paramKindAttr = "tile.kind";
/// On a pointer argument: what it points to is changed by no launch that may
/// still run when the kernel starts.
inline constexpr llvm::StringLiteral constantAttrName = "tile.constant";
/// Whether a view (or the argument that is one) is marked so.
bool isConstant(mlir::Value view);
/// On the scf.if that divides a kernel into a warp that copies (then) and those
/// that compute (else).
inline constexpr llvm::StringLiteral rolesAttrName = "tile.roles";
/// Whose code an operation is. Without roles: `all`.
enum class Role { all, producer, consumers };
Role roleOf(mlir::Operation *op);
/// Name of the schedule attribute: on a kernel function all of its words, on a
/// loop or a dot those that it has of its own.
inline constexpr llvm::StringLiteral scheduleAttrName = "tile.schedule";
/// The words that hold for an operation: the nearest that says one wins.
/// Without any, the defaults, on the oldest target.
TargetSchedule scheduleOf(mlir::Operation *op);

/// Whether a tile of `units` lies inside a view or wholly outside, along
/// dimension d of memory, by what is known of its start (in elements).
bool staysWhole(const Memory &memory, llvm::ArrayRef<int64_t> units,
                mlir::OperandRange starts, unsigned d);

/// The layout of a tensor type; asserts that it has one.
Layout layoutOf(mlir::Type type);
bool hasLayout(mlir::Type type);
mlir::RankedTensorType withLayout(mlir::RankedTensorType type,
                                  const Layout &layout);

/// The register of `source` that holds the element with index `map(index)`,
/// for an element of `result` in the same lane and warp; nullopt unless that
/// is so for every lane and warp.
std::optional<LinearMap>
registersFrom(const Layout &source, const Layout &result, const LinearMap &map);

/// The layout of a tile's memory units, given that of its elements.
Layout unitLayout(const Memory &memory, const Layout &elements);

/// A positive number that divides `value` in every execution.
int64_t divisorOf(mlir::Value value);

/// As divisorOf, for the start of a tile along dimension d of memory, in units,
/// given the starts in elements of the array.
int64_t divisorOfUnits(const Memory &memory, mlir::OperandRange starts,
                       unsigned d);

} // namespace lath::tile
