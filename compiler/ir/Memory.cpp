#include "compiler/ir/Memory.h"

using namespace mlir;

namespace lath::tile {

unsigned packBitsOf(Type element) {
  return element.isInteger(4) ? 3 : element.isSignedInteger(8) ? 2 : 0;
}

Type storedType(Type element) {
  const bool byte =
      element.isInteger(1) || isa<Float8E4M3FNType, Float8E5M2Type>(element);
  return byte ? IntegerType::get(element.getContext(), 8) : element;
}

int64_t Memory::strideBytes(unsigned d) const {
  assert(!ShapedType::isDynamic(strides[d]) && "known at run time only");
  return strides[d] * unitBytes;
}

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (unsigned d = shape.size() - 1; d > 0; --d)
    strides[d - 1] =
        ShapedType::isDynamic(strides[d]) || ShapedType::isDynamic(shape[d])
            ? ShapedType::kDynamic
            : strides[d] * shape[d];
  return strides;
}

int64_t powerOfTwoIn(int64_t number) {
  return number ? std::min(number & -number, mostDivisor) : mostDivisor;
}

SmallVector<int64_t> Memory::tileShape(ArrayRef<int64_t> elements) const {
  SmallVector<int64_t> units(elements);
  if (packed >= 0)
    units[packed] = std::max<int64_t>(1, units[packed] >> packBits);
  if (atom)
    units = {std::max<int64_t>(1, elements[0] / atom->shape()[0]),
             std::max<int64_t>(1, elements[1] / atom->shape()[1]),
             atom->elements() >> packBits};
  return units;
}

/// The map of flat tile indices whose basis i is `image` of the coordinates of
/// bit i.
static LinearMap
mapOfTile(ArrayRef<int64_t> tile,
          function_ref<uint32_t(const std::vector<int64_t> &)> image) {
  Layout elements(Shape(tile.begin(), tile.end()));
  Bases bases;
  for (unsigned i = 0; i < elements.indexBits(); ++i)
    bases.push_back(image(elements.unflatten(1u << i)));
  return LinearMap(bases);
}

/// Offset in the atom of the element with these coordinates.
static uint32_t offsetInAtom(const Layout &atom,
                             const std::vector<int64_t> &coords) {
  std::vector<int64_t> inside(coords);
  for (unsigned d = 0; d < inside.size(); ++d)
    inside[d] &= atom.shape()[d] - 1;
  return (*atom.map(Place::Offset).inverse())(atom.flatten(inside));
}

LinearMap Memory::unitMap(ArrayRef<int64_t> tile) const {
  auto units = tileShape(tile);
  Layout target(Shape(units.begin(), units.end()));
  return mapOfTile(tile, [&](std::vector<int64_t> coords) {
    if (packed >= 0)
      coords[packed] >>= packBits;
    if (atom)
      coords = {coords[0] / atom->shape()[0], coords[1] / atom->shape()[1],
                offsetInAtom(*atom, coords) >> packBits};
    return target.flatten(coords);
  });
}

LinearMap Memory::codeMap(ArrayRef<int64_t> tile) const {
  const uint32_t within = (1u << packBits) - 1;
  return mapOfTile(tile, [&](const std::vector<int64_t> &coords) -> uint32_t {
    if (packed >= 0)
      return coords[packed] & within;
    return atom ? offsetInAtom(*atom, coords) & within : 0;
  });
}

int Memory::arrayDim(unsigned d) const { return atom && d == 2 ? -1 : (int)d; }

int64_t Memory::elementsPerStep(unsigned d) const {
  if (atom)
    return d < 2 ? atom->shape()[d] : 1;
  return (int)d == packed ? 1 << packBits : 1;
}

Layout unitLayout(const Memory &memory, const Layout &elements) {
  if (!memory.holdsCodes())
    return elements;
  const Shape &tile = elements.shape();
  auto units = memory.tileShape(tile);
  LinearMap toUnit = memory.unitMap(tile);
  Layout result(Shape(units.begin(), units.end()));
  for (Place place : {Place::Register, Place::Lane, Place::Warp})
    for (uint32_t basis : elements.bases(place))
      result.bases(place).push_back(toUnit(basis));
  return result.withoutRepeatedRegisters();
}

} // namespace lath::tile
