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
using lath::Layout;

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
  return units;
}

static Memory memoryOf(ArrayRef<int64_t> shape, Type element, int packed) {
  Memory memory;
  memory.shape = SmallVector<int64_t>(shape);
  memory.packed = packed;
  memory.unit =
      packed >= 0 ? IntegerType::get(element.getContext(), 32) : element;
  memory.unitBytes = memory.unit.getIntOrFloatBitWidth() / 8;
  if (packed >= 0)
    memory.shape[packed] >>= packBits;
  return memory;
}

Memory ViewType::memory() const {
  return memoryOf(getShape(), getElementType(), getPacked());
}
Memory BufferType::memory() const {
  return memoryOf(getShape(), getElementType(), getPacked());
}
int64_t BufferType::stageBytes() const {
  Memory m = memory();
  return std::accumulate(m.shape.begin(), m.shape.end(), int64_t(m.unitBytes),
                         std::multiplies<>());
}

static LogicalResult verifyElements(function_ref<InFlightDiagnostic()> error,
                                    ArrayRef<int64_t> shape, Type element,
                                    int packed) {
  if (shape.empty())
    return error() << "expected at least one dimension";
  for (auto [d, extent] : llvm::enumerate(shape)) {
    if (ShapedType::isDynamic(extent) && d != 0)
      return error() << "expected a static extent in dimension " << d
                     << ": only the first may be dynamic";
    if (!ShapedType::isDynamic(extent) && extent <= 0)
      return error() << "expected positive extents, got " << extent;
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

Type ViewType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  int packed = -1;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(element))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("packed") || parser.parseEqual() ||
       parser.parseInteger(packed)))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ViewType>(parser.getContext(), shape, element,
                                     packed);
}

void ViewType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType();
  if (getPacked() >= 0)
    printer << ", packed = " << getPacked();
  printer << ">";
}

LogicalResult ViewType::verify(function_ref<InFlightDiagnostic()> error,
                               ArrayRef<int64_t> shape, Type element,
                               int packed) {
  return verifyElements(error, shape, element, packed);
}

Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  int64_t stages;
  int packed = -1;
  LayoutAttr layout;
  if (parser.parseLess() || parser.parseInteger(stages) ||
      parser.parseKeyword("of") ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseComma())
    return {};
  if (succeeded(parser.parseOptionalKeyword("packed")) &&
      (parser.parseEqual() || parser.parseInteger(packed) ||
       parser.parseComma()))
    return {};
  if (parser.parseAttribute(layout) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), stages, shape,
                                       element, packed, layout);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<" << getStages() << " of ";
  printer.printDimensionList(getShape());
  printer << "x" << getElementType() << ", ";
  if (getPacked() >= 0)
    printer << "packed = " << getPacked() << ", ";
  printer << getLayout() << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> error,
                                 int64_t stages, ArrayRef<int64_t> shape,
                                 Type element, int packed, LayoutAttr layout) {
  if (stages < 1)
    return error() << "expected at least one stage, got " << stages;
  if (failed(verifyElements(error, shape, element, packed)))
    return failure();
  Memory memory = memoryOf(shape, element, packed);
  if (layout.getShape() != ArrayRef<int64_t>(memory.shape))
    return error() << "expected a layout of [" << memory.shape << "], got ["
                   << layout.getShape() << "]";
  Layout map = layout.layout();
  if (!map.surjective() || map.bits(Place::Offset) != map.indexBits())
    return error() << "expected a layout with an offset for every element";
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

ScheduleAttr scheduleOf(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto schedule = op->getAttrOfType<ScheduleAttr>(scheduleAttrName))
      return schedule;
  return {};
}

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

Layout layoutOf(Type type) {
  assert(hasLayout(type) && "layouts are assigned");
  return cast<LayoutAttr>(cast<RankedTensorType>(type).getEncoding()).layout();
}

RankedTensorType withLayout(RankedTensorType type, const Layout &layout) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               LayoutAttr::get(type.getContext(), layout));
}

static Layout rotateFirstThree(const Layout &layout, bool left) {
  Layout result = layout;
  Bases &r = result.bases(Place::Register);
  if (r.size() >= packBits) {
    if (left)
      std::rotate(r.begin(), r.begin() + 1, r.begin() + packBits);
    else
      std::rotate(r.begin(), r.begin() + 2, r.begin() + packBits);
  }
  return result;
}

Layout dequantResult(const Layout &q) { return rotateFirstThree(q, false); }
Layout dequantSource(const Layout &result) {
  return rotateFirstThree(result, true);
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
  return memory.packed >= 0 ? elements.divided(memory.packed, packBits)
                            : elements;
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
