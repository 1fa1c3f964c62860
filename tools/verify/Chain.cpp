// Times of kernels back to back under dependent launch, as in a model, beside a
// plain read of the same bytes that is chained in the same way.
//
// Where N = K a launch reads what the one before it wrote, as layers do, and
// only the first of each rotation over the copies of the weights reads the
// problem's own activations; else all read these. A layer that is applied to
// its own output again and again must neither overflow nor fade, so its scales
// are divided by its gain first.
#include "compiler/base/Half.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/launch/Scratch.h"
#include "kernels/tune/PlainRead.h"
#include "runtime/ColdTimer.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

namespace lath::verify {

namespace {

double rms(const std::vector<std::uint16_t> &halves) {
  double sum = 0;
  for (std::uint16_t h : halves)
    sum += std::pow(halfToFloat(h), 2);
  return std::sqrt(sum / static_cast<double>(halves.size()));
}

/// Applies the layer to its own output, scaled back to where it was, until the
/// direction that grows most is left: the factor by which it grows.
double gainOf(const std::shared_ptr<Device> &device, const Kernel &kernel,
              const Workbench &bench) {
  std::vector<std::uint16_t> x = bench.activations;
  DeviceBuffer in(device, 2 * x.size());
  // The direction turns; the mean of some steps does not.
  constexpr int steps = 16, counted = 8;
  double total = 1;
  for (int step = 0; step < steps; ++step) {
    device->upload(in.get(), x.data(), in.bytes());
    GemmArguments a = bench.arguments();
    a.x = in.get();
    kernel.launch(nullptr, a);
    device->synchronize();
    const double before = rms(x);
    device->download(x.data(), bench.out.get(), in.bytes());
    const double gain = rms(x) / before;
    if (step >= steps - counted)
      total *= gain;
    for (std::uint16_t &h : x)
      h = toHalf(halfToFloat(h) / gain);
  }
  return std::pow(total, 1.0 / counted);
}

/// x -> out -> again, launched at once: the second launch must see what the
/// first one wrote. True if both are right.
bool chainsRight(const std::shared_ptr<Device> &device, const Kernel &kernel,
                 Workbench &bench, DeviceBuffer &again) {
  const GemmSpec &spec = kernel.spec();
  const bool square = spec.n == spec.k;
  std::vector<std::uint16_t> first(spec.m * spec.n), second(first.size());
  GemmArguments a = bench.arguments(), b = a;
  b.out = again.get();
  if (square)
    b.x = a.out;
  for (DevicePtr out : {a.out, b.out})
    device->fill(out, poison & 0xff, 2 * first.size());
  device->synchronize();
  kernel.launch(nullptr, a);
  kernel.launch(nullptr, b);
  device->synchronize();
  device->download(first.data(), a.out, 2 * first.size());
  device->download(second.data(), b.out, 2 * second.size());
  auto right = [&](const std::vector<std::uint16_t> &out,
                   const std::vector<double> &reference) {
    double error = compare(out.data(), spec.x, reference.data(), spec.m, spec.n)
                       .relativeFrobenius;
    return error <= bound(spec.x, kernel.schedule().reduce);
  };
  return right(first, bench.reference()) &&
         right(second,
               square ? referenceGemm(bench.layer, first.data(), spec.m, spec.x)
                      : bench.reference());
}

} // namespace

int chain(const std::shared_ptr<Device> &device, const TimingOptions &options,
          const std::string &path) {
  FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    throw Error(ErrorKind::invalidInput, fmt::format("cannot write {}", path));
  fmt::print(file, "{{\"device\": \"{}\", \"driver\": \"{}\", \"chains\": [\n",
             device->info().name, device->info().driverText);
  Engine engine(device);
  bool first = true;
  int failures = 0;
  for (auto [n, k] : shapesOf(options)) {
    for (std::int64_t m : options.m) {
      GemmSpec spec;
      spec.m = m;
      spec.n = n;
      spec.k = k;
      spec.layout = options.layout;
      spec.launches = Launches::chained;
      Workbench bench(device, spec, options.seed);
      const std::size_t weightBytes = bench.weights()["qweight"].bytes();
      const unsigned copies = coldCopies(device->info(), weightBytes);
      const bool square = n == k;
      DeviceBuffer again(device, bench.out.bytes());

      Schedule schedule = engine.scheduleFor(spec);
      std::vector<Schedule> list;
      for (const std::string &text : options.schedules)
        list.push_back(parseSchedule(text));
      if (list.empty())
        list.push_back(schedule);
      for (std::size_t i = 0, given = list.size(); i < given; ++i) {
        for (Dependent when :
             {Dependent::none, Dependent::early, Dependent::half,
              Dependent::late, Dependent::end}) {
          Schedule other = list[i];
          other.dependent = when;
          if (other != list[i])
            list.push_back(other);
        }
      }
      std::vector<Kernel> kernels;
      for (const Schedule &s : list) {
        GemmSpec asked = spec;
        asked.split = s.split;
        asked.reduce = servedBy(s.reduce);
        Kernel kernel = engine.gemm(asked, s);
        if (chainsRight(device, kernel, bench, again)) {
          kernels.push_back(kernel);
        } else {
          fmt::print("WRONG {} {}, chained\n", print(spec), print(s));
          ++failures;
        }
      }
      if (kernels.empty())
        continue;

      std::vector<std::uint16_t> tamed = bench.layer.scales;
      if (square) {
        const double gain = gainOf(device, kernels.front(), bench);
        for (std::uint16_t &h : tamed)
          h = toHalf(halfToFloat(h) / gain);
      }
      bench.makeCopies(copies);
      for (const Workbench::Weights &copy : bench.copies())
        device->upload(copy["scales"].get(), tamed.data(),
                       copy["scales"].bytes());
      DeviceBuffer x[2] = {uploaded(device, bench.activations),
                           uploaded(device, bench.activations)};
      std::vector<ColdCandidate> timed;
      std::vector<Scratch> scratch;
      for (const Kernel &kernel : kernels)
        scratch.emplace_back(device, kernel);
      for (std::size_t i = 0; i < kernels.size(); ++i)
        timed.push_back({print(kernels[i].schedule()), copies, weightBytes,
                         [&, i](Stream stream, unsigned copy) {
                           GemmArguments a =
                               scratch[i].with(bench.arguments(m, copy));
                           if (square && copy > 0)
                             a.x = x[copy % 2].get();
                           if (square)
                             a.out = x[(copy + 1) % 2].get();
                           kernels[i].launch(stream, a);
                         }});
      PlainRead chained(device, weightBytes, /*dependent=*/true),
          alone(device, weightBytes);
      for (const PlainRead *read : {&chained, &alone})
        timed.push_back(
            {read == &chained ? "plain read, chained" : "plain read", copies,
             weightBytes, [&, read](Stream stream, unsigned copy) {
               read->launch(stream, bench.copies()[copy]["qweight"].get());
             }});
      std::vector<ColdTiming> times = timeCold(*device, timed);
      const double floor = times[kernels.size()].median;
      if (square) { // a chain of NaNs would be no chain of layers
        std::vector<std::uint16_t> last(bench.activations.size());
        device->download(last.data(), x[copies % 2].get(), x[0].bytes());
        const double size = rms(last);
        if (!std::isfinite(size) || size == 0) {
          fmt::print("WRONG {}: activations ended at {}\n", print(spec), size);
          ++failures;
        }
      }
      for (std::size_t i = 0; i < times.size(); ++i) {
        fmt::print("{:>6} {:>6} m{:<3} {:<52} {:8.3f} us [{:.3f} {:.3f}], "
                   "{:.3f} of the chained read\n",
                   n, k, m, timed[i].name, times[i].median, times[i].p10,
                   times[i].p90, times[i].median / floor);
        if (i < kernels.size())
          fmt::print(file,
                     "{}{{\"n\": {}, \"k\": {}, \"m\": {}, \"schedule\": "
                     "\"{}\", \"us\": {:.3f}, \"p10\": {:.3f}, \"p90\": "
                     "{:.3f}, \"chained_read_us\": {:.3f}, "
                     "\"plain_read_us\": {:.3f}}}",
                     first ? "" : ",\n", n, k, m, timed[i].name,
                     times[i].median, times[i].p10, times[i].p90, floor,
                     times.back().median);
        first &= i >= kernels.size();
      }
      std::fflush(stdout);
    }
  }
  fmt::print(file, "\n]}}\n");
  std::fclose(file);
  return failures;
}

} // namespace lath::verify
