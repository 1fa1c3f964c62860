// Protects dense products by wgmma, tensor copies, a producer warp and
// persistent blocks: right results of the matmul example on the emulator,
// without findings, and the same bytes on a GPU.
#include "compiler/base/Half.h"
#include "compiler/base/Target.h"
#include "kernels/examples/Examples.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

struct Size {
  std::int64_t m, n, k;
};

using Bits = std::vector<std::uint16_t>;

Bits numbers(std::int64_t count, Dtype dtype, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Bits bits(static_cast<std::size_t>(count));
  for (std::uint16_t &b : bits)
    b = fromFloat(normal(random), dtype);
  return bits;
}

/// The result of a launch on `device`, rows behind the last one included, which
/// hold what was there.
Bits product(const std::shared_ptr<Device> &device, const Ptx &ptx,
             const MatmulTile &tile, const Size &s, const Bits &a,
             const Bits &b) {
  DeviceBuffer aMemory = uploaded(device, a), bMemory = uploaded(device, b);
  Bits out(static_cast<std::size_t>((s.m + 1) * s.n), 0xffff);
  DeviceBuffer outMemory = uploaded(device, out);
  const std::uint64_t arguments[] = {static_cast<std::uint64_t>(s.m),
                                     aMemory.get(), bMemory.get(),
                                     outMemory.get()};
  LaunchConfig config;
  config.grid = matmulGrid(s.m, s.n, tile);
  device->load(ptx)->launch(nullptr, config, arguments);
  device->synchronize();
  device->download(out.data(), outMemory.get(), outMemory.bytes());
  return out;
}

void checkMatmul(const std::string &text, const Size &s, MatrixB order,
                 Dtype dtype) {
  CAPTURE(text, s.m, s.n, s.k, order == MatrixB::kn, name(dtype));
  const Schedule schedule = parseSchedule(text);
  const MatmulTile tile{schedule.blockM, schedule.blockN, schedule.blockK};
  const Ptx ptx = compileMatmul(s.n, s.k, order, dtype, text);
  const Bits a = numbers(s.m * s.k, dtype, 3), b = numbers(s.n * s.k, dtype, 4);
  const Bits out = product(openEmulator(), ptx, tile, s, a, b);
  // One rounding of the sum in fp32 to the type, and one of each product's sum
  // of at most k terms before.
  const double unit = dtype == Dtype::f16 ? 1.0 / 1024 : 1.0 / 128;
  for (std::int64_t i = 0; i < s.m; ++i)
    for (std::int64_t j = 0; j < s.n; ++j) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < s.k; ++k) {
        const double x =
            double(toFloat(a[static_cast<std::size_t>(i * s.k + k)], dtype)) *
            toFloat(b[static_cast<std::size_t>(
                        order == MatrixB::kn ? k * s.n + j : j * s.k + k)],
                    dtype);
        sum += x;
        size += std::abs(x);
      }
      const double got =
          toFloat(out[static_cast<std::size_t>(i * s.n + j)], dtype);
      REQUIRE(std::abs(got - sum) <=
              0.5 * unit * std::abs(sum) + size * double(s.k) * 0x1p-24 + 1e-6);
    }
  for (std::int64_t j = 0; j < s.n; ++j)
    REQUIRE(out[static_cast<std::size_t>(s.m * s.n + j)] == 0xffff);
  if (auto gpu = gpuForAgreement()) {
    // Sums differ in the order of their terms within an instruction.
    const Bits there = product(gpu, ptx, tile, s, a, b);
    const auto written = static_cast<std::size_t>(s.m * s.n);
    for (std::size_t x = written; x < out.size(); ++x)
      REQUIRE(there[x] == 0xffff);
    for (std::size_t x = 0; x < written; ++x)
      REQUIRE(std::abs(toFloat(there[x], dtype) - toFloat(out[x], dtype)) <=
              2 * unit * std::max(1.0f, std::abs(toFloat(out[x], dtype))));
  }
}

} // namespace

TEST_CASE("dense products by wgmma", "[gpu]") {
  for (const char *how : {",mma=warpgroup", ",mma=warpgroup,copies=tensor",
                          ",mma=warpgroup,copies=tensor,producers=1",
                          ",copies=tensor", ",copies=tensor,producers=1"})
    for (MatrixB order : {MatrixB::nk, MatrixB::kn})
      for (const char *tile : {"bm64bn64bk64w4st3", "bm128bn32bk64w8st2",
                               "bm128bn64bk128w4st2", "bm256bn32bk32w8st3"})
        // Extents that end in the middle of tiles; rows are 16 bytes times any.
        checkMatmul(std::string(tile) + how, {130, 72, 200}, order,
                    order == MatrixB::nk ? Dtype::f16 : Dtype::bf16);
}

TEST_CASE("dense products by wgmma of few rows, wide tiles and one step",
          "[gpu]") {
  const std::string all = ",mma=warpgroup,copies=tensor,producers=1";
  for (MatrixB order : {MatrixB::nk, MatrixB::kn}) {
    // Fewer rows than wgmma's A has: b is its A.
    checkMatmul("bm16bn64bk64w4st3" + all, {5, 136, 264}, order, Dtype::f16);
    checkMatmul("bm128bn256bk64w8st4" + all, {129, 264, 136}, order,
                Dtype::bf16);
    checkMatmul("bm64bn64bk64w4st4" + all, {64, 64, 16}, order, Dtype::f16);
  }
}

TEST_CASE("rows that tensor copies cannot read go by threads, or are refused",
          "[gpu]") {
  // Rows of 4 bytes times an odd number: cp.async moves words.
  checkMatmul("bm64bn64bk64w4st3,mma=warpgroup", {33, 66, 70}, MatrixB::nk,
              Dtype::f16);
  CHECK_THROWS_WITH(
      compileMatmul(66, 70, MatrixB::nk, Dtype::f16,
                    "bm64bn64bk64w4st3,mma=warpgroup,copies=tensor"),
      Catch::Contains(
          "tensor copies are asked for, and no tile can be brought by one: "
          "the view's rows are 140 bytes; tensor copies take multiples of "
          "16"));
  // a comes by the engine, b [K, N] cannot, and is not fenced.
  CHECK_THROWS_WITH(
      compileMatmul(
          66, 64, MatrixB::kn, Dtype::f16,
          "bm64bn64bk64w4st3,mma=warpgroup,copies=tensor,producers=1"),
      Catch::Contains("what a producer warp copies is not fenced for wgmma"));
  checkMatmul("bm64bn64bk64w4st3,mma=warpgroup,copies=tensor", {33, 66, 64},
              MatrixB::kn, Dtype::f16);
  checkMatmul("bm64bn64bk64w4st3,copies=tensor,producers=1", {33, 66, 64},
              MatrixB::kn, Dtype::f16);
}

TEST_CASE("persistent blocks compute every tile once", "[gpu]") {
  // More tiles than the 132 blocks that run at once, groups of rows that are
  // full and one that is not, and steps that are no multiple of the stages.
  const std::string how = ",copies=tensor,producers=1,persistent=1";
  checkMatmul("bm64bn64bk64w4st6,mma=warpgroup" + how, {1100, 1032, 200},
              MatrixB::nk, Dtype::f16);
  checkMatmul("bm128bn32bk64w8st6,mma=warpgroup" + how, {300, 72, 136},
              MatrixB::kn, Dtype::bf16);
  checkMatmul("bm64bn64bk32w4st5" + how, {200, 136, 72}, MatrixB::kn,
              Dtype::f16);
}

TEST_CASE("a persistent kernel takes grids whose blocks it can count") {
  auto device = openEmulator();
  const Ptx ptx = compileMatmul(
      64, 64, MatrixB::nk, Dtype::f16,
      "bm64bn64bk64w4st3,mma=warpgroup,copies=tensor,producers=1,persistent=1");
  DeviceBuffer memory(device, 2 * 64 * 64);
  const std::vector<std::uint64_t> arguments{64, memory.get(), memory.get(),
                                             memory.get()};
  auto kernel = device->load(ptx);
  for (std::array<unsigned, 3> grid :
       {std::array{1u, 1u, 2u}, std::array{65536u, 65536u, 1u}}) {
    Error error =
        errorOf([&] { kernel->launch(nullptr, {.grid = grid}, arguments); });
    CHECK(error.kind() == ErrorKind::invalidInput);
    CHECK(contains(error.message(), "persistent: it takes a grid of x * y"));
  }
}
