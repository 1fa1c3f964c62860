// ldmatrix and stmatrix: 8 x 8 matrices of 16-bit elements between shared
// memory and fragments. Lane 8m + r holds the address of row r of matrix m.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"

namespace lath::emulator {

namespace {

/// Element (row, column) of a lane's register half: lane 4g + t holds columns
/// 2t and 2t + 1 of row g, of the transpose with .trans.
struct Place {
  unsigned row, column;
};
Place placeOf(unsigned lane, unsigned half, bool transposed) {
  unsigned g = lane / 4, t = lane % 4 * 2 + half;
  return transposed ? Place{t, g} : Place{g, t};
}

/// Rows of i.width matrices; only their addresses count.
Access rowsOf(Warp &w, const Instruction &i) {
  std::uint32_t lanes = i.width == 4 ? allLanes : (1u << 8 * i.width) - 1;
  Access rows;
  resolve(w, i, lanes, w.in(i, 0), i.offset, i.space, 16, rows);
  if (rows.space != Space::shared)
    w.fatal(Suspicion::undefined, i, 0,
            "a matrix that is not in shared memory");
  return rows;
}

void load(Warp &w, const Instruction &i, std::uint32_t) {
  Access rows = rowsOf(w, i);
  noteRead(w, i, rows);
  for (unsigned m = 0; m < i.width; ++m) {
    std::uint64_t *d = w.out(i, m);
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      std::uint64_t word = 0;
      for (unsigned half = 0; half < 2; ++half) {
        Place p = placeOf(lane, half, i.flags);
        word |= loadElement(rows.host[8 * m + p.row] + 2 * p.column, 2)
                << 16 * half;
      }
      d[lane] = word;
    }
  }
}

void store(Warp &w, const Instruction &i, std::uint32_t) {
  Access rows = rowsOf(w, i);
  noteWrite(w, i, rows);
  for (unsigned m = 0; m < i.width; ++m) {
    const std::uint64_t *a = w.in(i, 1 + m);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned half = 0; half < 2; ++half) {
        Place p = placeOf(lane, half, i.flags);
        storeElement(rows.host[8 * m + p.row] + 2 * p.column,
                     a[lane] >> 16 * half & 0xffff, 2);
      }
  }
}

} // namespace

bool decodeMatrixMemory(Decoding &d) {
  if (!d.isOneOf({"ldmatrix", "stmatrix"}))
    return false;
  Instruction &i = d.i;
  bool loads = d.is("ldmatrix");
  bool known = d.take("sync") && d.take("aligned") && d.take("m8n8");
  auto count = d.takeOneOf({"x1", "x2", "x4"});
  i.flags = d.take("trans");
  i.space = d.takeSpace();
  i.type = d.takeType();
  if (!known || !count || i.type != Type::b16)
    d.unsupported();
  i.width = static_cast<std::uint8_t>(1 << *count);
  i.kind = loads ? Kind::matrixLoad : Kind::matrixStore;
  i.collective = i.wholeWarp = true;
  i.run = loads ? load : store;
  if (loads)
    d.outputs({0});
  d.address(d.operand(loads ? 1 : 0));
  if (!loads)
    d.inputs({1}, Type::b32);
  return true;
}

} // namespace lath::emulator
