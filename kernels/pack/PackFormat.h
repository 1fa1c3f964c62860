// The head of a pack and its checksum: what reader and writer share.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lath::pack {

inline constexpr std::string_view magic = "LATHPACK";
/// 2 said neither what chose a schedule nor the types of parameters, 3 nothing
/// of what their values are multiples of.
inline constexpr std::uint32_t version = 4;
inline constexpr std::size_t checksumAt = 24, checksumBytes = 16;
inline constexpr std::size_t headBytes = checksumAt + checksumBytes;
/// Code starts at multiples of it, so that the driver reads it where it lies.
inline constexpr std::size_t codeAlignment = 64;

/// XXH3-128 of a file but for the checksum itself, in canonical byte order.
std::array<char, checksumBytes> checksum(std::string_view file);

} // namespace lath::pack
