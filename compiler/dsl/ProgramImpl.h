// What a Program holds: the only place where the language meets MLIR.
#pragma once

#include "compiler/base/Ptx.h"
#include "compiler/dsl/Program.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace lath {

struct ProgramImpl {
  ProgramImpl(Program &owner, std::string name);

  Program &owner;
  std::string name;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  bool compiled = false; ///< its IR has been lowered; nothing can be added

  mlir::Location loc() { return builder.getUnknownLoc(); }
  mlir::Type type(Dtype dtype);
  mlir::RankedTensorType tensor(const Shape &shape, Dtype dtype);
  mlir::Value addArgument(mlir::Type type, const std::string &name,
                          KernelParam::Kind kind, Dtype dtype);

  // Handles in and out; `what` is the call that uses them.
  mlir::Value get(const Tile &tile, const char *what);
  mlir::Value get(const Index &index, const char *what);
  mlir::TypedValue<tile::ViewType> get(const View &view, const char *what);
  Tile wrap(mlir::Value value);
  Index wrapIndex(mlir::Value value);
  View wrapView(mlir::Value value, Dtype dtype, std::size_t rank);

  /// Words of a schedule that an operation has of its own.
  static void setWords(mlir::Operation *op, const std::vector<SaidWord> &words);

  /// Throws once the program has been compiled.
  void checkOpen(const char *what);
  /// Throws unless `value` may be used where the builder stands.
  void checkUse(const Program *program, mlir::Value value, const char *what);
  [[noreturn]] static void fail(const std::string &message);

  static ProgramImpl &of(const Tile &tile, const char *what);
  static ProgramImpl &of(const View &view, const char *what);
  static ProgramImpl &of(const Index &index, const char *what);
};

std::string print(const Shape &shape);
std::string describe(const Tile &tile);

} // namespace lath
