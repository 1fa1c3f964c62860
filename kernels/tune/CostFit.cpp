#include "kernels/tune/CostFit.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace lath {

namespace {

constexpr std::size_t fewest = 20;
constexpr int rounds = 60;
constexpr double farthest = 4; ///< factor from the start
/// Errors beyond this count less and less: some kernels meet in memory or in
/// the caches in ways that no model knows.
constexpr double outlier = 0.12;

/// Times that differ by less than this the choice may take for each other.
constexpr double alike = 0.02;
/// Of the choice's regret, beside the squares of errors.
constexpr double choiceWeight = 0.3;

double robustSquare(double error) {
  const double ratio = error / outlier;
  return 2 * outlier * outlier * std::log1p(ratio * ratio / 2);
}

struct Sample {
  GemmSpec spec;
  Schedule schedule;
  double micros;
};
using Groups = std::vector<std::vector<Sample>>;

/// By how much the choice is slower than the best, as a logarithm: the mean of
/// those that the model takes for about as fast as its choice. Smooth, so that
/// a fit can follow it.
double regretOf(const std::vector<Sample> &group,
                const std::vector<double> &errors) {
  double least = std::numeric_limits<double>::infinity(), best = least;
  std::vector<double> predicted;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const double time = std::log(group[i].micros);
    predicted.push_back(time + errors[i]);
    least = std::min(least, predicted.back());
    best = std::min(best, time);
  }
  double weights = 0, sum = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const double weight = std::exp(-(predicted[i] - least) / alike);
    weights += weight;
    sum += weight * (std::log(group[i].micros) - best);
  }
  return sum / weights;
}

struct Errors {
  double sum = 0;   ///< that the fit makes small
  double times = 0; ///< root mean square
};

Errors errorsOf(const Groups &groups, const Target &target,
                const DeviceConstants &constants) {
  double squares = 0, sum = 0;
  std::size_t count = 0;
  for (const std::vector<Sample> &group : groups) {
    std::vector<double> errors;
    double mean = 0;
    for (const Sample &s : group) {
      double error = std::log(
          estimate(s.spec, s.schedule, target, constants).total / s.micros);
      errors.push_back(error);
      mean += error / double(group.size());
    }
    for (double error : errors) {
      squares += error * error;
      sum += robustSquare(error) + robustSquare(error - mean);
      ++count;
    }
    sum += choiceWeight * double(group.size()) * regretOf(group, errors);
  }
  return {sum / double(count), std::sqrt(squares / double(count))};
}

} // namespace

CostFit fitConstants(const std::vector<TuningEntry> &entries,
                     const Target &target, const DeviceConstants &start) {
  std::map<TuningProblem, std::vector<Sample>> problems;
  CostFit fit;
  double readRate = 0; // TB/s
  for (const TuningEntry &e : entries) {
    const Measurement &m = e.measurement;
    if (m.status != Measurement::Status::ok || m.unit != "us" || m.median <= 0)
      continue;
    problems[e.problem].push_back({specOf(e.problem), e.schedule, m.median});
    const GemmSpec spec = specOf(e.problem);
    // A read pays for its launch as well, but for chained ones, which overlap.
    if (double moving = m.plainRead - start.launch;
        moving > 0 && spec.launches == Launches::alone) {
      const WeightBytes read =
          weightFormat(spec).bytes(spec.n, spec.k, spec.groups());
      readRate = std::max(readRate, double(read.codes) / moving * 1e-6);
    }
    ++fit.times;
  }
  if (fit.times < fewest)
    throw Error(ErrorKind::invalidInput,
                fmt::format("{} times are too few to fit the cost model to; "
                            "it takes {}",
                            fit.times, fewest),
                {"`lath tune` a few shapes first"});
  Groups groups;
  for (auto &[problem, samples] : problems)
    groups.push_back(std::move(samples));

  DeviceConstants best = start;
  fit.errorBefore = errorsOf(groups, target, start).times;
  if (readRate > 0)
    best.dram = readRate;
  double least = errorsOf(groups, target, best).sum;
  std::vector<double DeviceConstants::*> free = fittedConstants();
  std::vector<double> steps(free.size(), 0.3);
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < free.size(); ++i) {
      bool better = false;
      for (double sign : {1.0, -1.0}) {
        DeviceConstants trial = best;
        trial.*free[i] =
            std::clamp(best.*free[i] * std::exp(sign * steps[i]),
                       start.*free[i] / farthest, start.*free[i] * farthest);
        double error = errorsOf(groups, target, trial).sum;
        if (error < least) {
          least = error;
          best = trial;
          better = true;
          break;
        }
      }
      steps[i] = std::clamp(steps[i] * (better ? 1.3 : 0.6), 0.002, 0.5);
    }
  best.overlap = std::max(1.0, best.overlap);
  best.origin = fmt::format("fitted to {} times measured here", fit.times);
  fit.constants = best;
  fit.errorAfter = errorsOf(groups, target, best).times;

  double logSum = 0;
  std::size_t compared = 0;
  for (const std::vector<Sample> &group : groups) {
    if (group.size() < 2)
      continue;
    auto predicted = [&](const Sample &s) {
      return estimate(s.spec, s.schedule, target, best).total;
    };
    auto chosen = std::min_element(group.begin(), group.end(),
                                   [&](const Sample &a, const Sample &b) {
                                     return predicted(a) < predicted(b);
                                   });
    auto fastest = std::min_element(
        group.begin(), group.end(),
        [](const Sample &a, const Sample &b) { return a.micros < b.micros; });
    double regret = chosen->micros / fastest->micros;
    logSum += std::log(regret);
    fit.regretWorst = std::max(fit.regretWorst, regret);
    ++compared;
  }
  if (compared)
    fit.regretMean = std::exp(logSum / double(compared));
  return fit;
}

} // namespace lath
