// What passes ask operations of any dialect, in C++; TileInterfaces.td says
// what the answers mean. Ask by the functions below: they know the operations
// of other dialects, and what an operation means that does not answer.
#pragma once

#include "compiler/base/SharedSpace.h"
#include "compiler/ir/Layout.h"

#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <optional>

namespace mlir {
class DialectRegistry;
}

namespace lath::tile {

/// The layout of a value as far as it is known, else null.
using KnownLayout = llvm::function_ref<const Layout *(mlir::Value)>;
/// Asks for a value to have a layout; the first who asks gets it.
using AskLayout = llvm::function_ref<void(mlir::Value, const Layout &)>;

struct GlobalMemory : mlir::SideEffects::Resource::Base<GlobalMemory> {
  llvm::StringRef getName() final { return "global"; }
};
struct SharedMemory : mlir::SideEffects::Resource::Base<SharedMemory> {
  llvm::StringRef getName() final { return "shared"; }
};

template <typename Op>
struct AnyWarp : mlir::OpTrait::TraitBase<Op, AnyWarp> {};
template <typename Op>
struct AnyPlace : mlir::OpTrait::TraitBase<Op, AnyPlace> {};
template <typename Op>
struct StageSync : mlir::OpTrait::TraitBase<Op, StageSync> {};

} // namespace lath::tile

#include "compiler/ir/TileInterfaces.h.inc"

namespace lath::tile {

std::optional<Layout> operandLayout(mlir::OpOperand &operand,
                                    KnownLayout known);
std::optional<Layout> resultLayout(mlir::Operation *op, KnownLayout known);
llvm::SmallVector<llvm::SmallVector<mlir::Value>>
tiedTiles(mlir::Operation *op);

/// A use in which rows of `tile`, or of what becomes of it, meet or are written
/// where they should not be; null where they stay apart.
mlir::OpOperand *whereRowsMeet(mlir::Value tile);

/// Whether an operation starts a copy into a stage.
bool startsCopy(mlir::Operation *op);

/// Whether it starts one that mbarriers count (StageInterface::signalled).
bool signalsCopy(mlir::Operation *op);

/// Bytes of shared memory that an operation's lowering needs for itself.
int64_t scratchBytes(mlir::Operation *op);

/// What a buffer's place in shared memory must be a multiple of, for all who
/// access it.
int64_t bufferAlignment(mlir::Value buffer);

/// Answers of operations of other dialects, for contexts of this registry.
void registerForeignOps(mlir::DialectRegistry &registry);

} // namespace lath::tile
