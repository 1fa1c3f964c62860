#include "runtime/emulator/TensorDescriptor.h"

#include "compiler/base/Error.h"

#include <cstring>
#include <fmt/format.h>
#include <type_traits>

namespace lath::emulator {

namespace {

constexpr std::uint64_t magic = 0x50414d524f534e54; // "TNSORMAP"

struct Stored {
  std::uint64_t magic;
  TensorMap map;
};
static_assert(sizeof(Stored) <= sizeof(EncodedTensorMap) &&
              std::is_trivially_copyable_v<Stored>);

[[noreturn]] void refuse(const std::string &what,
                         ErrorKind kind = ErrorKind::invalidInput) {
  throw Error(kind, "tensor map: " + what);
}

} // namespace

std::uint64_t rowBytes(const TensorMap &map) {
  return std::uint64_t{map.box[0]} * map.elementBytes;
}

std::uint64_t boxBytes(const TensorMap &map) {
  std::uint64_t bytes = rowBytes(map);
  for (unsigned d = 1; d < map.rank; ++d)
    bytes *= map.box[d];
  return bytes;
}

EncodedTensorMap encode(const TensorMap &map) {
  if (map.rank < 1 || map.rank > 5)
    refuse(fmt::format("expected 1 to 5 dimensions, got {}", map.rank));
  if (map.elementBytes != 1 && map.elementBytes != 2 && map.elementBytes != 4 &&
      map.elementBytes != 8)
    refuse(fmt::format("expected elements of 1, 2, 4 or 8 bytes, got {}",
                       map.elementBytes));
  if (map.address == 0 || map.address % 16)
    refuse(fmt::format("the address {:#x} is no multiple of 16", map.address));
  for (unsigned d = 0; d < map.rank; ++d) {
    if (map.extents[d] < 1 || map.extents[d] > 1ull << 32)
      refuse(fmt::format("expected an extent of 1 to 2^32, got {} in dimension "
                         "{}",
                         map.extents[d], d));
    if (map.box[d] < 1 || map.box[d] > 256)
      refuse(fmt::format("expected a box of 1 to 256 elements, got {} in "
                         "dimension {}",
                         map.box[d], d));
    if (d > 0 && (map.strides[d - 1] % 16 || map.strides[d - 1] >= 1ull << 40))
      refuse(fmt::format("expected a stride that is a multiple of 16 below "
                         "2^40, got {} in dimension {}",
                         map.strides[d - 1], d));
  }
  std::uint64_t row = rowBytes(map);
  if (row % 16)
    refuse(fmt::format("expected rows of a multiple of 16 bytes, got {}", row));
  if (map.swizzle != TensorSwizzle::none) {
    std::uint64_t span = 16ull << static_cast<unsigned>(map.swizzle);
    if (row > span)
      refuse(fmt::format("rows of {} bytes are longer than the swizzle's {}",
                         row, span));
    if (row < span)
      refuse(fmt::format("the emulator knows swizzles of {0} bytes with rows "
                         "of {0}, got {1}",
                         span, row),
             ErrorKind::unsupported);
  }
  EncodedTensorMap bytes{};
  Stored stored{magic, map};
  std::memcpy(bytes.data(), &stored, sizeof stored);
  return bytes;
}

std::optional<TensorMap> decodeTensorMap(const std::uint8_t *bytes) {
  Stored stored;
  std::memcpy(&stored, bytes, sizeof stored);
  if (stored.magic != magic)
    return std::nullopt;
  return stored.map;
}

} // namespace lath::emulator
