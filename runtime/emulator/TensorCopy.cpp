// cp.async.bulk.tensor: boxes of tensors of one to five dimensions between
// global and shared memory, in tiled mode.
//
// A box lies in shared memory row after row, the first dimension the fastest,
// its 16-byte chunks permuted by the map's swizzle. Elements outside of the
// tensor are read as zeros, which count as bytes that have arrived, and are not
// written.
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/BulkEngine.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"
#include "runtime/emulator/TensorDescriptor.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

using Direction = PendingBulk::Direction;

// i.flags
constexpr std::uint8_t multicast = 1;

/// In memory, or a parameter of the kernel (__grid_constant__).
const std::uint8_t *mapBytes(Warp &w, const Instruction &i, unsigned lane,
                             std::uint64_t address) {
  if (spaceOf(address) != Space::param)
    return globalRange(w, i, lane, address, sizeof(EncodedTensorMap), false);
  const std::vector<std::uint8_t> &params = w.launch->params;
  const std::uint64_t at = address - paramWindow;
  if (at + sizeof(EncodedTensorMap) > params.size())
    w.fatal(Suspicion::outOfBounds, i, lane,
            fmt::format("a tensor map at byte {} of {} of parameters", at,
                        params.size()),
            address);
  return params.data() + at;
}

TensorMap mapOf(Warp &w, const Instruction &i, unsigned lane,
                std::uint64_t address) {
  if (address % 64)
    w.fatal(Suspicion::misaligned, i, lane,
            fmt::format("the tensor map's address {:#x} is no multiple of 64",
                        address),
            address);
  std::optional<TensorMap> map = decodeTensorMap(mapBytes(w, i, lane, address));
  if (!map)
    w.fatal(Suspicion::undefined, i, lane,
            fmt::format("there is no tensor map at {:#x}", address), address);
  if (map->rank != i.width)
    w.fatal(Suspicion::undefined, i, lane,
            fmt::format("a copy in {} dimensions by a map of {}", i.width,
                        map->rank),
            address);
  return *map;
}

std::uint32_t swizzled(const TensorMap &map, std::uint32_t address) {
  std::uint32_t bits = (1u << static_cast<unsigned>(map.swizzle)) - 1;
  return address ^ ((address >> 7 & bits) << 4);
}

/// A row of the box as pieces of at most 16 bytes, longer where neighbours
/// stay neighbours. Bytes [begin, end) are inside the tensor, from `global`.
void addRow(std::vector<BulkPiece> &pieces, const TensorMap &map,
            std::uint32_t shared, std::uint32_t begin, std::uint32_t end,
            std::uint8_t *global) {
  auto add = [&](std::uint32_t from, std::uint32_t to, bool inside) {
    if (from >= to)
      return;
    std::uint32_t chunk = from / 16 * 16;
    pieces.push_back({swizzled(map, shared + chunk) + from % 16, to - from,
                      inside ? global + (from - begin) : nullptr});
  };
  auto row = static_cast<std::uint32_t>(rowBytes(map));
  std::uint32_t step = map.swizzle == TensorSwizzle::none ? row : 16;
  for (std::uint32_t at = 0; at < row; at += step) {
    std::uint32_t stop = at + step, first = std::clamp(begin, at, stop),
                  last = std::clamp(end, first, stop);
    add(at, first, false);
    add(first, last, true);
    add(last, stop, false);
  }
}

/// The pieces of the box at `coordinates`. Checks and counts global accesses.
std::vector<BulkPiece> piecesOf(Warp &w, const Instruction &i, unsigned lane,
                                const TensorMap &map,
                                const std::array<std::int64_t, 5> &coordinates,
                                std::uint32_t shared, bool reads) {
  std::vector<BulkPiece> pieces;
  std::int64_t extent = static_cast<std::int64_t>(map.extents[0]),
               width = map.box[0];
  std::int64_t first = std::clamp<std::int64_t>(-coordinates[0], 0, width),
               last = std::clamp(extent - coordinates[0], first, width);
  std::array<std::uint32_t, 5> at{};
  for (std::uint32_t row = 0; row < boxBytes(map) / rowBytes(map); ++row) {
    std::uint64_t address =
        map.address +
        static_cast<std::uint64_t>(coordinates[0] + first) * map.elementBytes;
    bool inside = first < last;
    for (unsigned d = 1; d < map.rank; ++d) {
      std::int64_t index = coordinates[d] + at[d];
      inside &= index >= 0 && index < static_cast<std::int64_t>(map.extents[d]);
      address += static_cast<std::uint64_t>(index) * map.strides[d - 1];
    }
    auto begin = static_cast<std::uint32_t>(first) * map.elementBytes,
         end = inside ? static_cast<std::uint32_t>(last) * map.elementBytes
                      : begin;
    std::uint8_t *global = nullptr;
    if (begin < end)
      global = globalRange(w, i, lane, address, end - begin, !reads);
    addRow(pieces, map,
           shared + row * static_cast<std::uint32_t>(rowBytes(map)), begin, end,
           global);
    for (unsigned d = 1; d < map.rank && ++at[d] == map.box[d]; ++d)
      at[d] = 0;
  }
  if (!reads)
    std::erase_if(pieces, [](const BulkPiece &p) { return !p.global; });
  return pieces;
}

/// What an H200 does with a store, and the ISA does not say: one that begins
/// before the tensor ends with an illegal instruction, and of a row that ends
/// in the middle of 16 bytes it writes these whole, beyond the row.
void checkStore(Warp &w, const Instruction &i, unsigned lane,
                const TensorMap &map,
                const std::array<std::int64_t, 5> &coordinates) {
  for (unsigned d = 0; d < map.rank; ++d)
    if (coordinates[d] < 0)
      w.fatal(Suspicion::outOfBounds, i, lane,
              fmt::format("a store to coordinate {} in dimension {}",
                          coordinates[d], d));
  const auto extent = static_cast<std::int64_t>(map.extents[0]);
  if (std::int64_t bytes = extent * map.elementBytes;
      bytes % 16 && coordinates[0] + map.box[0] > extent)
    w.fatal(Suspicion::outOfBounds, i, lane,
            fmt::format("a store across the end of rows of {} bytes, no "
                        "multiple of 16: it writes {} bytes more",
                        bytes, 16 - bytes % 16));
}

/// Inputs: destination, map, coordinates, mbarrier, and a mask of blocks for
/// multicast; or map, coordinates, source. i.width is the number of
/// dimensions, i.immediate the offset at the shared address, i.offset that at
/// the map.
void copy(Warp &w, const Instruction &i, std::uint32_t mask) {
  bool loads = static_cast<Direction>(i.mode) == Direction::globalToShared;
  unsigned mapAt = loads ? 1 : 0, rank = i.width;
  eachLane(mask, [&](unsigned lane) {
    TensorMap map =
        mapOf(w, i, lane,
              w.in(i, mapAt)[lane] + static_cast<std::uint64_t>(i.offset));
    std::array<std::int64_t, 5> coordinates{};
    for (unsigned d = 0; d < rank; ++d)
      coordinates[d] = static_cast<std::int32_t>(w.in(i, mapAt + 1 + d)[lane]);
    // The ISA does not say so, but Hopper ends such a copy with an illegal
    // instruction.
    if (std::int64_t bytes = coordinates[0] * map.elementBytes; bytes % 16)
      w.fatal(Suspicion::misaligned, i, lane,
              fmt::format("the first coordinate {} is byte {} of a row, no "
                          "multiple of 16",
                          coordinates[0], bytes));
    if (!loads)
      checkStore(w, i, lane, map, coordinates);
    PendingBulk b;
    b.direction = static_cast<Direction>(i.mode);
    b.bytes = static_cast<std::uint32_t>(boxBytes(map));
    SharedPlace box =
        place(w, i, lane, w.in(i, loads ? 0 : 1 + rank)[lane] + i.immediate,
              b.bytes, 128);
    b.pieces = std::make_shared<const std::vector<BulkPiece>>(
        piecesOf(w, i, lane, map, coordinates, box.offset, loads));
    if (!loads) {
      b.fromOwner = box.owner;
      b.from = box.offset;
      enqueue(w, i, lane, b);
      return;
    }
    SharedPlace signal = place(w, i, lane, w.in(i, 2 + rank)[lane], 8, 8);
    bool cast = i.flags & multicast;
    enqueueToBlocks(w, i, lane, b, cast ? w.in(i, 3 + rank)[lane] & 0xffff : 0,
                    box, signal, cast);
  });
}

/// [map, {coordinates}].
void bindTensor(Decoding &d, const Operand &operand) {
  if (operand.kind != Operand::Kind::address || operand.elements.size() != 2 ||
      operand.elements[1].elements.size() != d.i.width)
    d.malformed("expected [map, {coordinates}] with as many as dimensions");
  d.address(operand);
  d.input(operand.elements[1], Type::b32);
}

} // namespace

bool decodeTensorCopy(Decoding &d) {
  if (!d.is("cp") || !d.has("bulk") || !d.has("tensor"))
    return false;
  Instruction &i = d.i;
  if (d.has("reduce"))
    d.unsupported("reductions of tensors");
  d.take("async");
  d.take("bulk");
  d.take("tensor");
  d.take("tile");
  auto rank = d.takeOneOf({"1d", "2d", "3d", "4d", "5d"});
  if (!rank)
    d.unsupported();
  i.width = static_cast<std::uint8_t>(*rank + 1);
  i.kind = Kind::bulkCopy;
  if (d.take("prefetch")) {
    d.takeAll();
    i.run = nothing;
    return true;
  }
  bool cast = d.take("multicast::cluster");
  d.takeHints();
  i.run = copy;
  if (d.take("bulk_group")) {
    if (!d.take("global") || d.takeSpace() != Space::shared)
      d.unsupported();
    i.mode = static_cast<std::uint8_t>(Direction::sharedToGlobal);
    bindTensor(d, d.operand(0));
    std::int64_t offset = i.offset;
    d.address(d.operand(1));
    i.immediate = static_cast<std::uint64_t>(i.offset);
    i.offset = offset;
    return true;
  }
  if (!d.take("mbarrier::complete_tx::bytes") || !d.take("global") ||
      (!d.take("shared::cluster") && !d.take("shared::cta")))
    d.unsupported();
  i.mode = static_cast<std::uint8_t>(Direction::globalToShared);
  d.address(d.operand(0));
  i.immediate = static_cast<std::uint64_t>(i.offset);
  bindTensor(d, d.operand(1));
  i.flags = cast ? multicast : 0;
  bindSignal(d, 2, cast);
  return true;
}

} // namespace lath::emulator
