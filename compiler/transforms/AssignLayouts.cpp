// Gives every tile a layout.
//
//   before  %w = tile.load %q[...] : ... -> tensor<128x128xi4>
//   after   %w = tile.load %q[...] : ... -> tensor<128x128xi4,
//   #tile.layout<...>>
//
// Dots come first: their three layouts are solved together (DotLayouts) from
// where the operands come from. From there layouts spread along the
// operations that tie their operands' places to their result's, in both
// directions, so a load gets the layout its consumer needs and no conversion
// stands between. What no dot reaches starts from coalesced loads. Where two
// demands on one value differ, the later use converts.
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"
#include "compiler/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

namespace lath {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "compiler/transforms/Passes.h.inc"
} // namespace lath

using namespace mlir;
using namespace lath::tile;
using lath::Layout;
using lath::Shape;

namespace {

RankedTensorType tensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}
Shape shapeOf(Value value) {
  auto shape = tensorType(value).getShape();
  return Shape(shape.begin(), shape.end());
}

class Assignment {
public:
  explicit Assignment(func::FuncOp function)
      : function(function), schedule(scheduleOf(function)) {}

  LogicalResult run() {
    splatConstants();
    WalkResult dots = function.walk([&](DotOp dot) {
      return failed(seedDot(dot)) ? WalkResult::interrupt()
                                  : WalkResult::advance();
    });
    if (dots.wasInterrupted())
      return failure();
    function.walk([&](StoreOp store) {
      if (LayoutAttr atom = store.getView().getType().getAtom())
        set(store.getValue(), lath::atomBlocked(shapeOf(store.getValue()),
                                                atom.layout(), schedule.warps));
    });
    spread();
    // Loads decide where no dot does; then anything left.
    function.walk([&](LoadOp load) { seedBlocked(load.getResult()); });
    function.walk([&](Operation *op) {
      for (Value result : op->getResults())
        seedBlocked(result);
    });
    function.walk([&](Operation *op) {
      if (auto reduce = dyn_cast<ReduceOp>(op))
        convertResult(op, get(reduce.getSource())->sliced(reduce.getDim()));
      else if (auto sum = dyn_cast<SumWarpsOp>(op))
        convertResult(op, lath::scatteredOverWarps(*get(sum.getPartial()),
                                                   sum.getKWarps()));
      else if (auto sum = dyn_cast<SumClusterOp>(op))
        convertResult(op, lath::scatteredOverCluster(*get(sum.getPartial()),
                                                     sum.getKWarps(),
                                                     sum.getBlocks()));
    });
    insertConversions();
    for (auto &[value, layout] : layouts)
      value.setType(withLayout(tensorType(value), layout));
    return success();
  }

private:
  func::FuncOp function;
  const lath::TargetSchedule schedule;
  llvm::MapVector<Value, Layout> layouts;
  SmallVector<Value> changed;

  const Layout *get(Value value) const {
    auto it = layouts.find(value);
    return it == layouts.end() ? nullptr : &it->second;
  }
  void set(Value value, Layout layout) {
    if (!tensorType(value) || layouts.count(value))
      return;
    layouts.insert({value, layout});
    changed.push_back(value);
    // What a loop carries and what it returns have one type.
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
        set(loop.getTiedLoopResult(argument), std::move(layout));
    } else if (auto loop = value.getDefiningOp<scf::ForOp>()) {
      set(loop.getTiedLoopRegionIterArg(cast<OpResult>(value)),
          std::move(layout));
    }
  }

  /// Folding may have left tensors of constants; as splats they have every
  /// layout.
  void splatConstants() {
    SmallVector<arith::ConstantOp> constants;
    function.walk([&](arith::ConstantOp op) {
      if (tensorType(op))
        constants.push_back(op);
    });
    for (arith::ConstantOp op : constants) {
      auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
      if (!dense || !dense.isSplat())
        continue;
      OpBuilder b(op);
      Value scalar = arith::ConstantOp::create(
          b, op.getLoc(), cast<TypedAttr>(dense.getSplatValue<Attribute>()));
      Value splat = SplatOp::create(b, op.getLoc(), op.getType(), scalar);
      op.replaceAllUsesWith(splat);
      op.erase();
    }
  }

  void seedBlocked(Value value) {
    if (!tensorType(value) || get(value))
      return;
    unsigned bits = tensorType(value).getElementTypeBitWidth();
    Shape shape = shapeOf(value);
    int64_t perThread = std::max<int64_t>(
        1, tensorType(value).getNumElements() / (32 * schedule.warps));
    int64_t vector = std::min<int64_t>({perThread, 128 / bits, shape.back()});
    set(value, lath::blocked(shape, llvm::bit_floor((uint64_t)vector),
                             schedule.warps));
    spread();
  }

  /// Whether 4-bit weights come from memory in the order of weightAtom.
  static bool inAtoms(Value weights) {
    Operation *unpacking = weights.getDefiningOp();
    auto load = unpacking->getOperand(0).getDefiningOp<LoadOp>();
    if (!load)
      return false;
    LayoutAttr atom = load.getView().getType().getAtom();
    return atom && atom.layout() == lath::weightAtom();
  }

  LogicalResult seedDot(DotOp dot) {
    Value rows = dot.getSwapped() ? dot.getB() : dot.getA();
    Shape a = shapeOf(dot.getA()), b = shapeOf(dot.getB());
    lath::DotShape shape;
    shape.k = a[1];
    shape.rows = dot.getSwapped() ? b[1] : a[0];
    shape.columns = dot.getSwapped() ? a[0] : b[1];
    shape.warps = schedule.warps;
    shape.kWarps = dot.getKWarps();
    shape.warpgroups = schedule.mma == lath::MatrixUnit::warpgroup;
    if (rows.getDefiningOp<DequantOp>() || rows.getDefiningOp<UnpackOp>()) {
      shape.packedA = true;
      shape.atoms = dot.getSwapped() && inAtoms(rows);
      shape.contiguousRows = dot.getSwapped() && !shape.atoms;
    }
    lath::DotLayouts solved;
    std::string problem;
    if (!lath::solveDotLayouts(shape, solved, problem))
      return dot.emitOpError(problem);
    if (dot.getSwapped()) {
      set(dot.getB(), solved.a.transposed());
      set(dot.getA(), solved.b.transposed());
      set(dot.getAcc(), solved.acc.transposed());
      set(dot.getResult(), solved.acc.transposed());
      demands[dot] = {solved.b.transposed(), solved.a.transposed()};
    } else {
      set(dot.getA(), solved.a);
      set(dot.getB(), solved.b);
      set(dot.getAcc(), solved.acc);
      set(dot.getResult(), solved.acc);
      demands[dot] = {solved.a, solved.b};
    }
    return success();
  }
  llvm::DenseMap<Operation *, std::pair<Layout, Layout>> demands;

  void spread() {
    while (!changed.empty()) {
      Value value = changed.pop_back_val();
      if (Operation *op = value.getDefiningOp())
        relate(op);
      else if (auto loop = dyn_cast<scf::ForOp>(
                   cast<BlockArgument>(value).getOwner()->getParentOp()))
        relate(loop);
      for (Operation *user : value.getUsers()) {
        relate(user);
        if (isa<scf::YieldOp>(user))
          relate(user->getParentOp());
      }
    }
  }

  /// All of these values share one layout.
  void tie(ArrayRef<Value> values) {
    for (Value value : values)
      if (const Layout *layout = get(value)) {
        Layout copy = *layout;
        for (Value other : values)
          set(other, copy);
        return;
      }
  }

  static bool elementwise(Operation *op) {
    return isa<CastOp, MaskOp>(op) || op->hasTrait<OpTrait::Elementwise>();
  }

  /// Source of a broadcast, given its result's layout.
  static Layout broadcastSource(BroadcastOp op, const Layout &result) {
    Layout source = result;
    Shape shape = shapeOf(op.getSource());
    for (unsigned d = 0; d < shape.size(); ++d)
      if (shape[d] == 1 && result.shape()[d] != 1)
        source = source.sliced(d);
    return source;
  }
  static Layout groupLayout(Value groups, const Layout &q) {
    int64_t perGroup = q.shape()[0] / shapeOf(groups)[0];
    return q.divided(0, llvm::Log2_64(perGroup));
  }

  /// The layout `op` needs of an operand, given its results' layouts.
  std::optional<Layout> demand(OpOperand &operand) {
    Operation *op = operand.getOwner();
    Value value = operand.get();
    auto of = [&](Value v) { return *get(v); };
    if (auto dot = dyn_cast<DotOp>(op)) {
      if (value == dot.getAcc() && operand.getOperandNumber() == 2)
        return of(dot.getResult());
      auto &[a, b] = demands[op];
      if (operand.getOperandNumber() == 3)
        return groupLayout(value, b);
      return &operand == &dot.getAMutable() ? a : b;
    }
    if (auto dequant = dyn_cast<DequantOp>(op)) {
      Layout q = dequantSource(of(dequant.getResult()));
      return value == dequant.getQ() && &operand == &dequant.getQMutable()
                 ? q
                 : groupLayout(value, q);
    }
    if (auto unpack = dyn_cast<UnpackOp>(op)) {
      Layout q = dequantSource(of(unpack.getResult()));
      return operand.getOperandNumber() == 0 ? q : groupLayout(value, q);
    }
    if (auto broadcast = dyn_cast<BroadcastOp>(op))
      return broadcastSource(broadcast, of(broadcast.getResult()));
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return of(transpose.getResult()).transposed();
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return of(reshape.getResult()).reshaped(shapeOf(value));
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return of(loop.getTiedLoopResult(&operand));
    if (auto store = dyn_cast<StoreOp>(op))
      if (LayoutAttr atom = store.getView().getType().getAtom())
        return lath::atomBlocked(shapeOf(value), atom.layout(), schedule.warps);
    if (isa<scf::YieldOp>(op))
      if (auto loop = dyn_cast<scf::ForOp>(op->getParentOp()))
        return of(loop.getResult(operand.getOperandNumber()));
    if (elementwise(op) && op->getNumResults() == 1)
      return of(op->getResult(0));
    return std::nullopt; // stores, reductions: any layout
  }

  void relate(Operation *op) {
    if (elementwise(op)) {
      SmallVector<Value> values(op->getResults());
      llvm::append_range(
          values, llvm::make_filter_range(op->getOperands(), [](Value v) {
            return (bool)tensorType(v);
          }));
      tie(values);
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      for (auto [init, argument, result, yielded] :
           llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs(),
                     loop.getResults(), loop.getYieldedValues()))
        if (tensorType(argument))
          tie({argument, result, yielded, init});
    } else if (auto dot = dyn_cast<DotOp>(op)) {
      tie({dot.getResult(), dot.getAcc()});
      if (dot.getScales())
        set(dot.getScales(), groupLayout(dot.getScales(), demands[op].second));
    } else if (auto unpack = dyn_cast<UnpackOp>(op)) {
      if (const Layout *result = get(unpack.getResult()))
        set(unpack.getQ(), dequantSource(*result));
      else if (const Layout *q = get(unpack.getQ()))
        set(unpack.getResult(), dequantResult(*q));
      if (const Layout *q = get(unpack.getQ()); q && unpack.getZeros()) {
        Layout copy = *q;
        set(unpack.getZeros(), groupLayout(unpack.getZeros(), copy));
      }
    } else if (auto dequant = dyn_cast<DequantOp>(op)) {
      if (const Layout *result = get(dequant.getResult()))
        set(dequant.getQ(), dequantSource(*result));
      else if (const Layout *q = get(dequant.getQ()))
        set(dequant.getResult(), dequantResult(*q));
      if (const Layout *q = get(dequant.getQ())) {
        Layout copy = *q;
        set(dequant.getScales(), groupLayout(dequant.getScales(), copy));
        if (dequant.getZeros())
          set(dequant.getZeros(), groupLayout(dequant.getZeros(), copy));
      }
    } else if (auto transpose = dyn_cast<TransposeOp>(op)) {
      if (const Layout *result = get(transpose.getResult()))
        set(transpose.getSource(), result->transposed());
      else if (const Layout *source = get(transpose.getSource()))
        set(transpose.getResult(), source->transposed());
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (const Layout *result = get(reshape.getResult()))
        set(reshape.getSource(),
            result->reshaped(shapeOf(reshape.getSource())));
      else if (const Layout *source = get(reshape.getSource()))
        set(reshape.getResult(),
            source->reshaped(shapeOf(reshape.getResult())));
    } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      if (const Layout *result = get(broadcast.getResult()))
        set(broadcast.getSource(), broadcastSource(broadcast, *result));
    } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
      if (const Layout *source = get(reduce.getSource()))
        set(reduce.getResult(), source->sliced(reduce.getDim()));
    } else if (auto sum = dyn_cast<SumWarpsOp>(op)) {
      if (const Layout *partial = get(sum.getPartial()))
        set(sum.getResult(),
            lath::scatteredOverWarps(*partial, sum.getKWarps()));
    } else if (auto sum = dyn_cast<SumClusterOp>(op)) {
      if (const Layout *partial = get(sum.getPartial()))
        set(sum.getResult(), lath::scatteredOverCluster(
                                 *partial, sum.getKWarps(), sum.getBlocks()));
    } else if (auto store = dyn_cast<PartialStoreOp>(op)) {
      // Partial sums are read back by the registers that wrote them.
      for (Operation *user : store.getWorkspace().getUsers())
        if (auto load = dyn_cast<PartialLoadOp>(user))
          tie({store.getValue(), load.getResult()});
    }
  }

  /// Reductions leave their result where their operand says; users that were
  /// given another layout first get a conversion.
  void convertResult(Operation *op, const Layout &own) {
    Value result = op->getResult(0);
    Layout wanted = *get(result);
    if (wanted == own)
      return;
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    auto converted = ConvertLayoutOp::create(
        b, op->getLoc(), withLayout(tensorType(result), wanted), result);
    result.replaceAllUsesExcept(converted, converted);
    layouts[result] = own;
    layouts[converted.getResult()] = wanted;
  }

  void insertConversions() {
    SmallVector<std::pair<OpOperand *, Layout>> conversions;
    function.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands()) {
        if (!tensorType(operand.get()))
          continue;
        auto wanted = demand(operand);
        if (wanted && !(*wanted == *get(operand.get())))
          conversions.push_back({&operand, *wanted});
      }
    });
    for (auto &[operand, layout] : conversions) {
      OpBuilder b(operand->getOwner());
      auto type = tensorType(operand->get());
      Value converted =
          ConvertLayoutOp::create(b, operand->getOwner()->getLoc(),
                                  withLayout(type, layout), operand->get());
      operand->set(converted);
    }
  }
};

struct AssignLayouts : lath::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(scheduleAttrName)) {
        function.emitOpError("expected a tile.schedule attribute");
        return signalPassFailure();
      }
      if (failed(Assignment(function).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
