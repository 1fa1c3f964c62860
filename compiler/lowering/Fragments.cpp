#include "compiler/lowering/Fragments.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace lath::tile {

Bases registersAlong(const Layout &layout, unsigned d) {
  Bases bits;
  for (uint32_t basis : layout.bases(Place::Register))
    if (auto coords = layout.unflatten(basis); coords[d])
      bits.push_back(coords[d]);
  return bits;
}

static unsigned wordBitsOf(Type element) {
  return llvm::Log2_32(32 / element.getIntOrFloatBitWidth());
}

Fragments::Fragments(const Layout &a, ValueRange aRegs, Type element,
                     const Layout &acc)
    : aLayout(a), accLayout(acc), aRegs(aRegs), element(element),
      wordBits(wordBitsOf(element)), k(registersAlong(a, 1)),
      rows(registersAlong(a, 0)) {
  if (whole())
    arrange();
}

Fragments::Fragments(const Layout &acc, Type element, int64_t depth)
    : accLayout(acc), element(element), wordBits(wordBitsOf(element)),
      rows(registersAlong(acc, 0)) {
  const int64_t inLanes = 3ll << wordBits;
  for (int64_t bit = 1; bit < depth; bit *= 2)
    if (!(bit & inLanes))
      k.push_back(bit);
  arrange();
}

void Fragments::arrange() {
  tiles.assign(rows.begin() + 1, rows.end());
  for (uint32_t column : registersAlong(accLayout, 1))
    if (column != 1) // the pair of columns that a lane holds of each tile
      columns.push_back(column);
  inner.assign(k.begin() + wordBits + 1, k.end());
}

void Fragments::scaleBy(const Layout &scales, ValueRange registers,
                        unsigned dim) {
  // The steps of a group add up on their own first.
  scaleLayout = scales;
  scaleRegs = registers;
  scaleDim = dim;
  groupShift = llvm::Log2_64(aLayout.shape()[1] / scales.shape()[0]);
  Bases steps;
  std::swap(steps, inner);
  for (uint32_t step : steps)
    (step >> groupShift ? outer : inner).push_back(step);
}

Value Fragments::word(Emit &e, uint32_t k0,
                      function_ref<Value(uint32_t)> at) const {
  if (element.isF32()) // rounded to tf32, which the tensor core would cut off
    return NVVM::ConvertFloatToTF32Op::create(
        e.r, e.loc, e.i32, at(k0), NVVM::FPRoundingMode::RNA,
        NVVM::SaturationMode::NONE, /*relu=*/false);
  SmallVector<Value> elements;
  LinearMap within(Bases(k.begin(), k.begin() + wordBits));
  for (uint32_t i = 0; i < 1u << wordBits; ++i)
    elements.push_back(at(k0 ^ within(i)));
  Value packed = e.vector(elements);
  return element.isF16() ? packed : e.bitcast(e.i32, packed);
}

Registers Fragments::a(Emit &e, unsigned rowTile, uint32_t k0) const {
  uint32_t row = LinearMap(tiles)(rowTile), row8 = rows[0];
  auto at = [&](uint32_t rr, uint32_t kk) {
    return word(e, k0 ^ kk, [&](uint32_t k) {
      return aRegs[*aLayout.registerOf(aLayout.flatten({row ^ rr, k}))];
    });
  };
  return {at(0, 0), at(row8, 0), at(0, upper()), at(row8, upper())};
}

SmallVector<uint32_t, 4> Fragments::places(unsigned rowTile,
                                           unsigned columnTile) const {
  SmallVector<uint32_t, 4> result;
  uint32_t row = LinearMap(tiles)(rowTile);
  for (uint32_t rr : {0u, rows[0]})
    for (uint32_t cc : {0u, 1u})
      result.push_back(*accLayout.registerOf(
          accLayout.flatten({row ^ rr, column(columnTile) ^ cc})));
  return result;
}

Registers Fragments::scaled(Emit &e, unsigned group, ValueRange sums,
                            ValueRange total) const {
  uint32_t index = LinearMap(outer)(group) >> groupShift;
  llvm::DenseMap<uint32_t, Value> wide;
  Registers result;
  for (uint32_t reg = 0; reg < sums.size(); ++reg) {
    int64_t place = accLayout.unflatten(accLayout.index(reg))[scaleDim];
    uint32_t from =
        *scaleLayout.registerOf(scaleLayout.flatten({index, place}));
    Value &scale = wide[from];
    if (!scale)
      scale = LLVM::FPExtOp::create(e.r, e.loc, e.f32, scaleRegs[from]);
    result.push_back(
        LLVM::FMAOp::create(e.r, e.loc, sums[reg], scale, total[reg]));
  }
  return result;
}

} // namespace lath::tile
