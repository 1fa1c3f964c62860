// XXH3 in 128 bits: finds damage. It is no signature: whoever can write the
// folder can write a matching sum, which is why the folder must be the user's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace lath {

/// Of the parts one after the other, as 32 lower-case hexadecimal digits.
std::string checksum(std::initializer_list<std::string_view> parts);

/// 64 bits of the same sum.
std::uint64_t checksum64(std::string_view bytes);

} // namespace lath
