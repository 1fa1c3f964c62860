// Buffers in shared memory: alloc, async_copy, local_load, local_store and
// their synchronisation.
//
// A lane's offset is the buffer layout's inverse applied to the lane's part of
// the tile, XORed with a constant for each register; where the two share no
// bits the XOR is an immediate offset of the instruction.
#include "compiler/ir/MatrixAccess.h"
#include "compiler/lowering/Patterns.h"
#include "compiler/lowering/ViewAccess.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <fmt/format.h>

using namespace mlir;
using namespace lath;
using namespace lath::tile;

namespace {

/// Byte addresses in a buffer: the lane's offset XOR a constant. Of the
/// constant's bits those that no lane sets are added, so that they become the
/// instruction's immediate; few lane parts are left.
class SharedOffsets {
public:
  SharedOffsets(Emit &e, const Layout &places, const LinearMap &toOffset,
                unsigned unitBytes)
      : e(e), unitBytes(unitBytes) {
    for (Place place : {Place::Lane, Place::Warp, Place::Block})
      for (uint32_t basis : places.bases(place))
        laneMask |= toOffset(basis);
    lane = e.linear(places, toOffset);
  }

  Value address(Value stage, uint32_t offset) const {
    Value &base = bases[offset & laneMask];
    if (!base)
      base =
          e.gep(stage, e.mul(e.bxor(lane, e.c(offset & laneMask)), unitBytes));
    return e.gep(base, (int64_t)(offset & ~laneMask) * unitBytes);
  }

private:
  Emit &e;
  unsigned unitBytes;
  uint32_t laneMask = 0;
  Value lane;
  mutable llvm::DenseMap<uint32_t, Value> bases;
};

/// Index bits of a tile to offsets in its buffer. Rows that the buffer has not
/// are those that it has, again: the highest bits of the index go nowhere.
LinearMap offsetsIn(BufferType buffer, const Layout &units) {
  Bases offsets =
      buffer.getLayout().layout().map(Place::Offset).inverse()->bases();
  offsets.resize(units.indexBits(), 0);
  return LinearMap(offsets);
}

/// Addresses of the units of a tile in a buffer.
class SharedAccess {
public:
  SharedAccess(Emit &e, BufferType buffer, Value pointer, Value slot,
               const Layout &units)
      : unitBytes(buffer.memory().unitBytes),
        toOffset(offsetsIn(buffer, units)),
        offsets(e, units, toOffset, unitBytes) {
    for (uint32_t basis : units.bases(Place::Register))
      registerOffsets.push_back(toOffset(basis));
    stage = buffer.getStages() == 1
                ? pointer
                : e.gep(pointer, e.mul(slot, buffer.stageBytes()));
  }

  Vectors vectors() const {
    return vectorise(registerOffsets, llvm::Log2_32(16 / unitBytes));
  }
  Value address(uint32_t reg) const {
    return offsets.address(stage, LinearMap(registerOffsets)(reg));
  }

private:
  unsigned unitBytes;
  LinearMap toOffset;
  Bases registerOffsets;
  SharedOffsets offsets;
  Value stage;
};

struct AllocLowering : OpConversionPattern<AllocOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AllocOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    if (!op.getOffset())
      return op.emitOpError("expected an offset: allocate-shared has not run");
    Emit e(r, op.getLoc());
    r.replaceOp(op, e.shared(*op.getOffset()));
    return success();
  }
};

struct LocalLoadLowering : OpConversionPattern<LocalLoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(LocalLoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getBuffer().getType();
    Memory memory = buffer.memory();
    Layout elements = layoutOf(op.getType()),
           units = unitLayout(memory, elements);
    Value pointer = adaptor.getBuffer()[0], slot = adaptor.getSlot()[0];
    const bool conditions = registerType(buffer.getElementType()).isInteger(1);
    if (auto matrices = matrixAccess(memory, units, offsetsIn(buffer, units));
        matrices && !conditions) {
      SharedAccess access(e, buffer, pointer, slot, matrices->pointers);
      r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{loadMatrices(
                                      e, access, *matrices, memory.unit,
                                      units.size(Place::Register))});
      return success();
    }
    SharedAccess access(e, buffer, pointer, slot, units);
    Vectors vectors = access.vectors();
    unsigned bytes = memory.unitBytes << vectors.bits;
    Registers values(units.size(Place::Register));
    for (uint32_t start : vectors.starts) {
      // Bytes come in integers of up to 32 bits.
      const bool joined = memory.unitBytes == 1 && bytes > 1;
      Type piece =
          joined ? r.getIntegerType(8 * std::min(bytes, 4u)) : memory.unit;
      unsigned count = 8 * bytes / piece.getIntOrFloatBitWidth();
      Type type = count == 1 ? piece : Type(VectorType::get({count}, piece));
      Value loaded =
          LLVM::LoadOp::create(r, e.loc, type, access.address(start), bytes);
      Registers pieces;
      for (uint32_t i = 0; i < count; ++i)
        pieces.push_back(count == 1 ? loaded : e.element(loaded, i));
      if (joined)
        pieces = e.unpack(pieces, memory.unit);
      for (auto [u, unit] : llvm::enumerate(pieces))
        values[vectors.reg(start, u)] = unit;
    }
    if (conditions)
      for (Value &value : values)
        value = LLVM::TruncOp::create(r, e.loc, r.getI1Type(), value);
    if (memory.holdsCodes())
      values = gatherCodes(e, memory, elements, units, values);
    r.replaceOpWithMultiple(op, ArrayRef<ValueRange>{values});
    return success();
  }

  static Registers loadMatrices(Emit &e, const SharedAccess &access,
                                const MatrixAccess &matrices, Type unit,
                                unsigned registers) {
    const unsigned count = 1u << matrices.bits;
    Type word = e.i32;
    if (count > 1)
      word = LLVM::LLVMStructType::getLiteral(e.r.getContext(),
                                              SmallVector<Type>(count, e.i32));
    const unsigned inWord = 1u << matrices.wordBits;
    Type wordType = inWord == 1 ? unit : Type(VectorType::get({inWord}, unit));
    Registers values;
    for (uint32_t start = 0; start < registers / (inWord * count); ++start) {
      Value loaded = NVVM::LdMatrixOp::create(
          e.r, e.loc, word, access.address(start), count,
          matrices.transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
          NVVM::LdStMatrixShapeAttr::get(e.r.getContext(), 8, 8),
          NVVM::LdStMatrixEltType::B16);
      for (unsigned i = 0; i < count; ++i) {
        Value word =
            e.bitcast(wordType, count == 1 ? loaded : e.field(loaded, i));
        for (unsigned u = 0; u < inWord; ++u)
          values.push_back(inWord == 1 ? word : e.element(word, u));
      }
    }
    return values;
  }
};

struct LocalStoreLowering : OpConversionPattern<LocalStoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(LocalStoreOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getBuffer().getType();
    Memory memory = buffer.memory();
    if (memory.holdsCodes())
      return op.emitOpError("packed tiles are not stored");
    SharedAccess access(e, buffer, adaptor.getBuffer()[0], adaptor.getSlot()[0],
                        layoutOf(op.getValue().getType()));
    Vectors vectors = access.vectors();
    ValueRange values = adaptor.getValue();
    for (uint32_t start : vectors.starts) {
      Registers units;
      for (uint32_t u = 0; u < vectors.size(); ++u)
        units.push_back(values[vectors.reg(start, u)]);
      if (units[0].getType().isInteger(1)) // a condition is a byte
        for (Value &unit : units)
          unit = LLVM::ZExtOp::create(r, e.loc, memory.unit, unit);
      if (memory.unitBytes == 1)
        units = e.pack(units);
      LLVM::StoreOp::create(
          r, e.loc, units.size() == 1 ? units[0] : e.vector(units),
          access.address(start), memory.unitBytes << vectors.bits);
    }
    r.eraseOp(op);
    return success();
  }
};

/// cp.async of 4, 8 or 16 bytes a lane: consecutive lanes, consecutive chunks.
struct AsyncCopyLowering : OpConversionPattern<AsyncCopyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AsyncCopyOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Emit e(r, op.getLoc());
    BufferType buffer = op.getBuffer().getType();
    Memory tile = buffer.memory();
    const Access access = accessOf(op, adaptor.getView());
    const Memory &memory = access.memory();
    const ViewArray array(e, access, adaptor.getView(), tile.shape);
    const bool alone = roleOf(op) == Role::producer;
    unsigned threads = alone ? 32 : 32 * scheduleOf(op).warps;
    unsigned total = 1;
    for (int64_t extent : tile.shape)
      total *= extent;

    SmallVector<Value> arrayStarts, starts; ///< null where each piece has one
    for (ValueRange start : adaptor.getStart())
      arrayStarts.push_back(start[0]);
    for (unsigned d = 0; d < access.rank(); ++d)
      starts.push_back(access.isGathered(d)
                           ? Value()
                           : unitStart(e, memory, arrayStarts, d));
    Layout layout = buffer.getLayout().layout();
    LinearMap toOffset = *layout.map(Place::Offset).inverse();
    unsigned bytes = access.copyBytes(layout);
    unsigned units = bytes / memory.unitBytes; // that a lane copies at once
    if (bytes < leastCopyBytes)
      return op.emitOpError("cp.async moves at least ")
             << leastCopyBytes << " bytes, got " << bytes;

    Layout copy = access.copied(layout, threads / 32);
    SmallVector<LinearMap> startOf(access.rank()); ///< by register of `copy`
    for (unsigned d = 0; d < access.rank(); ++d)
      if (access.isGathered(d)) {
        auto registers =
            startRegisters(layoutOf(access.start(d).getType()), copy);
        if (!registers)
          return op.emitOpError("expected starts where the pieces lie that "
                                "lanes copy, got ")
                 << layoutOf(access.start(d).getType()).print() << " of "
                 << copy.print();
        startOf[d] = *registers;
      }
    Value tid = alone ? e.lane() : e.tid();
    Value stage = adaptor.getBuffer()[0];
    if (buffer.getStages() > 1)
      stage = e.gep(stage, e.mul(adaptor.getSlot()[0], buffer.stageBytes()));
    Value laneBase = array.pointer();
    for (unsigned d = 0; d < access.rank(); ++d)
      if (starts[d])
        laneBase = e.gep(laneBase, array.bytes(starts[d], d));
    // Only the first total / units lanes have something to copy.
    Value active;
    if (total / units < threads)
      active = LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::ult, tid,
                                    e.c(total / units));
    // What depends on the lane, once; a copy's own part is then a constant.
    // Register bits are above all lane bits here, so coordinates add.
    Value laneIndex = e.linear(copy, LinearMap::identity(copy.indexBits()));
    SmallVector<Value> laneCoordinates;
    for (unsigned t = 0; t < copy.rank(); ++t) {
      Value coordinate = laneIndex;
      if (t > 0 || copy.dimShift(t))
        coordinate = e.lshr(laneIndex, copy.dimShift(t));
      if (t > 0)
        coordinate = e.band(coordinate, copy.shape()[t] - 1);
      laneCoordinates.push_back(coordinate);
    }
    Value laneBytes;
    for (unsigned d = 0; d < access.rank(); ++d) {
      if (access.along(d) < 0)
        continue;
      Value coordinate = laneCoordinates[access.along(d)];
      if (!array.isNarrow(d)) {
        laneBase = e.gep(laneBase, array.bytes(coordinate, d));
        continue;
      }
      Value part = e.mul(coordinate, array.strideBytes(d));
      laneBytes = laneBytes ? e.add(laneBytes, part) : part;
    }
    if (laneBytes)
      laneBase = e.gep(laneBase, e.zext64(laneBytes));
    SharedOffsets offsets(e, copy, toOffset, memory.unitBytes);
    Vectors vectors =
        vectorise(copy.bases(Place::Register), llvm::Log2_32(units));
    for (uint32_t start : vectors.starts) {
      uint32_t piece = copy.index(start);
      std::vector<int64_t> coordinates = copy.unflatten(piece);
      Value inside, source = laneBase;
      int64_t ownBytes = 0;
      for (unsigned d = 0; d < access.rank(); ++d) {
        const int t = access.along(d);
        Value own = starts[d];
        if (!own) {
          own = adaptor.getStart()[memory.arrayDim(d)][startOf[d](start)];
          source = e.gep(source, array.bytes(own, d));
        }
        if (t >= 0 && array.isNarrow(d))
          ownBytes += coordinates[t] * array.strideBytes(d);
        else if (t >= 0)
          source = array.moved(source, coordinates[t], d);
        if (access.staysWhole(tile.shape, d))
          continue;
        Value coordinate = own;
        if (t >= 0)
          coordinate =
              e.add(e.add(coordinate, laneCoordinates[t]), coordinates[t]);
        Value in = LLVM::ICmpOp::create(r, e.loc, LLVM::ICmpPredicate::ult,
                                        coordinate, array.extent(d));
        inside = inside ? Value(LLVM::AndOp::create(r, e.loc, inside, in)) : in;
      }
      copyChunk(e, offsets.address(stage, toOffset(piece)),
                e.gep(source, ownBytes), bytes, inside, active);
    }
    r.eraseOp(op);
    return success();
  }

  /// Outside the view the source size is 0: the chunk is filled with zeros.
  static void copyChunk(Emit &e, Value target, Value source, unsigned bytes,
                        Value inside, Value active) {
    std::string text, constraints = "r,l";
    Value address = e.sharedAddress(target);
    SmallVector<Value> operands{address, source};
    std::string size;
    if (inside) {
      Value count =
          LLVM::SelectOp::create(e.r, e.loc, inside, e.c(bytes), e.c(0));
      size = fmt::format(", ${}", operands.size());
      operands.push_back(count);
      constraints += ",r";
    }
    std::string copy =
        fmt::format("cp.async.{}.shared.global [$0], [$1], {}{};",
                    bytes == 16 ? "cg" : "ca", bytes, size);
    if (active) {
      text = fmt::format("{{ .reg .pred p; setp.ne.b32 p, ${}, 0; @p {} }}",
                         operands.size(), copy);
      operands.push_back(LLVM::ZExtOp::create(e.r, e.loc, e.i32, active));
      constraints += ",r";
    } else {
      text = copy;
    }
    e.assembly(text, constraints + ",~{memory}", Type(), operands, true);
  }
};

struct CommitLowering : OpConversionPattern<AsyncCommitOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AsyncCommitOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    r.replaceOpWithNewOp<NVVM::CpAsyncCommitGroupOp>(op);
    return success();
  }
};

struct WaitLowering : OpConversionPattern<AsyncWaitOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(AsyncWaitOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    auto wait =
        NVVM::CpAsyncWaitGroupOp::create(r, op.getLoc(), op.getPending());
    if (op.getMatrixOperands())
      NVVM::FenceProxyOp::create(
          r, op.getLoc(),
          NVVM::ProxyKindAttr::get(r.getContext(),
                                   NVVM::ProxyKind::async_shared),
          NVVM::SharedSpaceAttr::get(r.getContext(),
                                     NVVM::SharedSpace::shared_cta));
    r.replaceOp(op, wait);
    return success();
  }
};

struct BarrierLowering : OpConversionPattern<BarrierOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(BarrierOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &r) const override {
    Emit(r, op.getLoc()).barrier(op);
    r.eraseOp(op);
    return success();
  }
};

} // namespace

void lath::tile::addSharedMemoryPatterns(const TypeConverter &types,
                                         RewritePatternSet &patterns) {
  patterns
      .add<AllocLowering, LocalLoadLowering, LocalStoreLowering,
           AsyncCopyLowering, CommitLowering, WaitLowering, BarrierLowering>(
          types, patterns.getContext());
}
