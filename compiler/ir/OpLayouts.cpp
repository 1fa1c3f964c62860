// What operations of the dialect say about the layouts of their operands and
// results. AssignLayouts asks.
#include "compiler/ir/Access.h"
#include "compiler/ir/DotLayouts.h"
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lath::tile;
using lath::Bases;
using lath::Layout;
using lath::LinearMap;
using lath::Place;
using lath::Shape;

static Shape shapeOf(Value tile) {
  auto shape = cast<RankedTensorType>(tile.getType()).getShape();
  return Shape(shape.begin(), shape.end());
}

/// The layout of `value` as `map` changes it, where it is known.
template <typename F>
static std::optional<Layout> mapped(KnownLayout known, Value value, F &&map) {
  if (const Layout *layout = known(value))
    return map(*layout);
  return std::nullopt;
}
static std::optional<Layout> same(KnownLayout known, Value value) {
  return mapped(known, value, [](const Layout &layout) { return layout; });
}

// The same element of operand and result in the same place.

std::optional<Layout> CastOp::operandLayout(OpOperand &, KnownLayout known) {
  return same(known, getResult());
}
std::optional<Layout> CastOp::resultLayout(KnownLayout known) {
  return same(known, getSource());
}

// The same elements under other indices.

std::optional<Layout> TransposeOp::operandLayout(OpOperand &,
                                                 KnownLayout known) {
  return mapped(known, getResult(), [&](const Layout &layout) {
    std::vector<unsigned> inverse(layout.rank());
    for (auto [d, from] : llvm::enumerate(permutation()))
      inverse[from] = d;
    return layout.permuted(inverse);
  });
}
std::optional<Layout> TransposeOp::resultLayout(KnownLayout known) {
  return mapped(known, getSource(), [&](const Layout &layout) {
    SmallVector<unsigned> order = permutation();
    return layout.permuted({order.begin(), order.end()});
  });
}
std::optional<Layout> ReshapeOp::operandLayout(OpOperand &, KnownLayout known) {
  return mapped(known, getResult(), [&](const Layout &layout) {
    return layout.reshaped(shapeOf(getSource()));
  });
}
std::optional<Layout> ReshapeOp::resultLayout(KnownLayout known) {
  return mapped(known, getSource(), [&](const Layout &layout) {
    return layout.reshaped(shapeOf(getResult()));
  });
}
std::optional<Layout> BroadcastOp::operandLayout(OpOperand &,
                                                 KnownLayout known) {
  return mapped(known, getResult(), [&](Layout layout) {
    Shape from = shapeOf(getSource()), to = shapeOf(getResult());
    for (unsigned d = 0; d < from.size(); ++d)
      if (from[d] == 1 && to[d] != 1)
        layout = layout.sliced(d);
    return layout;
  });
}

// Both operands of a join lie where either is wanted; from there the last bit
// of the index is one of registers.

std::optional<Layout> JoinOp::operandLayout(OpOperand &, KnownLayout known) {
  return mapped(known, getResult(), [&](const Layout &layout) {
    return layout.sliced(layout.rank() - 1).reshaped(shapeOf(getA()));
  });
}
std::optional<Layout> JoinOp::resultLayout(KnownLayout known) {
  return mapped(
      known, known(getA()) ? getA() : getB(), [&](const Layout &layout) {
        LinearMap up = LinearMap::identity(layout.indexBits() + 1);
        Layout result = layout.renamed(
            shapeOf(getResult()),
            LinearMap(Bases(up.bases().begin() + 1, up.bases().end())));
        Bases &registers = result.bases(Place::Register);
        registers.insert(registers.begin(), 1);
        return result;
      });
}

// A part of a dimension lies where every part of it does: which one is for the
// higher registers to say.

/// Index bits of a slice to those of its source.
static LinearMap embedding(SliceOp slice) {
  Layout part(shapeOf(slice.getResult())), whole(shapeOf(slice.getSource()));
  Bases bases;
  for (unsigned bit = 0; bit < part.indexBits(); ++bit)
    bases.push_back(whole.flatten(part.unflatten(1u << bit)));
  return LinearMap(bases);
}
std::optional<Layout> SliceOp::operandLayout(OpOperand &, KnownLayout known) {
  return mapped(known, getResult(), [&](const Layout &layout) {
    Layout source = layout.renamed(shapeOf(getSource()), embedding(*this));
    const unsigned end = source.dimShift(getDim()) + source.dimBits(getDim());
    for (unsigned bit =
             end - (source.dimBits(getDim()) - layout.dimBits(getDim()));
         bit < end; ++bit)
      source.bases(Place::Register).push_back(1u << bit);
    return source;
  });
}
std::optional<Layout> SliceOp::resultLayout(KnownLayout known) {
  return mapped(known, getSource(), [&](const Layout &layout) {
    LinearMap up = embedding(*this);
    Bases down(layout.indexBits(), 0);
    for (unsigned bit = 0; bit < up.inBits(); ++bit)
      down[llvm::Log2_32(up.bases()[bit])] = 1u << bit;
    Layout result = layout.renamed(shapeOf(getResult()), LinearMap(down))
                        .withoutRepeatedRegisters();
    // Threads that had other parts take a share of the registers.
    Bases &registers = result.bases(Place::Register);
    for (Place place : {Place::Lane, Place::Warp})
      for (unsigned bit = 0; bit < layout.bits(place); ++bit)
        if (uint32_t &basis = result.bases(place)[bit];
            !basis && layout.bases(place)[bit] && !registers.empty()) {
          basis = registers.back();
          registers.pop_back();
        }
    return result;
  });
}

// Sums leave their result where the parts lie, running ones where each does.

std::optional<Layout> ScanOp::resultLayout(KnownLayout known) {
  return same(known, getSource());
}

std::optional<Layout> ReduceOp::resultLayout(KnownLayout known) {
  return mapped(known, getSource(),
                [&](const Layout &layout) { return layout.sliced(getDim()); });
}
std::optional<Layout> SumWarpsOp::resultLayout(KnownLayout known) {
  return mapped(known, getPartial(), [&](const Layout &layout) {
    return lath::scatteredOverWarps(layout, getKWarps());
  });
}
std::optional<Layout> SumClusterOp::resultLayout(KnownLayout known) {
  return mapped(known, getPartial(), [&](const Layout &layout) {
    return lath::scatteredOverCluster(layout, getKWarps(), getBlocks());
  });
}

// Partial sums are read back by the registers that wrote them.

SmallVector<SmallVector<Value>> PartialStoreOp::tiedTiles() {
  SmallVector<Value> group{getValue()};
  for (Operation *user : getWorkspace().getUsers())
    if (auto load = dyn_cast<PartialLoadOp>(user))
      group.push_back(load.getResult());
  return {group};
}
std::optional<Layout> PartialStoreOp::operandLayout(OpOperand &,
                                                    KnownLayout known) {
  for (Value value : llvm::drop_begin(tiedTiles().front()))
    return same(known, value);
  return std::nullopt;
}

// Weights: a lane's words come out in an order of their own, and scales
// and zeros lie where their groups do.

/// log2 of the codes in a word of a tile of weights.
static unsigned codeBits(Value codes) {
  return packBitsOf(cast<RankedTensorType>(codes.getType()).getElementType());
}

static Layout groupLayout(Value groups, const Layout &q) {
  int64_t perGroup = q.shape()[0] / shapeOf(groups)[0];
  return q.divided(0, llvm::Log2_64(perGroup));
}

/// `q`: the first operand of unpack or dequant, the others are its groups'.
static std::optional<Layout> unpackedFrom(OpOperand &operand, Value result,
                                          KnownLayout known) {
  return mapped(known, result, [&](const Layout &layout) {
    Layout q = lath::dequantSource(layout,
                                   codeBits(operand.getOwner()->getOperand(0)));
    return operand.getOperandNumber() == 0 ? q : groupLayout(operand.get(), q);
  });
}
static std::optional<Layout> unpackedTo(Value q, KnownLayout known) {
  return mapped(known, q, [&](const Layout &layout) {
    return lath::dequantResult(layout, codeBits(q));
  });
}
std::optional<Layout> UnpackOp::operandLayout(OpOperand &operand,
                                              KnownLayout known) {
  return unpackedFrom(operand, getResult(), known);
}
std::optional<Layout> UnpackOp::resultLayout(KnownLayout known) {
  return unpackedTo(getQ(), known);
}
std::optional<Layout> DequantOp::operandLayout(OpOperand &operand,
                                               KnownLayout known) {
  return unpackedFrom(operand, getResult(), known);
}
std::optional<Layout> DequantOp::resultLayout(KnownLayout known) {
  return unpackedTo(getQ(), known);
}

// Memory: as many neighbours to a lane as can be moved at once.

template <typename Op>
static std::optional<int64_t> movedBy(Op op, Value tile, Value accessed) {
  if (tile != accessed) // the starts of its elements
    return std::nullopt;
  const Access access = accessOf(op);
  const Memory &memory = access.memory();
  if (memory.holdsCodes()) // words have neighbours in several dimensions
    return std::nullopt;
  return int64_t{1} << access.neighbourBits(memory.tileShape(shapeOf(tile)));
}
std::optional<int64_t> LoadOp::movedAtOnce(Value tile) {
  return movedBy(*this, tile, getResult());
}
std::optional<int64_t> AtomicOp::movedAtOnce(Value tile) {
  return movedBy(*this, tile, getValue());
}
std::optional<int64_t> StoreOp::movedAtOnce(Value tile) {
  return movedBy(*this, tile, getValue());
}

Layout lath::tile::startsLayout(Value starts, Layout tile) {
  for (auto [d, extent] : llvm::enumerate(shapeOf(starts)))
    if (extent == 1 && tile.shape()[d] != 1)
      tile = tile.sliced(d);
  return tile;
}
template <typename Op>
static std::optional<Layout> startLayout(Op op, OpOperand &operand,
                                         KnownLayout known) {
  return mapped(known, op.getResult(), [&](const Layout &layout) {
    return startsLayout(operand.get(), layout);
  });
}
std::optional<Layout> LoadOp::operandLayout(OpOperand &operand,
                                            KnownLayout known) {
  return startLayout(*this, operand, known);
}
std::optional<Layout> InsideOp::operandLayout(OpOperand &operand,
                                              KnownLayout known) {
  return startLayout(*this, operand, known);
}
std::optional<Layout> AtomicOp::operandLayout(OpOperand &operand,
                                              KnownLayout known) {
  return startLayout(*this, operand, known);
}
std::optional<Layout> AtomicOp::resultLayout(KnownLayout known) {
  return same(known, getValue());
}

/// A view in atoms takes whole words of a lane.
static std::optional<Layout> storedInAtoms(StoreOp store) {
  LayoutAttr atom = store.getView().getType().getAtom();
  if (!atom)
    return std::nullopt;
  return lath::atomBlocked(shapeOf(store.getValue()), atom.layout(),
                           scheduleOf(store).warps);
}
LogicalResult StoreOp::seedLayouts(AskLayout ask) {
  if (auto layout = storedInAtoms(*this))
    ask(getValue(), *layout);
  return success();
}

/// What a product left in the order of its fragments is stored in whole
/// sectors, where that takes half as many or fewer.
static std::optional<Layout> storedLayout(StoreOp store, KnownLayout known) {
  if (auto layout = storedInAtoms(store))
    return layout;
  const Layout *held = known(store.getValue());
  std::optional<int64_t> neighbours = store.movedAtOnce(store.getValue());
  if (!held || !neighbours)
    return std::nullopt;
  return lath::coalesced(*held, store.getView().getType().memory().unitBytes,
                         llvm::Log2_64(*neighbours), scheduleOf(store).warps);
}
std::optional<Layout> StoreOp::operandLayout(OpOperand &operand,
                                             KnownLayout known) {
  auto stored = storedLayout(*this, known);
  if (operand == getValueMutable())
    return stored;
  if (!stored)
    stored = same(known, getValue());
  return stored ? std::optional(startsLayout(operand.get(), *stored))
                : std::nullopt;
}

// A dot's layouts are solved together, from where its operands come from.

/// What lies in memory in atoms and is unpacked to `weights`, if that is so.
static std::optional<Layout> atomOf(Operation *unpacking) {
  auto load = unpacking->getOperand(0).getDefiningOp<LoadOp>();
  LayoutAttr atom = load ? load.getView().getType().getAtom() : LayoutAttr();
  return atom ? std::optional(atom.layout()) : std::nullopt;
}

/// The loads and dots that a tile is computed from.
static SetVector<Operation *> sources(Value tile) {
  SetVector<Value> tiles;
  SetVector<Operation *> result;
  tiles.insert(tile);
  for (unsigned i = 0; i < tiles.size(); ++i) {
    Value value = tiles[i];
    Operation *op = value.getDefiningOp();
    if (isa_and_nonnull<LoadOp, DotOp>(op)) {
      result.insert(op);
      continue;
    }
    if (!op)
      op = cast<BlockArgument>(value).getOwner()->getParentOp();
    bool carried = false;
    for (auto &group : lath::tile::tiedTiles(op))
      if (llvm::is_contained(group, value)) {
        tiles.insert(group.begin(), group.end());
        carried = true;
      }
    if (!carried && value.getDefiningOp())
      for (Value operand : op->getOperands())
        if (isa<RankedTensorType>(operand.getType()))
          tiles.insert(operand);
  }
  return result;
}

/// Whether what this dot makes becomes the A operand of another.
static bool feedsRows(DotOp dot) {
  return dot->getParentOfType<func::FuncOp>()
      .walk([&](DotOp other) {
        return other != dot && !other.getSwapped() &&
                       sources(other.getA()).contains(dot)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// False with the reason where there is no solution.
static bool solve(DotOp dot, lath::DotLayouts &layouts, std::string &problem) {
  const lath::TargetSchedule schedule = scheduleOf(dot);
  Value rows = dot.getSwapped() ? dot.getB() : dot.getA();
  Shape aShape = shapeOf(dot.getA()), bShape = shapeOf(dot.getB());
  lath::DotShape shape;
  shape.k = aShape[1];
  shape.elementBits =
      cast<RankedTensorType>(dot.getA().getType()).getElementTypeBitWidth();
  shape.rows = dot.getSwapped() ? bShape[1] : aShape[0];
  shape.columns = dot.getSwapped() ? aShape[0] : bShape[1];
  shape.warps = schedule.warps;
  shape.kWarps = dot.getKWarps();
  shape.warpgroups = schedule.mma == lath::MatrixUnit::warpgroup;
  Operation *unpacking = rows.getDefiningOp();
  if (isa_and_nonnull<DequantOp, UnpackOp>(unpacking)) {
    shape.packBits = codeBits(unpacking->getOperand(0));
    if (dot.getSwapped())
      shape.atom = atomOf(unpacking);
    shape.contiguousRows = dot.getSwapped();
  }
  shape.rowsFirst = !dot.getSwapped() &&
                    (llvm::any_of(sources(dot.getA()), llvm::IsaPred<DotOp>) ||
                     feedsRows(dot));
  // Stages are read by ldmatrix; without them lanes read global memory.
  shape.consecutiveK = schedule.stages == 1 && !shape.rowsFirst;
  if (!lath::solveDotLayouts(shape, layouts, problem))
    return false;
  if (dot.getSwapped()) {
    std::swap(layouts.a, layouts.b);
    layouts.a = layouts.a.transposed();
    layouts.b = layouts.b.transposed();
    layouts.acc = layouts.acc.transposed();
  }
  return true;
}

LogicalResult DotOp::seedLayouts(AskLayout ask) {
  lath::DotLayouts layouts;
  std::string problem;
  if (!solve(*this, layouts, problem))
    return emitOpError(problem);
  // The operand with the rows first.
  if (getSwapped())
    ask(getB(), layouts.b);
  ask(getA(), layouts.a);
  ask(getB(), layouts.b);
  ask(getAcc(), layouts.acc);
  ask(getResult(), layouts.acc);
  return success();
}

std::optional<Layout> DotOp::operandLayout(OpOperand &operand,
                                           KnownLayout known) {
  if (&operand == &getAccMutable())
    return same(known, getResult());
  lath::DotLayouts layouts;
  std::string problem;
  if (!solve(*this, layouts, problem))
    return std::nullopt; // said when it asked for its layouts
  if (&operand == &getAMutable())
    return layouts.a;
  return &operand == &getBMutable() ? layouts.b
                                    : groupLayout(operand.get(), layouts.b);
}
