// A tile in shared memory in the order that tensor copies write and wgmma
// reads: panels.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/ir/Layout.h"

#include <optional>

namespace lath {

/// A tile [..., columns] cut along its last dimension into panels whose rows
/// are 128 bytes long, or as short as the tile's. A panel is one box of a
/// tensor copy and one operand of wgmma; panels lie one behind the other.
///
/// In a panel row follows row, their 16-byte chunks permuted as the hardware
/// permutes them: bits 4 and up of an address are XORed with bits 7 and up, as
/// many as number the chunks of a row (PTX ISA, "Swizzling modes"). So a panel
/// must begin at a multiple of `alignment`.
struct LATH_API Panels {
  Shape shape;
  unsigned unitBytes; ///< of an element

  /// nullopt where rows have less than 16 bytes.
  static std::optional<Panels> of(const Shape &shape, unsigned unitBytes);

  /// log2 of the chunks of a row: 0 (nothing is permuted) to 3.
  unsigned swizzleBits() const;
  std::int64_t rowBytes() const { return 16ll << swizzleBits(); }
  /// Elements of a row of a panel.
  std::int64_t columns() const { return rowBytes() / unitBytes; }
  std::int64_t rows() const;  ///< all dimensions but the last
  std::int64_t count() const; ///< of panels
  std::int64_t bytes() const { return rows() * rowBytes(); } ///< of one
  /// Addresses repeat after eight rows, or after 128 bytes where they are
  /// shorter.
  std::int64_t alignment() const;

  /// Offsets, in elements, to elements of the tile.
  Layout layout() const;
};

} // namespace lath
