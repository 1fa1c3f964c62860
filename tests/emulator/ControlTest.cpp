// Protects: loops with several carried values and run-time ends, branches,
// persistent kernels, and indices that come from memory compute what the
// program says, pipelined or not, split or not.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

/// Launches with arguments by name; makes zeroed scratch.
void launch(const std::shared_ptr<EmulatedDevice> &device, const Ptx &ptx,
            std::array<unsigned, 3> grid,
            const std::map<std::string, std::uint64_t> &arguments) {
  std::vector<std::uint64_t> values;
  std::vector<DeviceBuffer> scratch;
  const std::size_t tiles = std::size_t(grid[0]) * grid[1];
  for (const KernelParam &param : ptx.params) {
    std::size_t bytes = 0;
    if (param.kind == KernelParam::Kind::workspace)
      bytes = ptx.workspaceBytesPerTile * tiles;
    else if (param.kind == KernelParam::Kind::tickets)
      bytes = 4 * tiles;
    else
      values.push_back(arguments.at(param.name));
    if (bytes) {
      scratch.push_back(uploaded(device, std::vector<std::uint8_t>(bytes)));
      values.push_back(scratch.back().get());
    }
  }
  device->load(ptx)->launch(nullptr, {.grid = grid}, values);
}

std::vector<float> small(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> number(-4, 4);
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(number(random)));
  return values;
}

std::vector<std::uint16_t> halves(const std::vector<float> &values) {
  std::vector<std::uint16_t> result;
  for (float value : values)
    result.push_back(toHalf(value));
  return result;
}

} // namespace

TEST_CASE("control: a loop carries tiles, an index and a condition") {
  for (int stages : {1, 2, 3})
    for (int n : {0, 1, 2, 3, 7}) {
      CAPTURE(stages, n);
      Program p("carry");
      Index count = p.scalar("n");
      View x = p.view("x", Dtype::f32, {512});
      View out = p.view("out", Dtype::f32, {2, 64});
      View last = p.view("last", Dtype::i32, {1});
      Range all = p.range(p.constant(0), 64);
      // The same tile carried twice, an index that is not the coordinate's,
      // and whether it is odd.
      Tile zero = p.zeros({64});
      auto [sum, largest, index, odd] = p.loop(
          p.steps(0, count * 64, 64),
          std::tuple{zero, zero, p.constant(3), p.constant(3) == 4},
          [&](Range at, Tile sum, Tile largest, Index i, Bool flag) {
            Tile t = x.load({at});
            return std::tuple{sum + t, maximum(largest, t), i * 2 + 1, !flag};
          });
      out.store({p.range(p.constant(0), 1), all}, reshape(sum, {1, 64}));
      out.store({p.range(p.constant(1), 1), all}, reshape(largest, {1, 64}));
      p.when(odd, [&] {
        last.store({p.range(p.constant(0), 1)},
                   p.splat(0, Dtype::i32, {1}) + index);
      });
      Ptx ptx = compile(p, options("sm_90a", 2, stages)).ptx;
      auto device = openEmulator();
      std::vector<float> xs = small(512, 1);
      DeviceBuffer xb = uploaded(device, xs),
                   ob = uploaded(device, std::vector<float>(128)),
                   lb = uploaded(device, std::vector<int>{-1});
      launch(device, ptx, {1, 1, 1},
             {{"n", std::uint64_t(n)},
              {"x", xb.get()},
              {"out", ob.get()},
              {"last", lb.get()}});
      std::vector<float> result = downloaded<float>(*device, ob);
      for (int i = 0; i < 64; ++i) {
        float total = 0, most = 0;
        for (int k = 0; k < n; ++k) {
          total += xs[k * 64 + i];
          most = std::max(most, xs[k * 64 + i]);
        }
        REQUIRE(result[i] == total);
        REQUIRE(result[64 + i] == most);
      }
      int expected = 3;
      for (int k = 0; k < n; ++k)
        expected = expected * 2 + 1;
      CHECK(downloaded<int>(*device, lb)[0] == (n % 2 ? expected : -1));
    }
}

TEST_CASE("control: a K range with a run-time extent is split") {
  constexpr int step = 32, width = 16;
  auto check = [&](int split, KOrder order, Reduce reduce, int stages,
                   int extent) {
    CAPTURE(split, (int)order, (int)reduce, stages, extent);
    Program p("dynamic");
    Index k = p.scalar("k");
    View x = p.view("x", Dtype::f32, {k, width});
    View out = p.view("out", Dtype::f32, {1, width});
    Range columns = p.range(p.constant(0), width);
    Tile acc =
        p.loop(p.kRange(k, step), p.zeros({1, width}), [&](Range at, Tile acc) {
          return acc + sum(x.load({at, columns}), 0);
        });
    out.store({p.range(p.constant(0), 1), columns}, reduceSplits(acc));
    CompileOptions options = test::options("sm_90a", 2, stages);
    options.split = split;
    options.order = order;
    options.reduce = reduce;
    Ptx ptx = compile(p, options).ptx;
    auto device = openEmulator();
    std::vector<float> xs = small(std::max(1, extent) * width, 2);
    DeviceBuffer xb = uploaded(device, xs),
                 ob = uploaded(device, std::vector<float>(width));
    launch(device, ptx, {1, 1, unsigned(split)},
           {{"k", std::uint64_t(extent)}, {"x", xb.get()}, {"out", ob.get()}});
    std::vector<float> result = downloaded<float>(*device, ob);
    for (int c = 0; c < width; ++c) {
      float total = 0;
      for (int i = 0; i < extent; ++i)
        total += xs[i * width + c];
      REQUIRE(result[c] == total);
    }
  };
  for (int extent : {0, 1, 33, 250})
    for (KOrder order : {KOrder::interleaved, KOrder::contiguous}) {
      check(1, order, Reduce::none, 3, extent);
      for (Reduce reduce : {Reduce::ordered, Reduce::atomic, Reduce::atomicOut})
        check(3, order, reduce, 2, extent);
      check(4, order, Reduce::cluster, 1, extent);
    }
}

TEST_CASE("control: a persistent kernel walks tiles around a pipelined loop") {
  constexpr int m = 64, n = 48, k = 128, block = 16;
  for (int stages : {1, 2, 3})
    for (unsigned blocks : {1u, 3u, 16u}) {
      CAPTURE(stages, blocks);
      Program p("persistent");
      Index tiles = p.scalar("tiles");
      View a = p.view("a", Dtype::f16, {m, k});
      View b = p.view("b", Dtype::f16, {n, k});
      View out = p.view("out", Dtype::f32, {m, n});
      p.loop(p.each(p.programId(0), tiles, p.numPrograms(0)), [&](Index tile) {
        Range row = p.range(tile / (n / block), block),
              column = p.range(tile % (n / block), block);
        Tile acc = p.loop(p.kRange(k, 32), p.zeros({block, block}),
                          [&](Range kk, Tile acc) {
                            return dot(a.load({row, kk}),
                                       transpose(b.load({column, kk})), acc);
                          });
        out.store({row, column}, acc);
      });
      Ptx ptx = compile(p, options("sm_90a", 1, stages)).ptx;
      CHECK((ptx.text.find("cp.async") != std::string::npos) == (stages > 1));
      auto device = openEmulator();
      std::vector<float> as = small(m * k, 3), bs = small(n * k, 4);
      DeviceBuffer ab = uploaded(device, halves(as)),
                   bb = uploaded(device, halves(bs)),
                   ob = uploaded(device, std::vector<float>(m * n));
      launch(device, ptx, {blocks, 1, 1},
             {{"tiles", (m / block) * (n / block)},
              {"a", ab.get()},
              {"b", bb.get()},
              {"out", ob.get()}});
      std::vector<float> result = downloaded<float>(*device, ob);
      for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j) {
          float total = 0;
          for (int l = 0; l < k; ++l)
            total += as[i * k + l] * bs[j * k + l];
          REQUIRE(result[i * n + j] == total);
        }
    }
}

TEST_CASE(
    "control: one zero is carried as sums of two products and by element") {
  // The three have layouts of their own; two warps may share each K step.
  constexpr int m = 16, n = 32, k = 96;
  for (int stages : {1, 3})
    for (int kWarps : {1, 2}) {
      for (Dependent dependent : {Dependent::none, Dependent::half}) {
        CAPTURE(stages, kWarps, (int)dependent);
        Program p("several");
        Index depth = p.scalar("depth");
        View a = p.view("a", Dtype::f16, {m, k});
        View b = p.constantView("b", Dtype::f16, {n, k});
        View out = p.view("out", Dtype::f32, {3, m, n});
        Range row = p.range(p.constant(0), m),
              column = p.range(p.constant(0), n);
        Tile zero = p.zeros({m, n});
        auto [sums, doubled, counts] = p.loop(
            p.kRange(depth, 32), std::tuple{zero, zero, zero},
            [&](Range kk, Tile sums, Tile doubled, Tile counts) {
              Tile left = a.load({row, kk}),
                   right = transpose(b.load({column, kk}));
              return std::tuple{dot(left, right, sums),
                                dot(left + left, right, doubled), counts + 1};
            });
        auto store = [&](int index, const Tile &tile) {
          out.store({p.range(p.constant(index), 1), row, column},
                    reshape(tile, {1, m, n}));
        };
        store(0, sums);
        store(1, doubled);
        store(2, counts);
        CompileOptions options = test::options("sm_90a", 2, stages);
        options.kWarps = kWarps;
        options.dependent = dependent;
        Ptx ptx = compile(p, options).ptx;
        for (int steps : {0, 1, 3}) {
          auto device = openEmulator();
          std::vector<float> as = small(m * k, 8), bs = small(n * k, 9);
          DeviceBuffer ab = uploaded(device, halves(as)),
                       bb = uploaded(device, halves(bs)),
                       ob = uploaded(device, std::vector<float>(3 * m * n));
          launch(device, ptx, {1, 1, 1},
                 {{"depth", std::uint64_t(steps) * 32},
                  {"a", ab.get()},
                  {"b", bb.get()},
                  {"out", ob.get()}});
          std::vector<float> result = downloaded<float>(*device, ob);
          for (int i = 0; i < m; ++i)
            for (int j = 0; j < n; ++j) {
              float total = 0;
              for (int l = 0; l < steps * 32; ++l)
                total += as[i * k + l] * bs[j * k + l];
              REQUIRE(result[i * n + j] == total);
              REQUIRE(result[(m + i) * n + j] == 2 * total);
              REQUIRE(result[(2 * m + i) * n + j] == steps);
            }
        }
      }
    }
}

TEST_CASE("control: an index from memory bounds loops and starts tiles") {
  constexpr int width = 32, rows = 8;
  for (int stages : {1, 2}) {
    // Rows that no view has read as zero, although the extent is a number.
    for (std::vector<int> ids :
         {std::vector<int>{3, 0, 7}, {}, {-1, 5}, {8, 100, 2, 2}}) {
      CAPTURE(stages, ids.size());
      Program p("gather");
      View table = p.view("table", Dtype::f32, {rows, width});
      View list = p.view("list", Dtype::i32, {16});
      View out = p.view("out", Dtype::f32, {width});
      Range columns = p.range(p.constant(0), width);
      Index count = list.loadIndex({0});
      Tile sum =
          p.loop(p.each(0, count), p.zeros({1, width}), [&](Index i, Tile sum) {
            Index id = list.loadIndex({i + 1});
            return sum + table.load({Range{id, 1}, columns});
          });
      out.store({columns}, reshape(sum, {width}));
      Ptx ptx = compile(p, options("sm_90a", 1, stages)).ptx;
      auto device = openEmulator();
      std::vector<float> values = small(rows * width, 5);
      std::vector<int> stored{int(ids.size())};
      stored.insert(stored.end(), ids.begin(), ids.end());
      stored.resize(16);
      DeviceBuffer tb = uploaded(device, values), lb = uploaded(device, stored),
                   ob = uploaded(device, std::vector<float>(width));
      launch(device, ptx, {1, 1, 1},
             {{"table", tb.get()}, {"list", lb.get()}, {"out", ob.get()}});
      std::vector<float> result = downloaded<float>(*device, ob);
      for (int c = 0; c < width; ++c) {
        float total = 0;
        for (int id : ids)
          total += id < 0 || id >= rows ? 0 : values[id * width + c];
        REQUIRE(result[c] == total);
      }
    }
  }
}

TEST_CASE("control: what lies before a view of a known extent is zero") {
  Program p("shifted");
  View x = p.view("x", Dtype::f32, {128});
  View out = p.view("out", Dtype::f32, {128});
  Range here = p.range(p.programId(0), 64);
  out.store({here}, x.load({Range{here.start - 64, 64}}));
  Ptx ptx = compile(p, options("sm_90a", 1, 1)).ptx;
  auto device = openEmulator();
  std::vector<float> xs = small(128, 6);
  DeviceBuffer xb = uploaded(device, xs),
               ob = uploaded(device, std::vector<float>(128, -1.0f));
  launch(device, ptx, {2, 1, 1}, {{"x", xb.get()}, {"out", ob.get()}});
  std::vector<float> result = downloaded<float>(*device, ob);
  for (int i = 0; i < 128; ++i)
    REQUIRE(result[i] == (i < 64 ? 0 : xs[i - 64]));
}

TEST_CASE("control: prints say where, and each element once") {
  Program p("talks");
  View out = p.view("out", Dtype::f32, {2});
  p.when(p.programId(0) == 1, [&] {
    Tile t = p.splat(1.5, Dtype::f32, {2, 1});
    p.devicePrint("a 100% share", t);
    p.devicePrint("block", p.programId(0));
  });
  out.store({p.range(p.programId(0), 1)}, p.zeros({1}));
  Ptx ptx = compile(p, options("sm_90a", 4, 1)).ptx;
  auto device = openEmulator();
  DeviceBuffer ob = uploaded(device, std::vector<float>(2));
  launch(device, ptx, {2, 1, 1}, {{"out", ob.get()}});
  CHECK(device->takePrinted() == "talks(1, 0, 0) a 100% share [0, 0]: 1.5\n"
                                 "talks(1, 0, 0) a 100% share [1, 0]: 1.5\n"
                                 "talks(1, 0, 0) block [0]: 1\n");
  CHECK(device->takePrinted().empty());
}

TEST_CASE("control: an assertion that fails ends the launch with its text") {
  for (int start : {64, 65}) {
    Program p("checks");
    View starts = p.view("starts", Dtype::i32, {2});
    View table = p.view("table", Dtype::f32, {128});
    View out = p.view("out", Dtype::f32, {2, 64});
    Range row = p.range(p.programId(0), 1), all = p.range(p.constant(0), 64);
    Range part{starts.loadIndex({p.programId(0)}), 64};
    // Of 64 elements, the last alone is outside.
    p.deviceAssert(table.inside({part}), "a part of the table, 100%");
    out.store({row, all}, reshape(table.load({part}), {1, 64}));
    Ptx ptx = compile(p, options("sm_90a", 2, 1)).ptx;
    auto device = openEmulator();
    DeviceBuffer sb = uploaded(device, std::vector<int>{3, start}),
                 tb = uploaded(device, small(128, 7)),
                 ob = uploaded(device, std::vector<float>(128));
    auto run = [&] {
      launch(device, ptx, {2, 1, 1},
             {{"starts", sb.get()}, {"table", tb.get()}, {"out", ob.get()}});
    };
    if (start == 64) {
      CHECK_NOTHROW(run());
      continue;
    }
    Error error = errorOf(run);
    CHECK(error.kind() == ErrorKind::driver);
    CAPTURE(error.message());
    CHECK(error.message().find(
              "the kernel trapped: checks(1, 0, 0): assertion failed: a part "
              "of the table, 100%") != std::string::npos);
    CHECK(error.message().find("block (1, 0, 0)") != std::string::npos);
  }
}
