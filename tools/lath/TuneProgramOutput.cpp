// What `lath tune --program` prints.
#include "tools/lath/Output.h"
#include "tools/lath/TuneParts.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

using Json = nlohmann::ordered_json;

/// Choices of a program that are printed.
static constexpr std::size_t shown = 8;

std::string asText(const std::vector<ProgramTuneResult> &results,
                   const std::string &db) {
  std::string text;
  for (const ProgramTuneResult &r : results) {
    const std::string usual = print(r.usual);
    text += fmt::format("{:<64} {:>10} {:>9}\n",
                        r.problem.program + " " + r.problem.problem,
                        r.unit == "us" ? "us cold" : r.unit, "of usual");
    std::size_t place = 0;
    for (const ProgramEntry &entry : r.entries) {
      const Measurement &m = entry.measurement;
      const bool isUsual = entry.choice == usual;
      if (m.status == Measurement::Status::ok && (place++ < shown || isUsual))
        text += fmt::format(
            "  {:<62} {:>10.3f} {:>9}{}\n", entry.choice, m.median,
            r.usualMedian ? fmt::format("{:.2f}x", m.median / *r.usualMedian)
                          : "-",
            isUsual ? "  usual" : "");
    }
    if (!r.winner)
      text +=
          fmt::format("  nothing measured; {}\n",
                      r.entries.empty() ? "no candidate was tried"
                                        : r.entries.front().measurement.note);
    text += fmt::format("  {} measured, {} known before, {} failed, {:.1f} "
                        "s{}\n",
                        r.measured, r.known, r.failed, r.seconds,
                        r.complete ? "" : " (not all candidates)");
  }
  return text + row("database", db);
}

std::string asJson(const std::vector<ProgramTuneResult> &results,
                   const std::string &db, bool stopped) {
  Json json = {{"schema", 1},
               {"unit", results.empty() ? "us" : results.front().unit},
               {"database", db},
               {"stopped", stopped},
               {"programs", Json::array()}};
  for (const ProgramTuneResult &r : results) {
    Json entries = Json::array();
    for (const ProgramEntry &entry : r.entries) {
      const Measurement &m = entry.measurement;
      entries.push_back({{"choice", entry.choice},
                         {"status", std::string(name(m.status))},
                         {"median", m.median},
                         {"p10", m.p10},
                         {"p90", m.p90},
                         {"replays", m.replays},
                         {"note", m.note}});
    }
    json["programs"].push_back(
        {{"program", r.problem.program},
         {"problem", r.problem.problem},
         {"complete", r.complete},
         {"measured", r.measured},
         {"known", r.known},
         {"failed", r.failed},
         {"seconds", r.seconds},
         {"usual",
          {{"choice", print(r.usual)},
           {"median", r.usualMedian ? Json(*r.usualMedian) : Json()}}},
         {"winner", r.winner ? Json(r.winner->choice) : Json()},
         {"entries", std::move(entries)}});
  }
  return json.dump(2) + "\n";
}

} // namespace lath::cli
