// `lath report`: one page of all that was measured.
#include "kernels/choose/CostModel.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/Assemble.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace lath::cli {

/// tools/lath/report.html, compiled in.
std::string_view reportPage();

namespace {

using Json = nlohmann::ordered_json;

/// The place to report on: of the GPU named, or of the one measured most, that
/// with the most measurements.
TuningPlace choosePlace(const TuningTable &table, const Text &gpu) {
  std::map<TuningPlace, std::size_t> counts;
  std::set<std::string> names;
  for (const auto &[key, measurement] : table.rows()) {
    names.insert(key.place.gpu);
    if (!gpu || key.place.gpu == *gpu)
      ++counts[key.place];
  }
  if (counts.empty()) {
    if (!gpu)
      throw Error(ErrorKind::invalidInput, "nothing has been measured",
                  {"`lath tune` measures"});
    throw Error(ErrorKind::invalidInput,
                fmt::format("nothing was measured on a '{}'", *gpu),
                {fmt::format("measured were {}", fmt::join(names, ", "))});
  }
  // A GPU before the emulator, whose counts are no times.
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto &a, const auto &b) {
                            auto key = [](const auto &place) {
                              return std::pair(
                                  !place.first.gpu.starts_with("Lath emulator"),
                                  place.second);
                            };
                            return key(a) < key(b);
                          })
      ->first;
}

Json problemsJson(const TuningTable &table, const TuningPlace &place,
                  const Target &target, const DeviceConstants &constants,
                  std::string &unit) {
  std::map<TuningProblem, std::vector<TuningEntry>> problems;
  for (const auto &[key, measurement] : table.rows())
    if (key.place == place)
      problems[key.problem].push_back(
          {key.problem, key.place, parseSchedule(key.schedule), measurement});
  Json list = Json::array();
  for (auto &[p, entries] : problems) {
    entries = ranked(std::move(entries));
    GemmSpec spec = specOf(p);
    const WeightBytes bytes =
        weightFormat(spec).bytes(spec.n, spec.k, spec.groups());
    Json problem = {{"n", p.n},
                    {"k", p.k},
                    {"m", p.m},
                    {"group", p.group},
                    {"x", std::string(name(p.x))},
                    {"w", std::string(weightFormat(p.w, p.zeros).name)},
                    {"layout", std::string(name(p.layout))},
                    {"launch", std::string(name(p.launches))},
                    {"epilogue", print(p.epilogue)},
                    {"deterministic", p.deterministic},
                    {"code_bytes", bytes.codes},
                    {"weight_bytes", bytes.codes + bytes.scales + bytes.zeros},
                    {"rows", Json::array()}};
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Measurement &m = entries[i].measurement;
      unit = m.unit;
      double predicted =
          m.predicted > 0
              ? m.predicted
              : estimate(spec, entries[i].schedule, target, constants).total;
      problem["rows"].push_back({{"schedule", print(entries[i].schedule)},
                                 {"split", entries[i].schedule.split},
                                 {"status", std::string(name(m.status))},
                                 {"winner", i == 0},
                                 {"median", m.median},
                                 {"p10", m.p10},
                                 {"p90", m.p90},
                                 {"plain_read", m.plainRead},
                                 {"predicted", predicted}});
    }
    list.push_back(std::move(problem));
  }
  return list;
}

Json readPeers(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  Json json = file ? Json::parse(file, nullptr, false) : Json();
  bool good =
      json.is_object() && json.contains("shapes") && json["shapes"].is_array();
  if (good)
    for (const Json &shape : json["shapes"])
      good = good && shape.is_object() && shape.contains("n") &&
             shape.contains("k") && shape.contains("m") &&
             shape.contains("cold_us") && shape["cold_us"].is_object();
  if (!good)
    throw Error(ErrorKind::invalidInput,
                fmt::format("{} is no file of peers' times", path),
                {"expected {\"shapes\": [{\"n\", \"k\", \"m\", \"cold_us\": "
                 "{NAME: MICROSECONDS}}]}, as docs/results/peers.json"});
  return json;
}

/// The phases of one compile, behind another that warms the process up.
std::vector<PhaseTime> phasesOf(const GemmSpec &spec, const Target &target) {
  GemmSpec other = spec;
  other.n = spec.n == 1024 ? 2048 : 1024;
  assembleIfPossible(compileChosen(other, target).ptx, toolchain());
  CompiledGemm gemm = compileChosen(spec, target);
  std::vector<PhaseTime> phases = gemm.phases;
  if (auto cubin = assembleIfPossible(gemm.ptx, toolchain()))
    phases.push_back({"assemble", cubin->milliseconds});
  return phases;
}

/// The format of chrome://tracing and Perfetto: complete events, microseconds.
Json traceOf(const std::vector<PhaseTime> &phases, const std::string &what) {
  Json events = Json::array();
  double at = 0;
  for (const PhaseTime &phase : phases) {
    events.push_back({{"name", phase.name},
                      {"cat", "compile"},
                      {"ph", "X"},
                      {"ts", at},
                      {"dur", 1e3 * phase.milliseconds},
                      {"pid", 1},
                      {"tid", 1},
                      {"args", {{"kernel", what}}}});
    at += 1e3 * phase.milliseconds;
  }
  return {{"traceEvents", events}, {"displayTimeUnit", "ms"}};
}

/// The constants of the model for a place: those of the database; else, on the
/// GPU on which they were fitted, the defaults.
std::optional<DeviceConstants> constantsOf(const TuningPlace &place,
                                           const std::string &db) {
  std::error_code ignored;
  if (std::filesystem::exists(db, ignored))
    try {
      std::string stored =
          TuningDb(db, TuningDb::Mode::read).constants(place.gpu, place.sms);
      if (!stored.empty())
        return constantsFromJson(stored);
    } catch (const Error &error) {
      remark(error.message());
    }
  if (place.gpu == fittedGpu && place.sms == DeviceConstants{}.sms)
    return DeviceConstants{};
  return std::nullopt;
}

} // namespace

void report(const ReportArguments &arguments) {
  std::string path = arguments.db ? *arguments.db : defaultTuningDb();
  TuningTable table = shippedTuning();
  std::error_code ignored;
  if (arguments.db || std::filesystem::exists(path, ignored))
    table.merge(TuningDb(path, TuningDb::Mode::read).all());
  TuningPlace place = choosePlace(table, arguments.gpu);
  TargetChoice chosen = chooseTarget(std::nullopt);
  const Target &target = *chosen.target;
  std::optional<DeviceConstants> known = constantsOf(place, path);
  DeviceConstants constants =
      known ? *known : deviceConstants(target, place.sms, place.gpu);

  GemmSpec spec = parseGemmSpec("m16n4096k4096g128");
  std::vector<PhaseTime> phases = phasesOf(spec, target);
  std::string what = fmt::format("{} for {}", print(spec), target.name);
  Json trace = traceOf(phases, what);
  std::string unit = "us";
  Json problems = problemsJson(table, place, target, constants, unit);
  Json data = {{"gpu", place.gpu},
               {"sms", place.sms},
               {"driver", place.driver},
               {"build", place.build},
               {"unit", unit},
               {"tensor_tflops", known ? Json(known->tensor) : Json()},
               {"problems", std::move(problems)},
               {"phases", Json::array()},
               {"phases_of", what},
               {"trace", trace},
               {"peers", nullptr}};
  for (const PhaseTime &phase : phases)
    data["phases"].push_back(
        {{"name", phase.name}, {"ms", phase.milliseconds}});
  if (arguments.peers)
    data["peers"] = readPeers(*arguments.peers);

  std::string text = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  // Inside a script element "</" would end it.
  for (std::size_t at = 0; (at = text.find("</", at)) != std::string::npos;
       at += 3)
    text.insert(at + 1, "\\");
  std::string page(reportPage());
  constexpr std::string_view mark = "/*DATA*/";
  page.replace(page.find(mark), mark.size(), text);
  writeResult(page, arguments.output);
  if (arguments.trace)
    writeResult(trace.dump(1) + "\n", arguments.trace);
}

} // namespace lath::cli
