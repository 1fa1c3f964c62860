// Protects the code of dense kernels: results of products are stored in whole
// sectors, operands of either order reach the tensor core without bank
// conflicts, rows that are no vectors are accessed by neighbouring lanes, and
// loops that follow each other use the same shared memory.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <random>

using namespace lath;
using namespace lath::test;

namespace {

CompileOptions schedule(int warps, int stages) {
  CompileOptions options;
  options.target = &target("sm_90a");
  options.warps = warps;
  options.stages = stages;
  options.verifyEach = true;
  return options;
}

/// Whole numbers of four values, so that sums of products are exact.
std::vector<std::uint16_t> halves(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> small(-1, 2);
  std::vector<std::uint16_t> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(toHalf(static_cast<float>(small(random))));
  return values;
}

/// What the accesses of one kind cost, and what their bytes need.
struct Cost {
  std::uint64_t executed = 0, cost = 0, ideal = 0;
};
Cost global(const LaunchCounters &counters, const std::string &buffer) {
  Cost sum;
  for (const AccessCounters &access : counters.accesses)
    if (access.buffer == buffer) {
      sum.executed += access.executed;
      sum.cost += access.sectors;
      sum.ideal += access.idealSectors;
    }
  return sum;
}
Cost shared(const LaunchCounters &counters) {
  Cost sum;
  for (const AccessCounters &access : counters.accesses)
    if (access.buffer.empty() && access.wavefronts) {
      sum.executed += access.executed;
      sum.cost += access.wavefronts;
      sum.ideal += access.idealWavefronts;
    }
  return sum;
}

/// out = a b for one tile, b stored as [k, n] or as [n, k].
struct Product {
  std::int64_t m, n, k, blockK;
  bool kn;
  Dtype to = Dtype::f16;
  LaunchCounters counters = {};
  Ptx ptx = {};

  void run(const CompileOptions &options) {
    Program p("product");
    View av = p.view("a", Dtype::f16, {m, k});
    View bv =
        kn ? p.view("b", Dtype::f16, {k, n}) : p.view("b", Dtype::f16, {n, k});
    View ov = p.view("out", to, {m, n});
    Range row = p.range(p.constant(0), m), column = p.range(p.constant(0), n);
    Tile sum = p.loop(p.kRange(k, blockK), p.splat(0, Dtype::f32, {m, n}),
                      [&](Range kk, Tile acc) {
                        Tile b = kn ? bv.load({kk, column})
                                    : p.transpose(bv.load({column, kk}));
                        return p.dot(av.load({row, kk}), b, acc);
                      });
    ov.store({row, column}, to == Dtype::f32 ? sum : p.cast(sum, to));
    ptx = compile(p, options).ptx;
    auto device = openEmulator();
    std::vector<std::uint16_t> a = halves(m * k, 1), b = halves(k * n, 2);
    DeviceBuffer ab = uploaded(device, a), bb = uploaded(device, b);
    const std::size_t size = to == Dtype::f32 ? 4 : 2;
    DeviceBuffer out(device, m * n * size);
    device->expectWritten(out.get(), out.bytes());
    device->load(ptx)->launch(
        nullptr, {}, std::vector<std::uint64_t>{ab.get(), bb.get(), out.get()});
    counters = device->counters();
    std::vector<float> wide;
    std::vector<std::uint16_t> narrow;
    if (to == Dtype::f32)
      wide = downloaded<float>(*device, out);
    else
      narrow = downloaded<std::uint16_t>(*device, out);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        float expected = 0;
        for (std::int64_t kk = 0; kk < k; ++kk)
          expected += halfToFloat(a[i * k + kk]) *
                      halfToFloat(b[kn ? kk * n + j : j * k + kk]);
        float got =
            to == Dtype::f32 ? wide[i * n + j] : halfToFloat(narrow[i * n + j]);
        if (got != expected) {
          CAPTURE(i, j);
          REQUIRE(got == expected);
        }
      }
  }
};

} // namespace

TEST_CASE("dense: products are stored in whole sectors and read without "
          "conflicts") {
  for (bool kn : {true, false})
    for (int stages : {2, 3})
      for (auto [m, n, blockK, warps] : {std::array<int, 4>{64, 64, 64, 4},
                                         std::array<int, 4>{64, 128, 32, 4},
                                         std::array<int, 4>{128, 64, 16, 4},
                                         std::array<int, 4>{16, 64, 64, 1},
                                         std::array<int, 4>{32, 32, 64, 2},
                                         std::array<int, 4>{128, 128, 64, 8},
                                         std::array<int, 4>{8, 128, 64, 2}}) {
        Product product{m, n, 128, blockK, kn};
        CAPTURE(kn, stages, m, n, blockK, warps);
        product.run(schedule(warps, stages));
        Cost stored = global(product.counters, "out"),
             moved = shared(product.counters);
        CHECK(stored.cost == stored.ideal);
        CHECK(stored.executed <=
              std::uint64_t(m) * n * 2 / 512 * (n < 64 ? 2 : 1));
        CHECK(moved.cost == moved.ideal);
      }
}
