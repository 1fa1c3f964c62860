// The types view, buffer and mbarriers: parsing, printing, verification.
#include "compiler/ir/Tile.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace lath::tile;
using namespace lath;

#define GET_TYPEDEF_CLASSES
#include "compiler/ir/TileTypes.cpp.inc"

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/TileTypes.cpp.inc"
      >();
}

static Memory arrayMemory(ArrayRef<int64_t> shape, Type element, int packed,
                          LayoutAttr atom, ArrayRef<int64_t> strides = {}) {
  Memory memory;
  memory.shape = SmallVector<int64_t>(shape);
  memory.packed = packed;
  memory.packBits = packBitsOf(element);
  if (atom)
    memory.atom = atom.layout();
  memory.unit = memory.holdsCodes() ? IntegerType::get(element.getContext(), 32)
                                    : storedType(element);
  memory.unitBytes = memory.unit.getIntOrFloatBitWidth() / 8;
  memory.shape = memory.tileShape(shape);
  memory.strides = strides.empty() ? rowMajorStrides(memory.shape)
                                   : SmallVector<int64_t>(strides);
  auto divisors = [](ArrayRef<int64_t> numbers) {
    return llvm::map_to_vector(numbers, [](int64_t number) {
      return ShapedType::isDynamic(number) ? 1 : powerOfTwoIn(number);
    });
  };
  memory.extentDivisors = divisors(memory.shape);
  memory.strideDivisors = divisors(memory.strides);
  return memory;
}

Memory ViewType::memory() const {
  return arrayMemory(getShape(), getElementType(), getPacked(), getAtom(),
                     getStrides());
}
unsigned ViewType::numDynamicExtents() const {
  return llvm::count_if(getShape(), ShapedType::isDynamic);
}
unsigned ViewType::numDynamicStrides() const {
  return llvm::count_if(getStrides(), ShapedType::isDynamic);
}
Memory BufferType::memory() const {
  return arrayMemory(getShape(), getElementType(), getPacked(), getAtom());
}
int64_t BufferType::stageBytes() const {
  Memory m = memory();
  return std::accumulate(m.shape.begin(), m.shape.end(), int64_t(m.unitBytes),
                         std::multiplies<>());
}

static LogicalResult verifyElements(function_ref<InFlightDiagnostic()> error,
                                    ArrayRef<int64_t> shape, Type element,
                                    int packed, LayoutAttr atom,
                                    bool conditions) {
  if (shape.empty())
    return error() << "expected at least one dimension";
  for (int64_t extent : shape)
    if (!ShapedType::isDynamic(extent) && extent <= 0)
      return error() << "expected positive extents, got " << extent;
  if (atom) {
    if (!element.isInteger(4) || packed >= 0 || shape.size() != 2)
      return error() << "expected an atom only for i4 matrices that are not "
                        "packed along a dimension";
    Layout map = atom.layout();
    if (map.rank() != 2 || map.bits(Place::Offset) != map.indexBits() ||
        map.indexBits() < packBitsOf(element) || !map.surjective())
      return error() << "expected an atom with an offset for every element";
    for (auto [extent, step] : llvm::zip(shape, map.shape()))
      if (ShapedType::isDynamic(extent) || extent % step)
        return error() << "expected extents that are multiples of the atom's ["
                       << map.shape()[0] << ", " << map.shape()[1] << "], got ["
                       << shape << "]";
    return success();
  }
  if (unsigned bits = packBitsOf(element)) {
    if (packed < 0 || packed >= (int)shape.size())
      return error() << "expected " << element
                     << " elements to be packed along a dimension below "
                     << shape.size() << ", got " << packed;
    if (ShapedType::isDynamic(shape[packed]) || shape[packed] % (1 << bits))
      return error() << "expected a multiple of " << (1 << bits)
                     << " in packed dimension " << packed << ", got "
                     << shape[packed];
    return success();
  }
  if (packed >= 0)
    return error() << "only i4 and si8 elements are packed, got " << element;
  const bool whole = element.isSignlessInteger(8) ||
                     element.isSignlessInteger(32) ||
                     element.isSignlessInteger(64);
  if (!whole && !(conditions && element.isInteger(1)) &&
      !isa<Float8E4M3FNType, Float8E5M2Type, Float16Type, BFloat16Type,
           Float32Type>(element))
    return error() << "expected elements i4, si8, "
                   << (conditions ? "i1, " : "")
                   << "i8, i32, i64, f8E4M3FN, f8E5M2, f16, bf16 or f32, got "
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

/// `[?, 64, 1]`.
static ParseResult parseStrides(AsmParser &parser,
                                SmallVectorImpl<int64_t> &strides) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    strides.push_back(ShapedType::kDynamic);
    return succeeded(parser.parseOptionalQuestion())
               ? success()
               : parser.parseInteger(strides.back());
  });
}

static void printStrides(AsmPrinter &printer, ArrayRef<int64_t> strides) {
  printer << ", strides = [";
  llvm::interleaveComma(strides, printer, [&](int64_t stride) {
    if (ShapedType::isDynamic(stride))
      printer << "?";
    else
      printer << stride;
  });
  printer << "]";
}

static void printPacking(AsmPrinter &printer, int packed, LayoutAttr atom) {
  if (packed >= 0)
    printer << ", packed = " << packed;
  if (atom)
    printer << ", atom = " << atom;
}

Type ViewType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape, strides;
  Type element;
  int packed = -1;
  LayoutAttr atom;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(element))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    SMLoc loc = parser.getCurrentLocation();
    if (succeeded(parser.parseOptionalKeyword("strides"))) {
      if (parser.parseEqual() || parseStrides(parser, strides))
        return {};
    } else if (auto packing = parseOptionalPacking(parser, packed, atom);
               !packing.has_value()) {
      return parser.emitError(loc, "expected 'packed', 'atom' or 'strides'"),
             Type();
    } else if (failed(*packing)) {
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ViewType>(parser.getContext(), shape, element,
                                     packed, atom, strides);
}

void ViewType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType();
  printPacking(printer, getPacked(), getAtom());
  if (!getStrides().empty())
    printStrides(printer, getStrides());
  printer << ">";
}

LogicalResult ViewType::verify(function_ref<InFlightDiagnostic()> error,
                               ArrayRef<int64_t> shape, Type element,
                               int packed, LayoutAttr atom,
                               ArrayRef<int64_t> strides) {
  if (failed(verifyElements(error, shape, element, packed, atom,
                            /*conditions=*/false)))
    return failure();
  if (strides.empty())
    return success();
  if (packed >= 0 || atom)
    return error() << "expected a dense array where words or atoms hold "
                      "elements, got strides";
  if (strides.size() != shape.size())
    return error() << "expected " << shape.size()
                   << " strides, one a dimension, got " << strides.size();
  for (int64_t stride : strides)
    if (!ShapedType::isDynamic(stride) && stride < 0)
      return error() << "expected strides of 0 and more, got " << stride;
  return success();
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
  if (failed(verifyElements(error, shape, element, packed, atom,
                            /*conditions=*/true)))
    return failure();
  Memory memory = arrayMemory(shape, element, packed, atom);
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
