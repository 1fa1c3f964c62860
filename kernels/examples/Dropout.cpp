// out[i] = random(i, seed) >= rate ? in[i] / (1 - rate) : 0
//                                                          (arXiv 1207.0580)
// The random number of an element is a function of its place and the seed, so
// that a backward pass makes it again instead of reading a mask.
#include "kernels/examples/Examples.h"

namespace lath {

static std::unique_ptr<Program> dropout(Dtype dtype, std::int64_t multiple,
                                        std::int64_t tile) {
  auto program = std::make_unique<Program>("dropout");
  Program &p = *program;
  Index n = p.scalar("n", multiple), seed = p.scalar("seed");
  Tile rate = p.scalar("rate", Dtype::f32);
  View in = p.view("in", dtype, {n}), out = p.view("out", dtype, {n});

  Range i = p.range(p.programId(0), tile);
  Tile kept = random(iota(i), seed) >= rate;
  Tile x = cast(in.load({i}), Dtype::f32);
  out.store({i}, cast(where(kept, x / (1 - rate), 0), dtype));
  return program;
}

/// Philox-4x32-10's first word of counter {i, 0, 0, 0} and key {seed, 0}, as a
/// number in [0, 1).
static double uniform(std::uint32_t i, std::uint32_t seed) {
  std::uint32_t c[4] = {i, 0, 0, 0}, k[2] = {seed, 0};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * c[0], b = 0xCD9E8D57ull * c[2];
    const std::uint32_t next[4] = {
        std::uint32_t(b >> 32) ^ c[1] ^ k[0], std::uint32_t(b),
        std::uint32_t(a >> 32) ^ c[3] ^ k[1], std::uint32_t(a)};
    std::copy(next, next + 4, c);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return (c[0] >> 8) * 0x1p-24;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t n = sizes["n"];
  constexpr double seed = 17, rate = 0.25;
  return {
      .space = ProgramSpace("tile=256|512|1024|2048|4096 w=1|2|4|8"),
      .usual = "tile1024w4",
      .build = [=](auto &c) { return dropout(dtype, promised(n), c["tile"]); },
      .grid = [=](auto &c) { return ProgramGrid{tilesOf(n, c["tile"]), 1, 1}; },
      .arguments = {NumberArgument{"n", double(n)},
                    NumberArgument{"seed", seed}, NumberArgument{"rate", rate},
                    ArrayArgument{"in", dtype, {n}},
                    ArrayArgument{
                        "out", dtype, {n}, ArrayArgument::Use::output}},
      .reference =
          [=](ArgumentValues &v) {
            for (std::int64_t i = 0; i < n; ++i)
              v[4][i] = uniform(std::uint32_t(i), seed) >= rate
                            ? v[3][i] / (1 - rate)
                            : 0;
          },
      .bytes = 2.0 * n * bitWidth(dtype) / 8};
}

const Example dropoutExample = {
    "dropout",
    "out[i] = random(i, seed) >= rate ? in[i] / (1 - rate) : 0",
    {{"n", 1 << 24}},
    problem};

} // namespace lath
