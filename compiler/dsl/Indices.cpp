// Numbers that all threads of a block agree on.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace lath {

static Program *programOf(const IndexOperand &a, const IndexOperand &b) {
  for (const IndexOperand *operand : {&a, &b})
    if (auto *index = std::get_if<Index>(&operand->value))
      return index->program();
  return nullptr;
}

Index detail::apply(IndexOp op, IndexOperand a, IndexOperand b, Source where) {
  static constexpr std::string_view names[] = {"Index +", "Index -", "Index *",
                                               "Index /", "Index %", "minimum",
                                               "maximum", "ceilDiv"};
  Call call(programOf(a, b), names[(int)op], where);
  const bool divides =
      op == IndexOp::div || op == IndexOp::rem || op == IndexOp::ceilDiv;
  Value lhs = call.get(a), rhs = call.get(b), result;
  if (divides) {
    const tile::IndexRange by = call.rangeOf(rhs), range = call.rangeOf(lhs);
    if (!by.piece && by.most < 1)
      call.fail("expected a positive divisor, got {}", by.most);
    if (!range.piece && range.most < 0)
      call.fail("expected a dividend that is not negative, got {}", range.most);
  }
  switch (op) {
  case IndexOp::add:
    result = call.create<arith::AddIOp>(lhs, rhs);
    break;
  case IndexOp::sub:
    result = call.create<arith::SubIOp>(lhs, rhs);
    break;
  case IndexOp::mul:
    result = call.create<arith::MulIOp>(lhs, rhs);
    break;
  case IndexOp::div:
    result = call.create<arith::DivUIOp>(lhs, rhs);
    break;
  case IndexOp::rem:
    result = call.create<arith::RemUIOp>(lhs, rhs);
    break;
  case IndexOp::min:
    result = call.create<arith::MinSIOp>(lhs, rhs);
    break;
  case IndexOp::max:
    result = call.create<arith::MaxSIOp>(lhs, rhs);
    break;
  case IndexOp::ceilDiv: {
    Value up = call.create<arith::AddIOp>(
        lhs, call.create<arith::SubIOp>(rhs, call.constant(1)));
    result = call.create<arith::DivUIOp>(up, rhs);
    break;
  }
  }
  return call.p().wrapIndex(result, call.source());
}

Bool detail::apply(Comparison op, IndexOperand a, IndexOperand b,
                   Source where) {
  static constexpr std::string_view names[] = {
      "Index <", "Index <=", "Index >", "Index >=", "Index ==", "Index !="};
  static constexpr arith::CmpIPredicate predicates[] = {
      arith::CmpIPredicate::slt, arith::CmpIPredicate::sle,
      arith::CmpIPredicate::sgt, arith::CmpIPredicate::sge,
      arith::CmpIPredicate::eq,  arith::CmpIPredicate::ne};
  Call call(programOf(a, b), names[(int)op], where);
  Value lhs = call.get(a), rhs = call.get(b);
  return call.p().wrapBool(
      call.create<arith::CmpIOp>(predicates[(int)op], lhs, rhs), call.source());
}

using detail::Comparison;
using detail::IndexOp;

Index operator+(Index a, IndexOperand b) {
  return apply(IndexOp::add, a, b, b.where);
}
Index operator-(Index a, IndexOperand b) {
  return apply(IndexOp::sub, a, b, b.where);
}
Index operator*(Index a, IndexOperand b) {
  return apply(IndexOp::mul, a, b, b.where);
}
Index operator/(Index a, IndexOperand b) {
  return apply(IndexOp::div, a, b, b.where);
}
Index operator%(Index a, IndexOperand b) {
  return apply(IndexOp::rem, a, b, b.where);
}
Index operator-(Index a) {
  return apply(IndexOp::sub, IndexOperand(0), a, a.where());
}
Index minimum(Index a, IndexOperand b) {
  return apply(IndexOp::min, a, b, b.where);
}
Index maximum(Index a, IndexOperand b) {
  return apply(IndexOp::max, a, b, b.where);
}
Index ceilDiv(Index a, IndexOperand b) {
  return apply(IndexOp::ceilDiv, a, b, b.where);
}

Bool operator<(Index a, IndexOperand b) {
  return apply(Comparison::lt, a, b, b.where);
}
Bool operator<=(Index a, IndexOperand b) {
  return apply(Comparison::le, a, b, b.where);
}
Bool operator>(Index a, IndexOperand b) {
  return apply(Comparison::gt, a, b, b.where);
}
Bool operator>=(Index a, IndexOperand b) {
  return apply(Comparison::ge, a, b, b.where);
}
Bool operator==(Index a, Index b) {
  return apply(Comparison::eq, a, b, a.where());
}
Bool operator==(Index a, std::int64_t b) {
  return apply(Comparison::eq, a, b, a.where());
}
Bool operator!=(Index a, Index b) {
  return apply(Comparison::ne, a, b, a.where());
}
Bool operator!=(Index a, std::int64_t b) {
  return apply(Comparison::ne, a, b, a.where());
}

template <typename Op>
static Bool combine(const Bool &a, const Bool &b, std::string_view name) {
  Call call(a.program(), name, a.where());
  Value lhs = call.get(a), rhs = call.get(b);
  return call.p().wrapBool(call.create<Op>(lhs, rhs), call.source());
}
Bool operator&(Bool a, Bool b) {
  return combine<arith::AndIOp>(a, b, "Bool &");
}
Bool operator|(Bool a, Bool b) { return combine<arith::OrIOp>(a, b, "Bool |"); }
Bool operator!(Bool a) {
  Call call(a.program(), "Bool !", a.where());
  Value one = call.create<arith::ConstantOp>(call.builder().getBoolAttr(true));
  return call.p().wrapBool(call.create<arith::XOrIOp>(call.get(a), one),
                           call.source());
}

Index where(Bool condition, IndexOperand a, IndexOperand b) {
  Call call(condition.program(), "where", a.where);
  Value chosen = call.get(condition), lhs = call.get(a), rhs = call.get(b);
  return call.p().wrapIndex(call.create<arith::SelectOp>(chosen, lhs, rhs),
                            call.source());
}

Range Range::operator/(IndexOperand divisor) const {
  Call call(start.program(), "Range /", divisor.where);
  auto *number = std::get_if<std::int64_t>(&divisor.value);
  if (!number)
    call.fail("expected a number, got an index");
  if (*number < 1)
    call.fail("expected a positive divisor, got {}", *number);
  call.checkExtent(extent);
  if (*number % extent && extent % *number)
    call.fail("{} coordinates and groups of {} straddle each other; one must "
              "divide the other",
              extent, *number);
  return {start / divisor, extent >= *number ? extent / *number : 1};
}

} // namespace lath
