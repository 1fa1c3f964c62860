// The example programs against fp64, outputs poisoned.
#include "kernels/examples/Examples.h"
#include "compiler/base/Half.h"
#include "kernels/weights/Gptq.h"
#include "kernels/weights/Reference.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lath::verify {

namespace {

using Bits = std::vector<std::uint16_t>;

/// The expected output and its extent [rows, columns].
struct Expected {
  std::vector<double> values;
  std::int64_t rows, columns;
};

std::vector<double> wide(const Bits &bits, Dtype dtype) {
  std::vector<double> values;
  for (std::uint16_t b : bits)
    values.push_back(toFloat(b, dtype));
  return values;
}

Expected reference(const Example &example, const ExampleSizes &s,
                   const std::vector<double> &a, const std::vector<double> &b) {
  if (example.name == "vector_add") {
    Expected e{{}, 1, s.n};
    for (std::int64_t i = 0; i < s.n; ++i)
      e.values.push_back(a[i] + b[i]);
    return e;
  }
  Expected e{std::vector<double>(s.m * s.n), s.m, s.n};
  for (std::int64_t i = 0; i < s.m; ++i) {
    double *out = &e.values[i * s.n];
    if (example.name == "softmax") {
      const double *in = &a[i * s.n];
      double top = *std::max_element(in, in + s.n), sum = 0;
      for (std::int64_t j = 0; j < s.n; ++j)
        sum += out[j] = std::exp(in[j] - top);
      for (std::int64_t j = 0; j < s.n; ++j)
        out[j] /= sum;
      continue;
    }
    bool nk = example.name == "matmul_nk";
    for (std::int64_t j = 0; j < s.n; ++j)
      for (std::int64_t k = 0; k < s.k; ++k)
        out[j] += a[i * s.k + k] * (nk ? b[j * s.k + k] : b[k * s.n + j]);
  }
  return e;
}

std::vector<ExampleSizes> sizesOf(const Example &example) {
  if (example.name == "vector_add")
    return {{1, 1, 1}, {1, 1000, 1}, {1, 4096, 1}, {1, 100003, 1}};
  if (example.name == "softmax")
    return {{1, 1, 1},     {5, 7, 1},    {33, 100, 1},
            {17, 1024, 1}, {9, 3001, 1}, {3, 4096, 1}};
  return {
      {64, 64, 64}, {1, 8, 16}, {33, 72, 200}, {130, 256, 512}, {65, 67, 71}};
}

} // namespace

int examples(const std::shared_ptr<Device> &device, std::uint64_t seed) {
  const Target &gpu = target(device->info().target);
  int failures = 0;
  for (const Example &example : lath::examples())
    for (Dtype dtype : {Dtype::f16, Dtype::bf16})
      for (const ExampleSizes &s : sizesOf(example)) {
        bool gemm = example.name.substr(0, 6) == "matmul";
        std::int64_t rows = example.name == "vector_add" ? 1 : s.m;
        Bits a = randomActivations(rows, gemm ? s.k : s.n, dtype, seed);
        Bits b = randomActivations(gemm ? s.k : 1, s.n, dtype, seed + 1);
        Expected expected =
            reference(example, s, wide(a, dtype), wide(b, dtype));
        std::int64_t count = expected.rows * expected.columns;

        auto program = example.build(s, dtype);
        CompileResult compiled =
            compile(*program, compileOptions(example, gpu));
        auto kernel = device->load(compiled.ptx);
        DeviceBuffer aMemory(device, 2 * a.size()),
            bMemory(device, 2 * b.size()), out(device, 2 * (count + 64));
        device->upload(aMemory.get(), a.data(), 2 * a.size());
        device->upload(bMemory.get(), b.data(), 2 * b.size());
        device->fill(out.get(), poison & 0xff, out.bytes());
        std::vector<std::uint64_t> arguments{(std::uint64_t)example.scalar(s),
                                             aMemory.get()};
        if (example.name != "softmax")
          arguments.push_back(bMemory.get());
        arguments.push_back(out.get());
        LaunchConfig config;
        config.grid = example.grid(s);
        kernel->launch(nullptr, config, arguments);
        device->synchronize();
        Bits result(count + 64);
        device->download(result.data(), out.get(), 2 * result.size());
        Comparison c = compare(result.data(), dtype, expected.values.data(),
                               expected.rows, expected.columns);
        bool ok = c.relativeFrobenius <= (dtype == Dtype::f16 ? 1e-3 : 6e-3) &&
                  countPoison(result.data() + count, 64) == 64;
        failures += !ok;
        fmt::print("{:<12} {:<5} m{} n{} k{}: error {:.2e} {}\n", example.name,
                   name(dtype), s.m, s.n, s.k, c.relativeFrobenius,
                   ok ? "ok" : "FAIL");
      }
  return failures;
}

} // namespace lath::verify
