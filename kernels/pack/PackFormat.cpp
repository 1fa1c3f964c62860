#include "kernels/pack/PackFormat.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lath::pack {

std::array<char, checksumBytes> checksum(std::string_view file) {
  XXH3_state_t state; // 576 bytes, aligned to 64
  XXH3_128bits_reset(&state);
  std::string_view front = file.substr(0, checksumAt);
  std::string_view rest = file.substr(headBytes);
  XXH3_128bits_update(&state, front.data(), front.size());
  XXH3_128bits_update(&state, rest.data(), rest.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  std::array<char, checksumBytes> sum;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = static_cast<char>(canonical.digest[i]);
  return sum;
}

} // namespace lath::pack
