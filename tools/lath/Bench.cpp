// `lath bench`: cold and warm times beside a plain read.
#include "kernels/engine/Engine.h"
#include "kernels/tune/TuneMeasure.h"
#include "tools/lath/Commands.h"
#include "tools/lath/OpenDevice.h"
#include "tools/lath/Output.h"
#include "tools/lath/Traffic.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;
constexpr int replays = 20;

/// Of samples: the median and where most lie.
struct Spread {
  double median = 0, p10 = 0, p90 = 0;

  explicit Spread(TuneSamples samples) {
    std::sort(samples.begin(), samples.end());
    auto at = [&](double share) {
      return samples[static_cast<std::size_t>(
          share * double(samples.size() - 1) + 0.5)];
    };
    median = at(0.5);
    p10 = at(0.1);
    p90 = at(0.9);
  }
  Json json() const { return {{"median", median}, {"p10", p10}, {"p90", p90}}; }
  std::string text() const {
    return fmt::format("{:.3f} [{:.3f} {:.3f}]", median, p10, p90);
  }
};

struct Timed {
  GemmSpec spec;
  Schedule schedule;
  std::string unit;
  std::int64_t weightBytes; ///< weights, scales and zero points
  std::int64_t readBytes;   ///< of the plain read: the words of codes
  Spread cold, read, warm, warmRead;

  double gigabytes(const Spread &time) const {
    return double(weightBytes) / time.median / 1e3;
  }
};

Timed timed(Measurer &measurer, Engine &engine, const GemmSpec &spec,
            const std::optional<Schedule> &schedule, std::uint64_t seed) {
  measurer.prepare(spec, seed);
  Schedule used = schedule ? *schedule : engine.scheduleFor(spec);
  TuneCandidate candidate;
  candidate.gemm = compileGemm(spec, used, engine.target());
  TuneVerdict verdict = measurer.check(candidate);
  if (verdict.status != Measurement::Status::ok)
    throw Error(verdict.status == Measurement::Status::wrong
                    ? ErrorKind::mismatch
                    : ErrorKind::compile,
                fmt::format("{} by {} is not timed: {}", print(spec),
                            print(used), verdict.note));
  auto cold = measurer.time({candidate.id}, spec.m, replays);
  auto warm = measurer.timeWarm(candidate.id, spec.m, replays);
  Traffic bytes = traffic(spec, used, 0);
  return {spec,
          used,
          measurer.unit(),
          bytes.weightSide(),
          bytes.weights,
          Spread(cold[0]),
          Spread(cold[1]),
          Spread(warm[0]),
          Spread(warm[1])};
}

std::string asText(const Timed &t) {
  std::string text;
  text += row("spec", print(t.spec));
  text += row("schedule", print(t.schedule));
  if (t.unit != "us") {
    text += row("cost", fmt::format("{:.4f}, a count of the emulator and no "
                                    "time; a plain read {:.4f}",
                                    t.cold.median, t.read.median));
    return text;
  }
  auto line = [&](const Spread &time, const Spread &read) {
    return fmt::format("{} us, {:.0f} GB/s of weights, {:.0f} % of a plain "
                       "read ({:.3f} us)",
                       time.text(), t.gigabytes(time),
                       100 * read.median / time.median, read.median);
  };
  text += row("cold", line(t.cold, t.read));
  text += row("warm", line(t.warm, t.warmRead));
  return text;
}

Json asJson(const Timed &t) {
  Json json = {{"spec", print(t.spec)},
               {"n", t.spec.n},
               {"k", t.spec.k},
               {"m", t.spec.m},
               {"schedule", print(t.schedule)},
               {"unit", t.unit},
               {"weight_bytes", t.weightBytes},
               {"cold", t.cold.json()},
               {"plain_read", t.read.json()}};
  if (t.unit == "us") {
    json["warm"] = t.warm.json();
    json["warm_plain_read"] = t.warmRead.json();
    json["cold_gb_per_s"] = t.gigabytes(t.cold);
    json["warm_gb_per_s"] = t.gigabytes(t.warm);
    json["fraction_of_plain_read"] = t.read.median / t.cold.median;
  }
  return json;
}

} // namespace

void bench(const BenchArguments &arguments) {
  bool json = wantsJson(arguments.format);
  std::uint64_t seed =
      arguments.seed ? wholeNumber<std::uint64_t>("--seed", *arguments.seed)
                     : 1;
  if (arguments.specs.empty())
    throw CliError{usage,
                   "the spec is missing",
                   {"give one or more, like m16n4096k4096g128"}};
  std::optional<Schedule> schedule;
  if (arguments.schedule)
    schedule = parseSchedule(*arguments.schedule);
  std::vector<GemmSpec> specs;
  for (const std::string &text : arguments.specs)
    specs.push_back(parseGemmSpec(text));
  Engine engine(openDevice(arguments.device));
  std::unique_ptr<Measurer> measurer = measureHere(engine.device());
  const DeviceInfo &info = engine.device()->info();
  Json all = {{"schema", 1},
              {"device", info.name},
              {"driver", info.driverText},
              {"times", Json::array()}};
  std::string text = row("device", info.name);
  for (const GemmSpec &spec : specs) {
    Timed t = timed(*measurer, engine, spec, schedule, seed);
    all["times"].push_back(asJson(t));
    text += "\n" + asText(t);
  }
  writeResult(json ? all.dump(2, ' ', false, Json::error_handler_t::replace) +
                         "\n"
                   : text);
}

} // namespace lath::cli
