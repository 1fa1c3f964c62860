// Protects: the order of packed weights is the documented one, packing loses
// nothing, and the GPU packer and the host packer agree.
#include "kernels/weights/PackedWeights.h"
#include "compiler/Compile.h"
#include "compiler/base/Target.h"
#include "compiler/ir/DotLayouts.h"
#include "runtime/EmulatedDevice.h"

#include <catch2/catch.hpp>

#include <random>

using namespace lath;

namespace {

std::vector<std::uint32_t> randomWords(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint32_t> words(count);
  for (std::uint32_t &word : words)
    word = random();
  return words;
}

} // namespace

TEST_CASE("an atom's order is the one that docs/packed-weights.md describes") {
  Layout atom = weightAtom();
  REQUIRE(atom.shape() == Shape{64, 16});
  std::vector<bool> seen(1024);
  for (std::int64_t k = 0; k < 64; ++k)
    for (std::int64_t n = 0; n < 16; ++n) {
      std::int64_t lane = n / 2 * 4 + k / 2 % 4;
      std::int64_t word = k / 16;
      std::int64_t nibble = n % 2 + 2 * (k / 8 % 2) + 4 * (k % 2);
      std::int64_t offset = (lane * 4 + word) * 8 + nibble;
      CHECK(atom.indexOfOffset(offset) == atom.flatten({k, n}));
      seen[offset] = true;
    }
  CHECK(std::count(seen.begin(), seen.end(), true) == 1024);
}

TEST_CASE("each weight alone lands where the atom's map says") {
  Layout atom = weightAtom();
  LinearMap offsetOf = *atom.map(Place::Offset).inverse();
  for (std::int64_t k = 0; k < 64; ++k)
    for (std::int64_t n = 0; n < 16; ++n) {
      std::vector<std::uint32_t> gptq(8 * 16);
      gptq[k / 8 * 16 + n] = 15u << k % 8 * 4;
      std::vector<std::uint32_t> packed = packWeights(gptq, 16, 64);
      std::uint32_t offset = offsetOf(atom.flatten({k, n}));
      std::vector<std::uint32_t> expected(128);
      expected[offset / 8] = 15u << offset % 8 * 4;
      CHECK(packed == expected);
    }
}

TEST_CASE("unpacking what was packed gives the same words") {
  for (auto [n, k] : {std::pair{16, 64},
                      {8, 32},
                      {24, 96},
                      {520, 960},
                      {4096, 128},
                      {128, 4096},
                      {8, 2112}}) {
    INFO(n << " x " << k);
    auto gptq = randomWords(static_cast<std::size_t>(k / 8 * n), n + k);
    auto packed = packWeights(gptq, n, k);
    CHECK(packed.size() == packedWords(n, k));
    CHECK(unpackWeights(packed, n, k) == gptq);
  }
}

TEST_CASE("packing refuses words that are not the matrix's") {
  CHECK_THROWS_WITH(packWeights(std::vector<std::uint32_t>(100), 16, 64),
                    "qweight: expected 128 words, got 100");
  CHECK_THROWS_WITH(unpackWeights(std::vector<std::uint32_t>(128), 24, 64),
                    "packed weights: expected 256 words, got 128");
}

TEST_CASE("the kernel that packs agrees with the host") {
  auto device = openEmulator("sm_90a");
  for (auto [n, k] : {std::pair{128, 64}, {512, 256}, {520, 96}, {24, 320}}) {
    INFO(n << " x " << k);
    auto gptq = randomWords(static_cast<std::size_t>(k / 8 * n), 3 * n + k);
    for (int warps : {1, 4, 8}) {
      CompileOptions options;
      options.target = &target("sm_90a");
      options.warps = warps;
      Ptx ptx = compile(*packProgram(n, k), options).ptx;
      auto kernel = device->load(ptx);
      DeviceBuffer from(device, 4 * gptq.size());
      DeviceBuffer to(device, 4 * packedWords(n, k));
      device->upload(from.get(), gptq.data(), from.bytes());
      device->fill(to.get(), 0xcd, to.bytes());
      device->expectWritten(to.get(), to.bytes());
      std::uint64_t arguments[] = {from.get(), to.get()};
      LaunchConfig config;
      config.grid = {static_cast<unsigned>((n + 127) / 128),
                     static_cast<unsigned>((k + 63) / 64), 1};
      kernel->launch(nullptr, config, arguments);
      std::vector<std::uint32_t> packed(packedWords(n, k));
      device->download(packed.data(), to.get(), to.bytes());
      CHECK(packed == packWeights(gptq, n, k));
    }
  }
}
