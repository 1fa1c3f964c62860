#include "tools/lath/Candidates.h"

#include "kernels/choose/ScheduleSpace.h"
#include "kernels/gemm/DequantGemm.h"
#include "tools/lath/Output.h"

#include <algorithm>

namespace lath::cli {

namespace {

constexpr std::size_t modelsBest =
    8; ///< schedules shown that were not measured

/// Whether the spec itself forbids the schedule: another split, say.
std::optional<std::string> forbidden(const Schedule &schedule,
                                     const GemmSpec &spec,
                                     const Target &target) {
  try {
    validate(schedule, spec, target);
    return std::nullopt;
  } catch (const Error &error) {
    std::string message = error.message();
    std::size_t colon = message.find(": ");
    return colon == std::string::npos ? message : message.substr(colon + 2);
  }
}

std::string reason(const CandidateLine &line, const CandidateLine &chosen) {
  if (line.chosen)
    return "chosen";
  if (line.measured) {
    const Measurement &m = *line.measured;
    if (m.status != Measurement::Status::ok)
      return fmt::format("{}: {}", name(m.status), m.note);
    if (!chosen.measured)
      return "measured, but the chosen one was asked for or is not";
    const Measurement &best = *chosen.measured;
    if (m.replays < best.replays)
      return fmt::format("{:.1f} % slower in a first round of {} replays",
                         100 * (m.median / best.median - 1), m.replays);
    if (m.median - best.median <= tuningNoise(m, best))
      return "as fast within the noise, but a larger split or more stages";
    return fmt::format("{:.1f} % slower", 100 * (m.median / best.median - 1));
  }
  double more = 100 * (line.predicted / chosen.predicted - 1);
  return more < 0
             ? fmt::format("not measured; predicted {:.1f} % faster", -more)
             : fmt::format("not measured; predicted {:.1f} % slower", more);
}

} // namespace

std::vector<CandidateLine> candidateLines(const GemmSpec &spec,
                                          const Schedule &chosen,
                                          const TargetChoice &target,
                                          const TunedSchedules *tuned) {
  DeviceConstants constants =
      tuned ? tuned->constants(*target.target)
            : deviceConstants(*target.target, target.smCount);
  std::vector<CandidateLine> lines;
  auto add = [&](const Schedule &schedule) -> CandidateLine & {
    auto found =
        std::find_if(lines.begin(), lines.end(), [&](const CandidateLine &l) {
          return l.schedule == schedule;
        });
    if (found != lines.end())
      return *found;
    CandidateLine line;
    line.schedule = schedule;
    line.predicted = estimate(spec, schedule, *target.target, constants).total;
    line.chosen = schedule == chosen;
    lines.push_back(std::move(line));
    return lines.back();
  };
  add(chosen);
  if (tuned)
    for (const TuningEntry &entry : tuned->measurements(spec)) {
      CandidateLine &line = add(entry.schedule);
      line.measured = entry.measurement;
      if (auto why = forbidden(entry.schedule, spec, *target.target))
        line.why = *why;
    }
  SearchSpace space = searchSpace(spec, *target.target, constants, modelsBest);
  for (const RankedSchedule &ranked : space.best)
    add(ranked.schedule);
  std::sort(lines.begin(), lines.end(),
            [](const CandidateLine &a, const CandidateLine &b) {
              auto key = [](const CandidateLine &l) {
                bool timed =
                    l.measured && l.measured->status == Measurement::Status::ok;
                return std::tuple(!l.chosen, !timed, l.measured && !timed,
                                  timed ? l.measured->median : l.predicted,
                                  print(l.schedule));
              };
              return key(a) < key(b);
            });
  for (CandidateLine &line : lines)
    if (line.why.empty())
      line.why = reason(line, lines.front());
  for (const auto &[schedule, why] : space.refused) {
    CandidateLine line;
    line.schedule = schedule;
    line.predicted = estimate(spec, schedule, *target.target, constants).total;
    line.why = "illegal: " + why;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string asText(const std::vector<CandidateLine> &lines) {
  std::string text = row(
      "candidates", fmt::format("{:>9} {:>9}  us", "predicted", "measured"));
  for (const CandidateLine &line : lines) {
    bool timed =
        line.measured && line.measured->status == Measurement::Status::ok;
    text +=
        row("", fmt::format("{:>9.2f} {:>9}  {}", line.predicted,
                            timed ? fmt::format("{:.2f}", line.measured->median)
                                  : "-",
                            print(line.schedule)));
    text += row("", fmt::format("{:>21}{}", "", line.why));
  }
  return text;
}

nlohmann::ordered_json asJson(const std::vector<CandidateLine> &lines) {
  auto list = nlohmann::ordered_json::array();
  for (const CandidateLine &line : lines) {
    nlohmann::ordered_json entry = {{"schedule", print(line.schedule)},
                                    {"chosen", line.chosen},
                                    {"predicted_us", line.predicted},
                                    {"measured", nullptr},
                                    {"why", line.why}};
    if (line.measured)
      entry["measured"] = {{"status", std::string(name(line.measured->status))},
                           {"median", line.measured->median},
                           {"p10", line.measured->p10},
                           {"p90", line.measured->p90},
                           {"replays", line.measured->replays},
                           {"unit", line.measured->unit}};
    list.push_back(std::move(entry));
  }
  return list;
}

} // namespace lath::cli
