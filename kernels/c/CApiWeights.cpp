// The C interface to weights: their order in memory.
#include "kernels/c/CApi.h"
#include "kernels/weights/PackedWeights.h"

#include <fmt/format.h>

using namespace lath;
using namespace lath::c;

namespace {

bool fits(std::int64_t extent) {
  return extent >= 8 && extent <= 1 << 20 && extent % 8 == 0;
}

size_t gptqWords(std::int64_t n, std::int64_t k) {
  return fits(n) && fits(k) ? static_cast<size_t>(k / 8 * n) : 0;
}

using Words = std::span<const std::uint32_t>;

/// Writes what `move` makes of `from`, whose words and those of `to` have to be
/// so many. Throws Error{invalidInput}.
template <class Move>
void moveWords(const uint32_t *from, size_t fromWords, size_t fromExpected,
               uint32_t *to, size_t toWords, size_t toExpected, std::int64_t n,
               std::int64_t k, const Move &move) {
  for (auto [name, extent] : {std::pair("n", n), std::pair("k", k)})
    if (!fits(extent))
      throw Error(ErrorKind::invalidInput,
                  fmt::format("{} is {}; expected a multiple of 8 in 8..2^20",
                              name, extent));
  for (auto [words, expected] :
       {std::pair(fromWords, fromExpected), std::pair(toWords, toExpected)})
    if (words != expected)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("expected {} words of {} x {} weights, got {}",
                              expected, n, k, words));
  need(to, "the output");
  const std::vector<std::uint32_t> moved =
      move(Words(&need(from, "the input"), fromWords), n, k);
  std::memcpy(to, moved.data(), moved.size() * sizeof moved[0]);
}

} // namespace

size_t lath_packed_words(int64_t n, int64_t k) {
  return fits(n) && fits(k) ? packedWords(n, k) : 0;
}

lath_status lath_pack_weights(const uint32_t *gptq, size_t gptq_words,
                              int64_t n, int64_t k, uint32_t *packed,
                              size_t packed_words) {
  return guarded([&] {
    moveWords(gptq, gptq_words, gptqWords(n, k), packed, packed_words,
              lath_packed_words(n, k), n, k, packWeights);
  });
}

lath_status lath_unpack_weights(const uint32_t *packed, size_t packed_words,
                                int64_t n, int64_t k, uint32_t *gptq,
                                size_t gptq_words) {
  return guarded([&] {
    moveWords(packed, packed_words, lath_packed_words(n, k), gptq, gptq_words,
              static_cast<size_t>(k / 8 * n), n, k, unpackWeights);
  });
}
