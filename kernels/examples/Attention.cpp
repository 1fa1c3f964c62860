// out[t, h] = softmax(q[t, h] k[:, g]^T / sqrt(D)) v[:, g],  g = h / (H / G)
//
// in one pass over the keys (FlashAttention-2, arXiv 2307.08691): for each tile
// of keys the running maximum m and sum l of the exponentials are brought up to
// date and what is summed so far is scaled by exp(m - next m). In powers of
// two. `causal`: keys after the query are left out, and tiles of them not
// visited. The length is an argument; q, k, v, out are [B, T, H or G, D]. The
// size `causal` is 2 for causal, 1 for not.
#include "kernels/examples/Examples.h"

#include <cmath>

namespace lath {

static std::unique_ptr<Program> attention(std::int64_t heads,
                                          std::int64_t groups, std::int64_t dim,
                                          bool causal, Dtype dtype,
                                          std::int64_t queriesTile,
                                          std::int64_t keysTile) {
  auto program = std::make_unique<Program>("attention");
  Program &p = *program;
  Index batches = p.scalar("batches"), length = p.scalar("length");
  View q = p.view("q", dtype, {batches, length, heads, dim});
  View k = p.view("k", dtype, {batches, length, groups, dim});
  View v = p.view("v", dtype, {batches, length, groups, dim});
  View out = p.view("out", dtype, {batches, length, heads, dim});

  Index head = p.programId(1), batch = p.programId(2);
  Index group = head / (heads / groups);
  // The last queries have the most keys, and go first.
  Range query = p.range(p.numPrograms(0) - 1 - p.programId(0), queriesTile);
  Range all = p.range(0, dim);
  Tile rows = q.load({batch, query, head, all});
  const double scale = M_LOG2E / std::sqrt(double(dim));

  // Tiles of keys that every query of the tile sees need no mask.
  Index end = causal ? minimum(length, query.start + queriesTile) : length;
  Index seen = (causal ? query.start : length) / keysTile * keysTile;
  auto step = [&](bool masked) {
    return [&, masked](Range key, Tile m, Tile l, Tile acc) {
      Tile keys = transpose(k.load({batch, key, group, all}));
      Tile s = dot(rows, keys, p.zeros({queriesTile, keysTile}));
      if (masked) {
        Tile valid = iota(key) < length;
        if (causal)
          valid = valid & (iota(key) <= expand(iota(query), 1));
        s = where(valid, s, -INFINITY);
      }
      Tile next = maximum(m, max(s, 1));
      Tile e = exp2(fma(s, scale, -scale * next));
      Tile shrink = exp2((m - next) * scale);
      acc = dot(cast(e, dtype), v.load({batch, key, group, all}), acc * shrink);
      return std::tuple{next, l * shrink + sum(e, 1), acc};
    };
  };
  std::tuple state{p.splat(-1e30, Dtype::f32, {queriesTile, 1}),
                   p.zeros({queriesTile, 1}), p.zeros({queriesTile, dim})};
  state = p.loop(p.steps(0, seen, keysTile), state, step(false));
  auto [m, l, acc] = p.loop(p.steps(seen, end, keysTile), state, step(true));
  out.store({batch, query, head, all}, cast(acc * (1 / l), dtype));
  return program;
}

static TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) {
  const std::int64_t batches = sizes["batches"], length = sizes["length"],
                     heads = sizes["heads"], groups = sizes["groups"],
                     dim = sizes["dim"];
  const bool causal = sizes["causal"] > 1;
  const Shape many{batches, length, heads, dim},
      few{batches, length, groups, dim};
  return {.space = ProgramSpace("queries=64|128|256 keys=32|64|128 w=4|8|16 "
                                "st=1|2|3 mma=warp|warpgroup "
                                "copies=threads|tensor"),
          .usual = "queries128keys64w8st2",
          .build =
              [=](auto &c) {
                return attention(heads, groups, dim, causal, dtype,
                                 c["queries"], c["keys"]);
              },
          .grid =
              [=](auto &c) {
                return ProgramGrid{tilesOf(length, c["queries"]),
                                   unsigned(heads), unsigned(batches)};
              },
          .fits =
              [=](auto &c) {
                return elementsFit(c["queries"] * (c["keys"] + dim), c);
              },
          .arguments = {NumberArgument{"batches", double(batches)},
                        NumberArgument{"length", double(length)},
                        ArrayArgument{"q", dtype, many},
                        ArrayArgument{"k", dtype, few},
                        ArrayArgument{"v", dtype, few},
                        ArrayArgument{"out", dtype, many,
                                      ArrayArgument::Use::output}},
          .reference =
              [=](ArgumentValues &values) {
                const auto &q = values[2], &k = values[3], &v = values[4];
                for (std::int64_t b = 0; b < batches; ++b)
                  for (std::int64_t h = 0; h < heads; ++h)
                    for (std::int64_t t = 0; t < length; ++t) {
                      const std::int64_t g = h / (heads / groups);
                      const std::int64_t keys = causal ? t + 1 : length;
                      auto many = [&](std::int64_t t) {
                        return ((b * length + t) * heads + h) * dim;
                      };
                      auto few = [&](std::int64_t t) {
                        return ((b * length + t) * groups + g) * dim;
                      };
                      std::vector<double> s(keys);
                      double most = -INFINITY, total = 0;
                      for (std::int64_t u = 0; u < keys; ++u) {
                        for (std::int64_t d = 0; d < dim; ++d)
                          s[u] += q[many(t) + d] * k[few(u) + d];
                        s[u] /= std::sqrt(double(dim));
                        most = std::max(most, s[u]);
                      }
                      for (double &x : s)
                        total += x = std::exp(x - most);
                      for (std::int64_t d = 0; d < dim; ++d) {
                        double sum = 0;
                        for (std::int64_t u = 0; u < keys; ++u)
                          sum += s[u] * v[few(u) + d];
                        values[5][many(t) + d] = sum / total;
                      }
                    }
              },
          .bound = 8,
          .flops =
              4.0 * batches * heads * length * length * dim / (causal ? 2 : 1)};
}

const Example attentionExample = {"attention",
                                  "out = softmax(q k^T / sqrt(D)) v",
                                  {{"batches", 1},
                                   {"length", 4096},
                                   {"heads", 32},
                                   {"groups", 8},
                                   {"dim", 128},
                                   {"causal", 2}},
                                  problem};

} // namespace lath
