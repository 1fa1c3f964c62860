// Dialect, types and attributes: parsing, printing, verification.
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace lath::tile;
using namespace lath;

#include "compiler/ir/TileDialect.cpp.inc"
#include "compiler/ir/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TileAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/TileAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/TileOps.cpp.inc"
      >();
}

int64_t Memory::stride(unsigned d) const {
  int64_t stride = 1;
  for (unsigned i = d + 1; i < shape.size(); ++i)
    stride *= shape[i];
  return stride;
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

LinearMap Memory::nibbleMap(ArrayRef<int64_t> tile) const {
  constexpr uint32_t within = (1u << packBits) - 1;
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

static Memory memoryOf(ArrayRef<int64_t> shape, Type element, int packed,
                       LayoutAttr atom) {
  Memory memory;
  memory.shape = SmallVector<int64_t>(shape);
  memory.packed = packed;
  if (atom)
    memory.atom = atom.layout();
  memory.unit = memory.holdsNibbles()
                    ? IntegerType::get(element.getContext(), 32)
                    : element;
  memory.unitBytes = memory.unit.getIntOrFloatBitWidth() / 8;
  memory.shape = memory.tileShape(shape);
  return memory;
}

Memory ViewType::memory() const {
  return memoryOf(getShape(), getElementType(), getPacked(), getAtom());
}
Memory BufferType::memory() const {
  return memoryOf(getShape(), getElementType(), getPacked(), getAtom());
}
int64_t BufferType::stageBytes() const {
  Memory m = memory();
  return std::accumulate(m.shape.begin(), m.shape.end(), int64_t(m.unitBytes),
                         std::multiplies<>());
}

static LogicalResult verifyElements(function_ref<InFlightDiagnostic()> error,
                                    ArrayRef<int64_t> shape, Type element,
                                    int packed, LayoutAttr atom) {
  if (shape.empty())
    return error() << "expected at least one dimension";
  for (auto [d, extent] : llvm::enumerate(shape)) {
    if (ShapedType::isDynamic(extent) && d != 0)
      return error() << "expected a static extent in dimension " << d
                     << ": only the first may be dynamic";
    if (!ShapedType::isDynamic(extent) && extent <= 0)
      return error() << "expected positive extents, got " << extent;
  }
  if (atom) {
    if (!element.isInteger(4) || packed >= 0 || shape.size() != 2)
      return error() << "expected an atom only for i4 matrices that are not "
                        "packed along a dimension";
    Layout map = atom.layout();
    if (map.rank() != 2 || map.bits(Place::Offset) != map.indexBits() ||
        map.indexBits() < packBits || !map.surjective())
      return error() << "expected an atom with an offset for every element";
    for (auto [extent, step] : llvm::zip(shape, map.shape()))
      if (ShapedType::isDynamic(extent) || extent % step)
        return error() << "expected extents that are multiples of the atom's ["
                       << map.shape()[0] << ", " << map.shape()[1] << "], got ["
                       << shape << "]";
    return success();
  }
  if (element.isInteger(4)) {
    if (packed < 0 || packed >= (int)shape.size())
      return error() << "expected i4 elements to be packed along a dimension "
                        "below "
                     << shape.size() << ", got " << packed;
    if (ShapedType::isDynamic(shape[packed]) || shape[packed] % 8)
      return error() << "expected a multiple of 8 in packed dimension "
                     << packed << ", got " << shape[packed];
    return success();
  }
  if (packed >= 0)
    return error() << "only i4 elements are packed, got " << element;
  if (!element.isF16() && !element.isBF16() && !element.isF32() &&
      !element.isInteger(32))
    return error() << "expected elements i4, i32, f16, bf16 or f32, got "
                   << element;
  return success();
}

/// `packed = 0` or `atom = #tile.layout<...>`.
static OptionalParseResult parseOptionalPacking(AsmParser &parser, int &packed,
                                                LayoutAttr &atom) {
  if (succeeded(parser.parseOptionalKeyword("atom")))
    return failure(parser.parseEqual() || parser.parseAttribute(atom));
  if (succeeded(parser.parseOptionalKeyword("packed")))
    return failure(parser.parseEqual() || parser.parseInteger(packed));
  return std::nullopt;
}

static void printPacking(AsmPrinter &printer, int packed, LayoutAttr atom) {
  if (packed >= 0)
    printer << ", packed = " << packed;
  if (atom)
    printer << ", atom = " << atom;
}

Type ViewType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  int packed = -1;
  LayoutAttr atom;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(element))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    SMLoc loc = parser.getCurrentLocation();
    auto packing = parseOptionalPacking(parser, packed, atom);
    if (!packing.has_value())
      return parser.emitError(loc, "expected 'packed' or 'atom'"), Type();
    if (failed(*packing))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ViewType>(parser.getContext(), shape, element,
                                     packed, atom);
}

void ViewType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType();
  printPacking(printer, getPacked(), getAtom());
  printer << ">";
}

LogicalResult ViewType::verify(function_ref<InFlightDiagnostic()> error,
                               ArrayRef<int64_t> shape, Type element,
                               int packed, LayoutAttr atom) {
  return verifyElements(error, shape, element, packed, atom);
}

Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  int64_t stages;
  int packed = -1;
  LayoutAttr layout, atom;
  if (parser.parseLess() || parser.parseInteger(stages) ||
      parser.parseKeyword("of") ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseComma())
    return {};
  auto packing = parseOptionalPacking(parser, packed, atom);
  if (packing.has_value() && (failed(*packing) || parser.parseComma()))
    return {};
  if (parser.parseAttribute(layout) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), stages, shape,
                                       element, packed, atom, layout);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<" << getStages() << " of ";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType();
  printPacking(printer, getPacked(), getAtom());
  printer << ", " << getLayout() << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> error,
                                 int64_t stages, ArrayRef<int64_t> shape,
                                 Type element, int packed, LayoutAttr atom,
                                 LayoutAttr layout) {
  if (stages < 1)
    return error() << "expected at least one stage, got " << stages;
  if (failed(verifyElements(error, shape, element, packed, atom)))
    return failure();
  Memory memory = memoryOf(shape, element, packed, atom);
  if (layout.getShape() != ArrayRef<int64_t>(memory.shape))
    return error() << "expected a layout of [" << memory.shape << "], got ["
                   << layout.getShape() << "]";
  Layout map = layout.layout();
  if (!map.surjective() || map.bits(Place::Offset) != map.indexBits())
    return error() << "expected a layout with an offset for every element";
  return success();
}

LogicalResult MbarriersType::verify(function_ref<InFlightDiagnostic()> error,
                                    int64_t stages) {
  if (stages < 1)
    return error() << "expected at least one stage, got " << stages;
  return success();
}

LayoutAttr LayoutAttr::get(MLIRContext *context, const Layout &layout) {
  return get(context, layout.shape(), layout.bases(Place::Register),
             layout.bases(Place::Lane), layout.bases(Place::Warp),
             layout.bases(Place::Block), layout.bases(Place::Offset));
}

Layout LayoutAttr::layout() const {
  Layout layout(Shape(getShape().begin(), getShape().end()));
  layout.bases(Place::Register)
      .assign(getRegisters().begin(), getRegisters().end());
  layout.bases(Place::Lane).assign(getLanes().begin(), getLanes().end());
  layout.bases(Place::Warp).assign(getWarps().begin(), getWarps().end());
  layout.bases(Place::Block).assign(getBlocks().begin(), getBlocks().end());
  layout.bases(Place::Offset).assign(getOffsets().begin(), getOffsets().end());
  return layout;
}

static constexpr StringLiteral placeNames[] = {"register", "lane", "warp",
                                               "block", "offset"};

void LayoutAttr::print(AsmPrinter &printer) const {
  Layout map = layout();
  printer << "<[" << getShape() << "]";
  for (int p = 0; p < lath::numPlaces; ++p) {
    if (map.bases(Place(p)).empty())
      continue;
    printer << ", " << placeNames[p] << " = [";
    llvm::interleaveComma(map.bases(Place(p)), printer, [&](uint32_t basis) {
      printer << "[";
      llvm::interleaveComma(map.unflatten(basis), printer);
      printer << "]";
    });
    printer << "]";
  }
  printer << ">";
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  auto parseInts = [&](SmallVectorImpl<int64_t> &values) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
      return parser.parseInteger(values.emplace_back());
    });
  };
  SmallVector<int64_t> shape;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseInts(shape))
    return {};
  for (int64_t extent : shape)
    if (extent < 1 || !llvm::isPowerOf2_64(extent)) {
      parser.emitError(loc, "expected power-of-two extents, got ") << extent;
      return {};
    }
  Layout layout(Shape(shape.begin(), shape.end()));
  while (succeeded(parser.parseOptionalComma())) {
    StringRef keyword;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword) || parser.parseEqual())
      return {};
    const auto *found = llvm::find(placeNames, keyword);
    if (found == std::end(placeNames)) {
      parser.emitError(at,
                       "expected register, lane, warp, block or offset, got ")
          << keyword;
      return {};
    }
    auto place = Place(found - std::begin(placeNames));
    auto parseBasis = [&]() -> ParseResult {
      SmallVector<int64_t> coords;
      SMLoc basisLoc = parser.getCurrentLocation();
      if (parseInts(coords))
        return failure();
      if (coords.size() != shape.size())
        return parser.emitError(basisLoc, "expected ")
               << shape.size() << " coordinates, got " << coords.size();
      for (auto [c, extent] : llvm::zip(coords, shape))
        if (c < 0 || c >= extent)
          return parser.emitError(basisLoc, "expected coordinates inside [")
                 << shape << "], got " << c;
      layout.bases(place).push_back(
          layout.flatten({coords.begin(), coords.end()}));
      return success();
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                       parseBasis))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return LayoutAttr::get(parser.getContext(), layout);
}

LogicalResult
LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                           function_ref<InFlightDiagnostic()> error) const {
  if (shape != getShape())
    return error() << "expected a layout of [" << shape << "], got ["
                   << getShape() << "]";
  Layout map = layout();
  if (map.bits(Place::Offset))
    return error() << "a register tile has no offsets";
  if (map.bits(Place::Lane) != lath::laneBits)
    return error() << "expected " << lath::laneBits << " lane bases, got "
                   << map.bits(Place::Lane);
  if (!map.surjective())
    return error() << "the layout leaves elements without a place";
  return success();
}

namespace lath::tile {

bool isConstant(Value view) {
  if (auto op = view.getDefiningOp<ViewOp>())
    view = op.getPointer();
  auto argument = dyn_cast<BlockArgument>(view);
  auto function =
      argument
          ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
          : FunctionOpInterface();
  return function &&
         function.getArgAttr(argument.getArgNumber(), constantAttrName);
}

bool hasLayout(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa_and_nonnull<LayoutAttr>(tensor.getEncoding());
}

Role roleOf(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto branch = dyn_cast_or_null<scf::IfOp>(op->getParentOp());
        branch && branch->hasAttr(rolesAttrName))
      return op->getBlock() == branch.thenBlock() ? Role::producer
                                                  : Role::consumers;
  return Role::all;
}

bool staysWhole(const Memory &memory, ArrayRef<int64_t> units,
                OperandRange starts, unsigned d) {
  return !ShapedType::isDynamic(memory.shape[d]) &&
         memory.shape[d] % units[d] == 0 &&
         divisorOfUnits(memory, starts, d) % units[d] == 0;
}

Layout layoutOf(Type type) {
  assert(hasLayout(type) && "layouts are assigned");
  return cast<LayoutAttr>(cast<RankedTensorType>(type).getEncoding()).layout();
}

RankedTensorType withLayout(RankedTensorType type, const Layout &layout) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               LayoutAttr::get(type.getContext(), layout));
}

std::optional<LinearMap> registersFrom(const Layout &source,
                                       const Layout &result,
                                       const LinearMap &map) {
  // Lanes, warps and blocks must agree on their own...
  for (Place place : {Place::Lane, Place::Warp, Place::Block})
    for (unsigned i = 0; i < result.bits(place); ++i)
      if (map(result.bases(place)[i]) !=
          (i < source.bits(place) ? source.bases(place)[i] : 0))
        return std::nullopt;
  // ... and registers find theirs among the source's registers.
  Bases registers;
  for (uint32_t basis : result.bases(Place::Register)) {
    auto reg = source.registerOf(map(basis));
    if (!reg)
      return std::nullopt;
    registers.push_back(*reg);
  }
  return LinearMap(registers);
}

Layout unitLayout(const Memory &memory, const Layout &elements) {
  if (!memory.holdsNibbles())
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

int64_t divisorOfUnits(const Memory &memory, OperandRange starts, unsigned d) {
  int dim = memory.arrayDim(d);
  if (dim < 0) // words of an atom start at the first
    return memory.shape[d];
  return std::max<int64_t>(1,
                           divisorOf(starts[dim]) / memory.elementsPerStep(d));
}

int64_t divisorOf(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    int64_t c = std::abs(constant.getSExtValue());
    return c ? c
             : int64_t(1) << 30; // zero: any power of two a tile can ask for
  }
  if (auto op = value.getDefiningOp<arith::MulIOp>()) {
    int64_t product = divisorOf(op.getLhs()) * divisorOf(op.getRhs());
    return std::min(product, int64_t(1) << 30);
  }
  if (auto op = value.getDefiningOp<arith::AddIOp>())
    return std::gcd(divisorOf(op.getLhs()), divisorOf(op.getRhs()));
  if (auto op = value.getDefiningOp<arith::SubIOp>())
    return std::gcd(divisorOf(op.getLhs()), divisorOf(op.getRhs()));
  if (auto op = value.getDefiningOp<arith::MinSIOp>())
    return std::gcd(divisorOf(op.getLhs()), divisorOf(op.getRhs()));
  if (auto op = value.getDefiningOp<arith::DivUIOp>()) {
    APInt by;
    if (matchPattern(op.getRhs(), m_ConstantInt(&by)) &&
        by.getSExtValue() > 0 &&
        divisorOf(op.getLhs()) % by.getSExtValue() == 0)
      return std::max<int64_t>(1, divisorOf(op.getLhs()) / by.getSExtValue());
    return 1;
  }
  if (auto op = value.getDefiningOp<KRangeOp>())
    return value == op.getUpper() ? 1 : op.getStep();
  if (auto argument = dyn_cast<BlockArgument>(value))
    if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
      if (argument == loop.getInductionVar())
        return std::gcd(divisorOf(loop.getLowerBound()),
                        divisorOf(loop.getStep()));
  return 1;
}

} // namespace lath::tile
