#include "runtime/cache/Checksum.h"

// Its code, not the library: nothing to link, no symbols.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

namespace lath {

std::string checksum(std::initializer_list<std::string_view> parts) {
  XXH3_state_t state; // 576 bytes, aligned to 64
  XXH3_128bits_reset(&state);
  for (std::string_view part : parts)
    XXH3_128bits_update(&state, part.data(), part.size());
  XXH128_hash_t sum = XXH3_128bits_digest(&state);
  return fmt::format("{:016x}{:016x}", sum.high64, sum.low64);
}

std::uint64_t checksum64(std::string_view bytes) {
  return XXH3_128bits(bytes.data(), bytes.size()).low64;
}

} // namespace lath
