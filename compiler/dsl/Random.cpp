// Random numbers by counter: Philox-4x32-10 (Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3").
#include "compiler/dsl/ProgramImpl.h"

#include <numbers>

namespace lath {

static constexpr int rounds = 10;
static constexpr double multipliers[] = {0xD2511F53, 0xCD9E8D57};
static constexpr double keySteps[] = {0x9E3779B9, 0xBB67AE85};

/// A word of a counter or of a key, as u32.
static Tile wordOf(const Call &call, const Operand &operand) {
  Tile tile = call.tileOf(operand, Dtype::u32);
  if (tile.dtype() != Dtype::u32 && tile.dtype() != Dtype::i32)
    call.fail("expected words of u32 or i32, got {}", describe(tile));
  return call.wrap(call.get(tile), Dtype::u32);
}

std::array<Tile, 4> philox(const std::array<Operand, 4> &counter,
                           const std::array<Operand, 2> &key) {
  const Source where = counter[0].where;
  Call call(programOf({&counter[0], &counter[1], &counter[2], &counter[3],
                       &key[0], &key[1]}),
            "philox", where);
  auto at = [&](const Tile &tile) { return Operand(tile, where); };
  std::array<Tile, 4> c;
  for (int i = 0; i < 4; ++i)
    c[i] = wordOf(call, counter[i]);
  std::array<Tile, 2> k{wordOf(call, key[0]), wordOf(call, key[1])};
  for (int round = 0; round < rounds; ++round) {
    if (round)
      for (int i : {0, 1})
        k[i] = at(k[i]) + keySteps[i];
    auto high = [&](int i) {
      return multiplyHigh(at(c[2 * i]), Operand(multipliers[i], where));
    };
    Tile h0 = high(0), h1 = high(1);
    Tile l0 = at(c[0]) * multipliers[0], l1 = at(c[2]) * multipliers[1];
    c = {at(at(h1) ^ c[1]) ^ k[0], l1, at(at(h0) ^ c[3]) ^ k[1], l0};
  }
  // A word may have met only part of the shape.
  const Shape shape = call.commonShape({c[0], c[1], c[2], c[3]});
  for (Tile &word : c)
    word = call.broadcast(word, shape);
  return c;
}

std::array<Tile, 4> philox(Operand counter, Operand key) {
  const Operand zero(0, counter.where);
  return philox({counter, zero, zero, zero}, {key, zero});
}

/// The upper 24 bits of a word as an integer: exact in f32.
static Tile upperBits(const Tile &word, Source where) {
  Tile bits = Operand(word, where) >> 8;
  return cast(Operand(bits, where), Dtype::f32);
}

Tile random(Operand counter, Operand key) {
  const Source where = counter.where;
  Tile bits = upperBits(philox(counter, key)[0], where);
  return Operand(bits, where) * 0x1p-24;
}

/// Box and Muller: the radius of a number in (0, 1], the angle of another one.
Tile randomNormal(Operand counter, Operand key) {
  const Source where = counter.where;
  auto at = [&](const Tile &tile) { return Operand(tile, where); };
  std::array<Tile, 4> words = philox(counter, key);
  Tile u = at(at(upperBits(words[0], where)) + 1) * 0x1p-24;
  Tile radius = sqrt(at(at(log2(at(u))) * (-2 * std::numbers::ln2)));
  Tile angle =
      at(upperBits(words[1], where)) * (2 * std::numbers::pi * 0x1p-24);
  return at(radius) * cos(at(angle));
}

} // namespace lath
