// Values of tiles outside of tiles: as indices and conditions, in which the
// program may decide by data, and for whoever looks for a fault.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace lath {

/// The element of a tile of one.
static Value extracted(const Call &call, const Tile &tile) {
  for (std::int64_t extent : tile.shape())
    if (extent != 1)
      call.fail("expected a tile of one element, got {}", describe(tile));
  Value value = call.get(tile);
  return call.create<tile::ExtractOp>(
      cast<RankedTensorType>(value.getType()).getElementType(), value);
}

Index toIndex(Operand operand) {
  Call call(programOf({&operand}), "toIndex", operand.where);
  if (auto *index = std::get_if<Index>(&operand.value))
    return call.index(IndexOperand(*index));
  Tile tile = call.tileOf(operand);
  const Dtype dtype = tile.dtype();
  if (isFloat(dtype) || sharesWords(dtype) || dtype == Dtype::b1 ||
      bitWidth(dtype) > 32)
    call.fail("expected an integer of up to 32 bits, got {}", describe(tile));
  Value value = extracted(call, tile);
  Type i32 = call.builder().getI32Type();
  if (bitWidth(dtype) < 32)
    value = isSigned(dtype) ? Value(call.create<arith::ExtSIOp>(i32, value))
                            : Value(call.create<arith::ExtUIOp>(i32, value));
  return call.p().wrapIndex(value, call.source());
}

Bool toBool(Operand operand) {
  Call call(programOf({&operand}), "toBool", operand.where);
  Tile tile = call.tileOf(operand);
  if (tile.dtype() != Dtype::b1)
    call.fail("expected b1, got {}", describe(tile));
  return call.p().wrapBool(extracted(call, tile), call.source());
}

Index View::loadIndex(const std::vector<At> &at, Source where) const {
  Call call(program_, "loadIndex", where);
  if (isFloat(dtype_) || sharesWords(dtype_) || dtype_ == Dtype::b1 ||
      bitWidth(dtype_) > 32)
    call.fail("expected a view of integers of up to 32 bits, got {}",
              name(dtype_));
  std::vector<At> one;
  for (const At &coordinate : at) {
    if (auto *index = std::get_if<Index>(&coordinate.value))
      one.push_back(Range{*index, 1});
    else if (auto *number = std::get_if<std::int64_t>(&coordinate.value))
      one.push_back(Range{call.index(IndexOperand(*number, where)), 1});
    else if (auto *range = std::get_if<Range>(&coordinate.value);
             range && range->extent == 1)
      one.push_back(*range);
    else
      call.fail("expected one coordinate in each dimension");
  }
  return toIndex(Operand(load(one, where), where));
}

void Program::devicePrint(std::string_view text, Operand value, Source where) {
  Call call(this, "devicePrint", where);
  Tile tile = call.tileOf(value, std::holds_alternative<Index>(value.value)
                                     ? Dtype::i32
                                     : Dtype::f32);
  if (sharesWords(tile.dtype()))
    call.fail("not for {}", describe(tile));
  call.create<tile::PrintOp>(call.builder().getStringAttr(text), call.get(tile),
                             !isFloat(tile.dtype()) && !isSigned(tile.dtype())
                                 ? call.builder().getUnitAttr()
                                 : UnitAttr());
}

void Program::deviceAssert(Operand condition, std::string_view text,
                           Source where) {
  Call call(this, "deviceAssert", where);
  Tile tile = call.tileOf(condition);
  if (tile.dtype() != Dtype::b1)
    call.fail("expected a condition of b1, got {}", describe(tile));
  call.create<tile::AssertOp>(call.get(tile),
                              call.builder().getStringAttr(text));
}

} // namespace lath
