// One MLIRContext a program, with the dialects the compiler uses loaded.
#pragma once

#include <memory>

namespace mlir {
class DialectRegistry;
class MLIRContext;
} // namespace mlir

namespace lath {

/// Everything that tile programs and their lowering use.
void registerDialects(mlir::DialectRegistry &registry);

/// A context for one thread: contexts are cheap (under 1 ms) and share nothing.
std::unique_ptr<mlir::MLIRContext> newContext();

} // namespace lath
