#include "tools/CountersJson.h"
#include "tools/lath/Output.h"
#include "tools/lath/Run.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

using Json = nlohmann::ordered_json;

/// Bytes in microseconds as GB/s.
static double rate(std::int64_t bytes, double microseconds) {
  return static_cast<double>(bytes) / microseconds / 1e3;
}

/// 16 x 16 fragments of the weights.
static std::uint64_t weightFragments(const GemmSpec &spec) {
  return static_cast<std::uint64_t>((spec.n + 15) / 16 * ((spec.k + 15) / 16));
}

static std::string checkText(const GemmCheck &check) {
  const Comparison &c = check.comparison;
  std::string text = fmt::format("{:.2e} relative to fp64, bound {:.1e}: {}",
                                 c.relativeFrobenius, check.bound,
                                 check.ok() ? "ok" : "WRONG");
  if (c.nonFinite)
    text += fmt::format(", {} not finite, {} never written", c.nonFinite,
                        c.unwritten);
  if (check.strayWrites)
    text += fmt::format(", {} written behind the last row", check.strayWrites);
  return text;
}

std::string asText(const RunReport &r) {
  std::string text;
  text += row("spec", fmt::format("{}, seed {}", print(r.spec), r.seed));
  if (r.weightsFile)
    text += row("weights", fmt::format("{} in {}", *r.layer, *r.weightsFile));
  text += row("device", fmt::format("{}, {}, {} SMs{}", r.device.name,
                                    r.device.target, r.device.smCount,
                                    r.device.driverText == "none"
                                        ? ""
                                        : ", driver " + r.device.driverText));
  text += row("schedule", print(r.schedule));
  text += row("grid", fmt::format("{} x {} x {} = {} blocks of {} threads, "
                                  "{} at once on an SM",
                                  r.grid[0], r.grid[1], r.grid[2],
                                  r.grid[0] * r.grid[1] * r.grid[2], r.threads,
                                  r.blocksPerSm));
  if (r.resources.registers)
    text += row("registers",
                fmt::format("{} a thread, {} B of local memory",
                            r.resources.registers, r.resources.localBytes));
  text += row("shared", fmt::format("{} B a block", r.sharedBytes));
  text += row("error", checkText(r.check));
  if (r.cold)
    text += row("cold",
                fmt::format("{:.2f} us (p10 {:.2f}, p90 {:.2f}), {:.0f} GB/s "
                            "of {} of weights; {} copies in turn",
                            r.cold->median, r.cold->p10, r.cold->p90,
                            rate(r.weightBytes, r.cold->median),
                            bytesText(double(r.weightBytes)), r.copies));
  else
    text += row("cold", "not measured: " + r.notCold);
  if (r.warmMicroseconds)
    text += row("warm", fmt::format("{:.2f} us, the same weights each time",
                                    *r.warmMicroseconds));
  else
    text += row("warm", "not measured: " + r.notCold);
  if (r.counters)
    text += "\n" + print(*r.counters, weightFragments(r.spec));
  return text;
}

static Json coldJson(const RunReport &r) {
  if (!r.cold)
    return nullptr;
  return {{"median_us", r.cold->median},
          {"min_us", r.cold->min},
          {"p10_us", r.cold->p10},
          {"p90_us", r.cold->p90},
          {"max_us", r.cold->max},
          {"copies", r.copies},
          {"launches_per_sample", r.cold->launches},
          {"samples", r.cold->samples.size()},
          {"weight_gb_per_s", rate(r.weightBytes, r.cold->median)}};
}

std::string asJson(const RunReport &r) {
  auto orNull = [](const auto &value) { return value ? Json(*value) : Json(); };
  const Comparison &c = r.check.comparison;
  Json json = {{"schema", 1},
               {"spec", print(r.spec)},
               {"seed", r.seed},
               {"weights_file", orNull(r.weightsFile)},
               {"layer", orNull(r.layer)},
               {"device",
                {{"name", r.device.name},
                 {"target", r.device.target},
                 {"sms", r.device.smCount},
                 {"driver", r.device.driverText}}},
               {"schedule", print(r.schedule)},
               {"grid", r.grid},
               {"threads", r.threads},
               {"registers", r.resources.registers},
               {"local_bytes", r.resources.localBytes},
               {"shared_bytes", r.sharedBytes},
               {"blocks_per_sm", r.blocksPerSm},
               {"weight_bytes", r.weightBytes},
               {"check",
                {{"ok", r.check.ok()},
                 {"relative_error", c.relativeFrobenius}, // null if infinite
                 {"bound", r.check.bound},
                 {"max_abs_error", c.maxAbs},
                 {"not_finite", c.nonFinite},
                 {"unwritten", c.unwritten},
                 {"stray_writes", r.check.strayWrites}}},
               {"cold", coldJson(r)},
               {"warm_us", orNull(r.warmMicroseconds)}};
  if (r.counters) {
    json["counters"] = lath::asJson(*r.counters);
    json["counters"]["fragments"] = weightFragments(r.spec);
    json["counters"]["per_fragment"] =
        r.counters->perFragment(weightFragments(r.spec));
  }
  // A file name in another encoding than UTF-8 must not cost the report.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace lath::cli
