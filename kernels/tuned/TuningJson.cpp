// A tuning table as JSON: what problem and place have in common is written
// once.
#include "compiler/base/Error.h"
#include "kernels/tuned/TuningRow.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>

namespace lath {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view format = "lath tuning";
constexpr int version = 2; // 1 was a flat list

void addPlace(Json &json, const TuningPlace &place, const Measurement &m) {
  json.update({{"gpu", place.gpu},
               {"sms", place.sms},
               {"driver", place.driver},
               {"build", place.build},
               {"unit", m.unit}});
}

/// What all measurements of one problem and place have in common.
Json groupJson(const TuningTable::Key &key, const Measurement &m) {
  const TuningProblem &p = key.problem;
  Json json = {{"op", operationText(p)},
               {"n", p.n},
               {"k", p.k},
               {"m", p.m},
               {"group", p.group},
               {"x", std::string(name(p.x))},
               {"w", std::string(weightFormat(p.w, p.zeros).name)}};
  if (p.layout != WeightLayout::gptq)
    json["layout"] = std::string(name(p.layout));
  json["deterministic"] = p.deterministic;
  addPlace(json, key.place, m);
  return json;
}

Json groupJson(const TuningTable::ProgramKey &key, const Measurement &m) {
  Json json = {{"program", key.problem.program},
               {"problem", key.problem.problem}};
  addPlace(json, key.place, m);
  return json;
}

/// What tells one entry of a group from another.
Json choiceJson(const TuningTable::Key &key) {
  return {{"schedule", key.schedule}};
}
Json choiceJson(const TuningTable::ProgramKey &key) {
  return {{"choice", key.choice}};
}

template <class Key> Json entryJson(const Key &key, const Measurement &m) {
  Json json = choiceJson(key);
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

TuningValue valueOf(const Json &json) {
  if (json.is_boolean())
    return std::int64_t{json.get<bool>()};
  if (json.is_number_unsigned() &&
      json.get<std::uint64_t>() > std::uint64_t(INT64_MAX))
    return json.get<double>();
  if (json.is_number_integer())
    return json.get<std::int64_t>();
  if (json.is_number())
    return json.get<double>();
  if (json.is_string())
    return json.get<std::string>();
  return {};
}

/// What an entry need not say.
TuningValue omitted(std::string_view field) {
  if (field == "layout")
    return std::string(name(WeightLayout::gptq));
  if (field == "status")
    return std::string(name(Measurement::Status::ok));
  if (field == "unit")
    return std::string("us");
  if (field == "note")
    return std::string();
  if (field == "plain_read" || field == "predicted" || field == "when")
    return std::int64_t{0};
  throw Error(ErrorKind::invalidInput, fmt::format("it has no '{}'", field));
}

/// What `entry` does not say its group does.
auto valuesOf(const TuningShape &shape, const Json &group, const Json &entry) {
  if (!entry.is_object())
    throw Error(ErrorKind::invalidInput, "it is no object");
  return [&](std::size_t column) {
    const std::string field(shape.columns[column].json);
    for (const Json *from : {&entry, &group})
      if (auto found = from->find(field); found != from->end())
        return valueOf(*found);
    return omitted(field);
  };
}

std::string dumped(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

/// The groups of `rows` as the inside of a list, each entry on a line.
template <class Key>
static std::string groupsText(const std::map<Key, Measurement> &rows) {
  std::string text, group; // the open one
  for (const auto &[key, measurement] : rows) {
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
  return text + (group.empty() ? "\n" : "\n]}\n");
}

std::string TuningTable::toJson() const {
  std::string text =
      fmt::format("{{\"format\": \"{}\", \"version\": {}, \"groups\": [{}]",
                  format, version, groupsText(rows_));
  if (!programs_.empty())
    text += fmt::format(", \"programs\": [{}]", groupsText(programs_));
  return text + "}\n";
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
  if (!json.is_object() || !json.contains("format") || json["format"] != format)
    throw fail(fmt::format("expected an object with format '{}'", format));
  const Json found = json.contains("version") ? json["version"] : Json();
  if (found != 1 && found != version)
    throw fail(fmt::format("its version is {}, this Lath reads 1 and {}",
                           found.is_null() ? "missing" : dumped(found),
                           version));
  auto list = [&](const Json &of, const char *name) -> const Json & {
    if (!of.is_object() || !of.contains(name) || !of[name].is_array())
      throw fail(fmt::format("it has no list '{}'", name));
    return of[name];
  };
  TuningTable table;
  std::size_t at = 0;
  auto add = [&](const Json &group, const Json &entry, bool isProgram = false) {
    try {
      if (isProgram)
        table.add(readProgramRow(valuesOf(programShape, group, entry)));
      else
        table.add(readTuningRow(valuesOf(gemmShape, group, entry)));
    } catch (const Error &error) {
      throw fail(fmt::format("entry {}: {}", at, error.message()));
    }
    ++at;
  };
  if (found == 1) {
    for (const Json &entry : list(json, "entries"))
      add(Json::object(), entry);
    return table;
  }
  for (const Json &group : list(json, "groups"))
    for (const Json &entry : list(group, "entries"))
      add(group, entry);
  if (json.contains("programs"))
    for (const Json &group : list(json, "programs"))
      for (const Json &entry : list(group, "entries"))
        add(group, entry, true);
  return table;
}

} // namespace lath
