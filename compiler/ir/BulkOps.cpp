// Verifiers of mbarriers and of what the copy engine does.
#include "compiler/base/SharedSpace.h"
#include "compiler/ir/Access.h"
#include "compiler/ir/AccessOps.h"
#include "compiler/ir/Panels.h"
#include "compiler/ir/Tile.h"

using namespace mlir;
using namespace lath::tile;

LogicalResult MbarrierInitOp::verify() {
  // The count of pending arrivals has 20 bits.
  constexpr unsigned most = (1u << 20) - 1;
  if (getArrivals() < 1 || getArrivals() > most)
    return emitOpError("expected 1 to ")
           << most << " arrivals, got " << (int32_t)getArrivals();
  return success();
}

/// Whole atoms in the order of memory, as the copy engine writes them.
static LogicalResult verifyAtoms(Operation *op, ViewType view,
                                 BufferType buffer, unsigned starts) {
  if (starts != view.getShape().size())
    return op->emitOpError("expected ")
           << view.getShape().size() << " start indices, got " << starts;
  if (!view.getAtom() || view.getAtom() != buffer.getAtom())
    return op->emitOpError("expected view and buffer in the same atoms, got ")
           << view << " and " << buffer;
  Memory memory = buffer.memory();
  if (int64_t bytes = atomBytes(memory); bytes % bulkCopyUnit)
    return op->emitOpError("expected atoms of a multiple of ")
           << bulkCopyUnit << " bytes, got " << bytes;
  lath::Shape units(memory.shape.begin(), memory.shape.end());
  if (!(buffer.getLayout().layout() == lath::rowMajor(units)))
    return op->emitOpError("expected a buffer in the order of memory, got ")
           << buffer.getLayout().layout().print();
  return success();
}

LogicalResult BulkCopyOp::verify() {
  BufferType buffer = getBuffer().getType();
  if (buffer.getStages() != getMbarriers().getType().getStages())
    return emitOpError("expected an mbarrier for each of ")
           << buffer.getStages() << " stages, got "
           << getMbarriers().getType().getStages();
  return verifyAtoms(*this, getView().getType(), buffer, getStart().size());
}
LogicalResult ZeroOutsideOp::verify() {
  return verifyAtoms(*this, getView().getType(), getBuffer().getType(),
                     getStart().size());
}

LogicalResult TensorCopyOp::verify() {
  ViewType view = getView().getType();
  BufferType buffer = getBuffer().getType();
  if (buffer.getStages() != getMbarriers().getType().getStages())
    return emitOpError("expected an mbarrier for each of ")
           << buffer.getStages() << " stages, got "
           << getMbarriers().getType().getStages();
  if (buffer.getElementType() != view.getElementType())
    return emitOpError("expected view and buffer of one type, got ")
           << view << " and " << buffer;
  if (failed(
          verifyNumbers(*this, view, buffer.getShape(), getStart(), getDims())))
    return failure();
  if (std::string why = whyNoTensor(view, buffer.getShape(), getDims());
      !why.empty())
    return emitOpError(why);
  lath::Shape shape(buffer.getShape().begin(), buffer.getShape().end());
  lath::Layout wanted =
      lath::Panels::of(shape, buffer.memory().unitBytes)->layout();
  if (!(buffer.getLayout().layout() == wanted))
    return emitOpError("expected a buffer in the order ")
           << wanted.print() << ", got " << buffer.getLayout().layout().print();
  return success();
}

bool BulkCopyOp::startsCopy() { return true; }
Value BulkCopyOp::signalled() { return getMbarriers(); }
bool BulkCopyOp::writesByAsyncProxy() { return true; }
bool TensorCopyOp::startsCopy() { return true; }
bool TensorCopyOp::writesByAsyncProxy() { return true; }
Value TensorCopyOp::signalled() { return getMbarriers(); }
int64_t TensorCopyOp::bufferAlignment() { return lath::panelAlignment; }
