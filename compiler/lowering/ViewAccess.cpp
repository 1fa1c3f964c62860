#include "compiler/lowering/ViewAccess.h"

#include <limits>

using namespace mlir;

namespace lath::tile {

static SmallVector<int64_t> shapeOf(const Layout &units) {
  return SmallVector<int64_t>(units.shape().begin(), units.shape().end());
}

ViewArray::ViewArray(Emit &e, const Access &access, ValueRange values,
                     ArrayRef<int64_t> tile)
    : e(e), memory(access.memory()), origin(values[0]) {
  values = values.drop_front();
  unsigned next = 0;
  for (int64_t extent : memory.shape)
    extents.push_back(ShapedType::isDynamic(extent) ? values[next++] : Value());
  // Bytes from the first unit of the tile to its last.
  uint64_t reach = 0;
  for (unsigned d = 0; d < access.rank(); ++d) {
    const bool dynamic = ShapedType::isDynamic(memory.strides[d]);
    Value stride;
    if (dynamic)
      stride = LLVM::MulOp::create(
          e.r, e.loc, values[next++],
          LLVM::ConstantOp::create(e.r, e.loc, e.i64,
                                   e.r.getI64IntegerAttr(memory.unitBytes)));
    else if (access.along(d) >= 0)
      reach += memory.strideBytes(d) * (tile[access.along(d)] - 1);
    strides.push_back(stride);
  }
  // Differences of coordinates are signed.
  const bool near = reach <= std::numeric_limits<int32_t>::max();
  for (int64_t stride : memory.strides)
    narrow.push_back(near && !ShapedType::isDynamic(stride));
}

Value ViewArray::extent(unsigned d) const {
  return extents[d] ? extents[d] : e.c(memory.shape[d]);
}

Value ViewArray::bytes(Value steps, unsigned d) const {
  Value stride = strides[d];
  if (!stride)
    stride = LLVM::ConstantOp::create(
        e.r, e.loc, e.i64, e.r.getI64IntegerAttr(memory.strideBytes(d)));
  return LLVM::MulOp::create(e.r, e.loc, e.sext64(steps), stride);
}

Value ViewArray::moved(Value pointer, int64_t steps, unsigned d) const {
  if (!strides[d])
    return e.gep(pointer, steps * memory.strideBytes(d));
  return steps ? e.gep(pointer, bytes(e.c(steps), d)) : pointer;
}

ViewAccess::ViewAccess(Emit &e, Access accessed, ValueRange values,
                       Layout layout, ArrayRef<ValueRange> starts)
    : e(e), access(std::move(accessed)), units(std::move(layout)),
      array(e, access, values, shapeOf(units)),
      vectorBits(access.neighbourBits(shapeOf(units))),
      laneCoords(units.rank()) {
  const Memory &memory = access.memory();
  Value offset, lanePart; // bytes, of 64 bits and of 32
  SmallVector<Value> wide;
  SmallVector<Value> scalars;
  for (ValueRange start : starts)
    scalars.push_back(start[0]);
  for (unsigned d = 0; d < access.rank(); ++d) {
    startRegisters.emplace_back();
    if (access.isGathered(d)) {
      auto registers =
          tile::startRegisters(layoutOf(access.start(d).getType()), units);
      assert(registers && "starts lie where the elements do");
      startRegisters.back() = *registers;
      startUnits.emplace_back(starts[d]);
      checked.push_back(true);
      continue;
    }
    Value start = unitStart(e, memory, scalars, d);
    startUnits.push_back({start});
    Value strided = array.bytes(start, d);
    offset = offset ? e.add(offset, strided) : strided;
    checked.push_back(!access.staysWhole(shapeOf(units), d));
    const int t = access.along(d);
    if (t < 0)
      continue;
    // The dimension's bits of the lane's index.
    laneCoords[t] = e.linear(units, dimMap(t));
    if (!array.isNarrow(d)) {
      wide.push_back(array.bytes(laneCoords[t], d));
      continue;
    }
    Value part = e.mul(laneCoords[t], array.strideBytes(d));
    lanePart = lanePart ? e.add(lanePart, part) : part;
  }
  base = array.pointer();
  if (offset)
    base = e.gep(base, offset);
  for (Value part : wide)
    base = e.gep(base, part);
  if (lanePart)
    base = e.gep(base, e.zext64(lanePart));
}

/// Index bits -> coordinate of a dimension of the tile.
LinearMap ViewAccess::dimMap(unsigned tileDim) const {
  Bases bases(units.indexBits(), 0);
  for (unsigned i = 0; i < units.dimBits(tileDim); ++i)
    bases[units.dimShift(tileDim) + i] = 1u << i;
  return LinearMap(bases);
}

/// Coordinate bits of a dimension that lanes, warps and blocks may set.
uint32_t ViewAccess::laneMask(unsigned tileDim) const {
  uint32_t mask = 0;
  for (Place place : {Place::Lane, Place::Warp, Place::Block})
    for (uint32_t basis : units.bases(place))
      mask |= dimMap(tileDim)(basis);
  return mask;
}

/// Whether lanes set bits of a register's coordinate: then it is their XOR,
/// else their sum.
bool ViewAccess::lanesShare(unsigned tileDim, uint32_t index) const {
  return laneMask(tileDim) & dimMap(tileDim)(index);
}

Value ViewAccess::startOf(unsigned d, uint32_t reg) const {
  return startUnits[d][access.isGathered(d) ? startRegisters[d](reg) : 0];
}

Value ViewAccess::address(uint32_t reg) const {
  const uint32_t index = units.index(reg);
  Value address = base;
  for (unsigned d = 0; d < access.rank(); ++d)
    if (access.isGathered(d))
      address = e.gep(address, array.bytes(startOf(d, reg), d));
  const bool plain = llvm::none_of(llvm::seq(access.rank()), [&](unsigned d) {
    return access.along(d) >= 0 && lanesShare(access.along(d), index);
  });
  int64_t constant = 0;
  for (unsigned d = 0; d < access.rank(); ++d) {
    const int t = access.along(d);
    if (t < 0)
      continue;
    if (plain) {
      const int64_t steps = dimMap(t)(index);
      if (array.isNarrow(d))
        constant += steps * array.strideBytes(d);
      else
        address = array.moved(address, steps, d);
      continue;
    }
    // Correct the lane's part by the difference.
    Value moved = e.bxor(laneCoords[t], e.c(dimMap(t)(index)));
    Value delta = LLVM::SubOp::create(e.r, e.loc, moved, laneCoords[t]);
    address = e.gep(address, array.isNarrow(d)
                                 ? e.sext64(e.mul(delta, array.strideBytes(d)))
                                 : array.bytes(delta, d));
  }
  return e.gep(address, constant);
}

Value ViewAccess::mask(uint32_t reg) const {
  Value all;
  const uint32_t index = units.index(reg);
  for (unsigned d = 0; d < access.rank(); ++d) {
    if (!checked[d])
      continue;
    Value coordinate = startOf(d, reg);
    if (const int t = access.along(d); t >= 0) {
      Value own = laneCoords[t];
      if (uint32_t moved = dimMap(t)(index))
        own =
            lanesShare(t, index) ? e.bxor(own, e.c(moved)) : e.add(own, moved);
      coordinate = e.add(coordinate, own);
    }
    // Unsigned: what lies before the view is outside as well.
    Value inside = LLVM::ICmpOp::create(e.r, e.loc, LLVM::ICmpPredicate::ult,
                                        coordinate, array.extent(d));
    all = all ? Value(LLVM::AndOp::create(e.r, e.loc, all, inside)) : inside;
  }
  return all;
}

Value unitStart(Emit &e, const Memory &memory, ValueRange starts, unsigned d) {
  int dim = memory.arrayDim(d);
  return dim < 0
             ? e.c(0)
             : e.lshr(starts[dim], llvm::Log2_64(memory.elementsPerStep(d)));
}

} // namespace lath::tile
