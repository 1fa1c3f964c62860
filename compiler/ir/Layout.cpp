#include "compiler/ir/Layout.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <map>
#include <set>

namespace lath {

LinearMap LinearMap::identity(unsigned bits) {
  Bases bases;
  for (unsigned i = 0; i < bits; ++i)
    bases.push_back(1u << i);
  return LinearMap(bases);
}

std::uint32_t LinearMap::operator()(std::uint32_t in) const {
  std::uint32_t out = 0;
  for (unsigned i = 0; i < bases_.size(); ++i)
    if (in >> i & 1)
      out ^= bases_[i];
  return out;
}

namespace {
/// Gaussian elimination that remembers which inputs make each pivot.
struct Eliminated {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> rows; // (value, inputs)

  explicit Eliminated(const Bases &bases) {
    for (unsigned i = 0; i < bases.size(); ++i) {
      auto [value, inputs] = reduce(bases[i]);
      if (value)
        rows.push_back({value, inputs ^ (1u << i)});
    }
  }
  std::pair<std::uint32_t, std::uint32_t> reduce(std::uint32_t value) const {
    std::uint32_t inputs = 0;
    for (auto [row, from] : rows)
      if (value & std::bit_floor(row)) {
        value ^= row;
        inputs ^= from;
      }
    return {value, inputs};
  }
};
} // namespace

unsigned LinearMap::rank() const {
  return static_cast<unsigned>(Eliminated(bases_).rows.size());
}

LinearMap LinearMap::after(const LinearMap &first) const {
  Bases bases;
  for (std::uint32_t basis : first.bases_)
    bases.push_back((*this)(basis));
  return LinearMap(bases);
}

std::optional<std::uint32_t> LinearMap::solve(std::uint32_t y) const {
  auto [rest, inputs] = Eliminated(bases_).reduce(y);
  if (rest)
    return std::nullopt;
  return inputs;
}

std::optional<LinearMap> LinearMap::inverse() const {
  Eliminated eliminated(bases_);
  if (eliminated.rows.size() != bases_.size())
    return std::nullopt;
  Bases inverse;
  for (unsigned i = 0; i < bases_.size(); ++i) {
    auto [rest, inputs] = eliminated.reduce(1u << i);
    if (rest)
      return std::nullopt;
    inverse.push_back(inputs);
  }
  return LinearMap(inverse);
}

Layout::Layout(Shape shape) : shape_(std::move(shape)) {
  for ([[maybe_unused]] std::int64_t extent : shape_)
    assert(extent > 0 && std::has_single_bit(std::uint64_t(extent)) &&
           "tile extents are powers of two");
}

Layout Layout::make(Shape shape, const Coords &registers, const Coords &lanes,
                    const Coords &warps) {
  Layout layout(std::move(shape));
  auto put = [&](Place place, const Coords &coords) {
    for (const auto &c : coords)
      layout.bases(place).push_back(layout.flatten(c));
  };
  put(Place::Register, registers);
  put(Place::Lane, lanes);
  put(Place::Warp, warps);
  return layout;
}

Layout Layout::memory(Shape shape, const Coords &offsets) {
  Layout layout(std::move(shape));
  for (const auto &c : offsets)
    layout.bases(Place::Offset).push_back(layout.flatten(c));
  return layout;
}

std::uint32_t Layout::elements() const {
  std::uint32_t count = 1;
  for (std::int64_t extent : shape_)
    count *= static_cast<std::uint32_t>(extent);
  return count;
}

unsigned Layout::indexBits() const { return std::countr_zero(elements()); }

std::uint32_t Layout::index(std::uint32_t reg, std::uint32_t lane,
                            std::uint32_t warp, std::uint32_t block) const {
  return map(Place::Register)(reg) ^ map(Place::Lane)(lane) ^
         map(Place::Warp)(warp) ^ map(Place::Block)(block);
}

std::uint32_t Layout::indexOfOffset(std::uint32_t offset) const {
  return map(Place::Offset)(offset);
}

LinearMap Layout::flat() const {
  Bases all;
  for (const Bases &bases : bases_)
    all.insert(all.end(), bases.begin(), bases.end());
  return LinearMap(all);
}

unsigned Layout::dimBits(unsigned d) const {
  return std::countr_zero(static_cast<std::uint64_t>(shape_[d]));
}

unsigned Layout::dimShift(unsigned d) const {
  unsigned shift = 0;
  for (unsigned i = d + 1; i < rank(); ++i)
    shift += dimBits(i);
  return shift;
}

unsigned Layout::dimOfBit(unsigned bit) const {
  for (unsigned d = rank(); d-- > 0;) {
    if (bit < dimBits(d))
      return d;
    bit -= dimBits(d);
  }
  assert(false && "index bit outside the tile");
  return 0;
}

std::uint32_t Layout::flatten(const std::vector<std::int64_t> &coords) const {
  assert(coords.size() == shape_.size());
  std::uint32_t index = 0;
  for (unsigned d = 0; d < rank(); ++d) {
    assert(coords[d] >= 0 && coords[d] < shape_[d]);
    index |= static_cast<std::uint32_t>(coords[d]) << dimShift(d);
  }
  return index;
}

std::vector<std::int64_t> Layout::unflatten(std::uint32_t index) const {
  std::vector<std::int64_t> coords;
  for (unsigned d = 0; d < rank(); ++d)
    coords.push_back(index >> dimShift(d) & (shape_[d] - 1));
  return coords;
}

bool Layout::surjective() const { return flat().rank() == indexBits(); }
bool Layout::injective() const { return flat().injective(); }

std::optional<std::uint32_t> Layout::registerOf(std::uint32_t index) const {
  return map(Place::Register).solve(index);
}

Layout Layout::reshaped(Shape shape) const {
  Layout result(std::move(shape));
  assert(result.elements() == elements());
  result.bases_ = bases_;
  return result;
}

namespace {
template <typename F> Layout mapped(const Layout &from, Shape shape, F &&f) {
  Layout result(std::move(shape));
  for (int p = 0; p < numPlaces; ++p)
    for (std::uint32_t basis : from.bases(Place(p)))
      result.bases(Place(p)).push_back(
          result.flatten(f(from.unflatten(basis))));
  return result;
}
} // namespace

Layout Layout::renamed(Shape shape, const LinearMap &indices) const {
  Layout result(std::move(shape));
  for (int p = 0; p < numPlaces; ++p)
    for (std::uint32_t basis : bases_[p])
      result.bases(Place(p)).push_back(indices(basis));
  return result;
}

Layout Layout::permuted(const std::vector<unsigned> &order) const {
  assert(order.size() == rank());
  Shape shape;
  for (unsigned d : order)
    shape.push_back(shape_[d]);
  return mapped(*this, shape, [&](const std::vector<std::int64_t> &c) {
    std::vector<std::int64_t> result;
    for (unsigned d : order)
      result.push_back(c[d]);
    return result;
  });
}

Layout Layout::sliced(unsigned dim) const { return divided(dim, dimBits(dim)); }

LinearMap Layout::sliceMap(unsigned dim) const {
  const unsigned low = dimShift(dim), high = low + dimBits(dim);
  Bases bases;
  for (unsigned bit = 0; bit < indexBits(); ++bit)
    bases.push_back(bit < low    ? 1u << bit
                    : bit < high ? 0
                                 : 1u << (bit - dimBits(dim)));
  return LinearMap(bases);
}

Layout Layout::divided(unsigned dim, unsigned bits) const {
  Shape shape = shape_;
  shape[dim] = std::max<std::int64_t>(1, shape[dim] >> bits);
  return mapped(*this, shape,
                [&](std::vector<std::int64_t> c) {
                  c[dim] >>= bits;
                  return c;
                })
      .withoutRepeatedRegisters();
}

Layout Layout::withoutRepeatedRegisters() const {
  Layout result = *this;
  Bases kept;
  for (std::uint32_t basis : bases(Place::Register)) {
    Bases with = kept;
    with.push_back(basis);
    if (LinearMap(with).injective())
      kept = with;
  }
  result.bases(Place::Register) = kept;
  return result;
}

Layout Layout::product(const Layout &outer) const {
  assert(outer.rank() == rank());
  Shape shape = shape_;
  for (unsigned d = 0; d < rank(); ++d)
    shape[d] *= outer.shape_[d];
  auto scaled = [&](const Layout &from, const Shape &by) {
    return mapped(from, shape, [&](std::vector<std::int64_t> c) {
      for (unsigned d = 0; d < c.size(); ++d)
        c[d] *= by[d];
      return c;
    });
  };
  Layout result = scaled(*this, Shape(rank(), 1));
  Layout high = scaled(outer, shape_);
  for (int p = 0; p < numPlaces; ++p)
    result.bases_[p].insert(result.bases_[p].end(), high.bases_[p].begin(),
                            high.bases_[p].end());
  return result;
}

std::string Layout::print() const {
  static const char *const names[] = {"register", "lane", "warp", "block",
                                      "offset"};
  std::string text = "[";
  for (unsigned d = 0; d < rank(); ++d)
    text += (d ? ", " : "") + std::to_string(shape_[d]);
  text += "]";
  for (int p = 0; p < numPlaces; ++p) {
    if (bases_[p].empty())
      continue;
    text += std::string(" ") + names[p] + " = [";
    for (unsigned i = 0; i < bases_[p].size(); ++i) {
      text += i ? ", (" : "(";
      auto coords = unflatten(bases_[p][i]);
      for (unsigned d = 0; d < coords.size(); ++d)
        text += (d ? ", " : "") + std::to_string(coords[d]);
      text += ")";
    }
    text += "]";
  }
  return text;
}

Layout mmaA() {
  return Layout::make({16, 16}, {{0, 1}, {8, 0}, {0, 8}},
                      {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}});
}

Layout mmaB() {
  return Layout::make({16, 8}, {{1, 0}, {8, 0}},
                      {{2, 0}, {4, 0}, {0, 1}, {0, 2}, {0, 4}});
}

Layout mmaAccumulator() {
  return Layout::make({16, 8}, {{0, 1}, {8, 0}},
                      {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}});
}

Layout ldmatrixResult(bool transposed) {
  if (transposed)
    return Layout::make({32, 8}, {{1, 0}, {8, 0}, {16, 0}},
                        {{2, 0}, {4, 0}, {0, 1}, {0, 2}, {0, 4}});
  return Layout::make({32, 8}, {{0, 1}, {8, 0}, {16, 0}},
                      {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}});
}

Layout ldmatrixRows() {
  return Layout::make({32, 8}, {{0, 1}, {0, 2}, {0, 4}},
                      {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {16, 0}});
}

Layout blocked(const Shape &shape, unsigned vector, unsigned warps) {
  assert(std::has_single_bit(vector) && std::has_single_bit(warps));
  Layout layout(shape);
  unsigned bits = layout.indexBits(), next = 0;
  auto take = [&](Place place, unsigned count, bool repeat) {
    for (unsigned i = 0; i < count; ++i)
      if (next < bits)
        layout.bases(place).push_back(1u << next++);
      else if (repeat)
        layout.bases(place).push_back(0);
  };
  // Row-major index bits are contiguous in the last dimension first.
  unsigned vectorBits = std::countr_zero(vector);
  unsigned rowBits = shape.empty() ? 0 : layout.dimBits(layout.rank() - 1);
  take(Place::Register, std::min(vectorBits, rowBits), false);
  take(Place::Lane, laneBits, true);
  take(Place::Warp, std::countr_zero(warps), true);
  take(Place::Register, bits - next, false);
  return layout;
}

Layout atomBlocked(const Shape &shape, const Layout &atom, unsigned warps) {
  Layout result(shape);
  const Bases &offsets = atom.bases(Place::Offset);
  assert(offsets.size() >= laneBits && shape.size() == atom.rank());
  const std::size_t registers = offsets.size() - laneBits;
  for (std::size_t i = 0; i < offsets.size(); ++i)
    result.bases(i < registers ? Place::Register : Place::Lane)
        .push_back(result.flatten(atom.unflatten(offsets[i])));
  unsigned warpBits = std::countr_zero(warps);
  for (unsigned d = result.rank(); d-- > 0;)
    for (unsigned bit = atom.dimBits(d); bit < result.dimBits(d); ++bit) {
      Place place =
          result.bits(Place::Warp) < warpBits ? Place::Warp : Place::Register;
      result.bases(place).push_back(1u << (result.dimShift(d) + bit));
    }
  while (result.bits(Place::Warp) < warpBits)
    result.bases(Place::Warp).push_back(0);
  return result;
}

Layout rowMajor(const Shape &shape) {
  Layout layout(shape);
  layout.bases(Place::Offset) = LinearMap::identity(layout.indexBits()).bases();
  return layout;
}

Layout swizzled(const Shape &shape, unsigned vectorBits,
                const std::vector<Bases> &accesses) {
  // Row-major, index bits [vectorBits, vectorBits + 3) choose the chunk of a
  // 128-byte line, hence the banks. Each higher index bit may also flip (XOR)
  // chunk bits: such a map stays invertible, and is its own inverse. Accesses
  // name only a few of the higher bits, so search the masks they flip, lowest
  // bit first, and cut a branch that loses as much as the best one found.
  Layout layout = rowMajor(shape);
  unsigned bits = layout.indexBits(), high = vectorBits + 3;
  Bases images = layout.bases(Place::Offset), best = images; // index -> offset
  std::uint32_t named = 0;
  for (const Bases &access : accesses) {
    assert(access.size() <= 3 && "a quarter warp has three lane bits");
    for (std::uint32_t direction : access)
      named |= direction;
  }

  // How many lane bits of all accesses lead to other chunks but to the same
  // banks, as far as the index bits below `known` tell. Never falls as `known`
  // rises.
  auto lost = [&](unsigned known) {
    unsigned count = 0;
    for (const Bases &access : accesses) {
      Bases chunks, banks;
      for (std::uint32_t direction : access)
        if (direction >> known == 0) {
          chunks.push_back(direction >> vectorBits);
          banks.push_back(LinearMap(images)(direction) >> vectorBits & 7);
        }
      count += LinearMap(chunks).rank() - LinearMap(banks).rank();
    }
    return count;
  };
  unsigned fewest = lost(bits);
  auto search = [&](auto &self, unsigned bit) -> void {
    unsigned soFar = lost(std::min(bit, bits));
    if (soFar >= fewest)
      return;
    if (bit >= bits) {
      fewest = soFar;
      best = images;
      return;
    }
    for (std::uint32_t mask : {0, 1, 2, 4, 3, 5, 6, 7}) {
      images[bit] = 1u << bit | mask << vectorBits;
      self(self, bit + 1);
      if (!(named >> bit & 1))
        break; // no access would notice another mask
    }
    images[bit] = 1u << bit;
  };
  search(search, high);
  layout.bases(Place::Offset) = best;
  return layout;
}

unsigned bankConflicts(const Layout &memory, const Layout &registers,
                       unsigned vectorBits, unsigned elementBits) {
  std::optional<LinearMap> toOffset = memory.map(Place::Offset).inverse();
  assert(toOffset && "each element has one offset");
  unsigned bytes = std::max(1u, (elementBits << vectorBits) / 8);
  assert(bytes <= 16 && "a lane accesses 16 bytes at most");
  // The hardware serves 128 bytes at a time: 8 lanes of 16 bytes, 16 of 8.
  // Other registers and warps add (XOR) a constant to all offsets, which
  // permutes the banks and makes no conflict.
  unsigned lanes = std::min(32u, 128 / bytes), worst = 1;
  for (unsigned first = 0; first < 32; first += lanes) {
    std::map<unsigned, std::set<unsigned>> wordsOfBank;
    for (unsigned lane = first; lane < first + lanes; ++lane) {
      unsigned offset = (*toOffset)(registers.index(0, lane));
      assert(offset % (1u << vectorBits) == 0 && "a vector is aligned");
      unsigned start = offset * elementBits / 8;
      for (unsigned b = 0; b < std::max(bytes, 4u); b += 4)
        wordsOfBank[(start + b) / 4 % 32].insert((start + b) / 4);
    }
    for (auto &[bank, words] : wordsOfBank)
      worst = std::max(worst, static_cast<unsigned>(words.size()));
  }
  return worst;
}

} // namespace lath
