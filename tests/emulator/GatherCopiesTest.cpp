// Protects gathered rows that come by cp.async: right products whatever their
// coordinates are and wherever these come from, and no plain load of a row in
// the loop.
#include "compiler/Compile.h"
#include "compiler/base/Half.h"
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "tests/emulator/Ptx.h"
#include "tests/unit/compiler/Assembled.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <functional>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

constexpr int depth = 64, cacheRows = 40;

std::vector<std::uint16_t> halves(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint16_t> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(toHalf(float(int(random() % 7) - 3)));
  return values;
}

/// out[i, j] = sum over u < length of p[i, u] cache[row(u), j], where a program
/// makes the coordinates of 32 rows from u, n and the words that `host` reads.
struct Case {
  const char *name;
  std::function<std::vector<At>(Program &, View ids, Index n, Range u)> rows;
  std::function<int(const std::vector<std::int32_t> &, int u, int n)> host;
};

const Case cases[] = {
    {"by indices of a range",
     [](Program &, View ids, Index, Range u) {
       return std::vector<At>{ids.load({u}, -1)};
     },
     [](auto &ids, int u, int n) { return u < n ? ids[u] : -1; }},
    {"by pages",
     [](Program &, View ids, Index n, Range u) {
       Tile at = iota(u);
       Tile row = ids.load({at / 4}) * 4 + at % 4;
       return std::vector<At>{where(at < n, row, -1)};
     },
     [](auto &ids, int u, int n) {
       return u < n ? ids[u / 4] * 4 + u % 4 : -1;
     }},
    {"by indices of indices",
     [](Program &, View ids, Index, Range u) {
       return std::vector<At>{ids.load({ids.load({u}, -1)}, -1)};
     },
     [](auto &ids, int u, int n) {
       const int first = u < n ? ids[u] : -1;
       return first >= 0 && first < n ? ids[first] : -1;
     }},
    {"by what no memory says",
     [](Program &, View, Index n, Range u) {
       return std::vector<At>{where(iota(u) < n, iota(u) * 3 % 32, -1)};
     },
     [](auto &, int u, int n) { return u < n ? u * 3 % 32 : -1; }},
    {"by an index of a page",
     [](Program &, View ids, Index, Range u) {
       Index page = ids.loadIndex({u.start / 32});
       return std::vector<At>{Range{page * 8, 32}};
     },
     [](auto &ids, int u, int) { return ids[u / 32] * 8 + u % 32; }},
};

std::unique_ptr<Program> product(const Case &c) {
  auto made = std::make_unique<Program>("gathered");
  Program &p = *made;
  Index n = p.scalar("n");
  View ids = p.view("ids", Dtype::i32, {n});
  View weights = p.view("weights", Dtype::f16, {16, 256});
  View cache = p.view("cache", Dtype::f16, {cacheRows, 2, depth});
  View out = p.view("out", Dtype::f32, {16, depth});
  Range i = p.range(0, 16), j = p.range(0, depth);
  out.store(
      {i, j},
      p.loop(p.steps(0, n, 32), p.zeros({16, depth}), [&](Range u, Tile acc) {
        std::vector<At> at = c.rows(p, ids, n, u);
        at.push_back(1);
        at.push_back(j);
        return dot(weights.load({i, u}), cache.load(at), acc);
      }));
  return made;
}

/// The innermost loop around the first matrix instruction: from its label to
/// the last branch back there.
std::string mainLoop(const std::string &text) {
  const std::size_t product = text.find("mma.sync");
  REQUIRE(product != std::string::npos);
  for (std::size_t begin = product;
       (begin = text.rfind("\n$L__BB", begin - 1)) != std::string::npos;) {
    const std::size_t colon = text.find(':', begin);
    const std::string label = text.substr(begin + 1, colon - begin - 1);
    const std::size_t back = text.rfind("\t" + label + ";");
    if (back != std::string::npos && back > product)
      return text.substr(begin, back - begin);
  }
  FAIL("no loop around a matrix instruction");
  return "";
}

} // namespace

TEST_CASE("gathered rows come by cp.async") {
  for (const Case &c : cases)
    for (int warps : {1, 2, 4})
      for (int stages : {1, 2, 3})
        for (int n : {1, 32, 90, 160}) {
          CAPTURE(c.name, warps, stages, n);
          auto program = product(c);
          const Ptx ptx =
              compile(*program, options("sm_90a", warps, stages)).ptx;
          CHECK((count(ptx.text, "cp\\.async\\.cg") > 0) == (stages > 1));
          std::mt19937 random(n);
          std::vector<std::int32_t> ids;
          for (int u = 0; u < n; ++u)
            ids.push_back(int(random() % (cacheRows + 4)) - 2);
          const auto weights = halves(16 * 256, 1),
                     cache = halves(cacheRows * 2 * depth, 2);
          auto device = openEmulator();
          DeviceBuffer idsBuffer = uploaded(device, ids),
                       weightsBuffer = uploaded(device, weights),
                       cacheBuffer = uploaded(device, cache),
                       out =
                           uploaded(device, std::vector<float>(16 * depth, -1));
          device->load(ptx)->launch(
              nullptr, {},
              std::vector<std::uint64_t>{std::uint64_t(n), idsBuffer.get(),
                                         weightsBuffer.get(), cacheBuffer.get(),
                                         out.get()});
          const auto got = downloaded<float>(*device, out);
          for (int i = 0; i < 16; ++i)
            for (int j = 0; j < depth; ++j) {
              float expected = 0;
              for (int u = 0; u < (n + 31) / 32 * 32; ++u) {
                const int row = c.host(ids, u, n);
                if (row >= 0 && row < cacheRows)
                  expected += halfToFloat(weights[i * 256 + u]) *
                              halfToFloat(cache[(row * 2 + 1) * depth + j]);
              }
              REQUIRE(got[i * depth + j] == expected);
            }
        }
}

TEST_CASE("gathered rows: indices are loaded a step ahead of the copies") {
  for (const Case &c : cases) {
    CAPTURE(c.name);
    auto program = product(c);
    const std::string text = compile(*program, options("sm_80", 4, 3)).ptx.text;
    const std::string loop = mainLoop(text);
    CHECK(count(loop, "cp\\.async\\.cg") > 0);
    // Rows are 16-bit elements: all that is loaded plainly are words of `ids`.
    CHECK(count(loop, "ld\\.global\\.(v|b16|b8)") == 0);
  }
}

TEST_CASE("gathered rows of attention over pages and of grouped products") {
  for (const Target &on : targets())
    for (auto [example, sizes] :
         {std::pair{&pagedAttentionExample, "length=4096"},
          std::pair{&groupedMatmulExample, "rows=512,n=512,k=512"}})
      for (int stages : {2, 3}) {
        if (stages == 3 && on.maxSharedBytes < 128 * 1024)
          continue; // three stages of K and V do not fit
        CAPTURE(on.name, example->name, stages);
        const TunableProgram problem =
            example->problem(parseSizes(sizes, example->sizes), Dtype::f16);
        ProgramChoice choice = problem.usualChoice();
        choice.schedule.stages = stages;
        const Ptx ptx = compileChoice(problem, choice, on);
        const std::string loop = mainLoop(ptx.text);
        CHECK(count(loop, "cp\\.async\\.cg") > 0);
        CHECK(count(loop, "ld\\.global\\.(v|b16|b8)") == 0);
        if (haveAssembler())
          checkRegistersOnly(ptx);
      }
}
