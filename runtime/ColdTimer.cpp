// Timing over a rotation set larger than the L2.

#include "runtime/ColdTimer.h"

#include <algorithm>
#include <cmath>

namespace lath {

/// The set must exceed the L2 this many times: replacement is not strictly
/// least-recently-used, so a set of just over one L2 would still hit.
static constexpr std::size_t l2Multiple = 4;

unsigned coldCopies(const DeviceInfo &device, std::size_t copyBytes) {
  std::size_t bytes = std::max<std::size_t>(copyBytes, 1);
  std::size_t copies = l2Multiple * device.l2Bytes / bytes + 1;
  return static_cast<unsigned>(std::max<std::size_t>(copies, 2));
}

static void validate(const DeviceInfo &device, const ColdCandidate &candidate) {
  std::size_t set = candidate.copies * candidate.copyBytes;
  if (candidate.copies > 0 && set > l2Multiple * device.l2Bytes)
    return;
  throw Error(ErrorKind::invalidInput,
              "timing '" + candidate.name +
                  "' would not be cold: " + std::to_string(candidate.copies) +
                  " copies of " + std::to_string(candidate.copyBytes) +
                  " bytes are " + std::to_string(set) +
                  " bytes, they must exceed " + std::to_string(l2Multiple) +
                  " x L2 = " + std::to_string(l2Multiple * device.l2Bytes),
              {"take " +
               std::to_string(coldCopies(device, candidate.copyBytes)) +
               " copies"});
}

static void atLeast(const char *name, long long value, long long least) {
  if (value < least)
    throw Error(ErrorKind::invalidInput,
                std::string("cold timing needs at least ") +
                    std::to_string(least) + " " + name + ", got " +
                    std::to_string(value));
}

/// The value below which a share of `sorted` lies, between samples in
/// proportion.
static double quantile(const std::vector<double> &sorted, double share) {
  double position = share * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<std::size_t>(position);
  std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above],
                   position - static_cast<double>(below));
}

static ColdTiming summarise(std::vector<double> samples, unsigned launches) {
  for (double &sample : samples)
    sample /= launches;
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  ColdTiming timing;
  timing.min = sorted.front();
  timing.p10 = quantile(sorted, 0.1);
  timing.median = quantile(sorted, 0.5);
  timing.p90 = quantile(sorted, 0.9);
  timing.max = sorted.back();
  timing.launches = launches;
  timing.samples = std::move(samples);
  return timing;
}

std::vector<ColdTiming> timeCold(Device &device,
                                 std::span<const ColdCandidate> candidates,
                                 const ColdOptions &options) {
  atLeast("launches", options.launches, 50);
  atLeast("warm-ups", options.warmups, 1);
  atLeast("replays", options.replays, options.ranking ? 3 : 20);

  std::vector<unsigned> launches;
  std::vector<std::function<void(Stream)>> works;
  for (const ColdCandidate &candidate : candidates) {
    validate(device.info(), candidate);
    unsigned rotations =
        (options.launches + candidate.copies - 1) / candidate.copies;
    unsigned count = rotations * candidate.copies;
    launches.push_back(count);
    works.push_back([&candidate, count](Stream stream) {
      for (unsigned i = 0; i < count; ++i)
        candidate.launch(stream, i % candidate.copies);
    });
  }

  std::vector<std::vector<double>> micros =
      device.timeGraphs(works, options.warmups, options.replays);
  std::vector<ColdTiming> timings;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    timings.push_back(summarise(std::move(micros[i]), launches[i]));
  return timings;
}

ColdTiming timeCold(Device &device, const ColdCandidate &candidate,
                    const ColdOptions &options) {
  return timeCold(device, std::span(&candidate, 1), options).front();
}

} // namespace lath
