// Protects: Philox-4x32-10 gives its known answers, and the numbers made of it
// are those that follow from them; numbers that a launch passes reach tiles.
#include "tests/emulator/Elements.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// The generator, in C++.
Words reference(Words c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    if (round) {
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0],
                        b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {std::uint32_t(b >> 32) ^ c[1] ^ k[0], std::uint32_t(b),
         std::uint32_t(a >> 32) ^ c[3] ^ k[1], std::uint32_t(a)};
  }
  return c;
}

std::vector<std::uint32_t> counters(std::size_t count) {
  std::vector<std::uint32_t> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<std::uint32_t>(i * i * 7);
  return values;
}

} // namespace

TEST_CASE("random: known answers of Philox-4x32-10") {
  struct Answer {
    Words counter;
    std::array<std::uint32_t, 2> key;
    Words words;
  };
  // Zeros, ones, and digits of pi (Random123's known answers).
  const Answer answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u},
       {~0u, ~0u},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Answer &answer : answers) {
    CHECK(reference(answer.counter, answer.key) == answer.words);
    for (int word = 0; word < 4; ++word) {
      std::vector<std::vector<std::uint32_t>> inputs;
      for (std::uint32_t value : answer.counter)
        inputs.emplace_back(32, value);
      for (std::uint32_t value : answer.key)
        inputs.emplace_back(32, value);
      Elements elements{std::vector<Dtype>(6, Dtype::u32), Dtype::u32, "sm_90a",
                        1, 32};
      auto result = elements.run<std::uint32_t>(
          [&](const std::vector<Tile> &t) {
            return philox({t[0], t[1], t[2], t[3]}, {t[4], t[5]})[word];
          },
          inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]);
      for (std::uint32_t each : result)
        REQUIRE(each == answer.words[word]);
    }
  }
}

TEST_CASE("random: a counter and a key of one word") {
  const std::vector<std::uint32_t> values = counters(256);
  auto words =
      Elements{{Dtype::i32}, Dtype::u32, "sm_80", 2, 128}.run<std::uint32_t>(
          [](const std::vector<Tile> &t) {
            return philox(t[0], 0xfeedbeef)[3];
          },
          values);
  auto uniform =
      Elements{{Dtype::u32}, Dtype::f32, "sm_90a", 4, 256}.run<float>(
          [](const std::vector<Tile> &t) { return random(t[0], 42); }, values);
  auto normal = Elements{{Dtype::u32}, Dtype::f32, "sm_90a", 4, 256}.run<float>(
      [](const std::vector<Tile> &t) { return randomNormal(t[0], 42); },
      values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    REQUIRE(words[i] == reference({values[i], 0, 0, 0}, {0xfeedbeef, 0})[3]);
    const Words of = reference({values[i], 0, 0, 0}, {42, 0});
    REQUIRE(uniform[i] == float(of[0] >> 8) * 0x1p-24f);
    const double radius =
        std::sqrt(-2 * std::log(((of[0] >> 8) + 1) * 0x1p-24));
    REQUIRE(normal[i] ==
            Approx(radius * std::cos(2 * M_PI * (of[1] >> 8) * 0x1p-24))
                .margin(4e-6)
                .epsilon(4e-6));
  }
}

TEST_CASE("scalars: floats and integers of a launch in tiles") {
  Program p("scalars");
  Tile factor = p.scalar("factor", Dtype::f32);
  Tile offset = p.scalar("offset", Dtype::i64);
  Tile seed = p.scalar("seed", Dtype::u32);
  View x = p.view("x", Dtype::f32, {64});
  View scaled = p.view("scaled", Dtype::f32, {64});
  View longs = p.view("longs", Dtype::i64, {64});
  View words = p.view("words", Dtype::u32, {64});
  Range all = p.range(p.constant(0), 64);
  scaled.store({all}, x.load({all}) * factor);
  longs.store({all}, cast(x.load({all}), Dtype::i64) + offset);
  words.store({all}, broadcast(seed, {64}));
  CompileOptions options;
  options.target = &target("sm_90a");
  options.warps = 1;
  Ptx ptx = compile(p, options).ptx;
  REQUIRE(ptx.params[0].type == Dtype::f32);
  REQUIRE(ptx.params[1].type == Dtype::i64);
  REQUIRE(ptx.params[2].type == Dtype::u32);
  auto device = openEmulator();
  std::vector<float> xs(64);
  for (int i = 0; i < 64; ++i)
    xs[i] = float(i) - 5;
  DeviceBuffer xb = uploaded(device, xs),
               sb = uploaded(device, std::vector<float>(64)),
               lb = uploaded(device, std::vector<std::int64_t>(64)),
               wb = uploaded(device, std::vector<std::uint32_t>(64));
  device->load(ptx)->launch(
      nullptr, {},
      std::vector<std::uint64_t>{std::bit_cast<std::uint32_t>(-1.5f),
                                 std::uint64_t(-(1ll << 40)), 0xffffffffu,
                                 xb.get(), sb.get(), lb.get(), wb.get()});
  auto floats = downloaded<float>(*device, sb);
  auto integers = downloaded<std::int64_t>(*device, lb);
  auto seeds = downloaded<std::uint32_t>(*device, wb);
  for (int i = 0; i < 64; ++i) {
    REQUIRE(floats[i] == xs[i] * -1.5f);
    REQUIRE(integers[i] == std::int64_t(xs[i]) - (1ll << 40));
    REQUIRE(seeds[i] == 0xffffffffu);
  }
}
