// Protects: dots of i8 and of 8-bit floats, bit for bit and within the rounding
// of f32, of any extents, orders, pipelines and splits, by mma.sync and wgmma.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/Assembled.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

double valueOf(std::uint8_t code, Dtype dtype) {
  if (dtype == Dtype::i8)
    return static_cast<std::int8_t>(code);
  if (dtype == Dtype::f8e5m2) // the upper half of an f16
    return halfToFloat(static_cast<std::uint16_t>(code << 8));
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const double size = exponent ? std::ldexp(8 + mantissa, exponent - 10)
                               : std::ldexp(mantissa, -9);
  return code & 0x80 ? -size : size;
}

/// Any integers; floats up to 8.
Bytes codes(std::int64_t count, Dtype dtype, unsigned seed) {
  std::mt19937 random(seed);
  const unsigned eight = dtype == Dtype::f8e4m3 ? 0x50 : 0x48;
  std::uniform_int_distribution<unsigned> magnitude(
      0, dtype == Dtype::i8 ? 255 : eight);
  Bytes result(static_cast<std::size_t>(count));
  for (std::uint8_t &code : result) {
    code = static_cast<std::uint8_t>(magnitude(random));
    if (dtype != Dtype::i8 && random() % 2)
      code |= 0x80;
  }
  return result;
}

/// Of one stage as well, which the GEMMs have none of.
Schedule scheduleFor(std::string text) {
  const std::size_t one = text.find("st1");
  if (one == std::string::npos)
    return parseSchedule(text);
  Schedule schedule = parseSchedule(text.replace(one, 3, "st2"));
  schedule.stages = 1;
  return schedule;
}

struct Product {
  Dtype a, b;
  MatrixB order;
  std::int64_t m, n, k;

  Dtype sums() const { return a == Dtype::i8 ? Dtype::i32 : Dtype::f32; }

  std::unique_ptr<Program> program(const MatmulTile &tile) const {
    auto made = std::make_unique<Program>("product");
    Program &p = *made;
    const bool nk = order == MatrixB::nk;
    View left = p.view("a", a, {m, k});
    View right = nk ? p.view("b", b, {n, k}) : p.view("b", b, {k, n});
    View out = p.view("out", sums(), {m, n});
    Range row = p.range(p.programId(1), tile.m),
          column = p.range(p.programId(0), tile.n);
    Tile all = p.loop(p.kRange(k, tile.k), p.zeros({tile.m, tile.n}, sums()),
                      [&](Range kk, Tile acc) {
                        Tile w = nk ? transpose(right.load({column, kk}))
                                    : right.load({kk, column});
                        return dot(left.load({row, kk}), w, acc);
                      });
    out.store({row, column}, reduceSplits(all));
    return made;
  }

  Ptx compiled(const std::string &text, std::string_view gpu) const {
    const Schedule schedule = scheduleFor(text);
    CompileOptions options;
    static_cast<KernelSchedule &>(options) = schedule;
    options.target = &target(gpu);
    options.verifyEach = true;
    auto made = program({schedule.blockM, schedule.blockN, schedule.blockK});
    return compile(*made, options).ptx;
  }

  /// Launches on the emulator and compares.
  void check(const std::string &text, std::string_view gpu = "sm_90a") const {
    CAPTURE(text, gpu, name(a), name(b), order == MatrixB::nk, m, n, k);
    const Schedule schedule = scheduleFor(text);
    const Ptx ptx = compiled(text, gpu);
    const Bytes x = codes(m * k, a, 1), y = codes(n * k, b, 2);
    auto device = openEmulator(std::string(gpu));
    DeviceBuffer left = uploaded(device, x), right = uploaded(device, y);
    // atomic adds into the output begin at zero.
    std::vector<std::uint32_t> start(
        static_cast<std::size_t>(m * n),
        schedule.reduce == Reduce::atomicOut ? 0 : 0x7fc00001);
    DeviceBuffer out = uploaded(device, start);
    const std::array<unsigned, 3> grid{tilesOf(n, schedule.blockN),
                                       tilesOf(m, schedule.blockM),
                                       static_cast<unsigned>(schedule.split)};
    const std::size_t tiles = std::size_t(grid[0]) * grid[1];
    std::vector<std::uint64_t> arguments;
    DeviceBuffer workspace = uploaded(
        device,
        Bytes(std::max<std::size_t>(1, tiles * ptx.workspaceBytesPerTile)));
    DeviceBuffer tickets = uploaded(device, Bytes(4 * tiles));
    for (const KernelParam &param : ptx.params)
      if (param.kind != KernelParam::Kind::tensorMap) // the launch makes these
        arguments.push_back(
            param.kind == KernelParam::Kind::workspace ? workspace.get()
            : param.kind == KernelParam::Kind::tickets ? tickets.get()
            : param.name == "a"                        ? left.get()
            : param.name == "b"                        ? right.get()
                                                       : out.get());
    auto kernel = device->load(ptx);
    kernel->launch(nullptr, {.grid = grid}, arguments);
    // A second launch finds the workspace as the first one did.
    if (schedule.split > 1 && schedule.reduce != Reduce::atomicOut)
      kernel->launch(nullptr, {.grid = grid}, arguments);
    const auto got = downloaded<std::uint32_t>(*device, out);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0, size = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          const double product =
              valueOf(x[i * k + l], a) *
              valueOf(y[order == MatrixB::nk ? j * k + l : l * n + j], b);
          sum += product;
          size += std::abs(product);
        }
        const std::uint32_t bits = got[i * n + j];
        CAPTURE(i, j);
        if (a == Dtype::i8)
          REQUIRE(static_cast<std::int32_t>(bits) ==
                  static_cast<std::int32_t>(sum));
        else
          REQUIRE(std::abs(std::bit_cast<float>(bits) - sum) <=
                  size * static_cast<double>(k) * 0x1p-24);
      }
  }
};

const std::pair<Dtype, Dtype> integers{Dtype::i8, Dtype::i8},
    wide{Dtype::f8e4m3, Dtype::f8e5m2}, mixed{Dtype::f8e5m2, Dtype::f8e4m3},
    narrow{Dtype::f8e4m3, Dtype::f8e4m3}, coarse{Dtype::f8e5m2, Dtype::f8e5m2};

} // namespace

TEST_CASE("dots of bytes, of any extents, orders and pipelines") {
  for (auto [a, b] : {integers, narrow, coarse, wide, mixed})
    for (MatrixB order : {MatrixB::nk, MatrixB::kn})
      for (const char *text :
           {"bm16bn32bk32w1st1", "bm32bn32bk64w2st1", "bm64bn32bk64w4st2",
            "bm64bn64bk128w4st3", "bm8bn32bk64w2st2"}) {
        Product{a, b, order, 33, 37, 75}.check(text);
        if (a == Dtype::i8 || order == MatrixB::nk)
          Product{a, b, order, 48, 64, 144}.check(text);
      }
}

TEST_CASE("dots of bytes split over blocks and warps") {
  for (auto [a, b] : {integers, mixed})
    for (const char *text : {"bm16bn32bk32w2st2s2,reduce=ordered",
                             "bm16bn32bk32w2st2s2,reduce=atomic",
                             "bm16bn32bk32w1st1s3,reduce=atomic-out",
                             "bm16bn32bk64w4kw2st2s2,reduce=cluster",
                             "bm16bn32bk128w4kw4st2s2,reduce=ordered"})
      for (const char *gpu : {"sm_89", "sm_90a"}) {
        if (std::string(text).ends_with("cluster") &&
            !target(gpu).hasClusters())
          continue;
        Product{a, b, MatrixB::nk, 20, 24, 400}.check(text, gpu);
      }
}

TEST_CASE("dots of bytes by wgmma") {
  for (auto [a, b] : {integers, narrow, coarse, wide, mixed})
    for (const char *text :
         {"bm64bn64bk64w4st2,mma=warpgroup",
          "bm128bn32bk128w8st3,mma=warpgroup",
          "bm64bn32bk32w4st2,mma=warpgroup",
          "bm16bn64bk128w4st3,mma=warpgroup,copies=tensor",
          "bm128bn64bk256w4st2,mma=warpgroup,copies=tensor,producers=1"}) {
      // Rows of 16 bytes times an odd number.
      Product product{a, b, MatrixB::nk, 70, 72, 272};
      product.check(text);
      const std::string ptx = product.compiled(text, "sm_90a").text;
      CHECK(count(ptx, "wgmma.mma_async") > 0);
      CHECK(count(ptx, "mma.sync") == 0);
    }
}

TEST_CASE("a product of bytes becomes the operand of another") {
  constexpr int m = 32, k = 64, n = 64, l = 32;
  for (int warps : {1, 2, 4})
    for (bool left : {true, false}) { // which operand it becomes
      CAPTURE(warps, left);
      Program p("chain");
      View a = p.view("a", Dtype::i8, {m, k}),
           b = p.view("b", Dtype::i8, {k, n});
      using Extents = std::vector<Extent>;
      View c = p.view("c", Dtype::i8, left ? Extents{n, l} : Extents{l, m});
      View out =
          p.view("out", Dtype::i32, left ? Extents{m, l} : Extents{l, n});
      auto all = [&](View v, std::int64_t rows, std::int64_t columns) {
        return v.load({p.range(0, rows), p.range(0, columns)});
      };
      Tile first =
          cast(dot(all(a, m, k), all(b, k, n), p.zeros({m, n}, Dtype::i32)),
               Dtype::i8);
      if (left)
        out.store({p.range(0, m), p.range(0, l)},
                  dot(first, all(c, n, l), p.zeros({m, l}, Dtype::i32)));
      else
        out.store({p.range(0, l), p.range(0, n)},
                  dot(all(c, l, m), first, p.zeros({l, n}, Dtype::i32)));
      const Bytes x = codes(m * k, Dtype::i8, 1),
                  y = codes(k * n, Dtype::i8, 2),
                  z = codes(64 * 32, Dtype::i8, 3);
      auto device = openEmulator();
      const int rows = left ? m : l, columns = left ? l : n;
      DeviceBuffer ab = uploaded(device, x), bb = uploaded(device, y),
                   cb = uploaded(device, z),
                   ob = uploaded(device,
                                 std::vector<std::int32_t>(rows * columns));
      device->load(compile(p, options("sm_90a", warps)).ptx)
          ->launch(nullptr, {},
                   std::vector<std::uint64_t>{ab.get(), bb.get(), cb.get(),
                                              ob.get()});
      const auto got = downloaded<std::int32_t>(*device, ob);
      auto at = [](const Bytes &bytes, int i) {
        return int(static_cast<std::int8_t>(bytes[i]));
      };
      auto inner = [&](int i, int j) {
        int sum = 0;
        for (int u = 0; u < k; ++u)
          sum += at(x, i * k + u) * at(y, u * n + j);
        return int(static_cast<std::int8_t>(sum));
      };
      std::vector<int> firsts;
      for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j)
          firsts.push_back(inner(i, j));
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) {
          int sum = 0;
          for (int u = 0; u < (left ? n : m); ++u)
            sum += left ? firsts[i * n + u] * at(z, u * l + j)
                        : at(z, i * m + u) * firsts[u * n + j];
          REQUIRE(got[i * columns + j] == sum);
        }
    }
}

TEST_CASE("dots of bytes: which instructions multiply, and which copy") {
  auto text = [](std::pair<Dtype, Dtype> types, MatrixB order,
                 const std::string &gpu) {
    return Product{types.first, types.second, order, 64, 64, 256}
        .compiled("bm64bn64bk64w4st3", gpu)
        .text;
  };
  const std::string rows = text(integers, MatrixB::nk, "sm_80");
  CHECK(count(rows, "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32") > 0);
  CHECK(count(rows, "cp.async.cg.shared.global") > 0);
  CHECK(count(rows, "ldmatrix.sync") > 0);
  CHECK(count(rows, "ld.shared.b8") == 0);
  CHECK(count(rows, "prmt") == 0);
  CHECK(contains(rows, ".version 7.4"));
  // Columns of b are read byte by byte.
  const std::string columns = text(integers, MatrixB::kn, "sm_80");
  CHECK(count(columns, "cp.async.cg.shared.global") > 0);
  CHECK(count(columns, "ldmatrix.sync") > 0);
  const std::string floats = text(mixed, MatrixB::nk, "sm_89");
  CHECK(count(floats, "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e4m3.f32") >
        0);
  CHECK(count(floats, "ldmatrix.sync") > 0);
  // What mma.sync of 8-bit floats needs, and no other kernel.
  CHECK(contains(floats, ".version 8.4"));
  CHECK(contains(text(integers, MatrixB::nk, "sm_89"), ".version 7.8"));
  CHECK(contains(text(wide, MatrixB::nk, "sm_90a"), ".version 8.4"));
}

TEST_CASE("casts of bytes are instructions where a target has them, of the PTX "
          "version that they need") {
  auto text = [](const char *gpu) {
    Program p("cast");
    View in = p.view("in", Dtype::f32, {256}),
         out = p.view("out", Dtype::f8e4m3, {256});
    out.store({p.range(0, 256)},
              cast(in.load({p.range(0, 256)}), Dtype::f8e4m3));
    const Ptx ptx = compile(p, options(gpu, 1)).ptx;
    if (haveAssembler())
      checkRegistersOnly(ptx);
    return ptx.text;
  };
  const std::string instructions = "cvt\\.rn\\.satfinite\\.e4m3x2\\.f32";
  CHECK(count(text("sm_89"), instructions) == 4);
  CHECK(contains(text("sm_89"), ".version 8.1"));
  CHECK(count(text("sm_86"), instructions) == 0);
  CHECK(contains(text("sm_86"), ".version 7.4"));
}

TEST_CASE("dots of bytes assemble for every target, or say what there is") {
  for (const Target &each : targets())
    for (auto [a, b] : {integers, narrow, coarse, wide, mixed})
      for (MatrixB order : {MatrixB::nk, MatrixB::kn})
        for (const char *text : {"bm64bn64bk64w4st3", "bm16bn64bk64w2st1"}) {
          CAPTURE(each.name, name(a), name(b), text);
          const Product product{a, b, order, 64, 64, 256};
          if (a != Dtype::i8 && !each.hasByteFloatProducts()) {
            const Error error =
                errorOf([&] { (void)product.compiled(text, each.name); });
            CHECK(error.kind() == ErrorKind::compile);
            CHECK(contains(error.message(),
                           "need sm_89 or later, got " + each.name +
                               ", which multiplies f16, bf16, f32 and i8"));
            continue;
          }
          const Ptx ptx = product.compiled(text, each.name);
          if (haveAssembler())
            checkRegistersOnly(ptx);
        }
  if (haveAssembler())
    for (auto [a, b] : {integers, narrow, mixed})
      checkRegistersOnly(Product{a, b, MatrixB::nk, 128, 128, 256}.compiled(
          "bm128bn64bk128w4st3,mma=warpgroup,copies=tensor", "sm_90a"));
}

TEST_CASE("dots of bytes: what wgmma and sums in the output refuse") {
  auto message = [](const Product &product, const std::string &text) {
    return errorOf([&] { (void)product.compiled(text, "sm_90a"); }).message();
  };
  CHECK(contains(message({Dtype::i8, Dtype::i8, MatrixB::kn, 64, 64, 128},
                         "bm64bn64bk64w4st3,mma=warpgroup"),
                 "wgmma takes operands of 8 bits whose rows run along k, a of "
                 "[M, K] and b, transposed, of [N, K]; got a tile of "));
}
