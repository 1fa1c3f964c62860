// The matmul example under given schedules: checked, then timed.
#include "compiler/base/Half.h"
#include "kernels/examples/Examples.h"
#include "kernels/weights/Gptq.h"
#include "runtime/ColdTimer.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <random>
#include <thread>

namespace lath::verify {

namespace {

using Bits = std::vector<std::uint16_t>;

/// Normally distributed numbers; of long arrays a stretch is repeated, of a
/// length that no row is a multiple of.
Bits randomBits(std::size_t count, Dtype dtype, std::uint64_t seed) {
  const auto period =
      static_cast<std::int64_t>(std::min<std::size_t>(count, (1u << 20) + 7));
  const Bits once = randomActivations(1, period, dtype, seed);
  Bits bits(count);
  for (std::size_t i = 0; i < count; ++i)
    bits[i] = once[i % once.size()];
  return bits;
}

class Problem {
public:
  Problem(std::shared_ptr<Device> on, const MatmulOptions &options)
      : device(std::move(on)), o(options), m(o.size[0]), n(o.size[1]),
        k(o.size[2]), dtype(o.bf16 ? Dtype::bf16 : Dtype::f16),
        a(randomBits(static_cast<std::size_t>(m * k), dtype, o.seed)),
        b(randomBits(static_cast<std::size_t>(n * k), dtype, o.seed + 1)) {
    // Copies that exceed the L2 several times.
    copies = coldCopies(device->info(), 2 * (a.size() + b.size()));
    for (unsigned copy = 0; copy < copies; ++copy) {
      aCopies.push_back(uploaded(device, a));
      bCopies.push_back(uploaded(device, b));
      outCopies.emplace_back(device, 2 * elements());
    }
  }

  std::size_t elements() const { return static_cast<std::size_t>(m * n); }

  int run(const std::string &text) {
    const Schedule schedule = parseSchedule(text);
    const MatmulTile tile{schedule.blockM, schedule.blockN, schedule.blockK};
    auto program =
        lath::matmul(n, k, o.kn ? MatrixB::kn : MatrixB::nk, dtype, tile);
    CompileOptions compiling;
    static_cast<KernelSchedule &>(compiling) = schedule;
    compiling.target = &target(device->info().target);
    const Ptx ptx = compile(*program, compiling).ptx;
    if (!o.ptx.empty())
      if (FILE *file = std::fopen(o.ptx.c_str(), "w")) {
        std::fputs(ptx.text.c_str(), file);
        std::fclose(file);
      }
    auto kernel = device->load(ptx);
    LaunchConfig config;
    config.grid = matmulGrid(m, n, tile);
    auto launch = [&](Stream stream, unsigned copy) {
      const std::uint64_t arguments[] = {
          static_cast<std::uint64_t>(m), aCopies[copy].get(),
          bCopies[copy].get(), outCopies[copy].get()};
      kernel->launch(stream, config, arguments);
    };
    device->fill(outCopies[0].get(), 0xff, 2 * elements());
    launch(nullptr, 0);
    device->synchronize();
    const double error = o.check ? worstError() : 0;
    const bool wrong = !(error < (o.bf16 ? 1e-2 : 2e-3));
    const KernelResources resources = kernel->resources();
    fmt::print("{:<60} {} registers, {} bytes of stack, {} of shared memory, "
               "error {:.1e}{}\n",
               text, resources.registers, resources.localBytes, ptx.sharedBytes,
               error, wrong ? " WRONG" : "");
    std::fflush(stdout);
    if (!wrong && device->takesMachineCode())
      time(launch);
    return wrong;
  }

private:
  std::shared_ptr<Device> device;
  const MatmulOptions &o;
  std::int64_t m, n, k;
  Dtype dtype;
  Bits a, b;
  unsigned copies = 1;
  std::vector<DeviceBuffer> aCopies, bCopies, outCopies;

  /// Of 4096 random elements, all of small results, relative to the size of
  /// their sums. A result that was not written is no number.
  double worstError() const {
    Bits out(elements());
    device->download(out.data(), outCopies[0].get(), 2 * out.size());
    std::mt19937_64 random(o.seed);
    const bool all = elements() <= 1u << 16;
    double worst = 0;
    for (std::size_t sample = 0; sample < (all ? elements() : 4096); ++sample) {
      const std::size_t at = all ? sample : random() % elements();
      const auto i = static_cast<std::int64_t>(at) / n,
                 j = static_cast<std::int64_t>(at) % n;
      double sum = 0;
      for (std::int64_t x = 0; x < k; ++x)
        sum +=
            double(toFloat(a[static_cast<std::size_t>(i * k + x)], dtype)) *
            toFloat(b[static_cast<std::size_t>(o.kn ? x * n + j : j * k + x)],
                    dtype);
      const double off = std::abs(toFloat(out[at], dtype) - sum) /
                         std::max(std::abs(sum), std::sqrt(double(k)));
      worst = off <= worst ? worst : off;
      if (!(off <= worst))
        return off;
    }
    return worst;
  }

  template <typename Launch> void time(const Launch &launch) {
    const double work = 2.0 * double(m) * double(n) * double(k);
    auto graph = [&](Stream stream) {
      for (unsigned copy = 0; copy < copies; ++copy)
        launch(stream, copy);
    };
    auto median = [&](std::vector<double> times) {
      std::sort(times.begin(), times.end());
      return times[times.size() / 2] / copies;
    };
    // A GPU at its limit of power slows down within milliseconds.
    std::vector<double> bursts;
    for (int round = 0; round < 8; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
      bursts.push_back(device->timeGraph(graph, 1, 1)[0]);
    }
    const double burst = median(bursts);
    const double once = burst * copies;
    const int replays = std::clamp(int(4e5 / once), 5, 2000);
    const double sustained = median(device->timeGraph(graph, 2, replays));
    fmt::print("    burst {:9.2f} us {:7.1f} TFLOP/s    sustained {:9.2f} us "
               "{:7.1f} TFLOP/s\n",
               burst, work / burst / 1e6, sustained, work / sustained / 1e6);
    std::fflush(stdout);
  }
};

} // namespace

int matmul(const std::shared_ptr<Device> &device,
           const MatmulOptions &options) {
  if (options.size.size() != 3)
    throw Error(ErrorKind::invalidInput,
                fmt::format("expected three sizes, M, N and K, got {}",
                            options.size.size()));
  Problem problem(device, options);
  int wrong = 0;
  for (const std::string &schedule : options.schedules)
    wrong += problem.run(schedule);
  return wrong;
}

} // namespace lath::verify
