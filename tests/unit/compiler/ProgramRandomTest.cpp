// Protects what programs compute: random ones, on the emulator, against values
// computed on the host. A failure names its seed.
#include "tests/unit/compiler/ProgramRandom.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <algorithm>
#include <bit>

using namespace lath;
using namespace lath::test;

/// What is wrong with the program of a seed, and what it is; else empty.
static std::string problemOf(unsigned seed) {
  const char *gpus[] = {"sm_80", "sm_89", "sm_90a", "sm_120a"};
  RandomProgram r(seed, target(gpus[seed % 4]));
  r.warps = 1 << r.number(0, 3);
  std::string problem;
  // May be refused: where stages do not fit, or no loop reads what the copy
  // engine can bring.
  bool tensorCopies = false;
  try {
    r.load();
    for (int steps = r.number(3, 14); steps > 0; --steps)
      r.step();
    for (int outputs = r.number(1, 3); outputs > 0; --outputs)
      r.store(r.known[r.number(0, (int)r.known.size() - 1)]);
    r.store(r.known.back());
    CompileOptions o = options(r.target->name, r.warps, r.number(1, 4));
    tensorCopies = o.target->hasBulkCopies() && o.stages > 1 && r.chance(.2);
    if (tensorCopies)
      o.copies = CopyPath::tensor;
    r.history += "on " + std::string(o.target->name) + ", " +
                 std::to_string(o.stages) + " stages" +
                 (tensorCopies ? ", tensor copies" : "");
    problem = r.problem(o);
  } catch (const Error &error) {
    problem = error.message();
    if (contains(problem, "bytes of shared memory a block"))
      return "";
    if (tensorCopies && (contains(problem, "no tile can be brought by one") ||
                         contains(problem, "it needs st = 2 or more")))
      return "";
  }
  return problem.empty()
             ? ""
             : "seed " + std::to_string(seed) + ", " + std::to_string(r.warps) +
                   " warps: " + r.history + ": " + problem;
}

static void checkPrograms(unsigned first, unsigned count) {
  for (unsigned seed = first; seed < first + count; ++seed)
    CHECK(problemOf(seed) == "");
}

TEST_CASE("random programs compute what they say") { checkPrograms(0, 300); }

// Not run unless it is named.
TEST_CASE("20,000 random programs compute what they say", "[.]") {
  checkPrograms(1000, 20000);
}

TEST_CASE("splits of random matmuls and row sums add up, launch after launch") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    RandomProgram r(seed, target(seed % 2 ? "sm_80" : "sm_90a"));
    Program &p = r.p;
    std::int64_t m = 8ll << r.number(0, 2), n = 16ll << r.number(0, 2),
                 k = 32ll << r.number(0, 2);
    CompileOptions o =
        options(r.target->name, 1 << r.number(0, 3), r.number(1, 4));
    while (o.warps > m * n / 128)
      o.warps /= 2;
    o.kWarps = std::min(o.warps, 1 << r.number(0, 1));
    o.split = r.number(1, 5);
    if (o.split > 1)
      o.reduce = std::array{Reduce::ordered, Reduce::atomic,
                            Reduce::atomicOut}[r.number(0, 2)];
    if (o.reduce == Reduce::ordered && o.target->hasClusters())
      o.reduce = Reduce::cluster;
    o.order = r.chance(.5) ? KOrder::contiguous : KOrder::interleaved;

    unsigned across = r.number(1, 3), down = r.number(1, 3);
    std::int64_t rows = m * down - r.number(0, (int)m - 1),
                 columns = n * across - r.number(0, (int)n - 1),
                 depth = k * r.number(1, 6) - r.number(0, (int)k - 1);
    Dtype dtype = r.chance(.5) ? Dtype::f16 : Dtype::bf16;
    Array &a = r.array(dtype, {rows, depth}, false);
    Array &b = r.array(dtype, {columns, depth}, false);
    Array &bias = r.array(Dtype::f32, {1, columns}, false);
    Array &out = r.array(Dtype::f32, {rows, columns}, true);

    Range row = p.range(p.programId(1), m), column = p.range(p.programId(0), n);
    Tile sum = reduceSplits(
        p.loop(p.kRange(depth, k), p.splat(0, Dtype::f32, {m, n}),
               [&](Range kk, Tile acc) {
                 return dot(a.view.load({row, kk}),
                            transpose(b.view.load({column, kk})), acc);
               }));
    bool biased = o.reduce != Reduce::atomicOut;
    if (biased)
      sum = sum + broadcast(bias.view.load({p.range(p.constant(0), 1), column}),
                            {m, n});
    out.view.store({row, column}, sum);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) {
        double &v = out.values[i * columns + j] = biased ? bias.values[j] : 0;
        out.written[i * columns + j] = true;
        for (std::int64_t kk = 0; kk < depth; ++kk)
          v += a.values[i * depth + kk] * b.values[j * depth + kk];
      }
    INFO("seed " << seed << ", split " << o.split << " by policy "
                 << (int)o.reduce << ", " << o.warps << " warps, " << o.kWarps
                 << " along k, " << o.stages << " stages; tile " << m << " x "
                 << n << " x " << k << " of " << rows << " x " << columns
                 << " x " << depth);
    CHECK(r.problem(o, {across, down, (unsigned)o.split}) == "");
  }
}
