#include "kernels/tuned/TuningTable.h"

#include "LathVersion.h"
#include "compiler/base/Error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>

namespace lath {

namespace {

constexpr std::array<std::string_view, 2> operationTexts = {"gemm",
                                                            "gemm chained"};

} // namespace

std::string_view operationText(Launches launches) {
  return operationTexts[static_cast<std::size_t>(launches)];
}

Launches launchesOf(std::string_view operation) {
  for (Launches launches : {Launches::alone, Launches::chained})
    if (operation == operationText(launches))
      return launches;
  throw Error(ErrorKind::invalidInput,
              fmt::format("'{}' is none of {}", operation,
                          fmt::join(operationTexts, ", ")));
}

std::string operationText(const TuningProblem &problem) {
  std::string text(operationText(problem.launches));
  if (std::string epilogue = print(problem.epilogue); !epilogue.empty())
    text += "," + epilogue;
  return text;
}

void setOperation(TuningProblem &problem, std::string_view text) {
  const std::size_t comma = std::min(text.find(','), text.size());
  problem.launches = launchesOf(text.substr(0, comma));
  problem.epilogue =
      parseEpilogue(comma < text.size() ? text.substr(comma + 1) : "");
}

std::int64_t tuningBucket(std::int64_t m) {
  if (m <= 1)
    return 1;
  return std::max<std::int64_t>(8, static_cast<std::int64_t>(std::bit_ceil(
                                       static_cast<std::uint64_t>(m))));
}

TuningProblem tuningProblem(const GemmSpec &spec) {
  TuningProblem p;
  p.launches = spec.launches;
  p.n = spec.n;
  p.k = spec.k;
  p.m = tuningBucket(spec.m);
  p.group = spec.group;
  p.x = spec.x;
  p.w = spec.w;
  p.zeros = spec.zeros;
  p.layout = spec.layout;
  p.epilogue = spec.epilogue;
  p.deterministic =
      spec.reduce == Reduce::ordered || spec.reduce == Reduce::none;
  return p;
}

GemmSpec specOf(const TuningProblem &p) {
  GemmSpec spec;
  spec.m = p.m;
  spec.n = p.n;
  spec.k = p.k;
  spec.group = p.group;
  spec.x = p.x;
  spec.w = p.w;
  spec.zeros = p.zeros;
  spec.layout = p.layout;
  spec.epilogue = p.epilogue;
  spec.launches = p.launches;
  spec.reduce = p.deterministic ? Reduce::ordered : Reduce::atomic;
  return spec;
}

TuningPlace tuningPlace(const DeviceInfo &device) {
  return {device.name, device.smCount,
          device.driverText.empty() ? std::to_string(device.driverVersion)
                                    : device.driverText,
          std::string(build::id)};
}

bool betterFounded(const Measurement &a, const Measurement &b) {
  // A failure outweighs a coarse time, which is where it began, but not a time
  // at length.
  auto order = [](const Measurement &m) {
    return std::tuple(m.status == Measurement::Status::ok ? m.replays : 19,
                      -m.median, -static_cast<int>(m.status), -m.p90, -m.p10,
                      m.when, m.plainRead, m.predicted, m.replays, m.unit,
                      m.note);
  };
  return order(a) > order(b);
}

template <class Key>
static void keepBetter(std::map<Key, Measurement> &rows, const Key &key,
                       const Measurement &measurement) {
  auto [at, isNew] = rows.try_emplace(key, measurement);
  if (!isNew && betterFounded(measurement, at->second))
    at->second = measurement;
}

void TuningTable::add(const TuningEntry &entry) {
  keepBetter(rows_, {entry.problem, entry.place, print(entry.schedule)},
             entry.measurement);
}

void TuningTable::add(const ProgramEntry &entry) {
  keepBetter(programs_, {entry.problem, entry.place, entry.choice},
             entry.measurement);
}

/// Adds the `count` fastest of each problem and GPU to `to`.
template <class Entry>
static void addBest(TuningTable &to, const std::vector<Entry> &entries,
                    std::size_t count) {
  // By problem and GPU, the measurements of each build and driver.
  using Spot = std::tuple<decltype(Entry::problem), std::string, unsigned>;
  std::map<Spot, std::map<TuningPlace, std::vector<Entry>>> spots;
  for (const Entry &e : entries)
    if (e.measurement.status == Measurement::Status::ok)
      spots[{e.problem, e.place.gpu, e.place.sms}][e.place].push_back(e);
  for (auto &[spot, places] : spots) {
    auto newest = [](const auto &place) {
      std::int64_t when = 0;
      for (const Entry &e : place.second)
        when = std::max(when, e.measurement.when);
      // A single one was not the best of any.
      return std::tuple(place.second.size() > 1, when, place.first);
    };
    auto chosen = std::max_element(
        places.begin(), places.end(),
        [&](const auto &a, const auto &b) { return newest(a) < newest(b); });
    std::vector<Entry> best = ranked(std::move(chosen->second));
    for (std::size_t i = 0; i < std::min(count, best.size()); ++i)
      to.add(best[i]);
  }
}

TuningTable TuningTable::best(std::size_t count) const {
  std::vector<TuningEntry> entries;
  for (const auto &[key, measurement] : rows_)
    entries.push_back(
        {key.problem, key.place, parseSchedule(key.schedule), measurement});
  std::vector<ProgramEntry> programs;
  for (const auto &[key, measurement] : programs_)
    programs.push_back({key.problem, key.place, key.choice, measurement});
  TuningTable table;
  addBest(table, entries, count);
  addBest(table, programs, count);
  return table;
}

void TuningTable::merge(const TuningTable &other) {
  for (const auto &[key, measurement] : other.rows_)
    keepBetter(rows_, key, measurement);
  for (const auto &[key, measurement] : other.programs_)
    keepBetter(programs_, key, measurement);
}

double tuningNoise(const Measurement &a, const Measurement &b) {
  // Half of p10..p90 is 1.28 standard deviations of a round; the standard error
  // of a median of n rounds is 1.25 of them over sqrt(n). Twice that of the
  // difference of two medians.
  auto error = [](const Measurement &m) {
    return 1.25 / 1.28 * (m.p90 - m.p10) / 2 /
           std::sqrt(std::max(1, m.replays));
  };
  return std::max(2 * std::hypot(error(a), error(b)),
                  0.005 * std::min(a.median, b.median));
}

/// Sorts by rounds, then medians; within the noise by `cost`.
template <class Entry, class Text, class Cost>
static std::vector<Entry> rankedBy(std::vector<Entry> entries, const Text &text,
                                   const Cost &cost) {
  int most = 0;
  for (const Entry &e : entries)
    if (e.measurement.status == Measurement::Status::ok)
      most = std::max(most, e.measurement.replays);
  auto tier = [&](const Measurement &m) {
    return m.status != Measurement::Status::ok ? 2 : m.replays < most ? 1 : 0;
  };
  std::sort(entries.begin(), entries.end(),
            [&](const Entry &a, const Entry &b) {
              auto of = [&](const Measurement &m) {
                return std::tuple(tier(m), m.median);
              };
              if (of(a.measurement) != of(b.measurement))
                return of(a.measurement) < of(b.measurement);
              return text(a) < text(b);
            });
  if (entries.empty() || tier(entries.front().measurement) != 0)
    return entries;
  // Among those that the fastest does not beat by more than the noise, the
  // simplest goes first.
  const Measurement fastest = entries.front().measurement;
  auto simplest = entries.begin();
  for (auto at = entries.begin(); at != entries.end(); ++at) {
    const Measurement &m = at->measurement;
    if (tier(m) != 0 || m.median - fastest.median > tuningNoise(m, fastest))
      continue;
    if (cost(*at) < cost(*simplest))
      simplest = at;
  }
  std::rotate(entries.begin(), simplest, simplest + 1);
  return entries;
}

std::vector<TuningEntry> ranked(std::vector<TuningEntry> entries) {
  return rankedBy(
      std::move(entries),
      [](const TuningEntry &e) { return print(e.schedule); },
      [](const TuningEntry &e) {
        return std::tuple(e.schedule.split, e.schedule.stages);
      });
}

std::vector<ProgramEntry> ranked(std::vector<ProgramEntry> entries) {
  return rankedBy(
      std::move(entries), [](const ProgramEntry &e) { return e.choice; },
      [](const ProgramEntry &) { return 0; });
}

} // namespace lath
