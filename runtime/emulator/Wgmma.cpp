// wgmma: four warps multiply 64 x k by k x n, n = 8, 16, ..., 256; k = 16 of
// f16 or bf16, 32 of bytes: e4m3, e5m2, s8 or u8. A comes from shared memory or
// registers, B from shared memory.
//
// Each warp computes its own 16 rows. The operands are noted when the
// instruction is issued, and the product is computed at the wait that covers
// it: until then the accumulators must not be touched, the registers of A must
// not be written, and neither must the shared memory.
#include "runtime/emulator/Arithmetic.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/SharedRaces.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

constexpr unsigned mostDepth = 32;

bool isByte(Type type) { return type != Type::f16 && type != Type::bf16; }
unsigned depthOf(Type type) { return isByte(type) ? 32 : 16; }
bool isInteger(Type type) { return type == Type::s8 || type == Type::u8; }

/// A matrix descriptor, as in the PTX ISA ("Matrix descriptor format").
struct Descriptor {
  std::uint32_t start, leading, stride; ///< bytes
  unsigned swizzle; ///< 16-byte units that are permuted: 1, 2, 4, 8
  bool transposed;  ///< consecutive along m or n, not k
  unsigned bytes;   ///< of an element

  Descriptor(std::uint64_t bits, bool transposed, Type type)
      : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
        leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
        stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4),
        transposed(transposed), bytes(isByte(type) ? 1 : 2) {
    static constexpr unsigned units[] = {1, 8, 4, 2}; // none, 128, 64, 32 bytes
    swizzle = units[bits >> 62 & 3];
  }

  /// Shared address of element (row, k), where row counts along m or n. The
  /// canonical layouts: tiles of 8 rows by `swizzle` units of 16 bytes, the
  /// tiles `stride` and `leading` bytes apart.
  std::uint32_t at(unsigned row, unsigned k) const {
    std::uint32_t address = start;
    if (!transposed) {
      const unsigned byte = k * bytes;
      address += row / 8 * stride + row % 8 * 16 * swizzle + byte % 16;
      address += byte / 16 * (swizzle == 1 ? leading : 16);
    } else {
      unsigned unit = row / 8;
      address += row % 8 * 2 + k % 8 * 16 * swizzle;
      address += swizzle == 1 ? unit * stride + k / 8 * leading
                              : unit % swizzle * 16 + unit / swizzle * leading +
                                    k / 8 * stride;
    }
    // Bits 4.. are permuted by bits 7.. of the address itself.
    return address ^ ((address >> 7 & (swizzle - 1)) << 4);
  }
};

struct Operation {
  const Instruction *instruction;
  bool accumulates;
  std::uint64_t aDescriptor, bDescriptor;
  std::array<Lanes, 4> a; ///< of registers
};

// i.flags
constexpr std::uint8_t aInRegisters = 1, f16Sums = 2, aNegated = 4,
                       bNegated = 8, aTransposed = 16, bTransposed = 32,
                       saturates = 64;

} // namespace

struct PendingMatrix {
  /// Groups, oldest first; the last is open.
  std::deque<std::vector<Operation>> groups{1};
};

namespace {

/// Exact, as are products of two.
float value(Type type, std::uint64_t bits) {
  switch (type) {
  case Type::f16:
    return f16ToFloat(bits & 0xffff);
  case Type::bf16:
    return bf16ToFloat(bits & 0xffff);
  case Type::e4m3:
    return e4m3ToFloat(bits & 0xff);
  case Type::e5m2: // the upper half of an f16
    return f16ToFloat((bits & 0xff) << 8);
  case Type::s8:
    return static_cast<float>(static_cast<std::int8_t>(bits & 0xff));
  default: // u8
    return static_cast<float>(bits & 0xff);
  }
}

unsigned columnsOf(const Instruction &i) { return i.width * 8u; }

/// 16-byte rows of an operand's elements, for the checks.
template <typename Body>
void eachChunk(const Descriptor &d, unsigned firstRow, unsigned rows,
               const Body &body) {
  const unsigned depth = 32 / d.bytes;
  if (d.transposed) {
    for (unsigned unit = firstRow / 8; unit < (firstRow + rows) / 8; ++unit)
      for (unsigned k = 0; k < depth; ++k)
        body(d.at(unit * 8, k));
  } else {
    for (unsigned row = firstRow; row < firstRow + rows; ++row)
      for (unsigned k = 0; k < depth; k += depth / 2)
        body(d.at(row, k));
  }
}

unsigned firstRowOf(const Warp &w) { return w.index % 4 * 16; }

void compute(Warp &w, const Operation &op) {
  const Instruction &i = *op.instruction;
  unsigned columns = columnsOf(i);
  Block &block = *w.block;
  const unsigned depth = depthOf(i.type);
  float a[16][mostDepth];
  auto shared = [&](const Descriptor &d, Type type, unsigned row, unsigned k) {
    return value(type,
                 loadElement(block.shared.data() + d.at(row, k), d.bytes));
  };
  if (i.flags & aInRegisters) {
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned lane = 0; lane < warpSize; ++lane)
        for (unsigned p = 0, inWord = depth / 8; p < inWord; ++p)
          a[lane / 4 + 8 * (r & 1)]
           [lane % 4 * inWord + p + depth / 2 * (r >> 1)] =
               value(i.type, op.a[r].v[lane] >> 32 / inWord * p);
  } else {
    Descriptor d(op.aDescriptor, i.flags & aTransposed, i.type);
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned k = 0; k < depth; ++k)
        a[row][k] = shared(d, i.type, firstRowOf(w) + row, k);
  }
  if (i.flags & aNegated)
    for (auto &row : a)
      for (float &v : row)
        v = -v;
  Descriptor d(op.bDescriptor, i.flags & bTransposed, i.from);
  float sign = i.flags & bNegated ? -1.0f : 1.0f;
  for (unsigned first = 0; first < columns; first += 8) {
    float b[mostDepth][8];
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned c = 0; c < 8; ++c)
        b[k][c] = sign * shared(d, i.from, first + c, k);
    double sums[16][8] = {};
    bool halves = i.flags & f16Sums;
    unsigned registers = halves ? 2 : 4, base = first / 8 * registers;
    auto each = [&](const auto &body) {
      for (unsigned r = 0; r < registers; ++r)
        for (unsigned lane = 0; lane < warpSize; ++lane)
          for (unsigned p = 0; p < (halves ? 2u : 1u); ++p)
            body(w.out(i, base + r)[lane], p,
                 sums[lane / 4 + 8 * (halves ? r : r >> 1)]
                     [lane % 4 * 2 + (halves ? p : r & 1)]);
    };
    if (op.accumulates)
      each([&](std::uint64_t word, unsigned p, double &sum) {
        sum = halves              ? f16ToFloat(word >> 16 * p & 0xffff)
              : isInteger(i.type) ? static_cast<std::int32_t>(word)
                                  : toF32(word);
      });
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned k = 0; k < depth; ++k)
        for (unsigned c = 0; c < 8; ++c)
          sums[row][c] += static_cast<double>(a[row][k] * b[k][c]);
    each([&](std::uint64_t &word, unsigned p, double sum) {
      if (isInteger(i.type)) // exact: the sum wraps or saturates
        word = static_cast<std::uint32_t>(static_cast<std::int64_t>(
            i.flags & saturates ? std::clamp<double>(sum, INT32_MIN, INT32_MAX)
                                : sum));
      else if (!halves)
        word = bitsOf(static_cast<float>(sum));
      else
        word = (p ? word & 0xffff : 0) | std::uint64_t{toF16(sum)} << 16 * p;
    });
  }
}

/// What an operation holds until it has been waited for.
void hold(Warp &w, const Operation &op, bool begin) {
  const Instruction &i = *op.instruction;
  auto mark = [&](std::int32_t slot, std::uint8_t how) {
    auto s = static_cast<std::size_t>(slot);
    if (slot >= 0 && s < w.inFlight.size())
      w.inFlight[s] = begin ? w.inFlight[s] | how : 0;
  };
  w.inFlightCount = begin ? w.inFlightCount + 1 : w.inFlightCount - 1;
  for (unsigned n = 0; n < i.outs; ++n)
    mark(w.outSlot(i, n), 1);
  if (i.flags & aInRegisters)
    for (unsigned n = 0; n < 4; ++n)
      mark(w.inSlot(i, n), 2);
  SharedRaces *races = w.block->cluster->races.get();
  auto chunk = [&](std::uint32_t address) {
    sharedRange(w, i, 0, *w.block, address, 16, 16);
    if (races && begin)
      races->issueRead(w, i, 0, *w.block, address, 16);
    else if (races)
      races->endRead(*w.block, address, 16);
  };
  if (!(i.flags & aInRegisters))
    eachChunk(Descriptor(op.aDescriptor, i.flags & aTransposed, i.type),
              firstRowOf(w), 16, chunk);
  eachChunk(Descriptor(op.bDescriptor, i.flags & bTransposed, i.from), 0,
            columnsOf(i), chunk);
}

/// Registers that changed since the last wgmma.fence are not ordered with it.
void checkFence(Warp &w, const Instruction &i, std::int32_t slot) {
  auto s = static_cast<std::size_t>(slot);
  if (slot >= 0 && s < w.writtenAt.size() && w.writtenAt[s] > w.matrixFence)
    w.report(Suspicion::undefined, i, 0,
             fmt::format("{} was written after the last wgmma.fence",
                         w.program->module.registerNames[s]));
}

/// Inputs: A (four registers or a descriptor), B's descriptor, scale-d.
void issue(Warp &w, const Instruction &i, std::uint32_t) {
  if (!w.matrices)
    w.matrices = std::make_shared<PendingMatrix>();
  bool registers = i.flags & aInRegisters;
  unsigned n = registers ? 4 : 1;
  Operation op{};
  op.instruction = &i;
  op.bDescriptor = w.in(i, n)[0];
  op.accumulates = w.in(i, n + 1)[0] & 1;
  if (registers)
    for (unsigned r = 0; r < 4; ++r)
      std::copy_n(w.in(i, r), warpSize, op.a[r].v);
  else
    op.aDescriptor = w.in(i, 0)[0];
  w.block->warpgroups[w.index / 4].step(w, i, op.bDescriptor);
  if (w.launch->checks) {
    for (unsigned r = 0; r < i.outs; ++r) {
      std::int32_t slot = w.outSlot(i, r);
      if (op.accumulates && slot >= 0 && w.definedLanes(slot) != allLanes)
        w.report(
            Suspicion::uninitialised, i, 0,
            fmt::format("accumulates into {}, which was never written",
                        w.program->module
                            .registerNames[static_cast<std::size_t>(slot)]));
      checkFence(w, i, slot);
    }
    for (unsigned r = 0; registers && r < 4; ++r)
      checkFence(w, i, w.inSlot(i, r));
  }
  for (unsigned r = 0; r < i.outs; ++r)
    if (std::int32_t slot = w.outSlot(i, r); slot >= 0)
      w.defined[static_cast<std::size_t>(slot)] = allLanes;
  hold(w, op, true);
  w.matrices->groups.back().push_back(op);
}

void fence(Warp &w, const Instruction &, std::uint32_t) {
  w.matrixFence = w.executed;
}

void commit(Warp &w, const Instruction &, std::uint32_t) {
  if (!w.matrices)
    w.matrices = std::make_shared<PendingMatrix>();
  w.matrices->groups.emplace_back();
}

void waitGroup(Warp &w, const Instruction &i, std::uint32_t) {
  if (!w.matrices)
    return;
  auto &groups = w.matrices->groups;
  while (groups.size() > i.immediate + 1) {
    for (const Operation &op : groups.front()) {
      compute(w, op);
      hold(w, op, false);
    }
    groups.pop_front();
  }
  // What is still in flight holds its registers also where a finished
  // operation shared them.
  for (const auto &group : groups)
    for (const Operation &op : group)
      for (unsigned n = 0; n < op.instruction->outs; ++n)
        if (std::int32_t slot = w.outSlot(*op.instruction, n); slot >= 0)
          w.inFlight[static_cast<std::size_t>(slot)] |= 1;
}

} // namespace

bool decodeWgmma(Decoding &d) {
  if (!d.is("wgmma"))
    return false;
  Instruction &i = d.i;
  i.kind = Kind::wgmma;
  i.collective = i.wholeWarp = true;
  i.validity = Validity::itself;
  if (d.take("fence")) {
    d.take("sync");
    d.take("aligned");
    i.run = fence;
    return true;
  }
  if (d.take("commit_group")) {
    d.take("sync");
    d.take("aligned");
    i.run = commit;
    return true;
  }
  if (d.take("wait_group")) {
    d.take("sync");
    d.take("aligned");
    i.run = waitGroup;
    i.immediate = d.immediate(d.operand(0));
    return true;
  }
  if (!d.take("mma_async") || !d.take("sync") || !d.take("aligned"))
    d.unsupported();
  unsigned n = 0, depth = 0;
  for (unsigned columns = 8; columns <= 256 && !n; columns += 8)
    for (unsigned k : {16u, 32u})
      if (d.take(fmt::format("m64n{}k{}", columns, k)))
        n = columns, depth = k;
  if (d.take("satfinite"))
    i.flags |= saturates;
  Type sum = d.takeType(), a = d.takeType(), b = d.takeType();
  const bool byteFloats = a == Type::e4m3 || a == Type::e5m2;
  const bool together = byteFloats ? b == Type::e4m3 || b == Type::e5m2
                        : isInteger(a)
                            ? isInteger(b)
                            : a == b && (a == Type::f16 || a == Type::bf16);
  const bool summed =
      isInteger(a) ? sum == Type::s32
                   : sum == Type::f32 || (sum == Type::f16 && a != Type::bf16);
  if (!n || !together || !summed || depth != depthOf(a) ||
      (i.flags & saturates && !isInteger(a)))
    d.unsupported();
  i.width = static_cast<std::uint8_t>(n / 8);
  i.type = a;
  i.from = b;
  i.run = issue;
  if (sum == Type::f16)
    i.flags |= f16Sums;
  const Operand &from = d.operand(1);
  bool registers = from.kind == Operand::Kind::vector;
  if (registers)
    i.flags |= aInRegisters;
  std::size_t expected = n / (sum == Type::f16 ? 4 : 2);
  if (d.operand(0).elements.size() != expected ||
      (registers && from.elements.size() != 4))
    d.malformed(
        fmt::format("expected {} registers of the accumulator", expected));
  d.outputs({0});
  d.inputs({1, 2, 3});
  auto negates = [&](std::size_t operand, std::uint8_t flag) {
    if (static_cast<std::int64_t>(d.immediate(d.operand(operand))) == -1)
      i.flags |= flag;
  };
  if (isInteger(a))
    return true;
  negates(4, aNegated);
  negates(5, bNegated);
  if (isByte(a)) // k is along rows
    return true;
  std::size_t next = 6;
  if (!registers && d.immediate(d.operand(next++)))
    i.flags |= aTransposed;
  if (d.immediate(d.operand(next)))
    i.flags |= bTransposed;
  return true;
}

} // namespace lath::emulator
