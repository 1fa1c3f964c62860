// Formats of weights: what the codes q and the zero points z of a matrix are,
// and how both are stored. A weight is w = (q - z) * scale; a format is one
// record of `weightFormats`, which text, C interface, databases, readers,
// programs, reference and cost model share.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Dtype.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lath {

/// How `qzeros` stores the zero point z of a group.
enum class Zeros {
  symmetric, ///< no tensor; the z of the format
  v1,        ///< GPTQ: (z - 1) mod 16
  v2,        ///< gptq_v2: z
};

/// In what order `qweight` holds its codes. Values are those of
/// `lath_layout` and of databases.
enum class WeightLayout {
  gptq,   ///< words along K, [K / codes of a word, N], as checkpoints do
  packed, ///< by fragments of the tensor core: kernels/weights/PackedWeights.h
};

/// Text of each layout, by its value.
inline constexpr std::array<std::string_view, 2> weightLayoutNames = {"gptq",
                                                                      "packed"};
constexpr std::string_view name(WeightLayout layout) {
  return weightLayoutNames[static_cast<std::size_t>(layout)];
}

/// Bytes of the tensors of some weights.
struct WeightBytes {
  std::int64_t codes = 0, scales = 0, zeros = 0;
};

/// One format. Scales have the type of x, one for `group` k of a column:
/// [K / group, N]. Zero points that are stored have the bits of a code and
/// stand beside the scales, packed along N.
struct WeightFormat {
  std::string_view name;    ///< in specs: w=u4z1
  std::string_view meaning; ///< for users, in a few words
  /// In databases and in lath_gemm_spec.zeros; never given to another.
  int number;
  Dtype codes; ///< of q
  Zeros zeros;
  int zero;    ///< z of every group where none is stored
  bool packed; ///< whether it can be in WeightLayout::packed

  constexpr unsigned bits() const { return bitWidth(codes); }
  /// Codes that share a 32-bit word.
  constexpr int perWord() const { return static_cast<int>(32 / bits()); }
  constexpr bool storesZeros() const { return zeros != Zeros::symmetric; }
  /// What `dequant` adds to a stored zero point, modulo 2^bits.
  constexpr int zeroOffset() const { return zeros == Zeros::v1 ? 1 : 0; }
  constexpr bool supports(WeightLayout layout) const {
    return layout == WeightLayout::gptq || packed;
  }

  /// q of the i-th code of a word, the lowest bits first.
  constexpr int code(std::uint32_t word, std::int64_t i) const {
    const std::uint32_t top = word
                              << (32 - bits() * static_cast<unsigned>(i + 1));
    return isSigned(codes) ? static_cast<std::int32_t>(top) >> (32 - bits())
                           : static_cast<int>(top >> (32 - bits()));
  }
  constexpr int leastCode() const {
    return isSigned(codes) ? -(1 << (bits() - 1)) : 0;
  }
  constexpr int mostCode() const { return leastCode() + (1 << bits()) - 1; }
  /// The bits that store q, and z.
  constexpr std::uint32_t stored(int q) const {
    return static_cast<std::uint32_t>(q) & ((1u << bits()) - 1);
  }
  constexpr std::uint32_t storedZero(int z) const {
    return stored(z - zeroOffset());
  }
  /// z of the i-th place of a word of `qzeros`.
  constexpr int readZero(std::uint32_t word, std::int64_t i) const {
    return code(stored(code(word, i) + zeroOffset()), 0);
  }
  /// The reference, exact for scales of 16 bits.
  static constexpr double weight(int q, int z, double scale) {
    return (q - z) * scale;
  }

  /// Of `n` columns of `k` weights in `groups` groups, scales of 16 bits.
  constexpr WeightBytes bytes(std::int64_t n, std::int64_t k,
                              std::int64_t groups) const {
    return {n * k * bits() / 8, 2 * n * groups,
            storesZeros() ? n * groups * bits() / 8 : 0};
  }
  /// Bytes of a column, for each weight, and for each group of scale and zero.
  constexpr double codeBytes() const { return bits() / 8.0; }
  constexpr double groupBytes() const {
    return 2 + (storesZeros() ? codeBytes() : 0);
  }

  constexpr bool operator==(const WeightFormat &other) const {
    return number == other.number;
  }
};

/// All formats, in the order of messages; the first is the default.
inline constexpr std::array weightFormats = {
    WeightFormat{.name = "u4",
                 .meaning = "symmetric",
                 .number = 0,
                 .codes = Dtype::u4,
                 .zeros = Zeros::symmetric,
                 .zero = 8,
                 .packed = true},
    WeightFormat{.name = "u4z",
                 .meaning = "zero points",
                 .number = 2,
                 .codes = Dtype::u4,
                 .zeros = Zeros::v2,
                 .zero = 0,
                 .packed = true},
    WeightFormat{.name = "u4z1",
                 .meaning = "stored minus one",
                 .number = 1,
                 .codes = Dtype::u4,
                 .zeros = Zeros::v1,
                 .zero = 0,
                 .packed = true},
    WeightFormat{.name = "s8",
                 .meaning = "8 bits, signed",
                 .number = 3,
                 .codes = Dtype::s8,
                 .zeros = Zeros::symmetric,
                 .zero = 0,
                 .packed = false},
};

/// Their names, in the same order.
inline constexpr auto weightFormatNames = [] {
  std::array<std::string_view, weightFormats.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = weightFormats[i].name;
  return names;
}();

/// The format of such codes and zero points; null: there is none.
constexpr const WeightFormat *findWeightFormat(Dtype codes, Zeros zeros) {
  for (const WeightFormat &format : weightFormats)
    if (format.codes == codes && format.zeros == zeros)
      return &format;
  return nullptr;
}

/// The format of that number; null: there is none.
constexpr const WeightFormat *weightFormatNumbered(std::int64_t number) {
  for (const WeightFormat &format : weightFormats)
    if (format.number == number)
      return &format;
  return nullptr;
}

/// The format of that name; null: there is none.
constexpr const WeightFormat *weightFormatNamed(std::string_view name) {
  for (const WeightFormat &format : weightFormats)
    if (format.name == name)
      return &format;
  return nullptr;
}

/// Throws Error{invalidSpec} where there is none.
LATH_API const WeightFormat &weightFormat(Dtype codes, Zeros zeros);

} // namespace lath
