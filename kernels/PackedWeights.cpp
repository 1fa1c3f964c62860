// The host packer is a table made from the inverse of the atom's map: a byte of
// a GPTQ word (two k of one column) lands in one word of the atom, as two
// nibbles at places that depend on where the byte stands.
#include "kernels/PackedWeights.h"

#include "compiler/ir/DotLayouts.h"
#include "kernels/Parallel.h"

#include <algorithm>
#include <array>

namespace lath {

namespace {

constexpr std::int64_t atomK = 64, atomN = 16;
constexpr std::size_t atomWords = atomK * atomN / 8;

std::int64_t atoms(std::int64_t extent, std::int64_t step) {
  return (extent + step - 1) / step;
}

/// Where the bytes of an atom go. A source is a word of GPTQ in an atom, eight
/// k of one column, row-major [8][16]; it has four bytes.
struct AtomTable {
  struct Piece {
    std::uint16_t source; ///< word
    std::uint8_t shift;   ///< of the byte in it
    std::uint8_t low;     ///< where its low nibble goes; the high one: 16 above
  };
  /// The four bytes that make each packed word.
  std::array<std::array<Piece, 4>, atomWords> words;

  AtomTable() {
    Layout atom = weightAtom();
    LinearMap offsetOf = *atom.map(Place::Offset).inverse();
    std::array<int, atomWords> filled{};
    for (std::int64_t k = 0; k < atomK; k += 2)
      for (std::int64_t n = 0; n < atomN; ++n) {
        std::uint32_t low = offsetOf(atom.flatten({k, n})),
                      high = offsetOf(atom.flatten({k + 1, n}));
        // lop3 unpacks nibbles i and i + 4 at once.
        if (high != low + 4 || low / 8 != high / 8)
          throw Error(ErrorKind::internal,
                      "neighbours along k are no pair of a word of an atom");
        words[low / 8][filled[low / 8]++] = {
            static_cast<std::uint16_t>(k / 8 * atomN + n),
            static_cast<std::uint8_t>(k % 8 * 4),
            static_cast<std::uint8_t>(low % 8 * 4)};
      }
  }
};

const AtomTable &table() {
  static const AtomTable made;
  return made;
}

/// Calls body(atom's number, its first word of GPTQ's K/8, its first column)
/// for all atoms, on all cores.
template <typename Body>
void forEachAtom(std::int64_t n, std::int64_t k, const Body &body) {
  const std::int64_t across = atoms(n, atomN);
  parallelFor(atoms(k, atomK) * across, 64,
              [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t a = begin; a < end; ++a)
                  body(a, a / across * (atomK / 8), a % across * atomN);
              });
}

void checkWords(const char *what, std::size_t words, std::size_t expected) {
  if (words != expected)
    throw Error(ErrorKind::invalidInput,
                std::string(what) + ": expected " + std::to_string(expected) +
                    " words, got " + std::to_string(words));
}

} // namespace

std::size_t packedWords(std::int64_t n, std::int64_t k) {
  return static_cast<std::size_t>(atoms(n, atomN) * atoms(k, atomK)) *
         atomWords;
}

std::vector<std::uint32_t> packWeights(const std::vector<std::uint32_t> &gptq,
                                       std::int64_t n, std::int64_t k) {
  checkWords("qweight", gptq.size(), static_cast<std::size_t>(k / 8 * n));
  std::vector<std::uint32_t> packed(packedWords(n, k));
  const AtomTable &t = table();
  forEachAtom(n, k, [&](std::int64_t a, std::int64_t word0, std::int64_t n0) {
    std::array<std::uint32_t, atomWords> in{};
    const std::int64_t columns = std::min(atomN, n - n0);
    for (std::int64_t w = 0; w < atomK / 8 && word0 + w < k / 8; ++w)
      std::copy_n(&gptq[(word0 + w) * n + n0], columns, &in[w * atomN]);
    std::uint32_t *out = &packed[a * atomWords];
    for (std::size_t i = 0; i < atomWords; ++i) {
      // Four independent chains: the loop over them is worth unrolling by hand.
      auto piece = [&](const AtomTable::Piece &p) {
        std::uint32_t pair = in[p.source] >> p.shift & 0xff;
        return ((pair | pair << 12) & 0x000f000f) << p.low;
      };
      const auto &[a0, a1, a2, a3] = t.words[i];
      out[i] = (piece(a0) | piece(a1)) | (piece(a2) | piece(a3));
    }
  });
  return packed;
}

std::vector<std::uint32_t>
unpackWeights(const std::vector<std::uint32_t> &packed, std::int64_t n,
              std::int64_t k) {
  checkWords("packed weights", packed.size(), packedWords(n, k));
  std::vector<std::uint32_t> gptq(static_cast<std::size_t>(k / 8 * n));
  const AtomTable &t = table();
  forEachAtom(n, k, [&](std::int64_t a, std::int64_t word0, std::int64_t n0) {
    std::array<std::uint32_t, atomWords> out{};
    const std::uint32_t *in = &packed[a * atomWords];
    for (std::size_t i = 0; i < atomWords; ++i)
      for (const AtomTable::Piece &p : t.words[i]) {
        std::uint32_t pair = in[i] >> p.low & 0x000f000f;
        out[p.source] |= ((pair | pair >> 12) & 0xff) << p.shift;
      }
    const std::int64_t columns = std::min(atomN, n - n0);
    for (std::int64_t w = 0; w < atomK / 8 && word0 + w < k / 8; ++w)
      std::copy_n(&out[w * atomN], columns, &gptq[(word0 + w) * n + n0]);
  });
  return gptq;
}

std::vector<std::uint32_t> storedWeights(const GemmSpec &spec,
                                         const GptqLayer &layer) {
  return spec.layout == WeightLayout::packed
             ? packWeights(layer.qweight, layer.n, layer.k)
             : layer.qweight;
}

std::unique_ptr<Program> packProgram(std::int64_t n, std::int64_t k) {
  auto program = std::make_unique<Program>("pack_weights");
  Program &p = *program;
  View gptq = p.view("gptq", Dtype::u4, {k, n}, /*packedDim=*/0);
  View packed = p.view("packed", atoms(k, atomK) * atomK,
                       atoms(n, atomN) * atomN, weightAtom());
  Range at = p.range(p.programId(1), atomK), col = p.range(p.programId(0), 128);
  packed.store({at, col}, gptq.load({at, col}));
  return program;
}

} // namespace lath
