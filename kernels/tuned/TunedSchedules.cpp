#include "kernels/tuned/TunedSchedules.h"

#include "ShippedTuning.h"
#include "compiler/base/Error.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/tuned/TuningDb.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace lath {

const TuningTable &shippedTuning() {
  static const TuningTable table =
      TuningTable::fromJson(shippedTuningJson(), "the shipped tuning table");
  return table;
}

std::string TunedSchedules::defaultDb() { return defaultTuningDb(); }

TunedSchedules::TunedSchedules(const DeviceInfo &device, std::string db,
                               TuningLookup::Clock::duration rest)
    : device_(device),
      lookup_(std::move(db), device.name, device.smCount, rest) {}

std::vector<TuningEntry>
TunedSchedules::measurements(const GemmSpec &spec) const {
  ScheduleBasis ignored;
  return measurements(spec, ignored);
}

std::vector<TuningEntry>
TunedSchedules::measurements(const GemmSpec &spec, ScheduleBasis &basis) const {
  const TuningProblem problem = tuningProblem(spec);
  std::vector<TuningEntry> entries = lookup_.measurements(problem);
  basis = entries.empty() ? ScheduleBasis::shipped : ScheduleBasis::measured;
  if (entries.empty())
    for (const auto &[key, measurement] : shippedTuning().rows())
      if (key.problem == problem && key.place.gpu == device_.name &&
          key.place.sms == device_.smCount)
        entries.push_back(
            {key.problem, key.place, parseSchedule(key.schedule), measurement});
  if (entries.empty())
    return entries;
  // Times of different builds or drivers are not compared with each other.
  const TuningPlace here = tuningPlace(device_);
  auto preference = [&](const TuningEntry &e) {
    return std::tuple(e.place.build == here.build,
                      e.place.driver == here.driver, e.measurement.when,
                      e.place);
  };
  const TuningPlace chosen =
      std::max_element(entries.begin(), entries.end(),
                       [&](const TuningEntry &a, const TuningEntry &b) {
                         return preference(a) < preference(b);
                       })
          ->place;
  std::erase_if(entries,
                [&](const TuningEntry &e) { return e.place != chosen; });
  return ranked(std::move(entries));
}

DeviceConstants TunedSchedules::constants(const Target &target) const {
  if (auto stored = lookup_.constants())
    return *stored;
  return deviceConstants(target, device_.smCount, device_.name);
}

std::optional<ScheduleChoice> TunedSchedules::find(const GemmSpec &spec,
                                                   const Target &target) const {
  std::optional<ScheduleChoice> choice = findMeasured(spec, target);
  GemmSpec like = spec;
  // Without dependent launch a launch takes as long in a chain as alone.
  if (!choice && spec.launches == Launches::chained) {
    like.launches = Launches::alone;
    choice = findMeasured(like, target);
    if (choice)
      choice->reasons.push_back("nobody has tuned it for chained launches: "
                                "`lath tune` with launch=chained does");
  }
  // An epilogue is little work beside the product.
  if (!choice && spec.epilogue != Epilogue{}) {
    like = spec;
    like.epilogue = {};
    choice = find(like, target);
    if (choice)
      choice->reasons.push_back(
          fmt::format("nobody has tuned it with {}: `lath tune` with it does",
                      print(spec.epilogue)));
  }
  return choice;
}

std::optional<ScheduleChoice>
TunedSchedules::findMeasured(const GemmSpec &spec, const Target &target) const {
  ScheduleBasis basis;
  std::vector<TuningEntry> entries = measurements(spec, basis);
  // Only those that this spec allows, in its split for one.
  std::erase_if(entries, [&](const TuningEntry &e) {
    if (e.measurement.status != Measurement::Status::ok)
      return true;
    try {
      validate(e.schedule, spec, target);
      return false;
    } catch (const Error &) {
      return true;
    }
  });
  if (entries.size() < 2)
    return std::nullopt;
  entries = ranked(std::move(entries));
  const TuningEntry &best = entries.front();
  const Measurement &m = best.measurement;
  ScheduleChoice choice{best.schedule, {}, basis};
  choice.reasons.push_back(
      fmt::format("tuned for m = {} on {}: {:.3f} {} [{:.3f} {:.3f}], the best "
                  "of {} measured",
                  best.problem.m, best.place.gpu, m.median, m.unit, m.p10,
                  m.p90, entries.size()));
  choice.reasons.push_back(fmt::format("measured by build {}, driver {}",
                                       best.place.build, best.place.driver));
  const TuningEntry &next = entries[1];
  choice.reasons.push_back(
      fmt::format("the next is {}, {:.3f} {}{}", print(next.schedule),
                  next.measurement.median, next.measurement.unit,
                  next.measurement.median < m.median
                      ? ", faster by less than the noise and less simple"
                      : ""));
  return choice;
}

ScheduleChoice chooseTuned(const GemmSpec &spec, const Target &target,
                           const TunedSchedules &known) {
  validate(spec);
  std::optional<ScheduleChoice> choice = known.find(spec, target);
  if (!choice)
    choice = chooseSchedule(spec, target, known.constants(target));
  if (std::string why = known.problem(); !why.empty())
    choice->reasons.push_back("tuned schedules are left out: " + why);
  return *choice;
}

} // namespace lath
