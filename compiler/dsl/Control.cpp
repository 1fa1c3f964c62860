// Loops and branches.
#include "compiler/dsl/ProgramImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace lath {

using States = std::vector<Carried>;

KRange Program::kRange(Extent extent, std::int64_t step, Source where) {
  Call call(this, "kRange", where);
  std::optional<std::int64_t> number;
  if (auto *index = std::get_if<Index>(&extent))
    number = call.constantOf(call.get(*index));
  else
    number = std::get<std::int64_t>(extent);
  if (number && (*number < 1 || *number > INT32_MAX))
    call.fail("expected a positive 32-bit extent, got {}", *number);
  call.checkExtent(step);
  return {number ? Extent(*number) : extent, step};
}

Steps Program::steps(IndexOperand begin, IndexOperand end, std::int64_t step,
                     Source where) {
  Call call(this, "steps", where);
  call.checkExtent(step);
  return {call.index(begin), call.index(end), step};
}

Each Program::each(IndexOperand begin, IndexOperand end, IndexOperand stride,
                   Source where) {
  Call call(this, "each", where);
  Index by = call.index(stride);
  if (auto number = call.constantOf(call.get(by)); number && *number < 1)
    call.fail("expected a positive stride, got {}", *number);
  return {call.index(begin), call.index(end), by};
}

void detail::noBody(Source where) {
  Call::failAt("loop: expected a body", where);
}

static SmallVector<Value> valuesOf(const Call &call, const States &states) {
  SmallVector<Value> values;
  for (const Carried &state : states)
    values.push_back(std::visit(
        [&](const auto &handle) { return call.get(handle); }, state));
  return values;
}

/// Handles like `like`, of these values.
static States wrapLike(const Call &call, const States &like,
                       ValueRange values) {
  ProgramImpl &p = call.p();
  States states;
  for (auto [state, value] : llvm::zip(like, values)) {
    if (auto *tile = std::get_if<Tile>(&state))
      states.push_back(p.wrap(value, tile->dtype()));
    else if (std::holds_alternative<Index>(state))
      states.push_back(p.wrapIndex(value, call.source()));
    else
      states.push_back(p.wrapBool(value, call.source()));
  }
  return states;
}

static std::string describe(const Carried &state) {
  if (auto *tile = std::get_if<Tile>(&state))
    return describe(*tile);
  return std::holds_alternative<Index>(state) ? "an index" : "a condition";
}

/// Values that a body returns, which have to be like those it was given.
static SmallVector<Value> yielded(const Call &call, const States &init,
                                  const States &next) {
  SmallVector<Value> before = valuesOf(call, init),
                     values = valuesOf(call, next);
  if (before.size() != values.size())
    call.fail("the body must return {} values, as many as it carries, got {}",
              before.size(), values.size());
  for (unsigned i = 0; i < init.size(); ++i) {
    auto *tile = std::get_if<Tile>(&init[i]);
    auto *other = std::get_if<Tile>(&next[i]);
    if (before[i].getType() != values[i].getType() ||
        (tile && other && tile->dtype() != other->dtype()))
      call.fail("the body must return a {} like the one it carries, {}, got {}",
                tile ? "tile" : "value", describe(init[i]), describe(next[i]));
  }
  return values;
}

/// A loop in which `body` gets the coordinate and what is carried.
static States
runLoop(const Call &call, Value lower, Value upper, Value stride,
        const States &init, std::string_view schedule,
        const std::function<States(Index, const States &)> &body) {
  ProgramImpl &p = call.p();
  const std::vector<SaidWord> words = parseWords(schedule, WordOwner::loop);
  auto loop = call.create<scf::ForOp>(lower, upper, stride,
                                      ValueRange(valuesOf(call, init)));
  ProgramImpl::setWords(loop, words);
  {
    OpBuilder::InsertionGuard guard(p.builder);
    p.builder.setInsertionPointToStart(loop.getBody());
    States next = body(p.wrapIndex(loop.getInductionVar(), call.source()),
                       wrapLike(call, init, loop.getRegionIterArgs()));
    SmallVector<Value> values = yielded(call, init, next);
    if (!init.empty())
      call.create<scf::YieldOp>(values);
  }
  return wrapLike(call, init, loop.getResults());
}

States Program::run(const KRange &range, const States &init,
                    const RangeBody &body, std::string_view schedule,
                    Source where) {
  Call call(this, "loop", where);
  valuesOf(call, init);
  Type i32 = call.builder().getI32Type();
  auto *index = std::get_if<Index>(&range.extent);
  Value dynamic = index ? call.get(*index) : Value();
  IntegerAttr number;
  if (!index)
    number =
        call.builder().getI32IntegerAttr(std::get<std::int64_t>(range.extent));
  auto bounds = call.create<tile::KRangeOp>(i32, i32, i32, dynamic, number,
                                            std::uint32_t(range.step));
  return runLoop(call, bounds.getLower(), bounds.getUpper(), bounds.getStride(),
                 init, schedule, [&](Index at, const States &states) {
                   return body(Range{at, range.step}, states);
                 });
}

States Program::run(const Steps &steps, const States &init,
                    const RangeBody &body, std::string_view schedule,
                    Source where) {
  Call call(this, "loop", where);
  valuesOf(call, init);
  call.checkExtent(steps.step);
  Value begin = call.get(steps.begin), end = call.get(steps.end);
  return runLoop(call, begin, end, call.constant(steps.step), init, schedule,
                 [&](Index at, const States &states) {
                   return body(Range{at, steps.step}, states);
                 });
}

States Program::run(const Each &each, const States &init, const EachBody &body,
                    std::string_view schedule, Source where) {
  Call call(this, "loop", where);
  valuesOf(call, init);
  return runLoop(call, call.get(each.begin), call.get(each.end),
                 call.get(each.stride), init, schedule, body);
}

States Program::branch(Bool condition, const States &init,
                       const std::function<States(const States &)> &then,
                       Source where) {
  Call call(this, "when", where);
  Value chosen = call.get(condition);
  SmallVector<Value> before = valuesOf(call, init);
  auto branch = call.create<scf::IfOp>(TypeRange(ValueRange(before)), chosen,
                                       /*withElseRegion=*/!init.empty());
  {
    OpBuilder::InsertionGuard guard(impl_->builder);
    impl_->builder.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> values = yielded(call, init, then(init));
    if (!init.empty()) {
      call.create<scf::YieldOp>(values);
      impl_->builder.setInsertionPointToStart(branch.elseBlock());
      call.create<scf::YieldOp>(before);
    }
  }
  return wrapLike(call, init, branch.getResults());
}

Tile reduceSplits(Operand partial) {
  Call call(programOf({&partial}), "reduceSplits", partial.where);
  Tile tile = call.tileOf(partial);
  if (tile.dtype() != Dtype::f32 && tile.dtype() != Dtype::i32)
    call.fail("expected f32 or i32, got {}", describe(tile));
  Operation *around = call.builder().getInsertionBlock()->getParentOp();
  if (around != call.p().function)
    call.fail("expected outside of any {}",
              around->getParentOfType<scf::ForOp>() || isa<scf::ForOp>(around)
                  ? "loop"
                  : "branch");
  return call.wrap(call.create<tile::ReduceSplitsOp>(call.get(tile)),
                   tile.dtype());
}

} // namespace lath
