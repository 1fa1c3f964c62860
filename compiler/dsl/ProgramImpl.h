// What a Program holds, and what every call of the language does: the only
// place where the language meets MLIR.
#pragma once

#include "compiler/base/Ptx.h"
#include "compiler/base/Schedule.h"
#include "compiler/dsl/Program.h"
#include "compiler/ir/IndexRange.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <fmt/format.h>

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

  mlir::Type type(Dtype dtype);

  Tile wrap(mlir::Value value, Dtype dtype);
  Index wrapIndex(mlir::Value value, Source where);
  Bool wrapBool(mlir::Value value, Source where);
  View wrapView(mlir::Value value, Dtype dtype, std::size_t rank);

  /// Words of a schedule that an operation has of its own.
  static void setWords(mlir::Operation *op, const std::vector<SaidWord> &words);

  // What handles hold.
  static mlir::Value valueOf(const Tile &tile);
  static mlir::Value valueOf(const Index &index);
  static mlir::Value valueOf(const Bool &condition);
  static mlir::Value valueOf(const View &view);
};

/// One call of the language: checks the handles that it is given, makes
/// operations at the caller's line, and says what is wrong with its name.
class Call {
public:
  /// Throws once the program has been compiled. `program` null: it belongs to
  /// none.
  Call(Program *program, std::string_view name, Source where);

  ProgramImpl &p() const { return *impl; }
  mlir::OpBuilder &builder() const { return impl->builder; }
  mlir::Location loc() const { return location; }
  Source source() const { return where; }

  template <typename... T>
  [[noreturn]] void fail(fmt::format_string<T...> format, T &&...values) const {
    failPlain(fmt::format("{}: {}", name,
                          fmt::format(format, std::forward<T>(values)...)));
  }
  /// A message that does not begin with the call's name.
  [[noreturn]] void failPlain(std::string message) const {
    failAt(std::move(message), where);
  }
  [[noreturn]] static void failAt(std::string message, Source where);

  // Handles in. Each throws unless it may be used where the program stands.
  mlir::Value get(const Tile &tile) const;
  mlir::Value get(const Index &index) const;
  mlir::Value get(const Bool &condition) const;
  mlir::Value get(const IndexOperand &index) const;
  mlir::TypedValue<tile::ViewType> get(const View &view) const;
  /// A number as a 32-bit constant.
  mlir::Value constant(std::int64_t value) const;
  /// An operand as a handle.
  Index index(const IndexOperand &operand) const {
    return impl->wrapIndex(get(operand), where);
  }

  // What is known of an index where the program stands.
  tile::IndexRange rangeOf(mlir::Value index) const;
  /// The number that an index is, if it is known.
  std::optional<std::int64_t> constantOf(mlir::Value index) const;

  template <typename Op, typename... Arguments>
  Op create(Arguments &&...arguments) const {
    return Op::create(impl->builder, location,
                      std::forward<Arguments>(arguments)...);
  }
  Tile wrap(mlir::Value value, Dtype dtype) const {
    return impl->wrap(value, dtype);
  }

  /// Tiles of this shape; throws for more elements than a tile has.
  mlir::RankedTensorType tensor(const Shape &shape, Dtype dtype) const;
  /// Throws unless every extent is a power of two and there is one.
  void checkShape(const Shape &shape) const;
  void checkExtent(std::int64_t extent) const;
  /// Throws unless the tile has that dimension.
  void checkDim(const Tile &tile, int dim) const;

  /// The tile that an operand is: a number or an index becomes one of `dtype`
  /// and of one element.
  Tile tileOf(const Operand &operand, Dtype dtype) const;
  /// The same for an operand that has to be a tile.
  Tile tileOf(const Operand &operand) const;
  /// A tile of one value.
  Tile splat(double value, Dtype dtype, const Shape &shape) const;
  /// Repeated to a shape, by the rules of broadcasting.
  Tile broadcast(const Tile &tile, const Shape &shape) const;
  Tile reshape(const Tile &tile, const Shape &shape) const;
  /// Dimension d becomes dimension order[d] of the tile.
  Tile transpose(const Tile &tile, const std::vector<int> &order) const;
  /// Combined along a dimension, which stays with extent 1.
  Tile reduce(tile::Combine combine, const Tile &tile, int dim) const;
  /// The shape that tiles broadcast to.
  Shape commonShape(const std::vector<Tile> &tiles) const;
  /// Operands of an elementwise operation in their common type and shape. One
  /// of them at least is a tile.
  std::vector<Tile>
  common(std::initializer_list<const Operand *> operands) const;

private:
  ProgramImpl *impl = nullptr;
  std::string_view name;
  Source where;
  mlir::Location location;

  void checkUse(const Program *program, mlir::Value value) const;
};

/// "f32 [16, 64]".
std::string describe(const Tile &tile);
std::string print(const Shape &shape);

/// The program of the first operand that has one, else null.
Program *programOf(std::initializer_list<const Operand *> operands);
} // namespace lath
