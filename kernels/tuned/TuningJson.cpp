// A tuning table as JSON: what problem and place have in common is written
// once.
#include "compiler/base/Error.h"
#include "kernels/tuned/TuningTable.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace lath {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::array<Measurement::Status, 5> statuses = {
    Measurement::Status::ok, Measurement::Status::wrong,
    Measurement::Status::rejected, Measurement::Status::crashed,
    Measurement::Status::hung};
constexpr std::string_view format = "lath tuning";
constexpr int version = 2; // 1 was a flat list

template <class Texts>
std::size_t indexOf(const Texts &texts, const std::string &text) {
  auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end())
    throw Error(ErrorKind::invalidInput, fmt::format("'{}' is none of {}", text,
                                                     fmt::join(texts, ", ")));
  return static_cast<std::size_t>(found - texts.begin());
}

/// What all measurements of one problem and place have in common.
Json groupJson(const TuningTable::Key &key, const Measurement &m) {
  const TuningProblem &p = key.problem;
  Json json = {{"op", p.operation},
               {"n", p.n},
               {"k", p.k},
               {"m", p.m},
               {"group", p.group},
               {"x", std::string(name(p.x))},
               {"w", std::string(weightFormat(p.w, p.zeros).name)}};
  if (p.layout != WeightLayout::gptq)
    json["layout"] = std::string(name(p.layout));
  json.update({{"deterministic", p.deterministic},
               {"gpu", key.place.gpu},
               {"sms", key.place.sms},
               {"driver", key.place.driver},
               {"build", key.place.build},
               {"unit", m.unit}});
  return json;
}

Json entryJson(const TuningTable::Key &key, const Measurement &m) {
  Json json = {{"schedule", key.schedule}};
  if (m.status != Measurement::Status::ok)
    json["status"] = std::string(name(m.status));
  json.update({{"median", m.median},
               {"p10", m.p10},
               {"p90", m.p90},
               {"replays", m.replays},
               {"plain_read", m.plainRead},
               {"predicted", m.predicted},
               {"when", m.when}});
  if (!m.note.empty())
    json["note"] = m.note;
  return json;
}

/// A group's, without schedule and measurement.
TuningEntry groupOf(const Json &json) {
  TuningEntry e;
  TuningProblem &p = e.problem;
  p.operation = json.at("op").get<std::string>();
  p.n = json.at("n").get<std::int64_t>();
  p.k = json.at("k").get<std::int64_t>();
  p.m = json.at("m").get<std::int64_t>();
  p.group = json.at("group").get<std::int64_t>();
  p.x = json.at("x").get<std::string>() == "bf16" ? Dtype::bf16 : Dtype::f16;
  const WeightFormat &format = weightFormats[indexOf(
      weightFormatNames, json.at("w").get<std::string>())];
  p.w = format.codes;
  p.zeros = format.zeros;
  p.layout = static_cast<WeightLayout>(
      indexOf(weightLayoutNames, json.value("layout", std::string("gptq"))));
  p.deterministic = json.at("deterministic").get<bool>();
  validate(specOf(p));
  e.place = {json.at("gpu").get<std::string>(), json.at("sms").get<unsigned>(),
             json.at("driver").get<std::string>(),
             json.at("build").get<std::string>()};
  e.measurement.unit = json.value("unit", std::string("us"));
  return e;
}

TuningEntry entryOf(TuningEntry e, const Json &json) {
  e.schedule = parseSchedule(json.at("schedule").get<std::string>());
  Measurement &m = e.measurement;
  std::array<std::string_view, statuses.size()> texts;
  std::transform(statuses.begin(), statuses.end(), texts.begin(),
                 [](Measurement::Status status) { return name(status); });
  m.status = statuses[indexOf(texts, json.value("status", std::string("ok")))];
  m.median = json.at("median").get<double>();
  m.p10 = json.at("p10").get<double>();
  m.p90 = json.at("p90").get<double>();
  m.replays = json.at("replays").get<int>();
  m.plainRead = json.value("plain_read", 0.0);
  m.predicted = json.value("predicted", 0.0);
  m.note = json.value("note", std::string());
  m.when = json.value("when", std::int64_t{0});
  return e;
}

std::string dumped(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

std::string TuningTable::toJson() const {
  std::string text = fmt::format(
      "{{\"format\": \"{}\", \"version\": {}, \"groups\": [", format, version);
  std::string group; // the open one
  for (const auto &[key, measurement] : rows_) {
    const std::string own = dumped(groupJson(key, measurement));
    if (own != group) {
      text += group.empty() ? "\n" : "\n]},\n";
      // Its entries stand where its object would end.
      text += own.substr(0, own.size() - 1) + ",\"entries\":[\n";
      group = own;
    } else {
      text += ",\n";
    }
    text += dumped(entryJson(key, measurement));
  }
  return text + (group.empty() ? "\n]}\n" : "\n]}\n]}\n");
}

TuningTable TuningTable::fromJson(std::string_view text,
                                  std::string_view source) {
  auto fail = [&](const std::string &why) -> Error {
    return Error(ErrorKind::invalidInput,
                 fmt::format("{} is no tuning table: {}", source, why),
                 {"`lath tune --export FILE` writes one"});
  };
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception &error) {
    throw fail(error.what());
  }
  if (!json.is_object() || json.value("format", "") != format)
    throw fail(fmt::format("expected an object with format '{}'", format));
  const int found = json.value("version", 0);
  if (found != 1 && found != version)
    throw fail(fmt::format("its version is {}, this Lath reads 1 and {}", found,
                           version));
  auto list = [&](const Json &of, const char *name) -> const Json & {
    if (!of.is_object() || !of.contains(name) || !of[name].is_array())
      throw fail(fmt::format("it has no list '{}'", name));
    return of[name];
  };
  TuningTable table;
  std::size_t at = 0;
  auto guarded = [&](const auto &body) {
    try {
      body();
    } catch (const Json::exception &error) {
      throw fail(fmt::format("entry {}: {}", at, error.what()));
    } catch (const Error &error) {
      throw fail(fmt::format("entry {}: {}", at, error.message()));
    }
  };
  if (found == 1) {
    for (const Json &entry : list(json, "entries")) {
      guarded([&] { table.add(entryOf(groupOf(entry), entry)); });
      ++at;
    }
    return table;
  }
  for (const Json &group : list(json, "groups")) {
    const Json &entries = list(group, "entries");
    TuningEntry common;
    guarded([&] { common = groupOf(group); });
    for (const Json &entry : entries) {
      guarded([&] { table.add(entryOf(common, entry)); });
      ++at;
    }
  }
  return table;
}

} // namespace lath
