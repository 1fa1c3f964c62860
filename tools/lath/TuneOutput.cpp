// What `lath tune` prints.
#include "tools/lath/Output.h"
#include "tools/lath/TuneParts.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string specText(const TuningProblem &problem) {
  return print(specOf(problem));
}

/// How much slower a choice is than the tuned best; over all results.
struct Regret {
  double logSum = 0, worst = 0;
  int count = 0;

  void add(std::optional<double> median, double best) {
    if (!median || best <= 0)
      return;
    logSum += std::log(*median / best);
    worst = std::max(worst, *median / best);
    ++count;
  }
  double mean() const { return count ? std::exp(logSum / count) : 0; }
};

/// Of the choices that need no tuning.
Regret regret(const TuneReport &report) {
  Regret sum;
  for (const TuneResult &r : report.results)
    if (r.winner)
      sum.add(r.defaultMedian, r.winner->measurement.median);
  return sum;
}

} // namespace

std::string asText(const TuneReport &report, const std::string &unit,
                   const std::string &db) {
  std::string text = fmt::format("{:<34} {:>10} {:>8} {:>8}  {}\n", "problem",
                                 unit == "us" ? "us cold" : unit, "of read",
                                 "untuned", "schedule");
  auto times = [](std::optional<double> median, double best) {
    return median ? fmt::format("{:.2f}x", *median / best) : std::string("-");
  };
  for (const TuneResult &r : report.results) {
    if (!r.winner) {
      text += fmt::format("{:<34} nothing measured; {} candidates failed\n",
                          specText(r.problem), r.failed);
      continue;
    }
    const Measurement &m = r.winner->measurement;
    text += fmt::format(
        "{:<34} {:>10.3f} {:>8} {:>8}  {}{}\n", specText(r.problem), m.median,
        r.plainRead ? fmt::format("{:.0f}%", 100 * r.plainRead / m.median)
                    : "-",
        times(r.defaultMedian, m.median), print(r.winner->schedule),
        r.complete ? "" : "  (not all candidates)");
  }
  std::size_t measured = 0, known = 0, failed = 0;
  for (const TuneResult &r : report.results) {
    measured += r.measured;
    known += r.known;
    failed += r.failed;
  }
  text +=
      row("candidates", fmt::format("{} measured, {} known before, {} failed",
                                    measured, known, failed));
  if (Regret sum = regret(report); sum.count)
    text += row("untuned", fmt::format("{:.3f}x the best on the geometric "
                                       "mean, {:.3f}x at worst, of {} problems",
                                       sum.mean(), sum.worst, sum.count));
  const TuneTimes &t = report.times;
  text += wrappedRow(
      "seconds",
      fmt::format("{:.1f}: {:.1f} waiting for compilers ({:.1f} of their "
                  "time), {:.1f} preparing, {:.1f} checking, {:.1f} coarse, "
                  "{:.1f} final, {:.1f} storing",
                  t.total, t.waiting, t.compiling, t.preparing, t.checking,
                  t.coarse, t.final, t.storing));
  text += row("database", db);
  return text;
}

std::string asJson(const TuneReport &report, const std::string &unit,
                   const std::string &db) {
  Json json = {{"schema", 1},
               {"unit", unit},
               {"database", db},
               {"stopped", report.stopped},
               {"problems", Json::array()}};
  auto orNull = [](const std::optional<double> &value) {
    return value ? Json(*value) : Json();
  };
  for (const TuneResult &r : report.results) {
    Json problem = {{"spec", specText(r.problem)},
                    {"complete", r.complete},
                    {"measured", r.measured},
                    {"known", r.known},
                    {"failed", r.failed},
                    {"plain_read", r.plainRead},
                    {"default",
                     {{"schedule", print(r.defaultChoice)},
                      {"median", orNull(r.defaultMedian)}}}};
    if (r.winner)
      problem["winner"] = {{"schedule", print(r.winner->schedule)},
                           {"median", r.winner->measurement.median},
                           {"p10", r.winner->measurement.p10},
                           {"p90", r.winner->measurement.p90}};
    json["problems"].push_back(std::move(problem));
  }
  const TuneTimes &t = report.times;
  json["seconds"] = {{"total", t.total},         {"waiting", t.waiting},
                     {"compiling", t.compiling}, {"preparing", t.preparing},
                     {"checking", t.checking},   {"coarse", t.coarse},
                     {"final", t.final},         {"storing", t.storing}};
  return json.dump(2) + "\n";
}

} // namespace lath::cli
