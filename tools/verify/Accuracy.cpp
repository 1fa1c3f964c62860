// The accuracy grid: every kernel's result against fp64, outputs poisoned.
#include "compiler/base/Parallel.h"
#include "kernels/choose/ScheduleSpace.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace lath::verify {

namespace {

struct Case {
  GemmSpec spec; ///< m = the kernel's bucket
  int m;         ///< rows launched
};

int bucket(int m) {
  for (int b : {8, 16, 32, 64})
    if (m <= b)
      return b;
  return 64;
}

struct Outcome {
  double error = 0;
  bool ok = false;
  std::string problem;
};

Outcome run(const Kernel &kernel, Workbench &bench, const Case &c,
            const AccuracyOptions &options) {
  const Reduce reduce = kernel.schedule().reduce;
  std::vector<std::uint16_t> first, last;
  Outcome outcome;
  int launches = reduce == Reduce::ordered ? options.launches : 2;
  for (int i = 0; i < launches; ++i) {
    bench.poisonOutput(c.m);
    kernel.launch(nullptr, bench.arguments(c.m));
    last = bench.result();
    if (i == 0)
      first = last;
    if (reduce == Reduce::ordered && first != last) {
      outcome.problem = fmt::format("launch {} differs from the first", i);
      return outcome;
    }
  }
  // The last launch is the one compared: a ticket or a workspace that one
  // before left dirty shows there.
  const GemmCheck check = bench.check(last, kernel.schedule(), c.m);
  const Comparison &compared = check.comparison;
  outcome.error = compared.relativeFrobenius;
  if (check.strayWrites)
    outcome.problem = "wrote past row m";
  else if (compared.nonFinite)
    outcome.problem = fmt::format(
        "{} elements are not finite, {} unwritten, first at ({}, {})",
        compared.nonFinite, compared.unwritten, compared.worstRow,
        compared.worstColumn);
  else if (!check.ok())
    outcome.problem = fmt::format(
        "error {:.2e} exceeds {:.1e}; worst element ({}, {})", outcome.error,
        check.bound, compared.worstRow, compared.worstColumn);
  outcome.ok = outcome.problem.empty();
  return outcome;
}

std::vector<Case> casesOf(const GemmSpec &base, bool square) {
  std::vector<Case> cases;
  std::vector<int> rows = {1, 2, 4, 5, 8, 16};
  if (!square)
    rows = {1, 8, 16};
  for (int ragged : {3, 7, 13, 17, 33})
    rows.push_back(ragged);
  for (int m : rows)
    for (int split : {1, 2, 4, 8, 16}) {
      std::vector<Reduce> policies = {Reduce::ordered};
      if (split > 1)
        policies = {Reduce::ordered, Reduce::atomic, Reduce::atomicOut};
      for (Reduce reduce : policies) {
        bool ragged = m == 3 || m == 7 || m == 13 || m == 17 || m == 33;
        if (ragged && split != 1 && split != 4)
          continue;
        Case c{base, m};
        c.spec.m = bucket(m);
        c.spec.split = split;
        c.spec.reduce = split == 1 ? Reduce::none : reduce;
        cases.push_back(c);
      }
    }
  return cases;
}

} // namespace

int accuracy(const std::shared_ptr<Device> &device,
             const AccuracyOptions &options, const std::string &path) {
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes;
  for (std::int64_t n : {512, 1024, 2048, 4096, 5120, 8192, 16384})
    shapes.push_back({n, n});
  std::vector<std::pair<std::int64_t, std::int64_t>> odd = {
      {6144, 4096},
      {4096, 14336},
      {4608, 3584},
      {2112, 7168},
      // Tails: few columns, and a K that is no multiple of the K step.
      {8, 512},
      {24, 2112},
      {1544, 2112}};
  shapes.insert(shapes.end(), odd.begin(), odd.end());
  if (options.quick)
    shapes = {{512, 512}, {2112, 7168}, {8, 512}, {24, 2112}, {1544, 2112}};

  struct Variant {
    Dtype x;
    std::int64_t group; ///< 0: K
    std::string_view w; ///< name of a format
  };
  std::vector<Variant> variants = {{Dtype::f16, 128, "u4"},
                                   {Dtype::bf16, 128, "u4"}};
  std::vector<Variant> small = {
      {Dtype::f16, 128, "u4z1"}, {Dtype::f16, 64, "u4z"},
      {Dtype::bf16, 32, "u4z1"}, {Dtype::f16, 0, "u4z"},
      {Dtype::f16, 32, "u4"},    {Dtype::f16, 128, "s8"},
      {Dtype::bf16, 64, "s8"}};

  FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    throw Error(ErrorKind::invalidInput, fmt::format("cannot write {}", path));
  fmt::print(
      file,
      "{{\"device\": \"{}\", \"driver\": \"{}\", \"seed\": {}, \"cases\": [\n",
      device->info().name, device->info().driverText, options.seed);
  Engine engine(device);
  int failures = 0, total = 0;
  std::map<std::string, std::pair<int, double>>
      summary; // class -> count, worst
  for (auto [n, k] : shapes) {
    std::vector<Variant> all = variants;
    if (k % 128)
      all.clear();
    if (n <= 1024 || n == 4608 || n == 2112 || n == 1544)
      all.insert(all.end(), small.begin(), small.end());
    for (const Variant &v : all) {
      if ((v.group && k % v.group) ||
          !weightFormatNamed(v.w)->supports(options.layout))
        continue;
      GemmSpec base;
      base.m = 33;
      base.n = n;
      base.k = k;
      base.group = v.group ? v.group : k;
      base.x = v.x;
      const WeightFormat &format = *weightFormatNamed(v.w);
      base.w = format.codes;
      base.zeros = format.zeros;
      base.reduce = Reduce::ordered;
      base.layout = options.layout;
      std::uint64_t seed = options.seed * 1000003 + n * 31 + k;
      Workbench bench(device, base, seed);
      std::vector<Case> cases = casesOf(base, n == k);
      // Compile on all cores first.
      std::vector<Kernel> kernels(cases.size());
      std::vector<std::string> problems(cases.size());
      parallelFor(cases.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          try {
            kernels[i] = engine.gemm(cases[i].spec);
          } catch (const Error &error) {
            problems[i] = error.message();
          }
      });
      int bad = 0;
      for (std::size_t i = 0; i < cases.size(); ++i) {
        Outcome outcome;
        if (problems[i].empty())
          outcome = run(kernels[i], bench, cases[i], options);
        else
          outcome.problem = problems[i];
        GemmSpec spec = cases[i].spec;
        fmt::print(file,
                   "{}{{\"spec\": \"{}\", \"m\": {}, \"seed\": {}, \"error\": "
                   "{:.3e}, \"ok\": {}}}",
                   total ? ",\n" : "", print(spec), cases[i].m, seed,
                   outcome.error, outcome.ok);
        ++total;
        if (!outcome.ok) {
          ++failures;
          if (++bad <= 4)
            fmt::print("FAIL {} m={} {}: {}\n", print(spec), cases[i].m,
                       problems[i].empty() ? print(kernels[i].schedule()) : "",
                       outcome.problem);
        } else {
          auto &[count, worst] = summary[fmt::format(
              "{} {}", name(spec.x),
              name(spec.split == 1 ? Reduce::none : spec.reduce))];
          ++count;
          worst = std::max(worst, outcome.error);
        }
      }
      fmt::print("{}: {} of {} failed\n", print(base), bad, cases.size());
      std::fflush(stdout);
    }
  }
  fmt::print(file, "\n]}}\n");
  std::fclose(file);
  fmt::print("{:<18} {:>6} {:>10}\n", "class", "passed", "worst");
  for (auto &[name, value] : summary)
    fmt::print("{:<18} {:>6} {:>10.2e}\n", name, value.first, value.second);
  fmt::print("{} passed, {} failed\n", total - failures, failures);
  return failures;
}

} // namespace lath::verify
