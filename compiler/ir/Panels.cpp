#include "compiler/ir/Panels.h"

#include <algorithm>
#include <bit>

namespace lath {

namespace {

constexpr unsigned chunkBits = 4;  ///< log2 of the bytes of a chunk
constexpr unsigned periodBits = 7; ///< of those after which chunks move

unsigned log2(std::int64_t x) {
  return static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(x)));
}

} // namespace

std::optional<Panels> Panels::of(const Shape &shape, unsigned unitBytes) {
  if (shape.empty() || shape.back() * unitBytes < 1ll << chunkBits)
    return std::nullopt;
  return Panels{shape, unitBytes};
}

unsigned Panels::swizzleBits() const {
  return log2(std::min<std::int64_t>(shape.back() * unitBytes,
                                     1ll << periodBits)) -
         chunkBits;
}

std::int64_t Panels::rows() const {
  std::int64_t rows = 1;
  for (std::size_t d = 0; d + 1 < shape.size(); ++d)
    rows *= shape[d];
  return rows;
}

std::int64_t Panels::count() const { return shape.back() / columns(); }

std::int64_t Panels::alignment() const {
  return std::int64_t{1} << (periodBits + swizzleBits());
}

Layout Panels::layout() const {
  Layout layout(shape);
  Bases &offsets = layout.bases(Place::Offset);
  const unsigned inRow = log2(columns()), rowBits = log2(rows()),
                 across = log2(shape.back());
  const unsigned chunk = chunkBits - log2(unitBytes); // first bit of a chunk's
  for (unsigned bit = 0; bit < inRow; ++bit)
    offsets.push_back(1u << bit);
  for (unsigned bit = 0; bit < rowBits; ++bit) {
    std::uint32_t index = 1u << (across + bit);
    // The address bit that says so, counted from those that permute chunks.
    const int permuting = static_cast<int>(chunkBits + swizzleBits() + bit) -
                          static_cast<int>(periodBits);
    if (permuting >= 0 && permuting < static_cast<int>(swizzleBits()))
      index |= 1u << (chunk + static_cast<unsigned>(permuting));
    offsets.push_back(index);
  }
  for (unsigned bit = inRow; bit < across; ++bit)
    offsets.push_back(1u << bit);
  return layout;
}

} // namespace lath
