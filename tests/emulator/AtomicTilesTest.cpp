// Protects that atomic operations write what they say, once for each element
// whatever threads hold copies of it, and give every thread what was there.
#include "compiler/Compile.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <numeric>

using namespace lath;
using namespace lath::test;

namespace {

/// `build` is given views of T: the memory that is changed, and what was there.
template <typename T>
std::pair<std::vector<T>, std::vector<T>>
changed(Dtype dtype, std::vector<T> memory, std::size_t results, int warps,
        unsigned blocks,
        const std::function<void(Program &, View, View)> &build) {
  Program p("atomics");
  View target = p.view("memory", dtype, {std::int64_t(memory.size())});
  View was = p.view("was", dtype, {std::int64_t(results)});
  build(p, target, was);
  auto device = openEmulator();
  DeviceBuffer m = uploaded(device, memory),
               w = uploaded(device, std::vector<T>(results, T(-1)));
  device->load(compile(p, options("sm_90a", warps)).ptx)
      ->launch(nullptr, {.grid = {blocks, 1, 1}},
               std::vector<std::uint64_t>{m.get(), w.get()});
  return {downloaded<T>(*device, m), downloaded<T>(*device, w)};
}

} // namespace

TEST_CASE("atomics: each element is added once, and all threads learn what was "
          "there") {
  for (int warps : {1, 2, 8})
    for (int count : {1, 16, 64, 1024}) {
      CAPTURE(warps, count);
      std::vector<std::int32_t> before(count);
      std::iota(before.begin(), before.end(), 100);
      auto [after, was] = changed<std::int32_t>(
          Dtype::i32, before, count, warps, 1,
          [&](Program &p, View memory, View out) {
            Range r = p.range(p.constant(0), count);
            out.store({r}, memory.atomicAdd({r}, iota(r) * 2 + 1));
          });
      for (int i = 0; i < count; ++i) {
        REQUIRE(was[i] == before[i]);
        REQUIRE(after[i] == before[i] + 2 * i + 1);
      }
    }
}

TEST_CASE("atomics: a counter hands out numbers to blocks") {
  auto [after, was] = changed<std::int32_t>(
      Dtype::i32, {5}, 6, 4, 6, [&](Program &p, View memory, View out) {
        Tile ticket = memory.atomicAdd({0}, 1);
        out.store({p.range(p.programId(0), 1)}, ticket);
      });
  CHECK(after[0] == 11);
  std::sort(was.begin(), was.end());
  CHECK(was == std::vector<std::int32_t>{5, 6, 7, 8, 9, 10});
}

TEST_CASE("atomics: copies in lanes and warps of a repeated tile add once") {
  // A sum over rows lies in all lanes and warps that had a part of it.
  auto [after, was] = changed<std::int32_t>(
      Dtype::i32, std::vector<std::int32_t>(8, 0), 8 * 32, 4, 1,
      [&](Program &p, View memory, View out) {
        Range r = p.range(p.constant(0), 8), c = p.range(p.constant(0), 32);
        Tile t = expand(iota(r), 1) * 32 + expand(iota(c), 0);
        Tile total = reshape(sum(t, 1), {8});
        Tile old = memory.atomicAdd({r}, total);
        Tile again = memory.atomicAdd({r}, old + 1);
        out.store({p.range(p.constant(0), 256)},
                  reshape(broadcast(expand(again, 1), {8, 32}), {256}));
      });
  for (int i = 0; i < 8; ++i) {
    const int total = 32 * 32 * i + 31 * 16;
    REQUIRE(after[i] == total + 1);
    for (int j = 0; j < 32; ++j)
      REQUIRE(was[i * 32 + j] == total);
  }
}

TEST_CASE("atomics: largest, smallest, exchanged, compared") {
  const std::vector<std::int32_t> before{-5, 3, 7, -1};
  auto one = [&](Dtype dtype, auto operation) {
    return changed<std::int32_t>(
        dtype, before, 4, 2, 1, [&](Program &p, View memory, View out) {
          Range r = p.range(p.constant(0), 4);
          out.store({r}, operation(memory, r, iota(r)));
        });
  };
  using Words = std::vector<std::int32_t>;
  auto max = one(Dtype::i32,
                 [](View v, Range r, Tile i) { return v.atomicMax({r}, i); });
  CHECK(max.first == Words{0, 3, 7, 3});
  CHECK(max.second == before);
  auto min = one(Dtype::i32,
                 [](View v, Range r, Tile i) { return v.atomicMin({r}, i); });
  CHECK(min.first == Words{-5, 1, 2, -1});
  auto umax = one(Dtype::u32, [](View v, Range r, Tile i) {
    return v.atomicMax({r}, cast(i, Dtype::u32));
  });
  CHECK(umax.first == Words{-5, 3, 7, -1});
  auto umin = one(Dtype::u32, [](View v, Range r, Tile i) {
    return v.atomicMin({r}, cast(i, Dtype::u32));
  });
  CHECK(umin.first == Words{0, 1, 2, 3});
  auto exchanged = one(Dtype::i32, [](View v, Range r, Tile i) {
    return v.atomicExchange({r}, i);
  });
  CHECK(exchanged.first == Words{0, 1, 2, 3});
  CHECK(exchanged.second == before);
  auto compared = one(Dtype::i32, [](View v, Range r, Tile i) {
    return v.atomicCompareExchange({r}, i * 3, 40);
  });
  CHECK(compared.first == Words{-5, 40, 7, -1});
  CHECK(compared.second == before);
}

TEST_CASE("atomics: 64-bit integers and floats") {
  auto [after, was] =
      changed<std::int64_t>(Dtype::i64, {1ll << 40, -3}, 2, 1, 1,
                            [&](Program &p, View memory, View out) {
                              Range r = p.range(p.constant(0), 2);
                              out.store({r}, memory.atomicAdd({r}, 1));
                              (void)memory.atomicMax({r}, 7);
                            });
  CHECK(after == std::vector<std::int64_t>{(1ll << 40) + 1, 7});
  CHECK(was == std::vector<std::int64_t>{1ll << 40, -3});
  auto [sums, olds] =
      changed<float>(Dtype::f32, {0.5f, 2.0f}, 2, 2, 1,
                     [&](Program &p, View memory, View out) {
                       Range r = p.range(p.constant(0), 2);
                       out.store({r}, memory.atomicAdd({r}, 0.25));
                     });
  CHECK(sums == std::vector<float>{0.75f, 2.25f});
  CHECK(olds == std::vector<float>{0.5f, 2.0f});
}

TEST_CASE("atomics: a histogram by gathered places, -1 counts nowhere") {
  constexpr int bins = 10, count = 256;
  Program p("histogram");
  View data = p.view("data", Dtype::i32, {count});
  View counts = p.view("counts", Dtype::i32, {bins});
  Range r = p.range(p.programId(0), 64);
  (void)counts.atomicAdd({data.load({r})}, 1);
  std::vector<std::int32_t> values(count), expected(bins, 0);
  for (int i = 0; i < count; ++i) {
    values[i] = i * 31 % 12 - 1;
    if (values[i] >= 0 && values[i] < bins)
      ++expected[values[i]];
  }
  auto device = openEmulator();
  DeviceBuffer d = uploaded(device, values),
               c = uploaded(device, std::vector<std::int32_t>(bins, 0));
  device->load(compile(p, options("sm_90a", 2)).ptx)
      ->launch(nullptr, {.grid = {4, 1, 1}},
               std::vector<std::uint64_t>{d.get(), c.get()});
  CHECK(downloaded<std::int32_t>(*device, c) == expected);
}
