// Protects: kernels that are no GEMM (vector add, softmax, matmul) run on the
// emulator with right results and without findings.
#include "kernels/examples/Examples.h"
#include "compiler/base/Half.h"
#include "compiler/base/Target.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

struct Run {
  std::vector<float> a, b, out;
};

/// Runs an example in f16 (f32 for `wide`) with inputs of aCount and bCount.
Run run(std::string_view name, const ExampleSizes &sizes, bool wide,
        std::size_t aCount, std::size_t bCount, std::size_t outCount) {
  Dtype type = wide ? Dtype::f32 : Dtype::f16;
  for (const Example &example : examples()) {
    if (example.name != name)
      continue;
    auto program = example.build(sizes, type);
    Ptx ptx = compile(*program, compileOptions(example, target("sm_90a"))).ptx;
    auto device = openEmulator();
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    std::size_t size = wide ? 4 : 2;
    Run result;
    auto make = [&](std::vector<float> &values, std::size_t count) {
      DeviceBuffer buffer(device, size * count);
      std::vector<std::uint16_t> halves;
      for (std::size_t n = 0; n < count; ++n) {
        float v = normal(random);
        if (!wide) {
          halves.push_back(toHalf(v));
          v = halfToFloat(halves.back());
        }
        values.push_back(v);
      }
      device->upload(buffer.get(),
                     wide ? static_cast<const void *>(values.data())
                          : halves.data(),
                     buffer.bytes());
      return buffer;
    };
    DeviceBuffer a = make(result.a, aCount), b;
    if (bCount)
      b = make(result.b, bCount);
    DeviceBuffer out(device, size * outCount);
    device->expectWritten(out.get(), out.bytes());
    std::vector<std::uint64_t> args;
    std::vector<DevicePtr> views{a.get()};
    if (bCount)
      views.push_back(b.get());
    views.push_back(out.get());
    std::size_t next = 0;
    for (const KernelParam &p : ptx.params)
      args.push_back(p.kind == KernelParam::Kind::scalar
                         ? static_cast<std::uint64_t>(example.scalar(sizes))
                         : views[next++]);
    LaunchConfig config;
    config.grid = example.grid(sizes);
    device->load(ptx)->launch(nullptr, config, args);
    result.out.resize(outCount);
    if (wide) {
      device->download(result.out.data(), out.get(), out.bytes());
    } else {
      std::vector<std::uint16_t> halves(outCount);
      device->download(halves.data(), out.get(), out.bytes());
      for (std::size_t n = 0; n < outCount; ++n)
        result.out[n] = halfToFloat(halves[n]);
    }
    return result;
  }
  FAIL("there is no example " << name);
  return {};
}

} // namespace

TEST_CASE("emulated examples: vector add") {
  for (bool wide : {true, false})
    for (std::int64_t n : {1, 100, 1024, 5000}) {
      CAPTURE(wide, n);
      auto count = static_cast<std::size_t>(n);
      Run r = run("vector_add", {.n = n}, wide, count, count, count);
      for (std::size_t k = 0; k < count; ++k)
        REQUIRE(
            r.out[k] ==
            Approx(r.a[k] + r.b[k]).epsilon(wide ? 1e-7 : 1e-3).margin(1e-6));
    }
}

TEST_CASE("emulated examples: softmax") {
  for (std::int64_t columns : {1, 33, 256, 1000}) {
    CAPTURE(columns);
    auto n = static_cast<std::size_t>(columns);
    Run r = run("softmax", {.m = 3, .n = columns}, true, 3 * n, 0, 3 * n);
    for (std::size_t row = 0; row < 3; ++row) {
      double most = -1e30, sum = 0;
      for (std::size_t k = 0; k < n; ++k)
        most = std::max<double>(most, r.a[row * n + k]);
      for (std::size_t k = 0; k < n; ++k)
        sum += std::exp(r.a[row * n + k] - most);
      for (std::size_t k = 0; k < n; ++k)
        REQUIRE(r.out[row * n + k] ==
                Approx(std::exp(r.a[row * n + k] - most) / sum)
                    .epsilon(1e-5)
                    .margin(1e-9));
    }
  }
}

TEST_CASE("emulated examples: matmul") {
  for (const char *name : {"matmul_kn", "matmul_nk"})
    for (ExampleSizes s : {ExampleSizes{.m = 16, .n = 64, .k = 64},
                           ExampleSizes{.m = 33, .n = 40, .k = 96},
                           ExampleSizes{.m = 5, .n = 7, .k = 9}}) {
      CAPTURE(name, s.m, s.n, s.k);
      Run r = run(name, s, false, static_cast<std::size_t>(s.m * s.k),
                  static_cast<std::size_t>(s.n * s.k),
                  static_cast<std::size_t>(s.m * s.n));
      bool kn = std::string_view(name) == "matmul_kn";
      for (std::int64_t i = 0; i < s.m; ++i)
        for (std::int64_t j = 0; j < s.n; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < s.k; ++k)
            sum += static_cast<double>(r.a[i * s.k + k]) *
                   r.b[kn ? k * s.n + j : j * s.k + k];
          REQUIRE(r.out[i * s.n + j] == Approx(sum).epsilon(2e-3).margin(2e-2));
        }
    }
}
