// Protects the code of dense kernels: results of products are stored in whole
// sectors, operands of either order reach the tensor core without bank
// conflicts, rows that are no vectors are accessed by neighbouring lanes, and
// loops that follow each other use the same shared memory.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

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
                                    : transpose(bv.load({column, kk}));
                        return dot(av.load({row, kk}), b, acc);
                      });
    ov.store({row, column}, to == Dtype::f32 ? sum : cast(sum, to));
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
        product.run(options("sm_90a", warps, stages));
        Cost stored = global(product.counters, "out"),
             moved = shared(product.counters);
        CHECK(stored.cost == stored.ideal);
        CHECK(stored.executed <=
              std::uint64_t(m) * n * 2 / 512 * (n < 64 ? 2 : 1));
        CHECK(moved.cost == moved.ideal);
      }
}

TEST_CASE("dense: f32 results and rows of few columns stay exact") {
  for (bool kn : {true, false})
    for (auto [m, n, warps] :
         {std::array<int, 3>{64, 32, 4}, std::array<int, 3>{16, 16, 1},
          std::array<int, 3>{16, 16, 2}, std::array<int, 3>{16, 8, 1},
          std::array<int, 3>{8, 16, 1}, std::array<int, 3>{64, 8, 4}})
      for (Dtype to : {Dtype::f16, Dtype::f32})
        for (int stages : {1, 2}) {
          Product product{m, n, 64, 32, kn, to};
          CAPTURE(kn, m, n, warps, name(to), stages);
          product.run(options("sm_90a", warps, stages));
        }
}

TEST_CASE("dense: rows that are no vectors are accessed in whole sectors") {
  for (Dtype dtype : {Dtype::f16, Dtype::f32}) {
    Program p("add");
    Index extent = p.scalar("n");
    View a = p.view("a", dtype, {extent}), b = p.view("b", dtype, {extent}),
         c = p.view("c", dtype, {extent});
    Range i = p.range(p.programId(0), 1024);
    c.store({i}, a.load({i}) + b.load({i}));
    Ptx ptx = compile(p, options("sm_90a", 4, 1)).ptx;
    auto device = openEmulator();
    constexpr std::uint64_t n = 4096;
    const std::size_t size = dtype == Dtype::f16 ? 2 : 4;
    DeviceBuffer ab = uploaded(device, std::vector<std::uint8_t>(n * size)),
                 bb = uploaded(device, std::vector<std::uint8_t>(n * size)),
                 cb(device, n * size);
    device->load(ptx)->launch(
        nullptr, {.grid = {4, 1, 1}},
        std::vector<std::uint64_t>{n, ab.get(), bb.get(), cb.get()});
    for (const char *buffer : {"a", "b", "c"}) {
      CAPTURE(name(dtype), buffer);
      Cost cost = global(device->counters(), buffer);
      CHECK(cost.cost == n * size / 32);
      CHECK(cost.cost == cost.ideal);
    }
  }
}

namespace {

/// out = (a b + a c) d: two loops one after the other, and a product whose A is
/// a product.
struct Chain {
  std::int64_t m, n, k, blockK;
  LaunchCounters counters = {};
  Ptx ptx = {};

  void run(const CompileOptions &options) {
    Program p("chain");
    View av = p.view("a", Dtype::f16, {m, k});
    View bv = p.view("b", Dtype::f16, {k, n});
    View cv = p.view("c", Dtype::f16, {k, n});
    View dv = p.view("d", Dtype::f16, {n, n});
    View ov = p.view("out", Dtype::f32, {m, n});
    Range row = p.range(p.constant(0), m), column = p.range(p.constant(0), n);
    Tile zero = p.splat(0, Dtype::f32, {m, n});
    auto product = [&](View right, Tile start) {
      return p.loop(p.kRange(k, blockK), start, [&](Range kk, Tile acc) {
        return dot(av.load({row, kk}), right.load({kk, column}), acc);
      });
    };
    Tile sum = product(cv, product(bv, zero));
    ov.store({row, column},
             dot(cast(sum, Dtype::f16), dv.load({column, column}), zero));
    ptx = compile(p, options).ptx;
    auto device = openEmulator();
    std::vector<std::uint16_t> a = halves(m * k, 1), b = halves(k * n, 2),
                               c = halves(k * n, 3), d = halves(n * n, 4);
    DeviceBuffer ab = uploaded(device, a), bb = uploaded(device, b),
                 cb = uploaded(device, c), db = uploaded(device, d);
    DeviceBuffer out(device, m * n * 4);
    device->expectWritten(out.get(), out.bytes());
    device->load(ptx)->launch(nullptr, {},
                              std::vector<std::uint64_t>{ab.get(), bb.get(),
                                                         cb.get(), db.get(),
                                                         out.get()});
    counters = device->counters();
    std::vector<float> got = downloaded<float>(*device, out);
    auto at = [](const std::vector<std::uint16_t> &array, std::int64_t index) {
      return halfToFloat(array[index]);
    };
    for (std::int64_t i = 0; i < m; ++i) {
      std::vector<float> middle(n), expected(n);
      for (std::int64_t kk = 0; kk < k; ++kk)
        for (std::int64_t j = 0; j < n; ++j)
          middle[j] +=
              at(a, i * k + kk) * (at(b, kk * n + j) + at(c, kk * n + j));
      for (std::int64_t kk = 0; kk < n; ++kk)
        for (std::int64_t j = 0; j < n; ++j)
          expected[j] += middle[kk] * at(d, kk * n + j);
      for (std::int64_t j = 0; j < n; ++j)
        if (got[i * n + j] != expected[j]) {
          CAPTURE(i, j);
          REQUIRE(got[i * n + j] == expected[j]);
        }
    }
  }
};

} // namespace

TEST_CASE("dense: loops one after the other take the shared memory of one") {
  for (int stages : {2, 4})
    for (auto [m, n, warps] :
         {std::array<int, 3>{64, 64, 4}, std::array<int, 3>{32, 64, 2},
          std::array<int, 3>{16, 32, 1}, std::array<int, 3>{32, 64, 4}}) {
      Chain chain{m, n, 96, 32};
      CAPTURE(stages, m, n, warps);
      chain.run(options("sm_90a", warps, stages));
      const unsigned loop = 2 * stages * 32 * (m + n);
      CHECK(chain.ptx.sharedBytes == loop);
    }
}

TEST_CASE("dense: a product becomes the operand of the next one in its "
          "registers") {
  Chain chain{64, 64, 64, 64};
  chain.run(options("sm_90a", 4, 1));
  CHECK(chain.ptx.sharedBytes == 0);
  CHECK(shared(chain.counters).executed == 0);
}

TEST_CASE("dense: (q k) v in one loop moves nothing but stages, without "
          "conflicts") {
  constexpr std::int64_t m = 64, keys = 128, step = 32;
  for (std::int64_t d : {32, 64, 128})
    for (int warps : {1, 4}) {
      Program p("linear_attention");
      View q = p.view("q", Dtype::f16, {m, d});
      View k = p.view("k", Dtype::f16, {keys, d});
      View v = p.view("v", Dtype::f16, {keys, d});
      View out = p.view("out", Dtype::f16, {m, d});
      Range row = p.range(p.constant(0), m), head = p.range(p.constant(0), d);
      Tile queries = q.load({row, head});
      Tile sum = p.loop(p.kRange(keys, step), p.splat(0, Dtype::f32, {m, d}),
                        [&](Range key, Tile acc) {
                          Tile s = dot(queries, transpose(k.load({key, head})),
                                       p.splat(0, Dtype::f32, {m, step}));
                          Tile halved =
                              cast(s * p.splat(0.5, Dtype::f32, {m, step}),
                                   Dtype::f16);
                          return dot(halved, v.load({key, head}), acc);
                        });
      out.store({row, head}, cast(sum, Dtype::f16));
      CompileOptions options = test::options("sm_90a", warps, 2);
      Ptx ptx = compile(p, options).ptx;
      CAPTURE(d, warps);
      CHECK(ptx.sharedBytes == 2 * 2 * step * d * 2);
      CHECK(ptx.text.find("st.shared") == std::string::npos);
      auto device = openEmulator();
      std::vector<std::uint16_t> qh = halves(m * d, 1),
                                 kh = halves(keys * d, 2),
                                 vh = halves(keys * d, 3);
      for (std::uint16_t &value : vh) // small enough for f16 to be exact
        value = halfToFloat(value) > 1 ? toHalf(1) : value;
      DeviceBuffer qb = uploaded(device, qh), kb = uploaded(device, kh),
                   vb = uploaded(device, vh), ob(device, m * d * 2);
      device->expectWritten(ob.get(), ob.bytes());
      device->load(ptx)->launch(
          nullptr, {},
          std::vector<std::uint64_t>{qb.get(), kb.get(), vb.get(), ob.get()});
      Cost moved = shared(device->counters()),
           stored = global(device->counters(), "out");
      CHECK(moved.cost == moved.ideal);
      CHECK(stored.cost == stored.ideal);
      auto got = downloaded<std::uint16_t>(*device, ob);
      for (std::int64_t i = 0; i < m; ++i) {
        std::vector<float> expected(d);
        for (std::int64_t key = 0; key < keys; ++key) {
          float s = 0;
          for (std::int64_t h = 0; h < d; ++h)
            s += halfToFloat(qh[i * d + h]) * halfToFloat(kh[key * d + h]);
          for (std::int64_t h = 0; h < d; ++h)
            expected[h] += s / 2 * halfToFloat(vh[key * d + h]);
        }
        for (std::int64_t h = 0; h < d; ++h)
          REQUIRE(got[i * d + h] == toHalf(expected[h]));
      }
    }
}

TEST_CASE("dense: f32 is multiplied as tf32, rounded to nearest") {
  constexpr std::int64_t k = 64, step = 16;
  auto rounded = [](float value) {
    auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x1000) & 0xffffe000);
  };
  for (bool kn : {true, false})
    for (int stages : {1, 2})
      for (auto [m, n, warps] :
           {std::array<int, 3>{64, 64, 4}, std::array<int, 3>{16, 8, 1},
            std::array<int, 3>{8, 32, 2}, std::array<int, 3>{32, 64, 4}}) {
        CAPTURE(kn, stages, m, n, warps);
        Program p("product");
        View av = p.view("a", Dtype::f32, {m, k});
        View bv = kn ? p.view("b", Dtype::f32, {k, n})
                     : p.view("b", Dtype::f32, {n, k});
        View ov = p.view("out", Dtype::f32, {m, n});
        Range row = p.range(p.constant(0), m),
              column = p.range(p.constant(0), n);
        Tile sum = p.loop(p.kRange(k, step), p.splat(0, Dtype::f32, {m, n}),
                          [&](Range kk, Tile acc) {
                            Tile b = kn ? bv.load({kk, column})
                                        : transpose(bv.load({column, kk}));
                            return dot(av.load({row, kk}), b, acc);
                          });
        ov.store({row, column}, sum);
        Ptx ptx = compile(p, options("sm_90a", warps, stages)).ptx;
        CHECK(ptx.text.find("m16n8k8.row.col.f32.tf32.tf32.f32") !=
              std::string::npos);
        std::mt19937 random(7);
        std::normal_distribution<float> normal;
        std::vector<float> a(m * k), b(k * n);
        for (float &value : a)
          value = normal(random);
        for (float &value : b)
          value = normal(random);
        auto device = openEmulator();
        DeviceBuffer ab = uploaded(device, a), bb = uploaded(device, b),
                     ob(device, m * n * 4);
        device->expectWritten(ob.get(), ob.bytes());
        device->load(ptx)->launch(
            nullptr, {},
            std::vector<std::uint64_t>{ab.get(), bb.get(), ob.get()});
        if (stages > 1) {
          Cost moved = shared(device->counters());
          CHECK(moved.cost == moved.ideal);
        }
        auto got = downloaded<float>(*device, ob);
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            double expected = 0, size = 0;
            for (std::int64_t kk = 0; kk < k; ++kk) {
              double term = double{rounded(a[i * k + kk])} *
                            rounded(b[kn ? kk * n + j : j * k + kk]);
              expected += term;
              size += std::abs(term);
            }
            // Of k terms, each sum rounded once.
            REQUIRE(std::abs(got[i * n + j] - expected) <= k * 0x1p-24 * size);
          }
      }
}
