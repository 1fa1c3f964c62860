// The dialect and its attributes, and what passes ask of marks and layouts.
#include "compiler/ir/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lath::tile;
using namespace lath;

#include "compiler/ir/TileDialect.cpp.inc"
#include "compiler/ir/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/TileAttrs.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/TileAttrs.cpp.inc"
      >();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/TileOps.cpp.inc"
      >();
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

bool isPart(Operation *op, Part part) {
  auto mark = op->getAttrOfType<PartAttr>(partAttrName);
  return mark && mark.getValue() == part;
}

void setPart(Operation *op, Part part) {
  op->setAttr(partAttrName, PartAttr::get(op->getContext(), part));
}

Role roleOf(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto branch = dyn_cast_or_null<scf::IfOp>(op->getParentOp());
        branch && branch->hasAttr(rolesAttrName))
      return op->getBlock() == branch.thenBlock() ? Role::producer
                                                  : Role::consumers;
  return Role::all;
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

std::optional<std::vector<BitExchange>> shuffles(ConvertLayoutOp convert) {
  auto type = cast<RankedTensorType>(convert.getType());
  unsigned bits = type.getElementTypeBitWidth();
  if (bits != 16 && bits != 32)
    return std::nullopt;
  return laneExchanges(layoutOf(convert.getSource().getType()), layoutOf(type));
}

} // namespace lath::tile
