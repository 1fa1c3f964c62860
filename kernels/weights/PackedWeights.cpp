// The host packer follows from the atom's map, which moves the bits of a
// nibble's address. An atom is 64 words of 64 bits, two columns of GPTQ each.
// Address bits of a word's nibbles that the map exchanges for bits of the
// word's number are swapped between pairs of words; then nibbles change places
// inside of their word, in the same way in every word, and the words change
// places.
#include "kernels/weights/PackedWeights.h"

#include "compiler/base/Parallel.h"
#include "compiler/ir/DotLayouts.h"
#include "kernels/gemm/Operands.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace lath {

namespace {

constexpr std::size_t atomWords = atomK * atomN / 8;
/// Address bits of a nibble in an atom, and in a 64-bit word.
constexpr int atomBits = 10, wordBits = 4;

/// An atom as GPTQ has it, 8 rows of 16 words, or packed. The even column of a
/// pair is the low half.
using Atom = std::array<std::uint64_t, atomWords / 2>;
static_assert(std::endian::native == std::endian::little);

std::int64_t atoms(std::int64_t extent, std::int64_t step) {
  return (extent + step - 1) / step;
}

/// How the nibbles of an atom move from GPTQ's order to the packed one.
class AtomMoves {
public:
  AtomMoves() {
    Layout atom = weightAtom();
    LinearMap offsetOf = *atom.map(Place::Offset).inverse();
    // Where each bit of an address in GPTQ's order goes: k % 8, n, k / 8.
    std::array<int, atomBits> to;
    for (int bit = 0; bit < atomBits; ++bit) {
      std::int64_t at = std::int64_t{1} << bit;
      std::uint32_t offset =
          offsetOf(atom.flatten({at / 128 * 8 + at % 8, at / 8 % atomN}));
      to[bit] = std::countr_zero(offset);
      if (!std::has_single_bit(offset))
        throw Error(ErrorKind::internal,
                    "an atom's map does not move single bits of an address");
    }
    for (int low = 0, high = wordBits; low < wordBits; ++low) {
      if (to[low] < wordBits)
        continue;
      while (to[high] >= wordBits)
        ++high;
      std::swap(to[low], to[high]);
      exchanges_[exchangeCount_++] = {nibblesWithout(low), 4 << low,
                                      1 << (high - wordBits)};
    }
    for (std::size_t from = 0; from < word_.size(); ++from)
      for (int bit = wordBits; bit < atomBits; ++bit)
        if (from >> (bit - wordBits) & 1)
          word_[from] |= 1 << (to[bit] - wordBits);
    for (int low = 0; low < wordBits; ++low) {
      int high = int(std::find(to.begin(), to.end(), low) - to.begin());
      if (high == low)
        continue;
      std::swap(to[low], to[high]);
      swaps_[swapCount_++] = swapOf(low, high);
    }
  }

  Atom pack(Atom gptq) const {
    for (int i = 0; i < exchangeCount_; ++i)
      apply(exchanges_[i], gptq);
    for (int i = 0; i < swapCount_; ++i)
      apply(swaps_[i], gptq);
    Atom packed;
    for (std::size_t from = 0; from < word_.size(); ++from)
      packed[word_[from]] = gptq[from];
    return packed;
  }

  Atom unpack(const Atom &packed) const {
    Atom gptq;
    for (std::size_t from = 0; from < word_.size(); ++from)
      gptq[from] = packed[word_[from]];
    for (int i = swapCount_; i-- > 0;)
      apply(swaps_[i], gptq);
    for (int i = exchangeCount_; i-- > 0;)
      apply(exchanges_[i], gptq);
    return gptq;
  }

private:
  /// Two bits of the address in a word change places: the nibbles in `mask`
  /// with those that stand `shift` bits above them.
  struct Swap {
    std::uint64_t mask;
    int shift;
  };

  /// A bit of the address in a word and one of the word's number change places:
  /// nibbles of the first word of a pair, `shift` bits above `mask`, with those
  /// in the mask of the second, which is `distance` words on.
  struct Exchange {
    std::uint64_t mask;
    int shift, distance;
  };

  /// The nibbles of a word whose number has that bit clear.
  static std::uint64_t nibblesWithout(int bit) {
    std::uint64_t mask = 0;
    for (int nibble = 0; nibble < 1 << wordBits; ++nibble)
      if (!(nibble >> bit & 1))
        mask |= std::uint64_t{15} << 4 * nibble;
    return mask;
  }

  static void apply(const Exchange &exchange, Atom &words) {
    const auto distance = static_cast<std::size_t>(exchange.distance);
    for (std::size_t first = 0; first < words.size(); first += 2 * distance)
      for (std::size_t i = first; i < first + distance; ++i) {
        std::uint64_t &a = words[i], &b = words[i + distance];
        std::uint64_t differ = (a >> exchange.shift ^ b) & exchange.mask;
        b ^= differ;
        a ^= differ << exchange.shift;
      }
  }

  static Swap swapOf(int low, int high) {
    Swap swap{0, 4 * ((1 << high) - (1 << low))};
    for (int nibble = 0; nibble < 1 << wordBits; ++nibble)
      if ((nibble >> low & 1) && !(nibble >> high & 1))
        swap.mask |= std::uint64_t{15} << 4 * nibble;
    return swap;
  }

  static void apply(const Swap &swap, Atom &words) {
    for (std::uint64_t &word : words) {
      std::uint64_t differ = (word ^ word >> swap.shift) & swap.mask;
      word ^= differ ^ differ << swap.shift;
    }
  }

  std::array<std::uint8_t, atomWords / 2> word_{}; ///< where each goes
  std::array<Swap, wordBits> swaps_;
  std::array<Exchange, wordBits> exchanges_;
  int swapCount_ = 0, exchangeCount_ = 0;
};

const AtomMoves &moves() {
  static const AtomMoves made;
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

std::vector<std::uint32_t> packWeights(std::span<const std::uint32_t> gptq,
                                       std::int64_t n, std::int64_t k) {
  checkWords("qweight", gptq.size(), static_cast<std::size_t>(k / 8 * n));
  std::vector<std::uint32_t> packed(packedWords(n, k));
  const AtomMoves &atomMoves = moves();
  forEachAtom(n, k, [&](std::int64_t a, std::int64_t word0, std::int64_t n0) {
    Atom in{};
    const std::int64_t columns = std::min(atomN, n - n0);
    for (std::int64_t w = 0; w < atomK / 8 && word0 + w < k / 8; ++w)
      std::memcpy(&in[w * atomN / 2], &gptq[(word0 + w) * n + n0], 4 * columns);
    const Atom out = atomMoves.pack(in);
    std::memcpy(&packed[a * atomWords], out.data(), sizeof out);
  });
  return packed;
}

std::vector<std::uint32_t> unpackWeights(std::span<const std::uint32_t> packed,
                                         std::int64_t n, std::int64_t k) {
  checkWords("packed weights", packed.size(), packedWords(n, k));
  std::vector<std::uint32_t> gptq(static_cast<std::size_t>(k / 8 * n));
  const AtomMoves &atomMoves = moves();
  forEachAtom(n, k, [&](std::int64_t a, std::int64_t word0, std::int64_t n0) {
    Atom in;
    std::memcpy(in.data(), &packed[a * atomWords], sizeof in);
    const Atom out = atomMoves.unpack(in);
    const std::int64_t columns = std::min(atomN, n - n0);
    for (std::int64_t w = 0; w < atomK / 8 && word0 + w < k / 8; ++w)
      std::memcpy(&gptq[(word0 + w) * n + n0], &out[w * atomN / 2],
                  4 * columns);
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
