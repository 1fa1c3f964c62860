// Cold times, schedules side by side, with a plain read of the same bytes.
#include "kernels/DequantGemm.h"
#include "kernels/Parallel.h"
#include "kernels/PlainRead.h"
#include "kernels/Reference.h"
#include "kernels/Scratch.h"
#include "runtime/ColdTimer.h"
#include "tools/verify/Verify.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <set>
#include <sstream>

namespace lath::verify {

namespace {

/// A way of the weights, and the warps that start copies.
using Path = std::pair<WeightPath, int>;

std::vector<Schedule> candidates(const GemmSpec &spec, const Target &target,
                                 unsigned smCount, const Schedule &chosen,
                                 bool paths) {
  std::vector<Schedule> list{chosen};
  if (!paths)
    return list;
  auto consider = [&](const Schedule &s) {
    // As many steps as stages, and enough of the device at work: other
    // schedules have not been seen to win.
    std::int64_t steps = (spec.k + s.blockK - 1) / s.blockK / s.split;
    std::int64_t warps = (spec.n + s.blockN - 1) / s.blockN * s.split * s.warps;
    if (s.warps > 16 || steps < 1 ||
        s.stages > std::max<std::int64_t>(2, steps) ||
        (spec.n > 2048 && warps < 3 * smCount) || warps > 24 * smCount)
      return;
    GemmSpec asked = spec;
    asked.split = s.split;
    asked.reduce = servedBy(s.reduce);
    try {
      validate(s);
      validate(s, asked, target);
    } catch (const Error &) {
      return;
    }
    if (std::find(list.begin(), list.end(), s) == list.end())
      list.push_back(s);
  };
  // Wide blocks share the activations of many rows; narrow ones fill the
  // device.
  const bool many = spec.m > 16;
  Schedule s = list.front();
  s.order = KOrder::contiguous;
  s.scales = ScalePlacement::sums;
  std::vector<Path> ways{{WeightPath::shared, 0}};
  if (spec.layout == WeightLayout::packed)
    ways.insert(ways.end(), {{WeightPath::registers, 0},
                             {WeightPath::bulk, 0},
                             {WeightPath::bulk, 1}});
  for (auto [path, producers] : ways)
    for (int blockN :
         many ? std::vector{64, 128, 256} : std::vector{32, 64, 128})
      for (int columns : {32, 64})
        for (int kWarps : {1, 2, 4, 8, 16})
          for (int perWarp : {64, 128, 256})
            for (int stages : {2, 3, 4})
              for (auto [split, reduce] :
                   {std::pair{1, Reduce::none}, std::pair{2, Reduce::cluster},
                    std::pair{4, Reduce::cluster},
                    std::pair{4, Reduce::ordered}}) {
                if (columns > blockN || (many && kWarps > 4))
                  continue;
                s.weights = path;
                s.producers = producers;
                s.blockN = blockN;
                s.kWarps = kWarps;
                s.warps = blockN / columns * kWarps;
                s.blockK = perWarp * kWarps;
                s.stages = stages;
                s.split = split;
                s.reduce = reduce;
                consider(s);
              }
  return list;
}

} // namespace

std::vector<std::pair<std::int64_t, std::int64_t>>
shapesOf(const TimingOptions &options) {
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes;
  if (options.shapes.empty()) {
    for (std::int64_t n : {512, 1024, 2048, 4096, 5120, 8192, 16384})
      shapes.push_back({n, n});
    shapes.insert(shapes.end(),
                  {{14336, 4096}, {4096, 14336}, {28672, 8192}, {8192, 28672}});
  } else {
    std::stringstream text(options.shapes);
    for (std::string part; std::getline(text, part, ',');) {
      std::size_t by = part.find('x');
      shapes.push_back({std::stoll(part), std::stoll(part.substr(by + 1))});
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
             options.layout == WeightLayout::packed ? "packed" : "gptq");
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
    Problem problem(device, base, options.seed);
    // Copies of the weights (and scales) that exceed four times the L2.
    std::size_t weightBytes = 4 * problem.words.size();
    std::size_t scaleBytes = 2 * problem.layer.scales.size();
    unsigned copies = coldCopies(info, weightBytes);
    std::vector<DeviceBuffer> weights, scales;
    for (unsigned c = 0; c < copies; ++c) {
      weights.emplace_back(device, weightBytes);
      device->upload(weights.back().get(), problem.words.data(), weightBytes);
      scales.emplace_back(device, scaleBytes);
      device->upload(scales.back().get(), problem.layer.scales.data(),
                     scaleBytes);
    }
    // All that a launch reads of the weights: one copy, as one stretch.
    PlainRead plain(device, weightBytes);
    ColdCandidate read{"plain read", copies, weightBytes,
                       [&](Stream stream, unsigned copy) {
                         plain.launch(stream, weights[copy].get());
                       }};
    for (std::int64_t m : options.m) {
      GemmSpec spec = base;
      spec.m = m;
      std::vector<Schedule> list =
          candidates(spec, engine.target(), info.smCount,
                     engine.scheduleFor(spec), options.paths);
      std::vector<std::optional<Kernel>> kernels(list.size());
      parallelFor(list.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          try {
            GemmSpec asked = spec;
            asked.split = list[i].split;
            asked.reduce = servedBy(list[i].reduce);
            kernels[i] = engine.gemm(asked, list[i]);
          } catch (const Error &error) {
            fmt::print("skip {}: {}\n", print(list[i]), error.message());
          }
      });
      // Check each before timing it.
      std::vector<ColdCandidate> timed;
      std::vector<Scratch> scratch(list.size());
      std::vector<std::size_t> which;
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (!kernels[i])
          continue;
        device->fill(problem.out.get(), poison & 0xff, 2 * m * n);
        kernels[i]->launch(nullptr, problem.arguments(m));
        device->synchronize();
        std::vector<std::uint16_t> out(m * n);
        device->download(out.data(), problem.out.get(), 2 * out.size());
        Comparison c =
            compare(out.data(), spec.x, problem.reference.data(), m, n);
        if (!(c.relativeFrobenius <= bound(spec.x, list[i].reduce))) {
          fmt::print("WRONG {} {}: error {:.2e}\n", print(spec), print(list[i]),
                     c.relativeFrobenius);
          ++failures;
          continue;
        }
        const Kernel &kernel = *kernels[i];
        scratch[i] = Scratch(device, kernel);
        timed.push_back({print(list[i]), copies, weightBytes,
                         [&, m, i](Stream stream, unsigned copy) {
                           GemmArguments a =
                               scratch[i].with(problem.arguments(m));
                           a.qweight = weights[copy].get();
                           a.scales = scales[copy].get();
                           kernel.launch(stream, a);
                         }});
        which.push_back(i);
      }
      // A coarse pass over all, then the best with more repeats.
      std::vector<double> medians(timed.size());
      ColdOptions coarse;
      coarse.warmups = 1;
      std::vector<std::size_t> order(timed.size());
      for (std::size_t i = 0; i < timed.size(); ++i)
        order[i] = i;
      if (timed.size() > 8) {
        for (std::size_t i = 0; i < timed.size(); ++i)
          medians[i] = timeCold(*device, timed[i], coarse).median;
        std::sort(order.begin(), order.end(),
                  [&](std::size_t a, std::size_t b) {
                    return medians[a] < medians[b];
                  });
        if (options.paths) { // the best of each, and the default
          std::set<Path> seen;
          std::erase_if(order, [&](std::size_t i) {
            const Schedule &s = list[which[i]];
            return !seen.insert({s.weights, s.producers}).second &&
                   which[i] != 0;
          });
        }
        auto mine = std::find(order.begin(), order.end(), 0u);
        if (mine - order.begin() >= 6) { // the default stays in the run
          order.erase(mine);
          order.insert(order.begin() + 5, 0);
        }
        order.resize(std::min<std::size_t>(order.size(), 6));
      }
      std::vector<ColdCandidate> finalists;
      for (std::size_t i : order)
        finalists.push_back(timed[i]);
      finalists.push_back(read);
      std::vector<ColdTiming> times = timeCold(*device, finalists);
      ColdTiming readTime = times.back();
      times.pop_back();
      std::size_t best = 0;
      for (std::size_t i = 0; i < times.size(); ++i) {
        if (times[i].median < times[best].median)
          best = i;
        fmt::print(file,
                   "{}{{\"n\": {}, \"k\": {}, \"m\": {}, \"schedule\": \"{}\", "
                   "\"default\": {}, "
                   "\"cold_us\": {:.3f}, \"p10\": {:.3f}, \"p90\": {:.3f}, "
                   "\"plain_read_us\": {:.3f}}}",
                   first ? "" : ",\n", n, k, m, finalists[i].name,
                   which[order[i]] == 0, times[i].median, times[i].p10,
                   times[i].p90, readTime.median);
        first = false;
      }
      for (std::size_t i = 0; i < times.size(); ++i)
        if (which[order[i]] == 0 || i == best || options.paths)
          fmt::print(
              "{:>6} {:>6} m{:<3} {:<44} {:8.3f} us [{:.3f} {:.3f}] {:6.0f} "
              "GB/s, {:.2f} of a read{}{}\n",
              n, k, m, finalists[i].name, times[i].median, times[i].p10,
              times[i].p90, (weightBytes + scaleBytes) / times[i].median / 1e3,
              times[i].median / readTime.median,
              which[order[i]] == 0 ? " default" : "", i == best ? " best" : "");
      std::fflush(stdout);
    }
  }
  fmt::print(file, "\n]}}\n");
  std::fclose(file);
  return failures;
}

} // namespace lath::verify
