// The `tile` dialect in C++: types, attributes, operations and the few
// questions passes ask about them.
#pragma once

#include "compiler/base/Schedule.h"
#include "compiler/ir/Coalesce.h"
#include "compiler/ir/Layout.h"
#include "compiler/ir/Memory.h"
#include "compiler/ir/TileInterfaces.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/ir/TileDialect.h.inc"
#include "compiler/ir/TileEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/TileOps.h.inc"

namespace lath::tile {

/// Attributes on kernel arguments: the name, a KernelParam::Kind, and the name
/// of the Dtype of the scalar or of the elements pointed to.
inline constexpr llvm::StringLiteral paramNameAttr = "tile.name";
inline constexpr llvm::StringLiteral paramKindAttr = "tile.kind";
inline constexpr llvm::StringLiteral paramTypeAttr = "tile.type";
/// On a pointer argument: what it points to is changed by no launch that may
/// still run when the kernel starts.
inline constexpr llvm::StringLiteral constantAttrName = "tile.constant";
/// On what computes the position of one of a persistent block's tiles: by the
/// author's promise it is one that a grid of a block a tile would have.
inline constexpr llvm::StringLiteral positionAttrName = "tile.position";
/// On a scalar argument: an integer of which every launch's value is a
/// multiple.
inline constexpr llvm::StringLiteral multipleOfAttrName = "tile.multiple_of";
/// Whether a view (or the argument that is one) is marked so.
bool isConstant(mlir::Value view);
/// On a module that is lowered: the PTX version, times ten, that its
/// instructions need, where a target's own is older.
inline constexpr llvm::StringLiteral ptxVersionAttrName = "tile.ptx_version";
/// On the scf.if that divides a kernel into a warp that copies (then) and those
/// that compute (else).
inline constexpr llvm::StringLiteral rolesAttrName = "tile.roles";
/// On the loops and branches of a pipeline: what each is for (Part). Passes
/// after pipeline-loops read it instead of recognising what it wrote.
inline constexpr llvm::StringLiteral partAttrName = "tile.part";
bool isPart(mlir::Operation *op, Part part);
void setPart(mlir::Operation *op, Part part);
/// Whose code an operation is. Without roles: `all`.
enum class Role { all, producer, consumers };
Role roleOf(mlir::Operation *op);
/// Name of the schedule attribute: on a kernel function all of its words, on a
/// loop or a dot those that it has of its own.
inline constexpr llvm::StringLiteral scheduleAttrName = "tile.schedule";
/// The words that hold for an operation: the nearest that says one wins.
/// Without any, the defaults, on the oldest target.
TargetSchedule scheduleOf(mlir::Operation *op);

/// A float of 8 bits.
inline bool isByteFloat(mlir::Type type) {
  return mlir::isa<mlir::Float8E4M3FNType, mlir::Float8E5M2Type>(type);
}
/// Fails with an error of `dot` unless the tensor core makes sums of `sum` from
/// products of `a` and `b`.
llvm::LogicalResult verifyProductTypes(mlir::Operation *dot, mlir::Type a,
                                       mlir::Type b, mlir::Type sum);

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

/// How the warps make a conversion by shuffles; nullopt where they cannot.
std::optional<std::vector<BitExchange>> shuffles(ConvertLayoutOp convert);

} // namespace lath::tile
