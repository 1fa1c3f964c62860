// Cold times of the engine's choices beside a plain read of the same bytes.
#include "kernels/launch/Scratch.h"
#include "kernels/tune/PlainRead.h"
#include "runtime/ColdTimer.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fmt/format.h>

namespace lath::verify {

std::vector<std::pair<std::int64_t, std::int64_t>>
shapesOf(const TimingOptions &options) {
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes;
  if (options.shapes.empty()) {
    for (std::int64_t n : {512, 1024, 2048, 4096, 5120, 8192, 16384})
      shapes.push_back({n, n});
    shapes.insert(shapes.end(),
                  {{14336, 4096}, {4096, 14336}, {28672, 8192}, {8192, 28672}});
  } else {
    const char *at = options.shapes.data(), *end = at + options.shapes.size();
    auto number = [&](const char *what, char behind) {
      std::int64_t value = 0;
      auto [stop, error] = std::from_chars(at, end, value);
      if (error != std::errc() || value <= 0 ||
          (stop != end ? *stop != behind : behind != ','))
        throw Error(ErrorKind::invalidInput,
                    fmt::format("'{}': expected {} at '{}'", options.shapes,
                                what, std::string_view(at, end - at)));
      at = stop == end ? end : stop + 1;
      return value;
    };
    while (at != end) {
      std::int64_t n = number("N as in 4096x4096,512x1024", 'x');
      shapes.push_back({n, number("K as in 4096x4096,512x1024", ',')});
    }
  }
  return shapes;
}

int timing(const std::shared_ptr<Device> &device, const TimingOptions &options,
           const std::string &path) {
  FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    throw Error(ErrorKind::invalidInput, fmt::format("cannot write {}", path));
  fmt::print(file,
             "{{\"device\": \"{}\", \"driver\": \"{}\", \"layout\": \"{}\", "
             "\"times\": [\n",
             device->info().name, device->info().driverText,
             name(options.layout));
  Engine engine(device);
  const DeviceInfo &info = device->info();
  bool first = true;
  int failures = 0;
  for (auto [n, k] : shapesOf(options)) {
    GemmSpec base;
    base.m = *std::max_element(options.m.begin(), options.m.end());
    base.n = n;
    base.k = k;
    base.reduce = Reduce::ordered;
    base.layout = options.layout;
    Workbench bench(device, base, options.seed);
    // Copies of the weights (and scales) that exceed four times the L2.
    std::size_t weightBytes = bench.weights()["qweight"].bytes();
    std::size_t scaleBytes = bench.weights()["scales"].bytes();
    unsigned copies = coldCopies(info, weightBytes);
    bench.makeCopies(copies);
    // All that a launch reads of the weights: one copy, as one stretch.
    PlainRead plain(device, weightBytes);
    ColdCandidate read{
        "plain read", copies, weightBytes, [&](Stream stream, unsigned copy) {
          plain.launch(stream, bench.copies()[copy]["qweight"].get());
        }};
    for (std::int64_t m : options.m) {
      GemmSpec spec = base;
      spec.m = m;
      const Kernel kernel = engine.gemm(spec);
      const Schedule &schedule = kernel.schedule();
      // Checked before it is timed.
      bench.poisonOutput(m);
      kernel.launch(nullptr, bench.arguments(m));
      if (GemmCheck check = bench.check(bench.result(), schedule, m);
          !check.ok()) {
        fmt::print("WRONG {} {}: error {:.2e}, {} written behind row {}\n",
                   print(spec), print(schedule),
                   check.comparison.relativeFrobenius, check.strayWrites, m);
        ++failures;
        continue;
      }
      const Scratch scratch(device, kernel);
      const ColdCandidate timed[] = {
          {print(schedule), copies, weightBytes,
           [&](Stream stream, unsigned copy) {
             kernel.launch(stream, scratch.with(bench.arguments(m, copy)));
           }},
          read};
      const std::vector<ColdTiming> times = timeCold(*device, timed);
      const ColdTiming &time = times[0], &readTime = times[1];
      fmt::print(file,
                 "{}{{\"n\": {}, \"k\": {}, \"m\": {}, \"schedule\": \"{}\", "
                 "\"cold_us\": {:.3f}, \"p10\": {:.3f}, \"p90\": {:.3f}, "
                 "\"plain_read_us\": {:.3f}}}",
                 first ? "" : ",\n", n, k, m, timed[0].name, time.median,
                 time.p10, time.p90, readTime.median);
      first = false;
      fmt::print("{:>6} {:>6} m{:<3} {:<44} {:8.3f} us [{:.3f} {:.3f}] {:6.0f} "
                 "GB/s, {:.2f} of a read\n",
                 n, k, m, timed[0].name, time.median, time.p10, time.p90,
                 (weightBytes + scaleBytes) / time.median / 1e3,
                 time.median / readTime.median);
      std::fflush(stdout);
    }
  }
  fmt::print(file, "\n]}}\n");
  std::fclose(file);
  return failures;
}

} // namespace lath::verify
