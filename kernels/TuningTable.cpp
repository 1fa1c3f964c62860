#include "kernels/TuningTable.h"

#include "LathVersion.h"
#include "compiler/Error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>

namespace lath {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::array<std::string_view, 5> statusTexts = {
    "ok", "wrong", "rejected", "crashed", "hung"};
constexpr std::array<std::string_view, 3> zerosTexts = {"u4", "u4z1", "u4z"};
constexpr std::array<std::string_view, 2> layoutTexts = {"gptq", "packed"};
constexpr std::string_view format = "lath tuning";
constexpr int version = 1;
constexpr std::string_view chainedOperation = "gemm chained";

template <class Texts>
std::size_t indexOf(const Texts &texts, const std::string &text) {
  auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end())
    throw Error(ErrorKind::invalidInput, fmt::format("'{}' is none of {}", text,
                                                     fmt::join(texts, ", ")));
  return static_cast<std::size_t>(found - texts.begin());
}

Json jsonOf(const TuningTable::Key &key, const Measurement &m) {
  const TuningProblem &p = key.problem;
  Json json = {{"op", p.operation},
               {"n", p.n},
               {"k", p.k},
               {"m", p.m},
               {"group", p.group},
               {"x", std::string(name(p.x))},
               {"w", std::string(zerosTexts[static_cast<int>(p.zeros)])}};
  if (p.layout != WeightLayout::gptq)
    json["layout"] =
        std::string(layoutTexts[static_cast<std::size_t>(p.layout)]);
  json.update({{"deterministic", p.deterministic},
               {"gpu", key.place.gpu},
               {"sms", key.place.sms},
               {"driver", key.place.driver},
               {"build", key.place.build},
               {"schedule", key.schedule},
               {"status", std::string(name(m.status))},
               {"median", m.median},
               {"p10", m.p10},
               {"p90", m.p90},
               {"replays", m.replays},
               {"plain_read", m.plainRead},
               {"predicted", m.predicted},
               {"unit", m.unit},
               {"when", m.when}});
  if (!m.note.empty())
    json["note"] = m.note;
  return json;
}

TuningEntry entryOf(const Json &json) {
  TuningEntry e;
  TuningProblem &p = e.problem;
  p.operation = json.at("op").get<std::string>();
  p.n = json.at("n").get<std::int64_t>();
  p.k = json.at("k").get<std::int64_t>();
  p.m = json.at("m").get<std::int64_t>();
  p.group = json.at("group").get<std::int64_t>();
  p.x = json.at("x").get<std::string>() == "bf16" ? Dtype::bf16 : Dtype::f16;
  p.zeros =
      static_cast<Zeros>(indexOf(zerosTexts, json.at("w").get<std::string>()));
  p.layout = static_cast<WeightLayout>(
      indexOf(layoutTexts, json.value("layout", std::string("gptq"))));
  p.deterministic = json.at("deterministic").get<bool>();
  validate(specOf(p));
  e.place = {json.at("gpu").get<std::string>(), json.at("sms").get<unsigned>(),
             json.at("driver").get<std::string>(),
             json.at("build").get<std::string>()};
  e.schedule = parseSchedule(json.at("schedule").get<std::string>());
  Measurement &m = e.measurement;
  m.status = static_cast<Measurement::Status>(
      indexOf(statusTexts, json.at("status").get<std::string>()));
  m.median = json.at("median").get<double>();
  m.p10 = json.at("p10").get<double>();
  m.p90 = json.at("p90").get<double>();
  m.replays = json.at("replays").get<int>();
  m.plainRead = json.value("plain_read", 0.0);
  m.predicted = json.value("predicted", 0.0);
  m.unit = json.value("unit", std::string("us"));
  m.note = json.value("note", std::string());
  m.when = json.value("when", std::int64_t{0});
  return e;
}

} // namespace

std::string_view name(Measurement::Status status) {
  return statusTexts[static_cast<std::size_t>(status)];
}

std::int64_t tuningBucket(std::int64_t m) {
  if (m <= 1)
    return 1;
  return std::max<std::int64_t>(8, static_cast<std::int64_t>(std::bit_ceil(
                                       static_cast<std::uint64_t>(m))));
}

TuningProblem tuningProblem(const GemmSpec &spec) {
  TuningProblem p;
  if (spec.launches == Launches::chained)
    p.operation = chainedOperation;
  p.n = spec.n;
  p.k = spec.k;
  p.m = tuningBucket(spec.m);
  p.group = spec.group;
  p.x = spec.x;
  p.zeros = spec.zeros;
  p.layout = spec.layout;
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
  spec.zeros = p.zeros;
  spec.layout = p.layout;
  spec.launches =
      p.operation == chainedOperation ? Launches::chained : Launches::alone;
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

void TuningTable::add(const TuningEntry &entry) {
  auto [at, isNew] = rows_.try_emplace(
      {entry.problem, entry.place, print(entry.schedule)}, entry.measurement);
  if (!isNew && betterFounded(entry.measurement, at->second))
    at->second = entry.measurement;
}

void TuningTable::merge(const TuningTable &other) {
  for (const auto &[key, measurement] : other.rows_) {
    auto [at, isNew] = rows_.try_emplace(key, measurement);
    if (!isNew && betterFounded(measurement, at->second))
      at->second = measurement;
  }
}

std::string TuningTable::toJson() const {
  std::string text = fmt::format(
      "{{\"format\": \"{}\", \"version\": {}, \"entries\": [", format, version);
  bool first = true;
  for (const auto &[key, measurement] : rows_) {
    text += first ? "\n" : ",\n";
    text += jsonOf(key, measurement)
                .dump(-1, ' ', false, Json::error_handler_t::replace);
    first = false;
  }
  return text + "\n]}\n";
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
  if (json.value("version", 0) != version)
    throw fail(fmt::format("its version is {}, this Lath reads {}",
                           json.value("version", 0), version));
  if (!json.contains("entries") || !json["entries"].is_array())
    throw fail("it has no list 'entries'");
  TuningTable table;
  std::size_t at = 0;
  for (const Json &entry : json["entries"]) {
    try {
      table.add(entryOf(entry));
    } catch (const Json::exception &error) {
      throw fail(fmt::format("entry {}: {}", at, error.what()));
    } catch (const Error &error) {
      throw fail(fmt::format("entry {}: {}", at, error.message()));
    }
    ++at;
  }
  return table;
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

std::vector<TuningEntry> ranked(std::vector<TuningEntry> entries) {
  int most = 0;
  for (const TuningEntry &e : entries)
    if (e.measurement.status == Measurement::Status::ok)
      most = std::max(most, e.measurement.replays);
  auto tier = [&](const Measurement &m) {
    return m.status != Measurement::Status::ok ? 2 : m.replays < most ? 1 : 0;
  };
  std::stable_sort(
      entries.begin(), entries.end(),
      [&](const TuningEntry &a, const TuningEntry &b) {
        return std::tuple(tier(a.measurement), a.measurement.median) <
               std::tuple(tier(b.measurement), b.measurement.median);
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
    auto cost = [](const Schedule &s) { return std::tuple(s.split, s.stages); };
    if (cost(at->schedule) < cost(simplest->schedule))
      simplest = at;
  }
  std::rotate(entries.begin(), simplest, simplest + 1);
  return entries;
}

} // namespace lath
